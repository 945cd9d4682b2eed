import type { Millis } from '@quorate/kernel';
import { Decisions } from './decisions.ts';
import { CalendarQueue } from './queue/calendar.ts';
import { Draws, digestBytes, digestText, Stream, saltOf } from './random.ts';
import { turns } from './turns.ts';

/** What an observer sees of one event, before it runs. */
export interface WorldEvent {
  /** µs since the world began. */
  readonly time: number;
  readonly kind: string;
  readonly digest: number;
}

export interface WorldOptions {
  /** Everything random in the world follows from it. */
  readonly seed: number;
  /** Unix ms at which the world begins. */
  readonly start?: Millis;
  /** Where faults come from; drawn from the seed unless told otherwise. */
  readonly decisions?: Decisions;
  /**
   * The order of events of one microsecond. `fifo` (the default): as scheduled. `seeded`: lanes in an order that the seed draws anew
   * for each microsecond, and within a lane as scheduled. Everything of one machine is one lane: its disk, its timers and what
   * arrives at it keep their order, so that a link stays first in, first out, while machines overtake each other.
   */
  readonly ties?: 'fifo' | 'seeded';
  /** Sees every event; for finding the first at which two runs differ. */
  readonly observer?: (event: WorldEvent) => void;
}

/** Why a run came back. */
export type RunEnd = 'idle' | 'until' | 'events';

/**
 * A virtual clock and the queue of everything that will happen. Events run one at a time; after each, every microtask that
 * it set off has run before the next begins, so that promise-based code above the ports is deterministic. Such code must
 * wait for nothing but the ports: real I/O inside a world is a mistake, and real time, timers and randomness throw
 * `Nondeterminism`, which ends the run even if the caller swallows it.
 */
export class World {
  readonly seed: number;
  readonly start: Millis;
  /** Every fault of this world is asked for here. */
  readonly decisions: Decisions;
  readonly #draws = new Map<string, Draws>();
  readonly #queue = new CalendarQueue<() => void>();
  readonly #streams = new Map<string, Stream>();
  readonly #kinds = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #seeded: boolean;
  readonly #observer: ((event: WorldEvent) => void) | null;
  #micros = 0;
  #events = 0;
  #high = 0x811c_9dc5;
  #low = 0x9e37_79b9;
  #running = false;

  constructor({ seed, start = 1_750_000_000_000, decisions, ties = 'fifo', observer }: WorldOptions) {
    this.seed = seed;
    this.start = start;
    this.decisions = decisions ?? Decisions.drawn();
    this.#seeded = ties === 'seeded';
    this.#observer = observer ?? null;
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

  /** Events that wait, cancelled ones left out. */
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

  /**
   * What is random and no fault (usual latency, jitter, disk time), by counter: the next number of `domain`, uniform in [0, 1). It
   * depends on (seed, domain, how often this domain was asked) alone.
   */
  draw(domain: string): number {
    return this.draws(domain).next();
  }

  /** The counter behind {@link draw}, for those who draw often or name the index themselves; the same one each time. */
  draws(domain: string): Draws {
    const known = this.#draws.get(domain);
    if (known !== undefined) return known;
    const draws = new Draws(this.seed, domain);
    this.#draws.set(domain, draws);
    return draws;
  }

  /**
   * Runs `run` once, `delay` ms from now (0: after the events already due, when ties are `fifo`). The returned function cancels it.
   * `digest` stands for what the event carries, in the running hash. Events of one `lane` keep their order whatever the ties.
   */
  schedule(delay: number, kind: string, run: () => void, digest = 0, lane = 0): () => void {
    if (!(delay >= 0)) throw new RangeError(`an event cannot happen ${delay} ms from now`);
    const time = this.#micros + Math.round(delay * 1000);
    const salt = this.#seeded ? saltOf(this.seed, lane, time) : 0;
    const queue = this.#queue;
    const handle = queue.push(time, salt, this.#kindOf(kind), digest, run);
    return () => {
      queue.cancel(handle);
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
      if (reason === 'idle' || reason === 'until') end = reason;
      return false;
    });
    return end;
  }

  /** Runs for this many virtual ms. */
  async runFor(ms: number): Promise<RunEnd> {
    return this.run({ until: this.elapsed + ms });
  }

  /** Runs until `predicate` holds, asked first and after every event; `false` when it never does within `limit` virtual ms from now. */
  async runUntil(predicate: () => boolean, limit = 60_000): Promise<boolean> {
    let held = false;
    await this.#drive(this.elapsed + limit, Number.POSITIVE_INFINITY, (reason) => {
      if (reason === null || reason === 'begun') held = predicate();
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

  /** `after` hears `begun` once, then `null` after every event or why there is none to run; it says whether to stop. */
  async #drive(until: number, maxEvents: number, after: (reason: RunEnd | 'begun' | null) => boolean): Promise<void> {
    if (this.#running) throw new Error('the world is already running: await one run before the next');
    this.#running = true;
    const limit = until * 1000;
    let left = maxEvents;
    let reason: 'begun' | null = 'begun';
    try {
      await turns(() => {
        if (after(reason) || left <= 0) return false;
        reason = null;
        const time = this.#queue.peek();
        if (time > limit || time === Number.POSITIVE_INFINITY) {
          if (Number.isFinite(limit)) this.#micros = Math.max(this.#micros, Math.round(limit));
          after(time === Number.POSITIVE_INFINITY ? 'idle' : 'until');
          return false;
        }
        left--;
        this.#step(time);
        return true;
      });
    } finally {
      this.#running = false;
    }
  }

  #step(time: number): void {
    const queue = this.#queue;
    const run = queue.pop();
    this.#micros = time;
    this.#events++;
    this.#mix(time);
    this.#mix(Math.floor(time / 0x1_0000_0000) ^ queue.kind);
    this.#mix(queue.word);
    this.#observer?.({ time, kind: this.#names.get(queue.kind) ?? '', digest: queue.word >>> 0 });
    run?.();
  }

  #kindOf(kind: string): number {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const digest = digestText(kind) | 0;
    this.#kinds.set(kind, digest);
    this.#names.set(digest, kind);
    return digest;
  }

  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x0100_0193);
    this.#low = Math.imul((this.#low ^ (word >>> 3)) + this.#high, 0x85eb_ca6b);
    this.#low ^= this.#low >>> 13;
  }
}
