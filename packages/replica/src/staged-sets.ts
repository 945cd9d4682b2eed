import {
  type Block,
  type Hash,
  type Height,
  QuorateError,
  type ValidatorSet,
  type ValidatorUpdate,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import type { ExecutedCandidate } from './candidates.ts';
import type { NextSet } from './execution-outcomes.ts';
import { updatedSet } from './execution-rules.ts';
import type { Staged } from './store-format.ts';

/**
 * The validator set as execution changes it. The set after the updates of a height is staged there; an epoch's last header
 * names what is staged at its `executedHeight` as the next set. So updates of the last block itself wait one epoch more.
 * A node that joined by state sync believes a peer's staged set until such a header confirms or corrects it.
 */
export class StagedSets {
  readonly #store: BlockStore;
  readonly #hash: Hash;

  constructor(store: BlockStore, hash: Hash) {
    this.#store = store;
    this.#hash = hash;
  }

  /** What a height's updates make of the set before it; null when there are none. */
  after(height: Height, updates: readonly ValidatorUpdate[]): Staged | null {
    if (updates.length === 0) return null;
    const before = this.#store.staged(height - 1);
    if (before !== null) return { set: updatedSet(before.set, updates, height), provisional: before.provisional };
    throw new QuorateError('store/corrupt', `block store: no validator set is staged at height ${height - 1}`);
  }

  /** What executed candidates make of the set staged at a height below them. */
  along(height: Height, branch: readonly ExecutedCandidate[]): Staged | null {
    const base = this.#store.staged(height);
    if (base === null) return null;
    let { set } = base;
    for (const { block, result } of branch) {
      if (result.validatorUpdates.length > 0) set = updatedSet(set, result.validatorUpdates, block.header.height);
    }
    return { set, provisional: base.provisional };
  }

  /** The set that a finalized last block names, when this node knows it. Throws `application/diverged` when execution contradicts the header. */
  next(last: Block): Exclude<NextSet, { kind: 'waiting' }> {
    const { executedHeight, nextValidatorsRoot, height } = last.header;
    const staged = this.#store.staged(executedHeight);
    if (staged !== null && staged.set.root(this.#hash) === nextValidatorsRoot)
      return { kind: 'known', set: staged.set };
    if (staged === null || staged.provisional) return { kind: 'unknown' };
    throw new QuorateError(
      'application/diverged',
      `block ${last.ref.digest} at height ${height} names a next validator set that this node's execution does not give: ` +
        'the application is not deterministic, or differs from the other validators',
    );
  }

  /**
   * A finalized last block decides whether what was believed is right, when the right set is known here; `committed` is the last
   * executed height. Throws `application/diverged` as {@link next}.
   */
  async confirm(last: Block, committed: Height): Promise<void> {
    const { epoch, executedHeight, nextValidatorsRoot } = last.header;
    const staged = this.#store.staged(executedHeight);
    const next = this.next(last);
    if (staged?.provisional !== true) return;
    if (next.kind === 'known') return this.restage(executedHeight, next.set, committed);
    const proven = this.#store.validators(epoch + 1);
    if (proven?.root(this.#hash) === nextValidatorsRoot) await this.restage(executedHeight, proven, committed);
  }

  /** From a height on, the staged set is this one and what later executions made of it. */
  async restage(height: Height, proven: ValidatorSet, committed: Height): Promise<void> {
    let set = proven;
    await this.#store.saveStaged(height, { set, provisional: false });
    for (let at = height + 1; at <= committed; at++) {
      const updates = this.#store.execution(at)?.validatorUpdates ?? [];
      if (updates.length === 0) continue;
      set = updatedSet(set, updates, at);
      await this.#store.saveStaged(at, { set, provisional: false });
    }
  }
}
