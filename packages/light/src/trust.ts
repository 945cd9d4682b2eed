import {
  type Digest,
  decode,
  type Epoch,
  encode,
  fromHex,
  type Height,
  isHex,
  type Millis,
  QuorateError,
  toHex,
  type ValidatorSet,
  validatorSetCodec,
} from '@quorate/kernel';

/** What a light client must be told about a chain; it takes none of it from a server. */
export interface ChainParameters {
  readonly chainId: string;
  /** Heights per epoch, from genesis. */
  readonly epochLength: number;
  /** How long a verified header stays trusted, ms: shorter than the time stake needs to unbond, so that liars can still be punished. */
  readonly trustingPeriod: Millis;
}

/** The latest header that a client believes, and the set that may sign what follows in its epoch. */
export interface TrustState {
  readonly epoch: Epoch;
  readonly validators: ValidatorSet;
  readonly height: Height;
  readonly digest: Digest;
  /** The header's time, Unix ms: the age of the trust. */
  readonly time: Millis;
}

interface TrustJson {
  readonly version: 1;
  readonly epoch: number;
  readonly validators: string;
  readonly height: number;
  readonly digest: string;
  readonly time: number;
}

/** Trust as JSON text, for a file or a browser's storage. */
export function trustToJson(trust: TrustState): string {
  const json: TrustJson = {
    version: 1,
    epoch: trust.epoch,
    validators: toHex(encode(validatorSetCodec, trust.validators)),
    height: trust.height,
    digest: trust.digest,
    time: trust.time,
  };
  return JSON.stringify(json);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Trust from {@link trustToJson}. The text is as trusted as its storage. Throws `light/untrusted` when it is malformed. */
export function trustFromJson(text: string): TrustState {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new QuorateError('light/untrusted', `stored trust ${problem}: start again from genesis or a checkpoint`, {
      cause,
    });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return refuse('is not JSON', error);
  }
  if (typeof parsed !== 'object' || parsed === null) return refuse('is not an object');
  const { version, epoch, validators, height, digest, time } = { ...parsed } as Readonly<Record<string, unknown>>;
  if (version !== 1) return refuse(`has version ${String(version)}, 1 is known`);
  if (!isCount(epoch) || !isCount(height) || !isCount(time)) return refuse('has a number out of range');
  if (typeof digest !== 'string' || !isHex(digest, 32)) return refuse('has no digest');
  if (typeof validators !== 'string' || !isHex(validators)) return refuse('has no validators');
  try {
    return { epoch, validators: decode(validatorSetCodec, fromHex(validators)), height, digest, time };
  } catch (error) {
    return refuse('has a malformed validator set', error);
  }
}
