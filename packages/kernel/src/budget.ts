import type { Millis } from './bytes.ts';

/** Bounds work that strangers can cause: so much at once, and one more every `refillMs`. */
export class Budget {
  readonly #burst: number;
  readonly #refillMs: Millis;
  #left: number;
  #at: Millis = 0;

  constructor({ burst, refillMs }: { readonly burst: number; readonly refillMs: Millis }) {
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#left = burst;
  }

  /** Takes one from the budget; false when none is left. */
  take(now: Millis): boolean {
    this.#left = Math.min(this.#burst, this.#left + Math.max(0, now - this.#at) / this.#refillMs);
    this.#at = Math.max(this.#at, now);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
