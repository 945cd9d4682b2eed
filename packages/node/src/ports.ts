import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '@quorate/kernel';

/** The machine's clock. Timers run by the monotonic clock, so a clock set back delays none of them. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    after: (delay, callback) => {
      // The longest delay that a timer of Node takes; a longer one would fire at once.
      const timer = setTimeout(callback, Math.min(Math.max(0, delay), 0x7fff_ffff));
      return () => clearTimeout(timer);
    },
  };
}

export function createRandom(): Random {
  return { bytes: (count) => new Uint8Array(randomBytes(count)) };
}
