import {
  type Block,
  type BlockRef,
  type Body,
  type BuildRequest,
  blockOfHeader,
  bodyBytes,
  type Clock,
  type Digest,
  type Epoch,
  type Evidence,
  type Genesis,
  type Hash,
  type Height,
  isQuorateError,
  MAX_EVIDENCE,
  type Millis,
  offenceId,
  QuorateError,
  type RequestId,
  unreachable,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import type { Counters } from './counters.ts';
import type { EpochState } from './epochs.ts';
import type { EvidencePool } from './evidence-pool.ts';
import type { Hindrance } from './execution-outcomes.ts';
import type { Executor } from './executor.ts';
import { asFailure } from './failure.ts';
import type { Mempool } from './mempool.ts';
import { Pace } from './pace.ts';
import { proposalHeader } from './proposal-header.ts';
import type { Rhythm } from './rhythm.ts';
import { type Carried, Unexecuted } from './unexecuted.ts';

/** How long the first transaction after an idle time waits for company. */
const GATHER_MS = 5;
/** Execution may lag so many heights before proposals are empty (architecture, "Failure policy"). */
const MAX_LAG = 16;
/** Judgements that wait for execution or bodies; the oldest is let go. */
const MAX_JUDGING = 64;

export interface ProposerOptions {
  readonly genesis: Genesis;
  /** Highest protocol version this software speaks. */
  readonly protocolVersion: number;
}

export interface ProposerParts {
  readonly store: BlockStore;
  readonly executor: Executor;
  readonly mempool: Mempool;
  readonly evidence: EvidencePool;
  readonly clock: Clock;
  readonly hash: Hash;
  readonly now: () => Millis;
  /** What a proposal says of the time. */
  readonly time: () => Millis;
  readonly rhythm: Rhythm;
  readonly counters: Counters;
  readonly log: Log;
  readonly epoch: (epoch: Epoch) => EpochState;
  /** Sends a stored proposal to everybody. */
  readonly push: (block: Block, body: Body) => void;
  readonly built: (epoch: Epoch, request: RequestId, block: Block | null) => void;
  readonly judged: (epoch: Epoch, request: RequestId, verdict: 'valid' | 'invalid') => void;
  /** A body on the way to a judged block is missing. */
  readonly missing: (digest: Digest) => void;
  readonly halt: (error: QuorateError) => void;
}

interface Judging {
  readonly request: RequestId;
  readonly block: Block;
  readonly parent: Block;
  running: boolean;
  again: boolean;
}

/** Builds our proposals and judges those of others, with the application and our own execution. */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #parts: ProposerParts;
  readonly #unexecuted: Unexecuted;
  readonly #judging = new Map<string, Judging>();
  #current = 0;
  #wake: () => void = () => {};
  #stopped = false;
  readonly #pace: Pace;
  #hindrance: string | null = null;

  constructor(options: ProposerOptions, parts: ProposerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#unexecuted = new Unexecuted(parts);
    const { maxBlockBytes, delta } = options.genesis.consensus;
    this.#pace = new Pace({ most: maxBlockBytes, target: Math.ceil(delta / 2) });
  }

  /** Why our proposals are empty, or null. */
  get hindrance(): string | null {
    return this.#hindrance;
  }

  /** A transaction or evidence came in: a leader that waits for one builds now. */
  wake(): void {
    this.#wake();
  }

  /** A block became final: ours say how large the next one may be. */
  finalized({ digest }: BlockRef): void {
    this.#pace.finalized(digest, this.#parts.now());
  }

  /** Builds for the engine; the answer to an earlier request that is not there yet is null. */
  build(request: RequestId, build: BuildRequest): void {
    this.#current += 1;
    this.#wake();
    void this.#guard(
      this.#build(this.#current, build),
      (block) => this.#parts.built(build.epoch, request, block),
      null,
    );
  }

  /** Judges for the engine. Answered once the parent is executed; not at all when the application fails. */
  judge(request: RequestId, block: Block, parent: Block): void {
    const key = `${block.ref.epoch}/${request}`;
    this.#judging.set(key, { request, block, parent, running: false, again: false });
    for (const old of this.#judging.keys()) if (this.#judging.size > MAX_JUDGING) this.#judging.delete(old);
    this.#tryJudging(key);
  }

  /** Whether this software speaks the protocol of the block after `height`; halts the replica when it does not. */
  speaksAfter(height: Height): boolean {
    return this.#versionAt(height + 1) !== null;
  }

  /** Execution, finalization or a body moved on: judgements that waited are tried again, those at or below the height are let go. */
  advanced(finalized: Height): void {
    for (const [key, { block }] of [...this.#judging]) {
      if (block.header.height <= finalized) this.#judging.delete(key);
      else this.#tryJudging(key);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#current += 1;
    this.#judging.clear();
    this.#wake();
  }

  async #build(turn: number, build: BuildRequest): Promise<Block | null> {
    const { store, executor, hash, counters, log } = this.#parts;
    const { parent } = build;
    const state = this.#parts.epoch(build.epoch);
    const protocolVersion = this.#versionAt(build.height);
    if (protocolVersion === null) return null;
    let content = build.content;
    this.#hindrance = null;
    if (executor.lag > MAX_LAG) this.#hindrance = `execution is ${executor.lag} blocks behind: proposing empty blocks`;
    else if (store.pressure > 0.5)
      this.#hindrance = 'the store of unfinalized blocks is half full: proposing empty blocks';
    if (this.#hindrance !== null) content = 'empty';
    let outcome = await executor.fields(parent, content, build.lastOfEpoch);
    if (outcome.kind === 'behind' && content === 'full') {
      content = 'empty';
      outcome = await executor.fields(parent, content, build.lastOfEpoch);
    }
    if (outcome.kind !== 'fields') return this.#cannot('build', build.height, outcome);
    const carried = content === 'full' ? this.#unexecuted.upTo(parent) : null;
    if (!(await this.#somethingToPropose(turn, build, carried))) return null;
    const time = Math.max(this.#parts.time(), parent.header.time + 1);
    const body = carried === null ? EMPTY : await this.#body(build, time, carried);
    if (body === null || turn !== this.#current) return null;
    const header = proposalHeader(hash, build, { state, fields: outcome.fields, body, time, protocolVersion });
    const block = blockOfHeader(hash, this.#options.genesis.chainId, header);
    await store.put(block, body);
    if (turn !== this.#current) return null;
    counters.add('built');
    this.#pace.proposed(block.ref.digest, bodyBytes(body), this.#parts.now());
    log('debug', 'proposing', { height: header.height, view: header.view, transactions: body.transactions.length });
    this.#parts.push(block, body);
    return block;
  }

  /** Waits until there is something to propose, or the idle time is over. False when another request took the place of this one. */
  async #somethingToPropose(turn: number, build: BuildRequest, carried: Carried | null): Promise<boolean> {
    const { clock, now, mempool, evidence, rhythm } = this.#parts;
    const pending = (): boolean =>
      carried !== null &&
      (mempool.exceeds(0, carried.transactions) || evidence.pending(1, carried.offences).length > 0);
    let wasIdle = false;
    while (turn === this.#current && now() < build.idleUntil && !pending()) {
      wasIdle = true;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(build.idleUntil - now(), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = () => {};
    }
    if (turn === this.#current && pending() && !mempool.exceeds(this.#pace.limit, carried?.transactions)) {
      // Whoever sends one usually sends more: one block for the burst, not one for its first transaction.
      const until = Math.max(rhythm.gatherUntil(build.parent.ref.digest), wasIdle ? now() + GATHER_MS : 0);
      const wait = Math.min(until, build.idleUntil) - now();
      if (wait > 0) {
        await new Promise<void>((resolve) => {
          clock.after(wait, resolve);
        });
      }
    }
    return turn === this.#current;
  }

  async #body(build: BuildRequest, time: Millis, carried: Carried): Promise<Body | null> {
    const { executor, mempool, evidence: pool } = this.#parts;
    const { maxBlockBytes } = this.#options.genesis.consensus;
    const fits = (body: Body): boolean => bodyBytes(body) <= maxBlockBytes;
    const evidence: Evidence[] = [];
    for (const piece of pool.pending(MAX_EVIDENCE, carried.offences)) {
      // Half of the block at most: evidence must not stop everything else.
      if (bodyBytes({ transactions: [], evidence: [...evidence, piece] }) > maxBlockBytes / 2) break;
      if (pool.fault(piece, build.height) === null) evidence.push(piece);
    }
    const most = maxBlockBytes - bodyBytes({ transactions: [], evidence });
    let room = Math.min(most, this.#pace.limit);
    let candidates = mempool.candidates(room, carried.transactions);
    if (candidates.length === 0 && room < most) {
      // A transaction that is larger than our pace allows still has its turn.
      room = most;
      candidates = mempool.candidates(room, carried.transactions).slice(0, 1);
    }
    const { epoch, view } = build;
    const outcome = await executor.prepare(build.parent, { epoch, view, time, evidence }, candidates, room);
    if (outcome.kind !== 'prepared') return this.#cannot('build', build.height, outcome);
    const transactions = [...outcome.transactions];
    while (!fits({ transactions, evidence })) transactions.pop();
    return { transactions, evidence };
  }

  #tryJudging(key: string): void {
    const judging = this.#judging.get(key);
    if (judging === undefined) return;
    if (judging.running) {
      judging.again = true;
      return;
    }
    judging.running = true;
    judging.again = false;
    const { block, request } = judging;
    void this.#guard(
      this.#judge(block, judging.parent),
      (verdict) => {
        judging.running = false;
        if (this.#judging.get(key) !== judging) return;
        if (verdict === 'later') {
          if (judging.again) this.#tryJudging(key);
          return;
        }
        this.#judging.delete(key);
        if (verdict !== 'never') this.#parts.judged(block.ref.epoch, request, verdict);
      },
      'never',
    );
  }

  async #judge(block: Block, parent: Block): Promise<'valid' | 'invalid' | 'later' | 'never'> {
    const { store, executor, log, counters } = this.#parts;
    const { header } = block;
    const body = store.body(block.ref);
    if (body === null) return 'later';
    const version = this.#versionAt(header.height);
    if (version === null) return 'never';
    const fault = this.#fault(block, parent, body, version);
    const outcome = fault === null ? await executor.judge(block, parent) : { kind: 'invalid' as const, reason: fault };
    switch (outcome.kind) {
      case 'valid':
        counters.add('judged.valid');
        return 'valid';
      case 'invalid':
        counters.add('judged.invalid');
        log('warn', 'a proposed block is invalid', {
          height: header.height,
          view: header.view,
          reason: outcome.reason,
        });
        return 'invalid';
      case 'missing':
        this.#parts.missing(outcome.digest);
        return 'later';
      case 'behind':
        return 'later';
      case 'conflict':
      case 'failed':
        this.#cannot('judge', header.height, outcome);
        return 'never';
      default:
        return unreachable(outcome);
    }
  }

  /** What is wrong with a block before anybody asks the application. */
  #fault(block: Block, parent: Block, body: Body, version: number): string | null {
    const { hash, evidence: pool } = this.#parts;
    const { header } = block;
    const state = this.#parts.epoch(header.epoch);
    if (header.validatorsRoot !== state.validatorsRoot) return 'it names another validator set';
    if (header.protocolVersion !== version)
      return `protocol version ${header.protocolVersion} at a height of version ${version}`;
    if (header.height !== state.lastHeight && header.nextValidatorsRoot !== null) {
      return 'it names a next validator set, but does not end the epoch';
    }
    if (header.height > state.lastHeight && body.transactions.length + body.evidence.length > 0) {
      return 'a block above the end of the epoch carries something'; // S11
    }
    if (body.evidence.length === 0) return null;
    const seen = new Set(this.#unexecuted.upTo(parent).offences);
    for (const piece of body.evidence) {
      const id = offenceId(hash, piece);
      if (seen.has(id)) return 'it repeats evidence';
      seen.add(id);
      const fault = pool.fault(piece, header.height);
      if (fault !== null) return `evidence: ${fault}`;
    }
    return null;
  }

  /** The protocol version of a height; null, and the replica halts, when this software does not speak it. */
  #versionAt(height: Height): number | null {
    const version = protocolVersionAt(this.#options.genesis, height);
    if (version <= this.#options.protocolVersion) return version;
    this.#parts.halt(
      new QuorateError(
        'upgrade/required',
        `protocol version ${version} begins at height ${height}, this software speaks ${this.#options.protocolVersion}: upgrade it`,
      ),
    );
    return null;
  }

  #cannot(what: 'build' | 'judge', height: Height, hindrance: Hindrance): null {
    this.#parts.counters.add(`${what}.${hindrance.kind}`);
    if (hindrance.kind === 'failed') {
      this.#parts.log('error', `the application failed: no ${what === 'build' ? 'proposal' : 'vote'}`, {
        height,
        error: hindrance.error.message,
      });
    } else this.#parts.log('debug', `cannot ${what}`, { height, hindrance: hindrance.kind });
    return null;
  }

  async #guard<T>(work: Promise<T>, answer: (value: T) => void, fallback: T): Promise<void> {
    try {
      const value = await work;
      if (!this.#stopped) answer(value);
    } catch (error) {
      if (this.#stopped) return;
      if (isQuorateError(error, 'store/full')) {
        this.#parts.counters.add('dropped.bodies-full');
        answer(fallback);
        return;
      }
      this.#parts.halt(asFailure(error, 'building or judging a block failed'));
    }
  }
}

const EMPTY: Body = { transactions: [], evidence: [] };

/** The version whose rules hold at a height: 2 from the upgrade height on. */
function protocolVersionAt(genesis: Genesis, height: Height): number {
  const { upgradeHeight } = genesis.consensus;
  return upgradeHeight > 0 && height >= upgradeHeight ? 2 : 1;
}
