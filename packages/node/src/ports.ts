import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '@quorate/kernel';

/** The machine's clock. Timers run by the monotonic clock, so a clock set back delays none of them. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    after: (delay, callback) => {
      if (delay <= 0) {
        // A timer takes a millisecond at least.
        const turn = setImmediate(callback);
        return () => clearImmediate(turn);
      }
      // The longest delay that a timer of Node takes; a longer one would fire at once.
      const timer = setTimeout(callback, Math.min(delay, 0x7fff_ffff));
      return () => clearTimeout(timer);
    },
  };
}

export function createRandom(): Random {
  return { bytes: (count) => new Uint8Array(randomBytes(count)) };
}
