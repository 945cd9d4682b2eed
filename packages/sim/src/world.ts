import type { Millis } from '@quorate/kernel';
import { EventQueue, type Scheduled } from './queue.ts';
import { digestBytes, digestText, Stream } from './random.ts';

/** The host's own macrotask, taken once: tests that replace the globals do not stop the world. */
const hostImmediate = setImmediate;

export interface WorldOptions {
  /** Everything random in the world follows from it. */
  readonly seed: number;
  /** Unix ms at which the world begins. */
  readonly start?: Millis;
}

/** Why a run came back. */
export type RunEnd = 'idle' | 'until' | 'events';

/**
 * A virtual clock and the queue of everything that will happen. Events run one at a time; after each, every microtask that
 * it set off has run before the next begins, so that promise-based code above the ports is deterministic. Such code must
 * wait for nothing but the ports: a real timer or real I/O inside a world is a mistake, not a feature.
 */
export class World {
  readonly seed: number;
  readonly start: Millis;
  readonly #queue = new EventQueue();
  readonly #streams = new Map<string, Stream>();
  readonly #kinds = new Map<string, number>();
  #micros = 0;
  #seq = 0;
  #events = 0;
  #high = 0x811c_9dc5;
  #low = 0x9e37_79b9;
  #running = false;

  constructor({ seed, start = 1_750_000_000_000 }: WorldOptions) {
    this.seed = seed;
    this.start = start;
  }

  /** Virtual ms since the world began; may have a fraction. */
  get elapsed(): number {
    return this.#micros / 1000;
  }

  /** True time: Unix ms, with a fraction. A node reads its own clock instead. */
  get time(): number {
    return this.start + this.elapsed;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** Events that wait, cancelled ones included. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Running hash of every event and note so far: equal for equal seeds and equal code, 16 hexadecimal characters. */
  get hash(): string {
    return [this.#high, this.#low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** The random stream of this name; the same one each time. */
  stream(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream = Stream.named(this.seed, name);
    this.#streams.set(name, stream);
    return stream;
  }

  /** Runs `run` once, `delay` ms from now (0: after the events already due). The returned function cancels it. */
  schedule(delay: number, kind: string, run: () => void, digest = 0): () => void {
    if (!(delay >= 0)) throw new RangeError(`an event cannot happen ${delay} ms from now`);
    const event: Scheduled = {
      time: this.#micros + Math.round(delay * 1000),
      seq: this.#seq++,
      kind,
      digest,
      run,
      cancelled: false,
    };
    this.#queue.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Makes an observation part of the running hash. */
  note(kind: string, what: number | string | Uint8Array): void {
    const digest = typeof what === 'number' ? what : typeof what === 'string' ? digestText(what) : digestBytes(what);
    this.#mix(this.#kindOf(kind));
    this.#mix(digest);
  }

  /** Runs events in order until none is left, `until` (virtual ms since the beginning) is reached, or `maxEvents` have run. */
  async run({ until = Number.POSITIVE_INFINITY, maxEvents = Number.POSITIVE_INFINITY } = {}): Promise<RunEnd> {
    let end: RunEnd = 'events';
    await this.#drive(until, maxEvents, (reason) => {
      if (reason !== null) end = reason;
      return false;
    });
    return end;
  }

  /** Runs for this many virtual ms. */
  async runFor(ms: number): Promise<RunEnd> {
    return this.run({ until: this.elapsed + ms });
  }

  /** Runs until `predicate` holds, asked after every event; `false` when it never does within `limit` virtual ms from now. */
  async runUntil(predicate: () => boolean, limit = 60_000): Promise<boolean> {
    await settle();
    if (predicate()) return true;
    let held = false;
    await this.#drive(this.elapsed + limit, Number.POSITIVE_INFINITY, (reason) => {
      if (reason !== null) return false;
      held = predicate();
      return held;
    });
    return held;
  }

  /** Runs until `promise` settles and gives its outcome. Throws when it has not settled within `limit` virtual ms. */
  async complete<T>(promise: Promise<T>, limit = 60_000): Promise<T> {
    let settled = false;
    const watch = (): void => {
      settled = true;
    };
    promise.then(watch, watch);
    if (!(await this.runUntil(() => settled, limit))) {
      throw new Error(`a promise did not settle within ${limit} virtual ms (seed ${this.seed})`);
    }
    return promise;
  }

  async #drive(until: number, maxEvents: number, after: (reason: RunEnd | null) => boolean): Promise<void> {
    if (this.#running) throw new Error('the world is already running: await one run before the next');
    this.#running = true;
    try {
      await settle();
      for (let left = maxEvents; left > 0; ) {
        const next = this.#queue.peek();
        if (next === undefined || next.time > until * 1000) {
          if (Number.isFinite(until)) this.#micros = Math.max(this.#micros, Math.round(until * 1000));
          after(next === undefined ? 'idle' : 'until');
          return;
        }
        this.#queue.pop();
        if (next.cancelled) continue;
        left--;
        this.#micros = next.time;
        this.#events++;
        this.#mix(next.time);
        this.#mix(Math.floor(next.time / 0x1_0000_0000) ^ this.#kindOf(next.kind));
        this.#mix(next.digest);
        next.run();
        await settle();
        if (after(null)) return;
      }
    } finally {
      this.#running = false;
    }
  }

  #kindOf(kind: string): number {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const digest = digestText(kind);
    this.#kinds.set(kind, digest);
    return digest;
  }

  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x0100_0193);
    this.#low = Math.imul((this.#low ^ (word >>> 3)) + this.#high, 0x85eb_ca6b);
    this.#low ^= this.#low >>> 13;
  }
}

/** Comes back when every microtask that could run has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    hostImmediate(resolve);
  });
}
