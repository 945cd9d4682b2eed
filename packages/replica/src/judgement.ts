import {
  type Application,
  type Block,
  type Body,
  type Epoch,
  type Evidence,
  type Genesis,
  type Height,
  lastHeightOf,
  type Millis,
  type View,
} from '@quorate/kernel';
import type { ApplicationCalls } from './application-calls.ts';
import type { BlockStore } from './block-store.ts';
import type { Branches } from './branches.ts';
import type { ExecutionFields, FieldsOutcome, JudgeOutcome, PrepareOutcome } from './execution-outcomes.ts';
import { staleRoots } from './execution-rules.ts';
import type { ExecutionTurns } from './execution-turns.ts';

export interface JudgementParts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly calls: ApplicationCalls;
  readonly branches: Branches;
  readonly turns: ExecutionTurns;
  readonly committed: { readonly height: Height };
}

/** A block to be built, as far as the proposer decides it. */
export interface Proposal {
  readonly epoch: Epoch;
  readonly view: View;
  readonly time: Millis;
  readonly evidence: readonly Evidence[];
}

/** What execution says of blocks that may become final: of our own what their headers carry, of others whether they are valid. */
export class Judgement {
  readonly #genesis: Genesis;
  readonly #parts: JudgementParts;

  constructor(genesis: Genesis, parts: JudgementParts) {
    this.#genesis = genesis;
    this.#parts = parts;
  }

  /**
   * The fields for the header of a block on `parent`. `full`: executes the parent first; an application that is not speculative
   * must have committed it, which is waited for. `empty`: copies the parent's. An epoch's last block also names the next set.
   */
  async fields(parent: Block, content: 'full' | 'empty', lastOfEpoch: boolean): Promise<FieldsOutcome> {
    const { branches, turns } = this.#parts;
    if (content === 'full' && !(await this.#ready(parent))) return { kind: 'behind' };
    // Nothing of the application is needed: a copy must not wait behind an execution that lags.
    if (content === 'empty' && !lastOfEpoch)
      return { kind: 'fields', fields: { ...rootsOf(parent.header), nextValidatorsRoot: null } };
    return turns.attempt(async () => {
      const { header } = parent;
      let fields: ExecutionFields = { ...rootsOf(header), nextValidatorsRoot: null };
      if (content === 'full') {
        const executed = await branches.execute(parent);
        if (executed.kind !== 'executed') return executed;
        const { stateRoot, receiptsRoot } = executed.record;
        fields = { executedHeight: header.height, stateRoot, receiptsRoot, nextValidatorsRoot: null };
      }
      if (!lastOfEpoch) return { kind: 'fields', fields };
      const next = await branches.nextRoot(parent, fields.executedHeight);
      return next.kind === 'root' ? { kind: 'fields', fields: { ...fields, nextValidatorsRoot: next.root } } : next;
    });
  }

  /** Asks the application to choose transactions for a block on `parent`, within `maxBytes` in all. */
  prepare(
    parent: Block,
    proposal: Proposal,
    candidates: readonly Uint8Array[],
    maxBytes: number,
  ): Promise<PrepareOutcome> {
    const { branches, calls, committed, turns } = this.#parts;
    return turns.attempt(async () => {
      const executed = await branches.execute(parent);
      if (executed.kind !== 'executed') return executed;
      if (parent.header.height < committed.height) return { kind: 'conflict' };
      const height = parent.header.height + 1;
      const transactions = await calls.prepare({ ...proposal, height }, parent.ref, candidates, maxBytes);
      return { kind: 'prepared', transactions };
    });
  }

  /**
   * Whether a block whose body is stored is valid on `parent`: its execution fields, the next set it names, and what the
   * application says. Heights, times, justification, body roots, sizes and evidence are the caller's to check.
   * Blocks above an epoch's end are empty and copy their parent's fields (S11).
   */
  async judge(block: Block, parent: Block): Promise<JudgeOutcome> {
    const { store, turns } = this.#parts;
    const body = store.body(block.ref);
    if (body === null) return { kind: 'missing', digest: block.ref.digest };
    const last = lastHeightOf(this.#genesis.consensus, block.header.epoch);
    const empty = body.transactions.length === 0 && body.evidence.length === 0;
    const copied =
      !staleRoots(block.header, rootsOf(parent.header)) && block.header.executedHeight === parent.header.executedHeight;
    if (block.header.height > last && !(empty && copied))
      return invalid('a block above the end of its epoch is not empty');
    if ((block.header.nextValidatorsRoot !== null) !== (block.header.height === last)) {
      return invalid('it names a next validator set, or leaves it out, at the wrong height');
    }
    if (empty && copied)
      return block.header.height === last ? turns.attempt(() => this.#judgeNext(block, parent)) : { kind: 'valid' };
    if (block.header.executedHeight !== parent.header.height) {
      return invalid(
        `it is not empty and carries the state after height ${block.header.executedHeight} instead of its parent's`,
      );
    }
    if (!(await this.#ready(parent))) return { kind: 'behind' };
    return turns.attempt(() => this.#judgeFull(block, parent, body));
  }

  async #judgeFull(block: Block, parent: Block, body: Body): Promise<JudgeOutcome> {
    const { branches, calls, committed } = this.#parts;
    const executed = await branches.execute(parent);
    if (executed.kind !== 'executed') return executed;
    if (parent.header.height < committed.height) return { kind: 'conflict' };
    if (staleRoots(block.header, executed.record)) {
      return invalid(
        `it carries state root ${block.header.stateRoot} after height ${parent.header.height}, this node computed ${executed.record.stateRoot}`,
      );
    }
    if (block.header.nextValidatorsRoot !== null) {
      const next = await this.#judgeNext(block, parent);
      if (next.kind !== 'valid') return next;
    }
    return calls.process(block, parent.ref, body);
  }

  async #judgeNext(block: Block, parent: Block): Promise<JudgeOutcome> {
    const next = await this.#parts.branches.nextRoot(parent, block.header.executedHeight);
    if (next.kind !== 'root') return next;
    if (next.root === block.header.nextValidatorsRoot) return { kind: 'valid' };
    return next.provisional
      ? { kind: 'behind' }
      : invalid('it names another next validator set than its execution gives');
  }

  /** Whether a parent may be executed on: at once for a speculative application, after its commit for any other. */
  async #ready(parent: Block): Promise<boolean> {
    const { application, committed, turns } = this.#parts;
    const { height } = parent.header;
    if (application.capabilities.speculative || height <= committed.height) return true;
    return turns.untilCommitted(height);
  }
}

function rootsOf(header: ExecutionFields): Omit<ExecutionFields, 'nextValidatorsRoot'> {
  const { executedHeight, stateRoot, receiptsRoot } = header;
  return { executedHeight, stateRoot, receiptsRoot };
}

function invalid(reason: string): JudgeOutcome {
  return { kind: 'invalid', reason };
}
