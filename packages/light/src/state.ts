import { verifyStateProof } from '@quorate/crypto';
import { type Hash, type Header, type Height, QuorateError } from '@quorate/kernel';
import type { FinalityClaim } from './light-client.ts';

/** "After block `height`, the state holds `value` under `key`", with what shows it. */
export interface StateClaim {
  readonly height: Height;
  readonly key: Uint8Array;
  /** null claims absence. */
  readonly value: Uint8Array | null;
  /** A state proof as `@quorate/crypto` reads it. */
  readonly proof: Uint8Array;
  /** Finality of a header that carries the root of the state after `height`: usually that of `height + 1`. */
  readonly finality: FinalityClaim;
}

/** Throws `proof/invalid` unless the proof fits the root that a verified header carries. */
export function verifyStateClaim(hash: Hash, header: Header, claim: StateClaim): void {
  if (header.executedHeight !== claim.height) {
    throw new QuorateError(
      'proof/invalid',
      `the state claimed is that after height ${claim.height}, header ${header.height} carries the root after ${header.executedHeight}`,
    );
  }
  const { key, value, proof } = claim;
  if (!verifyStateProof({ root: header.stateRoot, key, value, proof }, hash)) {
    throw new QuorateError('proof/invalid', `the state proof does not lead to the root after height ${claim.height}`);
  }
}
