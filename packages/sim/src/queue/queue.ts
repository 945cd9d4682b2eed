/** Names one waiting event, so that it can be cancelled; of no use once that event is gone, even when its place was taken again. */
export type EventHandle = number;

/**
 * A queue of what will happen, by (time, salt, order of pushing). Times are integer µs and never before the last one popped.
 * With a salt of 0 everywhere, simultaneous events come first in, first out; events of equal time *and* salt always do.
 */
export interface EventQueue<T> {
  /** Events that wait, those cancelled not counted. */
  readonly size: number;
  /** Time of the event popped last; 0 before the first. */
  readonly time: number;
  /** The two words that were pushed with it: 32-bit integers, with sign. */
  readonly kind: number;
  readonly word: number;
  /** Throws `RangeError` for a time that has passed or is no safe integer. */
  push(time: number, salt: number, kind: number, word: number, payload: T): EventHandle;
  /** Time of the next event, infinite when none waits. */
  peek(): number;
  /** Takes the next event; `undefined` when none waits. */
  pop(): T | undefined;
  /** `false` when that event has happened or was cancelled before. */
  cancel(handle: EventHandle): boolean;
}

/** Refuses what the order of a queue could not bear. */
export function checkTime(time: number, now: number): void {
  if (!(time >= now) || !Number.isSafeInteger(time)) {
    throw new RangeError(`an event at ${time} µs cannot be queued when it is ${now} µs`);
  }
}
