import type { EventHandle } from './queue.ts';

/** A handle is generation × this + slot: 2^24 slots, 2^29 generations each. */
const HANDLE = 0x100_0000;
const FIRST_CAPACITY = 64;

const FREE = 0;
const LIVE = 1;
const CANCELLED = 2;

/** Bytes of one slot over all columns. */
const SLOT_BYTES = 37;

interface Columns {
  readonly times: Float64Array;
  readonly seqs: Float64Array;
  readonly salts: Uint32Array;
  readonly kinds: Int32Array;
  readonly words: Int32Array;
  readonly next: Int32Array;
  readonly generations: Int32Array;
  readonly states: Uint8Array;
}

/** All columns in one piece of memory: a world of a few events is made in a microsecond. */
function columnsOf(capacity: number): Columns {
  const buffer = new ArrayBuffer(SLOT_BYTES * capacity);
  return {
    times: new Float64Array(buffer, 0, capacity),
    seqs: new Float64Array(buffer, 8 * capacity, capacity),
    salts: new Uint32Array(buffer, 16 * capacity, capacity),
    kinds: new Int32Array(buffer, 20 * capacity, capacity),
    words: new Int32Array(buffer, 24 * capacity, capacity),
    next: new Int32Array(buffer, 28 * capacity, capacity),
    generations: new Int32Array(buffer, 32 * capacity, capacity),
    states: new Uint8Array(buffer, 36 * capacity, capacity),
  };
}

/**
 * The events of a queue, one a slot, a column for each field: no object an event, and a slot is used again once its event is gone.
 * Slot 0 is never used, so that 0 means "none" in columns of slots.
 */
export class Slots<T> {
  times: Float64Array;
  kinds: Int32Array;
  words: Int32Array;
  /** The next slot of the same list: a bucket, or the free ones. */
  next: Int32Array;
  readonly payloads: (T | undefined)[] = [undefined];
  #seqs: Float64Array;
  #salts: Uint32Array;
  #generations: Int32Array;
  #states: Uint8Array;
  #free = 0;
  #used = 1;
  #seq = 0;
  #live = 0;
  #cancelled = 0;

  constructor() {
    const columns = columnsOf(FIRST_CAPACITY);
    this.times = columns.times;
    this.kinds = columns.kinds;
    this.words = columns.words;
    this.next = columns.next;
    this.#seqs = columns.seqs;
    this.#salts = columns.salts;
    this.#generations = columns.generations;
    this.#states = columns.states;
  }

  /** Events that wait. */
  get live(): number {
    return this.#live;
  }

  /** Slots of cancelled events that are not free yet. */
  get cancelled(): number {
    return this.#cancelled;
  }

  /** One more than the highest slot ever used. */
  get used(): number {
    return this.#used;
  }

  take(time: number, salt: number, kind: number, word: number, payload: T): number {
    let slot = this.#free;
    if (slot !== 0) {
      this.#free = this.next[slot] ?? 0;
      this.payloads[slot] = payload;
    } else {
      slot = this.#used++;
      if (slot === this.times.length) this.#grow();
      this.payloads.push(payload);
    }
    this.times[slot] = time;
    this.#seqs[slot] = this.#seq++;
    this.#salts[slot] = salt;
    this.kinds[slot] = kind;
    this.words[slot] = word;
    this.#states[slot] = LIVE;
    this.#live++;
    return slot;
  }

  handleOf(slot: number): EventHandle {
    return (this.#generations[slot] ?? 0) * HANDLE + slot;
  }

  /** Marks the event as one that never happens; its slot stays where the queue has it until the queue comes upon it. */
  cancel(handle: EventHandle): boolean {
    const slot = handle % HANDLE;
    if (this.#states[slot] !== LIVE || this.handleOf(slot) !== handle) return false;
    this.#states[slot] = CANCELLED;
    this.payloads[slot] = undefined;
    this.#live--;
    this.#cancelled++;
    return true;
  }

  isLive(slot: number): boolean {
    return this.#states[slot] === LIVE;
  }

  isCancelled(slot: number): boolean {
    return this.#states[slot] === CANCELLED;
  }

  release(slot: number): void {
    if (this.#states[slot] === LIVE) this.#live--;
    else this.#cancelled--;
    this.#states[slot] = FREE;
    this.#generations[slot] = ((this.#generations[slot] ?? 0) + 1) & 0x1fff_ffff;
    this.payloads[slot] = undefined;
    this.next[slot] = this.#free;
    this.#free = slot;
  }

  /** Whether the event of `a` comes before that of `b`. */
  precedes(a: number, b: number): boolean {
    const timeA = this.times[a] ?? 0;
    const timeB = this.times[b] ?? 0;
    if (timeA !== timeB) return timeA < timeB;
    const saltA = this.#salts[a] ?? 0;
    const saltB = this.#salts[b] ?? 0;
    return saltA !== saltB ? saltA < saltB : (this.#seqs[a] ?? 0) < (this.#seqs[b] ?? 0);
  }

  #grow(): void {
    const capacity = 2 * this.times.length;
    if (capacity > HANDLE) throw new RangeError(`a queue holds at most ${HANDLE - 1} events`);
    const { times, seqs, salts, kinds, words, next, generations, states } = columnsOf(capacity);
    this.times = copied(times, this.times);
    this.kinds = copied(kinds, this.kinds);
    this.words = copied(words, this.words);
    this.next = copied(next, this.next);
    this.#seqs = copied(seqs, this.#seqs);
    this.#salts = copied(salts, this.#salts);
    this.#generations = copied(generations, this.#generations);
    this.#states = copied(states, this.#states);
  }
}

function copied<A extends { set(from: A): void }>(to: A, from: A): A {
  to.set(from);
  return to;
}
