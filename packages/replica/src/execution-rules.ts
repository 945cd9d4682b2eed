import {
  type Block,
  type Digest,
  type Height,
  QuorateError,
  type ValidatorSet,
  type ValidatorUpdate,
} from '@quorate/kernel';
import type { Divergence, ExecutionRecord } from './store-format.ts';

interface Roots {
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
}

/** Whether a header carries other roots than those. */
export function staleRoots(header: Roots, computed: Roots): boolean {
  return header.stateRoot !== computed.stateRoot || header.receiptsRoot !== computed.receiptsRoot;
}

/** The diagnostic record for a height whose outcome the chain certified differently. */
export function divergenceOf(certifier: Block, computed: ExecutionRecord, height: Height): Divergence {
  return {
    height,
    block: computed.digest,
    certifiedBy: certifier.ref.digest,
    computedStateRoot: computed.stateRoot,
    certifiedStateRoot: certifier.header.stateRoot,
    computedReceiptsRoot: computed.receiptsRoot,
    certifiedReceiptsRoot: certifier.header.receiptsRoot,
  };
}

/** A validator set after the updates of one block. Throws `application/failed` when they leave no valid set. */
export function updatedSet(set: ValidatorSet, updates: readonly ValidatorUpdate[], height: Height): ValidatorSet {
  try {
    const updated = set.updated(updates);
    if (updated !== null) return updated;
  } catch (error) {
    throw new QuorateError('application/failed', `the validator updates of height ${height} make no valid set`, {
      cause: error,
    });
  }
  throw new QuorateError('application/failed', `the validator updates of height ${height} leave no validator`);
}
