import type { ReplicaStatus } from '@quorate/replica';
import type { Report } from './chain.ts';

/** What a replica may hold at most. */
export interface MemoryBounds {
  readonly mempoolBytes: number;
  readonly mempoolTransactions: number;
  /** Samples of each kind that a status shows. */
  readonly samples: number;
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

  measure(by: string, { mempool, samples, counters }: Pick<ReplicaStatus, 'mempool' | 'samples' | 'counters'>): void {
    const { mempoolBytes, mempoolTransactions, samples: mostSamples, counters: mostCounters } = this.#bounds;
    this.#compare(by, 'bytes in the mempool', mempool.bytes, mempoolBytes);
    this.#compare(by, 'transactions in the mempool', mempool.transactions, mempoolTransactions);
    this.#compare(by, 'counters', Object.keys(counters).length, mostCounters);
    for (const [name, values] of Object.entries(samples))
      this.#compare(by, `samples of ${name}`, values.length, mostSamples);
  }

  #compare(by: string, what: string, amount: number, bound: number): void {
    if (amount <= bound || this.#told.has(`${by} ${what}`)) return;
    this.#told.add(`${by} ${what}`);
    this.#report('memory', `${by} has ${amount} ${what}, at most ${bound} are allowed`);
  }
}
