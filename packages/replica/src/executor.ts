import {
  type Application,
  type Block,
  type Body,
  type Digest,
  type Epoch,
  type Evidence,
  type Genesis,
  type Hash,
  type Height,
  isQuorateError,
  lastHeightOf,
  type Millis,
  QuorateError,
  toHex,
  type ValidatorSet,
  type View,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import { ApplicationCalls, type ExecutionResult } from './application-calls.ts';
import type { BlockStore } from './block-store.ts';
import { Candidates, MAX_CANDIDATE_STATES } from './candidates.ts';
import type {
  ExecutedBlock,
  ExecutionFields,
  FieldsOutcome,
  Hindrance,
  JudgeOutcome,
  NextSet,
  PrepareOutcome,
} from './execution-outcomes.ts';
import { divergenceOf, staleRoots } from './execution-rules.ts';
import { type Connected, connect } from './executor-start.ts';
import { StagedSets } from './staged-sets.ts';
import type { ExecutionRecord } from './store-format.ts';

export type {
  ExecutedBlock,
  ExecutionFields,
  FieldsOutcome,
  Hindrance,
  JudgeOutcome,
  NextSet,
  PrepareOutcome,
} from './execution-outcomes.ts';

/** Judgements and builds that wait for a commit at once; beyond, `behind`. */
const MAX_WAITING = 64;
/** How often the list of snapshots is read when this node does not take them itself, in heights. */
const SNAPSHOT_LOOK = 1_000;

export interface ExecutorOptions {
  readonly genesis: Genesis;
  /** Blocks whose bodies and receipts are kept; 0 keeps all. */
  readonly retainBlocks: number;
  /** Heights between two snapshots; 0 for none. */
  readonly snapshotInterval: number;
  readonly keepSnapshots: number;
}

export interface ExecutorParts {
  /** One call at a time: what `inTurn` returns, shared with mempool, RPC and state sync. */
  readonly application: Application;
  readonly store: BlockStore;
  readonly hash: Hash;
  readonly log: Log;
  /** Voting key of the leader of a view. */
  readonly proposerOf: (epoch: Epoch, view: View) => Uint8Array;
  /** Gets the sets of earlier epochs that a store begun by an older release lacks; resolves when it has those that evidence may name. */
  readonly learnSets?: () => Promise<void>;
  /** A finalized block was executed and committed: in order, again after a restart for those the application had not committed. Must not throw. */
  readonly executed: (done: ExecutedBlock) => void;
  /** Execution stopped for good: `application/failed`, `application/diverged`, `store/*` or `disk/*`. Called at most once. */
  readonly halted: (error: QuorateError) => void;
}

type Executed = { readonly kind: 'executed'; readonly record: ExecutionRecord } | Hindrance;

/** Connects application and store; see {@link connect} for what it checks and throws. Call `advance` when ready to hear `executed`. */
export async function createExecutor(options: ExecutorOptions, parts: ExecutorParts): Promise<Executor> {
  return new Executor(options, parts, await connect(options.genesis, parts));
}

/**
 * Drives the application: executes candidates ahead of finality where it can, executes and commits finalized blocks in
 * order, and stops the replica rather than guess. Its own steps run one at a time, so that a commit never falls between
 * executing a parent and judging its child.
 */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #parts: ExecutorParts;
  readonly #calls: ApplicationCalls;
  readonly #candidates = new Candidates();
  readonly #staged: StagedSets;
  /** Blocks up to here are committed in the application, though the store does not know their outcomes: see `connect`. */
  readonly #ahead: Connected['ahead'];
  #height: Height;
  #retainHeight: Height = 0;
  #oldestSnapshot: Height | null;
  #halted = false;
  #turn: Promise<unknown> = Promise.resolve();
  #running: Promise<void> | null = null;
  #waiting: { readonly height: Height; readonly wake: () => void }[] = [];

  constructor(options: ExecutorOptions, parts: ExecutorParts, connected: Connected) {
    this.#options = options;
    this.#parts = parts;
    this.#calls = new ApplicationCalls(options.genesis, parts);
    this.#staged = new StagedSets(parts.store, parts.hash);
    this.#height = connected.height;
    this.#ahead = connected.ahead;
    this.#oldestSnapshot = connected.oldestSnapshot;
  }

  /** Last height that the application committed. */
  get height(): Height {
    return this.#height;
  }

  /** State root after {@link height}. */
  get stateRoot(): Digest {
    return this.#parts.store.execution(this.#height)?.stateRoot ?? this.#parts.store.tip().block.header.stateRoot;
  }

  /** Finalized minus committed heights: above 16, propose empty blocks and say so. */
  get lag(): number {
    return this.#parts.store.finalizedHeight - this.#height;
  }

  // Finalized blocks.

  /** Executes and commits what is finalized, in order, in the background. Call when the finalized height rose, and once after start. */
  advance(): void {
    if (this.#running !== null || this.#halted) return;
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
      await this.#turn;
    }
  }

  /** Starts nothing new, and resolves when the step in hand is done. */
  async stop(): Promise<void> {
    this.#halted = true;
    this.#wake(Number.MAX_SAFE_INTEGER);
    await this.#running;
    await this.#turn;
  }

  async #run(): Promise<void> {
    try {
      let more = true;
      while (more && !this.#halted && this.#height < this.#parts.store.finalizedHeight) {
        more = await this.#alone(() => this.#commitNext());
      }
    } catch (error) {
      if (this.#halted) return;
      this.#halted = true;
      this.#wake(Number.MAX_SAFE_INTEGER);
      const reason = isQuorateError(error)
        ? error
        : new QuorateError('application/failed', `executing height ${this.#height + 1} failed`, { cause: error });
      this.#parts.halted(reason);
    }
  }

  /** False when the next height must wait for a later one to be finalized. */
  async #commitNext(): Promise<boolean> {
    const { store } = this.#parts;
    const height = this.#height + 1;
    const block = store.at(height);
    const parent = store.at(height - 1);
    const body = block && store.body(block.ref);
    if (block === null || parent === null || body === null) {
      throw new QuorateError(
        'store/corrupt',
        `block store: the finalized block at height ${height} is not there; restore the store from a backup`,
      );
    }
    await this.#checkRoots(block);
    if (this.#ahead !== null && height <= this.#ahead.height) return this.#adopt(block, this.#ahead);
    const known = this.#candidates.get(block.ref.digest);
    if (this.#calls.lacksSet(body)) await this.#parts.learnSets?.();
    const result = known?.result ?? (await this.#calls.finalize(block, parent.ref, body));
    this.#checkRepeat(height, result.record);
    const transactions = body.transactions.map((tx) => toHex(this.#parts.hash(tx)));
    const { receipts, events } = result;
    const staged = this.#staged.after(height, result.validatorUpdates);
    await this.#calls.guard(`the outcomes of height ${height}`, () =>
      store.recordExecution(height, result.record, { transactions, receipts, events }, staged, this.#keep(height)),
    );
    this.#retainHeight = await this.#calls.commit(block.ref, height);
    this.#committed(height, block.ref.digest);
    const { stateRoot, receiptsRoot, validatorUpdates } = result.record;
    const finalizedAt = store.finalizedAt(height) ?? block.header.time;
    this.#parts.executed({
      block,
      body,
      finalizedAt,
      stateRoot,
      receiptsRoot,
      transactions,
      receipts,
      events,
      validatorUpdates,
    });
    await this.#snapshot(height);
    return true;
  }

  /** A height that the application committed before the store was set back: its roots come from the header that certifies them. */
  async #adopt(block: Block, ahead: NonNullable<Connected['ahead']>): Promise<boolean> {
    const { store } = this.#parts;
    const { height } = block.header;
    const { digest } = block.ref;
    if (height === ahead.height && digest !== ahead.block) {
      throw new QuorateError(
        'application/diverged',
        `the application committed block ${ahead.block} at height ${height}, the chain finalized ${digest}`,
      );
    }
    const certifier = this.#certifier(height);
    if (certifier === 'later') return false;
    if (certifier !== null) {
      const { stateRoot, receiptsRoot } = certifier.header;
      const record: ExecutionRecord = { digest, stateRoot, receiptsRoot, validatorUpdates: [] };
      if (height === ahead.height && stateRoot !== ahead.stateRoot) {
        await this.#diverge(certifier, { ...record, stateRoot: ahead.stateRoot }, height);
      }
      const before = store.staged(height);
      const staged = before !== null && !before.provisional ? { set: before.set, provisional: true } : null;
      await store.recordExecution(height, record, null, staged, this.#keep(height));
    }
    this.#committed(height, digest);
    return true;
  }

  /** The first finalized header that names the roots after a height; null when headers passed it over. */
  #certifier(height: Height): Block | 'later' | null {
    for (let at = height + 1; ; at++) {
      const block = this.#parts.store.at(at);
      if (block === null) return 'later';
      if (block.header.executedHeight === height) return block;
      if (block.header.executedHeight > height) return null;
    }
  }

  #committed(height: Height, digest: Digest): void {
    this.#height = height;
    this.#candidates.committed(digest);
    this.#wake(height);
  }

  /** What a finalized header says of an earlier height must be what this node computed. */
  async #checkRoots(block: Block): Promise<void> {
    const { store } = this.#parts;
    const { executedHeight, nextValidatorsRoot } = block.header;
    const computed = store.execution(executedHeight);
    if (computed !== null && staleRoots(block.header, computed)) await this.#diverge(block, computed, executedHeight);
    if (nextValidatorsRoot !== null) await this.#staged.confirm(block, this.#height);
  }

  async #diverge(certifier: Block, computed: ExecutionRecord, height: Height): Promise<never> {
    const divergence = divergenceOf(certifier, computed, height);
    await this.#parts.store.recordDivergence(divergence);
    throw new QuorateError(
      'application/diverged',
      `after height ${height} this node computed state root ${divergence.computedStateRoot} and receipts root ${divergence.computedReceiptsRoot}, ` +
        `block ${certifier.ref.digest} certifies ${divergence.certifiedStateRoot} and ${divergence.certifiedReceiptsRoot}. ` +
        'Both states are kept: run quorate doctor',
    );
  }

  /** The outcome recorded before a crash must come out again. */
  #checkRepeat(height: Height, now: ExecutionRecord): void {
    const before = this.#parts.store.execution(height);
    if (before === null || before.digest !== now.digest) return;
    if (before.stateRoot === now.stateRoot && before.receiptsRoot === now.receiptsRoot) return;
    throw new QuorateError(
      'application/diverged',
      `executing height ${height} again gave state root ${now.stateRoot}, before the restart it gave ${before.stateRoot}: the application is not deterministic`,
    );
  }

  #keep(height: Height): { bodies: Height; headers: Height } {
    const { retainBlocks, genesis } = this.#options;
    const snapshot = this.#oldestSnapshot ?? height;
    const wanted = retainBlocks === 0 ? 0 : height - retainBlocks + 1;
    return {
      bodies: Math.max(0, Math.min(wanted, this.#retainHeight, snapshot + 1)),
      // Who joins at the snapshot must learn the sets of all epochs whose offences may be punished after it.
      headers: Math.max(0, Math.min(height, snapshot) - genesis.consensus.evidenceWindow),
    };
  }

  async #snapshot(height: Height): Promise<void> {
    const { snapshots } = this.#parts.application;
    if (snapshots === undefined) return;
    const { snapshotInterval, keepSnapshots } = this.#options;
    const due = snapshotInterval > 0 && height % snapshotInterval === 0;
    if (!due && height % SNAPSHOT_LOOK !== 0) return;
    try {
      if (due) await snapshots.take?.(keepSnapshots);
      const heights = (await snapshots.list()).map((snapshot) => snapshot.height);
      this.#oldestSnapshot = heights.length === 0 ? null : Math.min(...heights);
    } catch (error) {
      // The chain does not need snapshots: those who want to join ask somebody else.
      this.#parts.log('warn', 'the application could not take a snapshot', { height, reason: String(error) });
    }
  }

  // Candidates.

  /**
   * The fields for the header of a block on `parent`. `full`: executes the parent first; an application that is not speculative
   * must have committed it, which is waited for. `empty`: copies the parent's. An epoch's last block also names the next set.
   */
  async fields(parent: Block, content: 'full' | 'empty', lastOfEpoch: boolean): Promise<FieldsOutcome> {
    if (content === 'full' && !(await this.#ready(parent))) return { kind: 'behind' };
    return this.#attempt(async () => {
      const { header } = parent;
      let fields: ExecutionFields = { ...rootsOf(header), nextValidatorsRoot: null };
      if (content === 'full') {
        const executed = await this.#execute(parent);
        if (executed.kind !== 'executed') return executed;
        const { stateRoot, receiptsRoot } = executed.record;
        fields = { executedHeight: header.height, stateRoot, receiptsRoot, nextValidatorsRoot: null };
      }
      if (!lastOfEpoch) return { kind: 'fields', fields };
      const next = await this.#nextRoot(parent, fields.executedHeight);
      return next.kind === 'root' ? { kind: 'fields', fields: { ...fields, nextValidatorsRoot: next.root } } : next;
    });
  }

  /** Asks the application to choose transactions for a block on `parent`, within `maxBytes` in all. */
  prepare(
    parent: Block,
    plan: { readonly epoch: Epoch; readonly view: View; readonly time: Millis; readonly evidence: readonly Evidence[] },
    candidates: readonly Uint8Array[],
    maxBytes: number,
  ): Promise<PrepareOutcome> {
    return this.#attempt(async () => {
      const executed = await this.#execute(parent);
      if (executed.kind !== 'executed') return executed;
      if (parent.header.height < this.#height) return { kind: 'conflict' };
      const height = parent.header.height + 1;
      const transactions = await this.#calls.prepare({ ...plan, height }, parent.ref, candidates, maxBytes);
      return { kind: 'prepared', transactions };
    });
  }

  /**
   * Whether a block whose body is stored is valid on `parent`: its execution fields, the next set it names, and what the
   * application says. Heights, times, justification, body roots, sizes and evidence are the caller's to check.
   * Blocks above an epoch's end are empty and copy their parent's fields (S11).
   */
  async judge(block: Block, parent: Block): Promise<JudgeOutcome> {
    const body = this.#parts.store.body(block.ref);
    if (body === null) return { kind: 'missing', digest: block.ref.digest };
    const last = lastHeightOf(this.#options.genesis.consensus, block.header.epoch);
    const empty = body.transactions.length === 0 && body.evidence.length === 0;
    const copied =
      !staleRoots(block.header, rootsOf(parent.header)) && block.header.executedHeight === parent.header.executedHeight;
    if (block.header.height > last && !(empty && copied))
      return invalid('a block above the end of its epoch is not empty');
    if ((block.header.nextValidatorsRoot !== null) !== (block.header.height === last)) {
      return invalid('it names a next validator set, or leaves it out, at the wrong height');
    }
    if (empty && copied)
      return block.header.height === last ? this.#attempt(() => this.#judgeNext(block, parent)) : { kind: 'valid' };
    if (block.header.executedHeight !== parent.header.height) {
      return invalid(
        `it is not empty and carries the state after height ${block.header.executedHeight} instead of its parent's`,
      );
    }
    if (!(await this.#ready(parent))) return { kind: 'behind' };
    return this.#attempt(() => this.#judgeFull(block, parent, body));
  }

  async #judgeFull(block: Block, parent: Block, body: Body): Promise<JudgeOutcome> {
    const executed = await this.#execute(parent);
    if (executed.kind !== 'executed') return executed;
    if (parent.header.height < this.#height) return { kind: 'conflict' };
    if (staleRoots(block.header, executed.record)) {
      return invalid(
        `it carries state root ${block.header.stateRoot} after height ${parent.header.height}, this node computed ${executed.record.stateRoot}`,
      );
    }
    if (block.header.nextValidatorsRoot !== null) {
      const next = await this.#judgeNext(block, parent);
      if (next.kind !== 'valid') return next;
    }
    return this.#calls.process(block, parent.ref, body);
  }

  async #judgeNext(block: Block, parent: Block): Promise<JudgeOutcome> {
    const next = await this.#nextRoot(parent, block.header.executedHeight);
    if (next.kind !== 'root') return next;
    if (next.root === block.header.nextValidatorsRoot) return { kind: 'valid' };
    return next.provisional
      ? { kind: 'behind' }
      : invalid('it names another next validator set than its execution gives');
  }

  /** Executes a block, its ancestors first, unless that is done. */
  async #execute(block: Block): Promise<Executed> {
    const { store } = this.#parts;
    const path: Block[] = [];
    for (let at = block; ; ) {
      const { height } = at.header;
      if (height <= this.#height) {
        const record = store.execution(height);
        if (record === null || record.digest !== at.ref.digest) return { kind: 'conflict' };
        if (path.length === 0) return { kind: 'executed', record };
        if (height < this.#height) return { kind: 'conflict' };
        break;
      }
      if (height <= store.finalizedHeight && store.at(height)?.ref.digest !== at.ref.digest)
        return { kind: 'conflict' };
      const known = this.#candidates.get(at.ref.digest);
      if (known !== null && path.length === 0) return { kind: 'executed', record: known.result.record };
      if (known !== null) break;
      path.unshift(at);
      if (path.length + this.#candidates.size > MAX_CANDIDATE_STATES) return { kind: 'behind' };
      const parent = store.header({ digest: at.header.parentDigest });
      if (parent === null) return { kind: 'missing', digest: at.header.parentDigest };
      at = parent;
    }
    if (!this.#parts.application.capabilities.speculative) return { kind: 'behind' };
    return this.#executePath(path);
  }

  async #executePath(path: readonly Block[]): Promise<Executed> {
    const { store } = this.#parts;
    let result: ExecutionResult | null = null;
    for (const block of path) {
      const body = store.body(block.ref);
      const parent = store.header({ digest: block.header.parentDigest });
      if (body === null || parent === null) return { kind: 'missing', digest: block.ref.digest };
      result = await this.#calls.finalize(block, parent.ref, body);
      this.#candidates.add({ block, result });
    }
    return result === null ? { kind: 'behind' } : { kind: 'executed', record: result.record };
  }

  /** Root of the set staged after `height` on the branch of `tip`. */
  async #nextRoot(
    tip: Block,
    height: Height,
  ): Promise<{ readonly kind: 'root'; readonly root: Digest; readonly provisional: boolean } | Hindrance> {
    const { store, hash } = this.#parts;
    let at: Block | null = tip;
    while (at !== null && at.header.height > height) at = store.header({ digest: at.header.parentDigest });
    if (at === null) return { kind: 'missing', digest: tip.ref.digest };
    const executed = await this.#execute(at);
    if (executed.kind !== 'executed') return executed;
    const branch = this.#candidates.branch(at.ref.digest, height);
    const staged = this.#staged.along(Math.min(height, this.#height), branch);
    if (staged === null) return { kind: 'behind' };
    return { kind: 'root', root: staged.set.root(hash), provisional: staged.provisional };
  }

  // Epochs.

  /** The set after the epoch whose finalized last block this is. Throws `application/diverged` when execution contradicts the header. */
  nextValidators(last: Block): NextSet {
    return last.header.executedHeight > this.#height ? { kind: 'waiting' } : this.#staged.next(last);
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
    return this.#alone(() => this.#staged.restage(executedHeight, next, this.#height));
  }

  // Turns.

  /** Runs one step of this executor at a time. */
  #alone<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** A step on candidates: what the application throws becomes an outcome; nobody votes on it. */
  #attempt<T>(step: () => Promise<T>): Promise<T | Hindrance> {
    return this.#alone(async () => {
      if (this.#halted) return { kind: 'behind' } as const;
      try {
        return await step();
      } catch (error) {
        if (!isQuorateError(error)) throw error;
        return { kind: 'failed', error } as const;
      }
    });
  }

  /** Waits until a parent may be executed on: at once for a speculative application, after its commit for any other. False when that will not happen. */
  async #ready(parent: Block): Promise<boolean> {
    const { height } = parent.header;
    if (this.#parts.application.capabilities.speculative || height <= this.#height) return true;
    if (this.#waiting.length >= MAX_WAITING || this.#halted) return false;
    await new Promise<void>((wake) => {
      this.#waiting.push({ height, wake });
    });
    return height <= this.#height;
  }

  #wake(height: Height): void {
    const due = this.#waiting.filter((waiter) => waiter.height <= height);
    this.#waiting = this.#waiting.filter((waiter) => waiter.height > height);
    for (const waiter of due) waiter.wake();
  }
}

function rootsOf(header: ExecutionFields): Omit<ExecutionFields, 'nextValidatorsRoot'> {
  const { executedHeight, stateRoot, receiptsRoot } = header;
  return { executedHeight, stateRoot, receiptsRoot };
}

function invalid(reason: string): JudgeOutcome {
  return { kind: 'invalid', reason };
}
