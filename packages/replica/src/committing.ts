import {
  type Application,
  type Block,
  type Digest,
  type Evidence,
  type Genesis,
  type Hash,
  type Height,
  QuorateError,
  toHex,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import type { ApplicationCalls } from './application-calls.ts';
import type { BlockStore } from './block-store.ts';
import type { Candidates } from './candidates.ts';
import type { ExecutedBlock } from './execution-outcomes.ts';
import { divergenceOf, sentenceOf, staleRoots } from './execution-rules.ts';
import type { Connected } from './executor-start.ts';
import type { Retention } from './retention.ts';
import type { StagedSets } from './staged-sets.ts';
import type { ExecutionRecord } from './store-format.ts';

/** How often the list of snapshots is read when this node does not take them itself, in heights. */
const SNAPSHOT_LOOK = 1_000;

export interface CommittingOptions {
  readonly genesis: Genesis;
  /** Blocks whose bodies and receipts are kept; 0 keeps all. */
  readonly retainBlocks: number;
  /** Heights between two snapshots; 0 for none. */
  readonly snapshotInterval: number;
  readonly keepSnapshots: number;
}

export interface CommittingParts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly hash: Hash;
  readonly log: Log;
  /** Gets the sets of earlier epochs that a store begun by an older release lacks; resolves when it has those that evidence may name. */
  readonly learnSets?: () => Promise<void>;
  /**
   * Remembers what the finalized block of a height punishes; durable when it resolves. Called before the height is committed, and
   * again when it was not: after a kill between the two no node may take an offence for one that nobody punished yet.
   */
  readonly including?: (height: Height, evidence: readonly Evidence[]) => Promise<void>;
  /** A finalized block was executed and committed: in order, again after a restart for those the application had not committed. Must not throw. */
  readonly executed: (done: ExecutedBlock) => void;
  readonly calls: ApplicationCalls;
  readonly candidates: Candidates;
  readonly staged: StagedSets;
  /** The last committed height rose. */
  readonly committed: (height: Height) => void;
}

/** Executes and commits what is final, one height after the other, and keeps what it gave: the application never runs ahead of the record. */
export class Committing {
  readonly #options: CommittingOptions;
  readonly #parts: CommittingParts;
  /** Blocks up to here are committed in the application, though the store does not know their outcomes: see `connect`. */
  readonly #ahead: Connected['ahead'];
  #height: Height;
  #retainHeight: Height = 0;
  #oldestSnapshot: Height | null;

  constructor(options: CommittingOptions, parts: CommittingParts, connected: Connected) {
    this.#options = options;
    this.#parts = parts;
    this.#height = connected.height;
    this.#ahead = connected.ahead;
    this.#oldestSnapshot = connected.oldestSnapshot;
  }

  /** Last height that the application committed. */
  get height(): Height {
    return this.#height;
  }

  /**
   * The next finalized height; false when it must wait for a later one to be finalized. Throws `application/failed`,
   * `application/diverged`, `store/*` or `disk/*`: nothing may be committed after that.
   */
  async next(): Promise<boolean> {
    const { store, calls, candidates, staged } = this.#parts;
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
    if (this.#ahead !== null && height <= this.#ahead.height) {
      await this.#parts.including?.(height, body.evidence);
      return this.#adopt(block, this.#ahead);
    }
    const known = candidates.get(block.ref.digest);
    if (calls.lacksSet(body)) await this.#parts.learnSets?.();
    await this.#parts.including?.(height, body.evidence); // only now is every offender known
    const result = known?.result ?? (await calls.finalize(block, parent.ref, body));
    this.#checkRepeat(height, result.record);
    const transactions = body.transactions.map((tx) => toHex(this.#parts.hash(tx)));
    const { receipts, events } = result;
    const nextSet = staged.after(height, result.validatorUpdates);
    await calls.guard(`the outcomes of height ${height}`, () =>
      store.recordExecution(height, result.record, { transactions, receipts, events }, nextSet, this.#keep(height)),
    );
    this.#retainHeight = await calls.commit(block.ref, height);
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
        `the application committed block ${ahead.block} at height ${height}, the chain finalized ${digest}: application state and ` +
          'block store do not belong together; keep both, and join anew in another home by state sync',
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
    this.#parts.candidates.committed(digest);
    this.#parts.committed(height);
  }

  /** What a finalized header says of an earlier height must be what this node computed. */
  async #checkRoots(block: Block): Promise<void> {
    const { store } = this.#parts;
    const { executedHeight, nextValidatorsRoot } = block.header;
    const computed = store.execution(executedHeight);
    if (computed !== null && staleRoots(block.header, computed)) await this.#diverge(block, computed, executedHeight);
    if (nextValidatorsRoot !== null) await this.#parts.staged.confirm(block, this.#height);
  }

  async #diverge(certifier: Block, computed: ExecutionRecord, height: Height): Promise<never> {
    const divergence = divergenceOf(certifier, computed, height);
    await this.#parts.store.recordDivergence(divergence);
    throw new QuorateError('application/diverged', sentenceOf(divergence));
  }

  /** The outcome recorded before a crash must come out again. */
  #checkRepeat(height: Height, now: ExecutionRecord): void {
    const before = this.#parts.store.execution(height);
    if (before === null || before.digest !== now.digest) return;
    if (before.stateRoot === now.stateRoot && before.receiptsRoot === now.receiptsRoot) return;
    throw new QuorateError(
      'application/diverged',
      `executing height ${height} again gave state root ${now.stateRoot}, before the restart it gave ${before.stateRoot}: ` +
        'the application is not deterministic. Nothing of this height is committed; keep this home and report it',
    );
  }

  #keep(height: Height): Retention {
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
}
