import {
  type Block,
  type Digest,
  type Epoch,
  type Height,
  isQuorateError,
  QuorateError,
  type ValidatorSet,
  type View,
} from '@quorate/kernel';
import { ApplicationCalls } from './application-calls.ts';
import { Branches } from './branches.ts';
import { Candidates } from './candidates.ts';
import { Committing, type CommittingOptions, type CommittingParts } from './committing.ts';
import type { FieldsOutcome, JudgeOutcome, NextSet, PrepareOutcome } from './execution-outcomes.ts';
import { ExecutionTurns } from './execution-turns.ts';
import { type Connected, connect } from './executor-start.ts';
import { Judgement, type Proposal } from './judgement.ts';
import { StagedSets } from './staged-sets.ts';

export type ExecutorOptions = CommittingOptions;

/** `application` takes one call at a time: what `inTurn` returns, shared with mempool, RPC and state sync. */
export interface ExecutorParts
  extends Pick<CommittingParts, 'application' | 'store' | 'hash' | 'log' | 'learnSets' | 'including' | 'executed'> {
  /** Voting key of the leader of a view. */
  readonly proposerOf: (epoch: Epoch, view: View) => Uint8Array;
  /** Execution stopped for good: `application/failed`, `application/diverged`, `store/*` or `disk/*`. Called at most once. */
  readonly halted: (error: QuorateError) => void;
}

/** Connects application and store; see {@link connect} for what it checks and throws. Call `advance` when ready to hear `executed`. */
export async function createExecutor(options: ExecutorOptions, parts: ExecutorParts): Promise<Executor> {
  return new Executor(options, parts, await connect(options.genesis, parts));
}

/**
 * Drives the application: executes candidates ahead of finality where it can, executes and commits finalized blocks in
 * order, and stops the replica rather than guess.
 */
export class Executor {
  readonly #parts: ExecutorParts;
  readonly #turns = new ExecutionTurns();
  readonly #staged: StagedSets;
  readonly #committing: Committing;
  readonly #judgement: Judgement;
  #running: Promise<void> | null = null;

  constructor(options: ExecutorOptions, parts: ExecutorParts, connected: Connected) {
    const { application, store, hash } = parts;
    this.#parts = parts;
    const calls = new ApplicationCalls(options.genesis, parts);
    const candidates = new Candidates();
    const turns = this.#turns;
    const staged = new StagedSets(store, hash);
    this.#staged = staged;
    const committed = (height: Height): void => turns.committed(height);
    this.#committing = new Committing(options, { ...parts, calls, candidates, staged, committed }, connected);
    const branches = new Branches({
      application,
      store,
      hash,
      calls,
      candidates,
      staged,
      committed: this.#committing,
    });
    this.#judgement = new Judgement(options.genesis, {
      application,
      store,
      calls,
      branches,
      turns,
      committed: this.#committing,
    });
  }

  /** Last height that the application committed. */
  get height(): Height {
    return this.#committing.height;
  }

  /** State root after {@link height}. */
  get stateRoot(): Digest {
    const { store } = this.#parts;
    return store.execution(this.height)?.stateRoot ?? store.tip().block.header.stateRoot;
  }

  /** Finalized minus committed heights: above 16, propose empty blocks and say so. */
  get lag(): number {
    return this.#parts.store.finalizedHeight - this.height;
  }

  // Finalized blocks.

  /** Executes and commits what is finalized, in order, in the background. Call when the finalized height rose, and once after start. */
  advance(): void {
    if (this.#running !== null || this.#turns.stopped) return;
    const running = this.#run();
    this.#running = running;
    void running.then(() => {
      if (this.#running === running) this.#running = null;
    });
  }

  /** Resolves when nothing finalized waits for execution, or execution halted. */
  async settled(): Promise<void> {
    while (this.#running !== null) {
      await this.#running;
      await this.#turns.idle();
    }
  }

  /** Starts nothing new, and resolves when the step in hand is done. */
  async stop(): Promise<void> {
    this.#turns.stop();
    await this.#running;
    await this.#turns.idle();
  }

  async #run(): Promise<void> {
    try {
      let more = true;
      while (more && !this.#turns.stopped && this.lag > 0) {
        more = await this.#turns.alone(() => this.#committing.next());
      }
    } catch (error) {
      if (this.#turns.stopped) return;
      this.#turns.stop();
      const reason = isQuorateError(error)
        ? error
        : new QuorateError('application/failed', `executing height ${this.height + 1} failed`, { cause: error });
      this.#parts.halted(reason);
    }
  }

  // Candidates.

  /** See {@link Judgement.fields}. */
  fields(parent: Block, content: 'full' | 'empty', lastOfEpoch: boolean): Promise<FieldsOutcome> {
    return this.#judgement.fields(parent, content, lastOfEpoch);
  }

  /** See {@link Judgement.prepare}. */
  prepare(
    parent: Block,
    proposal: Proposal,
    candidates: readonly Uint8Array[],
    maxBytes: number,
  ): Promise<PrepareOutcome> {
    return this.#judgement.prepare(parent, proposal, candidates, maxBytes);
  }

  /** See {@link Judgement.judge}. */
  judge(block: Block, parent: Block): Promise<JudgeOutcome> {
    return this.#judgement.judge(block, parent);
  }

  // Epochs.

  /** The set after the epoch whose finalized last block this is. Throws `application/diverged` when execution contradicts the header. */
  nextValidators(last: Block): NextSet {
    return last.header.executedHeight > this.height ? { kind: 'waiting' } : this.#staged.next(last);
  }

  /**
   * Takes the next set from an epoch proof, for a node that joined by state sync: from here on its knowledge is proven.
   * Throws `proof/invalid` when the set is not the one that the header names.
   */
  learnNextSet(last: Block, next: ValidatorSet): Promise<void> {
    const { executedHeight, nextValidatorsRoot, height } = last.header;
    if (next.root(this.#parts.hash) !== nextValidatorsRoot) {
      return Promise.reject(
        new QuorateError('proof/invalid', `the set offered is not the one that block ${height} names`),
      );
    }
    return this.#turns.alone(() => this.#staged.restage(executedHeight, next, this.height));
  }
}
