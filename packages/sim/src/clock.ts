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
  readonly #drift: number;
  #offset: Millis;

  constructor(world: World, { offset = 0, drift = 0 }: ClockOptions = {}) {
    if (!(drift > -1)) throw new RangeError('a clock does not run backwards');
    this.#world = world;
    this.#offset = offset;
    this.#drift = drift;
  }

  now(): Millis {
    return Math.floor(this.#world.start + this.#world.elapsed * (1 + this.#drift) + this.#offset);
  }

  /** Sets the wall clock forward, or back when negative. */
  jump(ms: Millis): void {
    this.#offset += ms;
  }

  /** The port of one life of the machine. */
  port(life: Incarnation): Clock {
    return {
      now: () => this.now(),
      after: (delay, callback) => life.schedule(Math.max(0, delay) / (1 + this.#drift), 'timer', callback),
    };
  }
}
