import { Guard } from './guards.ts';

/** The host's own functions, taken once: guards and tests that replace the globals do not stop the world. */
const hostImmediate = setImmediate;
const hostTick = process.nextTick;
const drained = Promise.resolve();

/** Turns between two looks at the host's own work: its timers, its sockets, a signal to stop. */
const SLICE = 1024;

/**
 * Calls `turn` until it returns `false`, behind the guards, and lets every microtask that a call set off run before the next call.
 * Node runs a tick only when no microtask is left, so a tick is what lies between two calls; a macrotask would do the same at
 * ten times the price. Ticks that the program itself asks for have their turn too. Rejects with what `turn` throws.
 */
export function turns(turn: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let guard = new Guard();
    let left = SLICE;
    const tick = (): void => hostTick(next);
    // From a microtask: a tick asked for by a tick would run before the microtasks.
    const again = (): void => void drained.then(tick);
    const next = (): void => {
      if (guard.ticked()) {
        again();
        return;
      }
      try {
        guard.check();
        if (left > 0) {
          left--;
          if (turn()) again();
          else end(resolve);
          return;
        }
      } catch (error) {
        end(() => reject(error));
        return;
      }
      guard.leave();
      hostImmediate(() => {
        guard = new Guard();
        left = SLICE;
        next();
      });
    };
    const end = (settle: () => void): void => {
      guard.leave();
      settle();
    };
    again();
  });
}
