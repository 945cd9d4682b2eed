import { type EngineStatus, MAX_UNFINAL_HEADERS } from '@quorate/kernel';
import type { ReplicaStatus } from '@quorate/replica';
import type { SimplexStatus } from '@quorate/simplex';
import type { Report } from './chain.ts';

// The limits as the protocol and its engine state them.
/** Views ahead of its own of which a replica keeps votes. */
const WINDOW = 64;
/** Kinds of votes. */
const KINDS = 3;
/** Blocks asked for at one time. */
const FETCHES = 1024;
/** Certificates of one validator that wait to be checked, and of all observers. */
const CERTIFICATES = 192;
const OBSERVED = 16 * (64 + 32);

/** What a replica may hold at most. */
export interface MemoryBounds {
  readonly mempoolBytes: number;
  readonly mempoolTransactions: number;
  /** Samples of each kind that a status shows. */
  readonly samples: number;
  /** Validators and candidates, since engines keep most things once for each signer; absent: engines are not looked at. */
  readonly voters?: number;
  /** Distinct names of counters: they come from a closed list, so hostile input must not make new ones. */
  readonly counters: number;
}

/** Watches what replicas say of their queues: none may pass its bound, whatever is sent to them. */
export class Memory {
  readonly #bounds: MemoryBounds;
  readonly #report: Report;
  readonly #told = new Set<string>();

  constructor(bounds: MemoryBounds, report: Report) {
    this.#bounds = bounds;
    this.#report = report;
  }

  measure(by: string, status: Pick<ReplicaStatus, 'mempool' | 'samples' | 'counters'> & Partial<ReplicaStatus>): void {
    const { mempool, samples, counters, engine } = status;
    const { mempoolBytes, mempoolTransactions, samples: mostSamples, counters: mostCounters } = this.#bounds;
    this.#compare(by, 'bytes in the mempool', mempool.bytes, mempoolBytes);
    this.#compare(by, 'transactions in the mempool', mempool.transactions, mempoolTransactions);
    this.#compare(by, 'counters', Object.keys(counters).length, mostCounters);
    for (const [name, values] of Object.entries(samples))
      this.#compare(by, `samples of ${name}`, values.length, mostSamples);
    const { voters } = this.#bounds;
    if (voters !== undefined && engine !== undefined && hasHeld(engine)) this.#measureEngine(by, engine, voters);
  }

  /** What an engine holds lies between its floor and {@link WINDOW} views ahead (S4, S8), apart from the highest certificate of each kind. */
  #measureEngine(by: string, { view, finalizedView, held, dropped }: SimplexStatus, voters: number): void {
    const rounds = view - finalizedView + WINDOW + KINDS;
    // A round asks about its proposal (is it signed, valid, certified), about a ballot of each kind and about each offence of each voter.
    const perRound = 4 + KINDS + KINDS * voters;
    this.#compare(by, 'views between its own and the farthest vote', held.votesAhead, WINDOW);
    this.#compare(by, 'rounds', held.rounds, rounds);
    this.#compare(by, 'blocks above the floor', held.blocks, MAX_UNFINAL_HEADERS);
    this.#compare(by, 'blocks asked for', held.fetches, FETCHES);
    this.#compare(by, 'requests in flight', held.requests, rounds * perRound + CERTIFICATES * voters + OBSERVED);
    this.#compare(by, 'rounds, fetches and requests below the floor', held.stale, 0);
    this.#compare(by, 'reasons to drop messages', Object.keys(dropped).length, this.#bounds.counters);
  }

  #compare(by: string, what: string, amount: number, bound: number): void {
    if (amount <= bound || this.#told.has(`${by} ${what}`)) return;
    this.#told.add(`${by} ${what}`);
    this.#report('memory', `${by} has ${amount} ${what}, at most ${bound} are allowed`);
  }
}

/** Whether an engine says how much it holds. */
function hasHeld(engine: EngineStatus): engine is SimplexStatus {
  return 'held' in engine;
}
