import type { Clock, Millis } from '@quorate/kernel';

/** A step forward by more than this, after a step back, is the clock being put right. */
const STEP_MS = 60_000;

/**
 * The time that inputs are stamped with: the clock's, made non-decreasing. When the clock is set back, time goes on from
 * where it was at full speed, so that timeouts and judgements keep step with the others, until the clock has caught up.
 * Being ahead harms nobody: what a proposal says of the time comes from {@link proposed}, which follows the clock back.
 */
export class StampedTime {
  readonly #clock: Clock;
  #raw: Millis;
  #stamp: Millis;
  #setBack: { readonly raw: Millis; readonly stamp: Millis } | null = null;

  /**
   * `reached`: the time of the newest finalized block here. A quorum's clocks had come that far, so time goes on from there
   * even when every clock was set back before the start: otherwise all would postpone the next block until theirs catch up.
   */
  constructor(clock: Clock, reached: Millis) {
    this.#clock = clock;
    this.#raw = clock.now();
    this.#stamp = Math.max(this.#raw, reached);
    if (this.#stamp > this.#raw) this.#setBack = { raw: this.#raw, stamp: this.#stamp };
  }

  /** Unix ms, never less than any earlier answer. */
  now(): Millis {
    const raw = this.#clock.now();
    if (raw < this.#raw) this.#setBack = { raw, stamp: this.#stamp };
    else if (raw >= this.#stamp && raw - this.#raw > STEP_MS) this.#setBack = null;
    this.#raw = raw;
    const { raw: from, stamp } = this.#setBack ?? { raw, stamp: raw };
    this.#stamp = Math.max(this.#stamp, raw, stamp + (raw - from));
    return this.#stamp;
  }

  /** What the clock shows, even when it was set back; never more than {@link now}. */
  proposed(): Millis {
    return Math.min(this.now(), this.#raw);
  }
}
