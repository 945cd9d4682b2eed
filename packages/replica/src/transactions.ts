import { type Digest, type Height, type Millis, QuorateError, type Receipt, Recent } from '@quorate/kernel';
import type { SettledStatus, TransactionStatus } from './api.ts';
import type { Drop } from './mempool.ts';

export interface TransactionsOptions {
  /** Promises that wait for an outcome, in all; more are refused. */
  readonly maxWaiters?: number;
  /** Rejections and expiries that are remembered; the oldest is forgotten first. Final ones are in the index for ever. */
  readonly maxEnded?: number;
}

/** Where final transactions are found again: the block store's index. */
export interface TransactionIndex {
  /** The outcome of an executed transaction, or `null`. */
  find(id: Digest): { readonly height: Height; readonly index: number; readonly receipt: Receipt } | null;
}

interface Pending {
  readonly since: Millis;
  readonly waiters: Waiter[];
}

interface Waiter {
  readonly resolve: (status: SettledStatus) => void;
  readonly reject: (error: QuorateError) => void;
}

/**
 * What became of the transactions that this node took in: each ends as final, rejected or expired, with a reason.
 * What waits here waits in the mempool, and leaves when the mempool lets it go: that is its bound.
 * A transaction without an expiry height that this node gave up may still be included by another; it is then final.
 */
export class Transactions {
  readonly #options: Required<TransactionsOptions>;
  readonly #index: TransactionIndex;
  readonly #pending = new Map<Digest, Pending>();
  /** Rejected and expired ones. */
  readonly #ended: Recent<Digest, SettledStatus>;
  #waiters = 0;
  #stopped: QuorateError | null = null;

  constructor(options: TransactionsOptions, index: TransactionIndex) {
    this.#options = { maxWaiters: 65_536, maxEnded: 65_536, ...options };
    this.#ended = new Recent({ capacity: this.#options.maxEnded });
    this.#index = index;
  }

  /** Transactions without an outcome. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The mempool keeps it. */
  accepted(id: Digest, now: Millis): void {
    this.#ended.delete(id);
    if (!this.#pending.has(id)) this.#pending.set(id, { since: now, waiters: [] });
  }

  /** It never got into the mempool: whoever asks learns why. Does not touch what is pending or final. */
  refused(id: Digest, reason: string): void {
    if (!this.#pending.has(id)) this.#end(id, { kind: 'rejected', reason });
  }

  /** The mempool let it go: pass this to the mempool as its `dropped`. */
  dropped(id: Digest, { kind, reason }: Drop): void {
    this.#end(id, { kind: kind === 'expired' ? 'expired' : 'rejected', reason });
  }

  /** A block was executed, and the index knows it: its transactions are final. */
  executed(height: Height, transactions: readonly Digest[], receipts: readonly Receipt[]): void {
    transactions.forEach((id, index) => {
      const receipt = receipts[index];
      if (receipt === undefined) return;
      this.#ended.delete(id);
      this.#answer(id, { kind: 'final', height, index, receipt });
    });
  }

  /** What became of it, from memory or from the chain. */
  status(id: Digest): TransactionStatus {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return { kind: 'pending', since: pending.since };
    const found = this.#index.find(id);
    if (found !== null) return { kind: 'final', ...found };
    return this.#ended.get(id) ?? { kind: 'unknown' };
  }

  /** Its outcome, as soon as there is one. Rejects `rpc/failed` for a transaction that is not known here, `rpc/unavailable` when too many wait or the node stops. */
  settled(id: Digest): Promise<SettledStatus> {
    const status = this.status(id);
    if (status.kind === 'unknown') {
      return Promise.reject(new QuorateError('rpc/failed', `transaction ${id} is not known here: submit it first`));
    }
    if (status.kind !== 'pending') return Promise.resolve(status);
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const pending = this.#pending.get(id);
    if (pending === undefined || this.#waiters >= this.#options.maxWaiters) {
      const message = `${this.#waiters} callers already wait for transactions, the limit: ask for the status later`;
      return Promise.reject(new QuorateError('rpc/unavailable', message));
    }
    this.#waiters++;
    return new Promise((resolve, reject) => {
      pending.waiters.push({ resolve, reject });
    });
  }

  /** The node stops: whoever waits is told. */
  stop(): void {
    if (this.#stopped !== null) return;
    const stopped = new QuorateError('rpc/unavailable', 'the node stopped before the transaction was settled');
    this.#stopped = stopped;
    for (const { waiters } of this.#pending.values()) for (const { reject } of waiters.splice(0)) reject(stopped);
    this.#waiters = 0;
  }

  #end(id: Digest, outcome: SettledStatus): void {
    this.#ended.set(id, outcome);
    this.#answer(id, outcome);
  }

  #answer(id: Digest, outcome: SettledStatus): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#waiters -= pending.waiters.length;
    for (const { resolve } of pending.waiters) resolve(outcome);
  }
}
