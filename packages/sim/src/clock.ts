import type { Clock, Millis } from '@quorate/kernel';
import type { Incarnation } from './incarnation.ts';
import type { World } from './world.ts';

export interface ClockOptions {
  /** Ms by which the wall clock is ahead of true time. */
  readonly offset?: Millis;
  /** Fraction by which it runs fast: 0.01 gains 10 ms a second. */
  readonly drift?: number;
}

/** The wall clock of one machine: wrong by an offset, a drift and jumps. Timers follow the drift but not the jumps, as monotonic ones do. */
export class SimulatedClock {
  readonly #world: World;
  #drift: number;
  /** Ms by which it is ahead of true time, without what it gains by drifting from {@link #since} on. */
  #offset: Millis;
  #since = 0;

  constructor(world: World, { offset = 0, drift = 0 }: ClockOptions = {}) {
    checkDrift(drift);
    this.#world = world;
    this.#offset = offset;
    this.#drift = drift;
  }

  now(): Millis {
    const { start, elapsed } = this.#world;
    return Math.floor(start + elapsed + (elapsed - this.#since) * this.#drift + this.#offset);
  }

  /** Ms by which it is ahead of true time now. */
  get error(): Millis {
    return this.#offset + (this.#world.elapsed - this.#since) * this.#drift;
  }

  get drift(): number {
    return this.#drift;
  }

  /** Sets the wall clock forward, or back when negative. */
  jump(ms: Millis): void {
    this.#offset += ms;
  }

  /** Runs this fraction fast from now on, slow when negative. Timers that are set already keep their time. Throws `RangeError` at -1 or less. */
  runFast(drift: number): void {
    checkDrift(drift);
    this.#offset = this.error;
    this.#since = this.#world.elapsed;
    this.#drift = drift;
  }

  /** Right and steady again. */
  mend(): void {
    this.runFast(0);
    this.#offset = 0;
  }

  /** The port of one life of the machine. */
  port(life: Incarnation): Clock {
    return {
      now: () => this.now(),
      after: (delay, callback) => life.schedule(Math.max(0, delay) / (1 + this.#drift), 'timer', callback),
    };
  }
}

function checkDrift(drift: number): void {
  if (!(drift > -1)) throw new RangeError('a clock does not run backwards');
}
