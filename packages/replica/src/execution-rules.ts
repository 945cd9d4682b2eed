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

/** What happened, what is kept and what to do, for the one line that an operator reads. */
export function sentenceOf(divergence: Divergence): string {
  const { height, certifiedBy, computedStateRoot, certifiedStateRoot } = divergence;
  const differ =
    computedStateRoot === certifiedStateRoot
      ? `this node computed receipts root ${divergence.computedReceiptsRoot}, block ${certifiedBy} certifies ` +
        `${divergence.certifiedReceiptsRoot} (both have state root ${certifiedStateRoot})`
      : `this node computed state root ${computedStateRoot}, block ${certifiedBy} certifies ${certifiedStateRoot}`;
  return (
    `after height ${height} ${differ}. It executes nothing on top of that, and keeps its own state. Leave this home as it is, ` +
    'copy the home of another node that was stopped soon after, and let "quorate doctor --home THIS --against COPY" name what differs'
  );
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
