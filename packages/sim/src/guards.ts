import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';

/** Something inside a world asked the real machine for the time, a timer or randomness: the run could not be repeated. */
export class Nondeterminism extends Error {
  override readonly name = 'Nondeterminism';
  /** What was called. */
  readonly called: string;

  constructor(called: string, instead: string) {
    super(`${called} was called inside a simulated world, where a run must follow from its seed alone: use ${instead}`);
    this.called = called;
  }
}

const NOW = 'now() of the clock port';
const AFTER = 'after() of the clock port';
const RANDOM = 'the random port';

type Forbidden = readonly [holder: object, key: string, called: string, instead: string];

/** What throws inside a run. Whoever took one of these before the run, by destructuring a global for instance, is not seen. */
const FORBIDDEN: readonly Forbidden[] = [
  [Math, 'random', 'Math.random()', RANDOM],
  [performance, 'now', 'performance.now()', NOW],
  ...[globalThis, timers].flatMap((holder) =>
    ['setTimeout', 'setInterval', 'setImmediate'].map((key): Forbidden => [holder, key, `${key}()`, AFTER]),
  ),
  ...['getRandomValues', 'randomUUID'].map((key): Forbidden => [globalThis.crypto, key, `crypto.${key}()`, RANDOM]),
  // Its getRandomValues is the one of the global.
  ...['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID'].map(
    (key): Forbidden => [crypto, key, `${key}() of node:crypto`, RANDOM],
  ),
];

const hostTick = process.nextTick;

/** What a replaced property was, and on which object. */
interface Saved {
  readonly holder: object;
  readonly key: string;
  readonly descriptor: PropertyDescriptor;
}

let depth = 0;
let ticks = 0;
let breaches = 0;
let latest: Nondeterminism | null = null;
let saved: Saved[] = [];

function breach(called: string, instead: string): never {
  breaches++;
  latest = new Nondeterminism(called, instead);
  throw latest;
}

/** Replaces a property where it is defined, be that a prototype. */
function replace(holder: object, key: string, value: unknown): void {
  for (let owner: object | null = holder; owner !== null; owner = Object.getPrototypeOf(owner)) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key);
    if (descriptor === undefined) continue;
    saved.push({ holder: owner, key, descriptor });
    const enumerable = descriptor.enumerable === true;
    Object.defineProperty(owner, key, { configurable: true, enumerable, writable: true, value });
    return;
  }
}

/** `Date` as it is, but for the present time. A given time may be read, computed with and written as anywhere. */
function timelessDate(real: DateConstructor): DateConstructor {
  const now = (): never => breach('Date.now()', NOW);
  return new Proxy(real, {
    construct: (target, args, newTarget) =>
      args.length === 0 ? breach('new Date()', NOW) : Reflect.construct(target, args, newTarget),
    apply: () => breach('Date()', NOW),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
}

/** Counts the ticks that a program asks for, so that a world can wait for them; asking is allowed. */
function countedTick(callback: (...args: unknown[]) => void, ...args: unknown[]): void {
  ticks++;
  hostTick(callback, ...args);
}

function install(): void {
  for (const [holder, key, called, instead] of FORBIDDEN) replace(holder, key, () => breach(called, instead));
  const hrtime = (): never => breach('process.hrtime()', NOW);
  replace(process, 'hrtime', Object.assign(hrtime, { bigint: hrtime }));
  replace(globalThis, 'Date', timelessDate(Date));
  replace(process, 'nextTick', countedTick);
  syncBuiltinESMExports(); // named imports of node:crypto and node:timers follow
}

function restore(): void {
  for (const { holder, key, descriptor } of saved.reverse()) Object.defineProperty(holder, key, descriptor);
  saved = [];
  syncBuiltinESMExports();
}

/** A stay behind the guards. The last one out, of all worlds that run at once, gives the globals back. */
export class Guard {
  readonly #breaches: number;
  #ticks = ticks;
  #inside = true;

  /** Enters: from here on the globals of time and randomness throw {@link Nondeterminism}. */
  constructor() {
    if (depth++ === 0) install();
    this.#breaches = breaches;
  }

  /** Throws when anything was called that may not be, even if the caller swallowed the error. */
  check(): void {
    if (breaches > this.#breaches && latest !== null) throw latest;
  }

  /** Whether `process.nextTick` was called since the last question. */
  ticked(): boolean {
    // Whoever replaces it for a while, as a test runner does, puts the host's back.
    if (process.nextTick !== countedTick) process.nextTick = countedTick;
    if (this.#ticks === ticks) return false;
    this.#ticks = ticks;
    return true;
  }

  leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    if (--depth === 0) restore();
  }
}

/**
 * Runs with the globals that break determinism replaced: `Date` without arguments, `Math.random`, real timers, `performance.now`,
 * `process.hrtime` and the randomness of `crypto` throw {@link Nondeterminism}. A world does this by itself while its events run;
 * this is for engines that run without one. Everything on this thread is meant until the promise settles, the caller's other work included.
 */
export async function guarded<T>(run: () => T | Promise<T>): Promise<T> {
  const guard = new Guard();
  try {
    const result = await run();
    guard.check();
    return result;
  } finally {
    guard.leave();
  }
}
