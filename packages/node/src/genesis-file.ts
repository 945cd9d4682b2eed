import { fromHex, type Genesis, isHex, QuorateError, toHex, ValidatorSet } from '@quorate/kernel';
import { z } from 'zod';
import { complaintsOf } from './issue-text.ts';
import { parseAddress } from './transport/address.ts';

const hex = (bytes?: number) =>
  z
    .string()
    .refine(
      (text) => isHex(text, bytes),
      `must be lower-case hexadecimal${bytes === undefined ? '' : ` of ${bytes} bytes`}`,
    );
const integer = z.int().min(0);

const genesisJson = z.strictObject({
  chainId: z.string(),
  time: z.iso.datetime({ offset: true }),
  suite: z.enum(['ed25519', 'bls12-381']),
  consensus: z.strictObject({
    mechanism: z.string().min(1).max(64),
    delta: integer,
    maxTimeout: integer,
    epochLength: integer,
    maxBlockBytes: integer,
    evidenceWindow: integer,
    upgradeHeight: integer,
  }),
  validators: z
    .array(
      z.strictObject({
        publicKey: hex(),
        weight: integer.min(1),
        proof: hex(),
        peer: hex(32),
        address: z.string().refine((text) => text === '' || parseAddress(text) !== null, 'must be host:port or empty'),
      }),
    )
    .min(1),
  application: z.string().min(1).max(64),
  appState: z.json(),
});

/**
 * The genesis in a genesis file. Throws `genesis/invalid` with the path of what is wrong. Signatures are not checked here:
 * `checkGenesis` does that with the suite.
 */
export function parseGenesis(text: string): Genesis {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new QuorateError('genesis/invalid', 'genesis: the file is not JSON', { cause: error });
  }
  const parsed = genesisJson.safeParse(value);
  if (!parsed.success) {
    const problems = complaintsOf(parsed.error.issues, value, 'field').map(
      ({ path, problem }) => `${path.join('.') || 'the file'}: ${problem}`,
    );
    throw new QuorateError('genesis/invalid', `genesis: ${problems.join('; ')}`);
  }
  const { time, validators, appState, ...rest } = parsed.data;
  try {
    return {
      ...rest,
      time: Date.parse(time),
      validators: new ValidatorSet(
        validators.map(({ publicKey, proof, ...validator }) => ({
          ...validator,
          publicKey: fromHex(publicKey),
          proof: fromHex(proof),
        })),
      ),
      appState: new TextEncoder().encode(canonicalJson(appState)),
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new QuorateError('genesis/invalid', `genesis: validators: ${problem}`, { cause: error });
  }
}

/** The text of a genesis file; {@link parseGenesis} gives the same genesis back. */
export function renderGenesis(genesis: Genesis): string {
  const { time, validators, appState, ...rest } = genesis;
  const appValue: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(appState));
  const value = {
    chainId: rest.chainId,
    time: new Date(time).toISOString(),
    suite: rest.suite,
    consensus: rest.consensus,
    validators: validators.members.map(({ publicKey, weight, proof, peer, address }) => ({
      publicKey: toHex(publicKey),
      weight,
      proof: toHex(proof),
      peer,
      address,
    })),
    application: rest.application,
    appState: appValue,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** JSON without spaces and with keys in order of their UTF-16 units (RFC 8785): one spelling for one value. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}
