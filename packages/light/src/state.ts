import { stateProofFault } from '@quorate/crypto';
import { type Hash, type Header, QuorateError } from '@quorate/kernel';
import type { StateClaim } from './claims.ts';

/** Throws `proof/invalid` unless the proof fits the root that a verified header carries. */
export function verifyStateClaim(hash: Hash, header: Header, claim: StateClaim): void {
  if (header.executedHeight !== claim.height) {
    throw new QuorateError(
      'proof/invalid',
      `the state claimed is that after height ${claim.height}, header ${header.height} carries the root after ${header.executedHeight}`,
    );
  }
  const { key, value, proof } = claim;
  const fault = stateProofFault({ root: header.stateRoot, key, value, proof }, hash);
  if (fault !== null) throw new QuorateError('proof/invalid', `${fault} (state after height ${claim.height})`);
}
