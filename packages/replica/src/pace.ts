import { type Digest, MAX_TRANSACTION_BYTES, type Millis } from '@quorate/kernel';

/** Least bytes that a proposal may use: room for the largest transaction, or small ones would pass it by as long as the network is slow. */
const LEAST_BYTES = MAX_TRANSACTION_BYTES + 4;
/** Where a fresh process begins: caches are cold and code is not compiled yet. */
const FIRST_BYTES = LEAST_BYTES;

export interface PaceOptions {
  /** `maxBlockBytes` of the chain. */
  readonly most: number;
  /** How long one of our blocks may take from its push to its finality, ms: well below the time after which others give up on a leader. */
  readonly target: Millis;
}

/**
 * How large the next proposal may be, learnt from how long our own blocks took to become final. Everything that a block costs is
 * in that time: its transfer, what others need to judge it, their disks. Without it an overloaded network would propose blocks
 * that nobody can judge before the view is over, and come to a halt instead of slowing down.
 */
export class Pace {
  readonly #options: PaceOptions;
  #limit: number;
  #open: { readonly block: Digest; readonly bytes: number; readonly at: Millis } | null = null;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#limit = Math.min(options.most, FIRST_BYTES);
  }

  /** Bytes that the next body may have. */
  get limit(): number {
    return this.#limit;
  }

  /** We proposed a block. One that is open by then for longer than it may be was given up by the others: the next ones are half as large. */
  proposed(block: Digest, bytes: number, now: Millis): void {
    if (this.#open !== null && now - this.#open.at > this.#options.target)
      this.#set(Math.min(this.#limit, this.#open.bytes) / 2);
    this.#open = { block, bytes, at: now };
  }

  /** A block became final. */
  finalized(block: Digest, now: Millis): void {
    const open = this.#open;
    if (open === null || open.block !== block) return;
    this.#open = null;
    const took = Math.max(1, now - open.at);
    if (took > this.#options.target) this.#set((open.bytes * this.#options.target) / took);
    else if (2 * open.bytes >= this.#limit) this.#set(2 * this.#limit);
  }

  #set(bytes: number): void {
    const { most } = this.#options;
    this.#limit = Math.max(Math.min(LEAST_BYTES, most), Math.min(most, Math.floor(bytes)));
  }
}
