import { networkOf } from '../network-of.ts';

/** Networks that are remembered at most; the one that was quiet longest is forgotten first. */
const MAX_NETWORKS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket per IPv4 address or IPv6 /64: so many requests a second, twice as many at once. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `perSecond` 0: no limit. `now`: ms from a clock that never goes back. */
  constructor(options: { readonly perSecond: number }, parts: { readonly now: () => number }) {
    this.#perSecond = options.perSecond;
    this.#now = parts.now;
  }

  /** Takes `cost` requests from the budget of the address's network; false when it is used up. A cost above the burst passes when the budget is full. */
  admit(address: string, cost = 1): boolean {
    if (this.#perSecond === 0) return true;
    const now = this.#now();
    const burst = 2 * this.#perSecond;
    const network = networkOf(address);
    const bucket = this.#buckets.get(network) ?? { tokens: burst, at: now };
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size > MAX_NETWORKS)
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    const price = Math.min(cost, burst);
    if (bucket.tokens < price) return false;
    bucket.tokens -= price;
    return true;
  }
}

/** Connections per IPv4 address or IPv6 /64, with a ceiling. */
export class Ceiling {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  enter(address: string): boolean {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#limit) return false;
    this.#counts.set(network, count + 1);
    return true;
  }

  leave(address: string): void {
    const network = networkOf(address);
    const count = (this.#counts.get(network) ?? 0) - 1;
    if (count > 0) this.#counts.set(network, count);
    else this.#counts.delete(network);
  }
}

/** Bytes that may be held at once. */
export class ByteBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
