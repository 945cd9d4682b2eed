import { decode, encode, equalBytes, type Height, type Millis } from '@quorate/kernel';
import {
  MAX_UNBONDINGS,
  type Parameters,
  type Returning,
  returningCodec,
  returningKey,
  returnsCodec,
  returnsKey,
  type Unbonding,
  unbondingKey,
  unbondingsCodec,
} from './state.ts';
import type { Working } from './working.ts';

export const HOUR: Millis = 3_600_000;

/**
 * Heights of unbonding whose stake comes back in one block at most. One joins the queue per block, so this keeps up, and a chain
 * that stood still for weeks does not pay out everything in the block with which it goes on.
 */
const MAX_RETURNING = 4;

/**
 * Stake on its way out: first `unbondingDelay` heights, then `unbondingHours` by the headers from the block at that height on. The
 * hours begin only there because stake backs votes of later heights than that of the unbond, but of none above its delay: whatever
 * a validator signed, its stake is locked for these hours and more after the time of that block.
 */
export class Unbondings {
  readonly #working: Working;
  readonly #parameters: Parameters;

  constructor(working: Working, parameters: Parameters) {
    this.#working = working;
    this.#parameters = parameters;
  }

  /**
   * Puts stake on its way at `height`; false when too many validators set out at this height already. What one takes out in
   * several pieces is one entry, so that nobody can fill a height alone.
   */
  add(height: Height, { publicKey, owner, amount }: Unbonding): boolean {
    const due = height + this.#parameters.unbondingDelay;
    const entries = this.#at(due);
    const at = entries.findIndex((each) => equalBytes(each.publicKey, publicKey) && equalBytes(each.owner, owner));
    const before = entries[at];
    if (before === undefined && entries.length >= MAX_UNBONDINGS) return false;
    const after = { publicKey, owner, amount: (before?.amount ?? 0n) + amount };
    const others = entries.filter((_each, i) => i !== at);
    this.#working.put(unbondingKey(due), encode(unbondingsCodec, [...others, after]));
    return true;
  }

  /** Takes out what comes back in the block of this height and header time. */
  take(height: Height, time: Millis): Unbonding[] {
    const due = this.#at(height);
    if (due.length > 0) this.#working.put(unbondingKey(height), null);
    const { unbondingHours } = this.#parameters;
    if (unbondingHours === 0) return due;
    const value = this.#working.get(returnsKey());
    let { first, next } = value === null ? { first: 0, next: 0 } : decode(returnsCodec, value);
    if (due.length === 0 && first === next) return [];
    const before = { first, next };
    if (due.length > 0) {
      const returning: Returning = { until: time + unbondingHours * HOUR, entries: due };
      this.#working.put(returningKey(next++), encode(returningCodec, returning));
    }
    const back: Unbonding[] = [];
    // Times of headers increase, so the queue is in order of its times too.
    for (let taken = 0; first < next && taken < MAX_RETURNING; taken++) {
      const key = returningKey(first);
      const stored = this.#working.get(key);
      const returning = stored === null ? null : decode(returningCodec, stored);
      if (returning !== null && returning.until > time) break;
      back.push(...(returning?.entries ?? []));
      this.#working.put(key, null);
      first++;
    }
    if (first !== before.first || next !== before.next)
      this.#working.put(returnsKey(), encode(returnsCodec, { first, next }));
    return back;
  }

  #at(due: Height): Unbonding[] {
    const value = this.#working.get(unbondingKey(due));
    return value === null ? [] : decode(unbondingsCodec, value);
  }
}
