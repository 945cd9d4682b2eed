import { blockOf, type Epoch, type Signer, type Statement, type ValidatorSet, type View } from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';

/** What the signing gate says of an epoch that begins, or begins again, here. */
interface Recalled {
  /** Votes above the gate's floor. The journal holds them too, unless it was lost. */
  readonly statements: readonly Statement[];
  /** What only this node could have kept, and has not; null when nothing is missing or others can bring it. */
  readonly loss: Loss | null;
}

/** A validator that is a quorum by itself signed for blocks that its store does not hold. */
export interface Loss {
  readonly epoch: Epoch;
  readonly view: View;
}

/**
 * Takes up what the gate remembers. An engine that knows its former votes asks for them again, gets the very signatures of
 * then, and so finishes what was begun. That matters most to a validator that is a quorum by itself: without its journal
 * nobody could tell it what it certified, and the gate refuses everything else in those views, rightly, since full nodes
 * may have seen those blocks final. When the blocks are gone as well, only they can help: it must not vote past them.
 */
export function recall(
  signer: Signer,
  store: BlockStore,
  {
    epoch,
    validators,
    self,
  }: { readonly epoch: Epoch; readonly validators: ValidatorSet; readonly self: number | null },
): Recalled {
  const signed = self === null ? undefined : signer.signed?.(epoch);
  if (self === null || signed === undefined) return { statements: [], loss: null };
  const { statements, floor } = signed;
  if (validators.weightOf(self) < validators.quorum) return { statements, loss: null };
  const lacking = statements.filter((statement) => {
    const digest = blockOf(statement);
    return digest !== null && !store.hasBody({ digest });
  });
  const view = Math.max(floor, ...lacking.map((statement) => statement.view));
  return { statements, loss: isOver({ epoch, view }, store) ? null : { epoch, view } };
}

/** Whether the store has come as far as what was missing. */
export function isOver({ epoch, view }: Loss, store: BlockStore): boolean {
  const { ref } = store.tip().block;
  return ref.epoch > epoch || (ref.epoch === epoch ? ref.view : 0) >= view;
}

/** The loss and the ways out of it, for the operator. */
export function describeLoss({ epoch, view }: Loss): string {
  const where = view === Number.MAX_SAFE_INTEGER ? `in epochs after ${epoch}` : `up to view ${view} of epoch ${epoch}`;
  return (
    `this key alone is a quorum and has signed for blocks ${where} that the block store does not hold, and no other validator has them: ` +
    'put the newest copy of the home folder back, or let a full node that has these blocks connect. Never remove the gate: ' +
    'clients may have seen these blocks as final, and other blocks in their place would be a fork'
  );
}
