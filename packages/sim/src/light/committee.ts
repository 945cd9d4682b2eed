import {
  type Block,
  type ConsensusParameters,
  emptyRoot,
  type Header,
  type PeerId,
  type SignerIndex,
  toHex,
  ValidatorSet,
  ZERO_DIGEST,
} from '@quorate/kernel';
import { mix, quickHash } from './mixing.ts';

export const LIGHT_CHAIN = 'light';
/** Unix ms at which runs begin. */
export const BEGINNING = 1_750_000_000_000;

/** What all engines of a run share and nobody changes: made once for many runs. */
export interface Committee {
  readonly validators: ValidatorSet;
  readonly weights: readonly number[];
  readonly genesis: Block;
  readonly peers: readonly PeerId[];
}

/** 64 hexadecimal characters that differ for different numbers: names of things that nobody hashes. */
export function inventedDigest(a: number, b: number, c: number): string {
  const first = mix(mix(a, b), c);
  const low = (first >>> 0).toString(16).padStart(8, '0');
  const high = (mix(first, b ^ (c << 8)) >>> 0).toString(16).padStart(8, '0');
  return (high + low).repeat(4);
}

/**
 * A committee with these weights, and its genesis block. `quorum` overrides what engines take for a quorum, to show that a wrong one
 * is noticed. Throws `validators/invalid` as {@link ValidatorSet} does.
 */
export function committeeOf(weights: readonly number[], quorum?: number): Committee {
  const peers = weights.map((_, index) => (index + 1).toString(16).padStart(4, '0').repeat(16));
  const validators = new ValidatorSet(
    weights.map((weight, index) => ({
      publicKey: Uint8Array.of(index >> 8, index & 255),
      weight,
      proof: new Uint8Array(),
      peer: peers[index] as PeerId,
      address: '',
    })),
  );
  if (quorum !== undefined) Object.defineProperty(validators, 'quorum', { value: quorum });
  const nothing = emptyRoot(quickHash);
  const header: Header = {
    epoch: 0,
    view: 0,
    height: 0,
    parentView: 0,
    parentDigest: ZERO_DIGEST,
    time: BEGINNING - 1,
    txRoot: nothing,
    evidenceRoot: nothing,
    executedHeight: 0,
    stateRoot: ZERO_DIGEST,
    receiptsRoot: nothing,
    validatorsRoot: validators.root(quickHash),
    nextValidatorsRoot: null,
    justificationDigest: ZERO_DIGEST,
    protocolVersion: 1,
  };
  const digest = toHex(quickHash(new TextEncoder().encode(`genesis of ${weights.join(' ')}`)));
  return { validators, weights, genesis: { header, ref: { epoch: 0, view: 0, digest } }, peers };
}

/** A committee of equals. */
export function equalCommittee(size: number, quorum?: number): Committee {
  return committeeOf(
    Array.from({ length: size }, () => 1),
    quorum,
  );
}

export function parametersOf(mechanism: string, delta: number, lastHeight: number): ConsensusParameters {
  return {
    mechanism,
    delta,
    maxTimeout: 60_000,
    epochLength: lastHeight,
    maxBlockBytes: 1 << 20,
    evidenceWindow: 1000,
    upgradeHeight: 0,
  };
}

/** The signer behind a peer, read from its name. */
export function signerOf(peer: PeerId): SignerIndex {
  return Number.parseInt(peer.slice(0, 4), 16) - 1;
}
