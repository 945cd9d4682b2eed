import { checkTime, type EventHandle, type EventQueue } from './queue.ts';
import { SlotHeap } from './slot-heap.ts';
import { Slots } from './slots.ts';

/** µs in one bucket: a power of two, so that the division is exact. */
const WIDTH = 64;
/** Buckets of the ring: 4.2 s ahead of the clock; what is later waits in the heap. */
const BUCKETS = 65_536;
const RING = BUCKETS - 1;
const WORDS = BUCKETS / 32;
/** More events than this, and the ring is worth its memory. Fewer lie in the heap, and a world of four nodes never pays for a ring. */
const SMALL = 512;
/** Longer buckets are sorted by merging instead of by insertion. */
const LONG = 48;
/** Cancelled events that may lie about whatever the number of live ones. */
const LITTER = 4096;

const NONE = new Int32Array(0);
const NO_BITS = new Uint32Array(0);

/**
 * A calendar queue (Brown 1988) over typed arrays: unsorted buckets, each sorted when the clock comes to it, and a heap for what lies
 * beyond the ring. Taking an event out costs the same with a thousand waiting as with a hundred thousand.
 */
export class CalendarQueue<T> implements EventQueue<T> {
  readonly #slots = new Slots<T>();
  /** Everything while there is no ring, later what lies beyond it; what is in the ring always comes first. */
  readonly #heap = new SlotHeap(this.#slots);
  /** First slot of each bucket, 0 for none; empty while there is no ring. */
  #heads = NONE;
  /** One bit a bucket: whether it has a slot. */
  #occupied = NO_BITS;
  #listed = 0;
  /** Bucket number of the last time popped: the ring covers BUCKETS from here on. */
  #base = 0;
  /** No bucket before this one has a slot. */
  #cursor = 0;
  /** The bucket that was opened: its slots lie sorted in `#run` from `#start` to `#end`; -1 for none. */
  #open = -1;
  #run = new Int32Array(16);
  #start = 0;
  #end = 0;
  readonly #compare = (a: number, b: number): number => (this.#slots.precedes(a, b) ? -1 : 1);
  time = 0;
  kind = 0;
  word = 0;

  get size(): number {
    return this.#slots.live;
  }

  push(time: number, salt: number, kind: number, word: number, payload: T): EventHandle {
    checkTime(time, this.time);
    const slot = this.#slots.take(time, salt, kind, word, payload);
    if (this.#heads.length > 0) this.#place(slot);
    else {
      this.#heap.push(slot);
      if (this.#slots.live > SMALL) this.#rebuild();
    }
    return this.#slots.handleOf(slot);
  }

  peek(): number {
    const slot = this.#first();
    return slot === 0 ? Number.POSITIVE_INFINITY : (this.#slots.times[slot] ?? 0);
  }

  pop(): T | undefined {
    const slots = this.#slots;
    const slot = this.#first();
    if (slot === 0) return undefined;
    if (this.#start < this.#end) this.#start++;
    else this.#heap.shift();
    this.time = slots.times[slot] ?? 0;
    this.kind = slots.kinds[slot] ?? 0;
    this.word = slots.words[slot] ?? 0;
    const payload = slots.payloads[slot];
    slots.release(slot);
    if (this.#heads.length > 0) this.#advance(Math.floor(this.time / WIDTH));
    return payload;
  }

  cancel(handle: EventHandle): boolean {
    const cancelled = this.#slots.cancel(handle);
    if (cancelled && this.#slots.cancelled > LITTER + this.#slots.live) this.#rebuild();
    return cancelled;
  }

  /** The slot of the next event, opening its bucket; 0 when none waits. Cancelled ones on the way are let go. */
  #first(): number {
    const slots = this.#slots;
    for (;;) {
      for (; this.#start < this.#end; this.#start++) {
        const slot = this.#run[this.#start] ?? 0;
        if (slots.isLive(slot)) return slot;
        slots.release(slot);
      }
      this.#open = -1;
      if (this.#listed > 0) {
        this.#openBucket(this.#nextOccupied());
        continue;
      }
      const slot = this.#heap.top;
      if (slot === 0 || slots.isLive(slot)) return slot;
      this.#heap.shift();
      slots.release(slot);
    }
  }

  #place(slot: number): void {
    const bucket = Math.floor((this.#slots.times[slot] ?? 0) / WIDTH);
    if (bucket >= this.#base + BUCKETS) this.#heap.push(slot);
    else if (bucket === this.#open) this.#insert(slot);
    else {
      // A look ahead opened a later bucket; the events of this one come before.
      if (bucket < this.#open) this.#close();
      this.#list(slot, bucket);
    }
  }

  #list(slot: number, bucket: number): void {
    const at = bucket & RING;
    this.#slots.next[slot] = this.#heads[at] ?? 0;
    this.#heads[at] = slot;
    this.#occupied[at >>> 5] = (this.#occupied[at >>> 5] ?? 0) | (1 << (at & 31));
    this.#listed++;
    if (bucket < this.#cursor) this.#cursor = bucket;
  }

  /** The clock has come to this bucket: what it brought within reach of the ring leaves the heap. */
  #advance(base: number): void {
    if (base === this.#base) return;
    this.#base = base;
    if (this.#cursor < base) this.#cursor = base;
    const horizon = (base + BUCKETS) * WIDTH;
    for (;;) {
      const slot = this.#heap.top;
      const time = this.#slots.times[slot] ?? 0;
      if (slot === 0 || time >= horizon) return;
      this.#heap.shift();
      if (this.#slots.isLive(slot)) this.#place(slot);
      else this.#slots.release(slot);
    }
  }

  /** Number of the first bucket from the cursor on that has a slot; there is one. */
  #nextOccupied(): number {
    const occupied = this.#occupied;
    const from = this.#cursor & RING;
    let index = from >>> 5;
    let word = (occupied[index] ?? 0) & (-1 << (from & 31));
    while (word === 0) {
      index = (index + 1) & (WORDS - 1);
      word = occupied[index] ?? 0;
    }
    const at = (index << 5) + (31 - Math.clz32(word & -word));
    return this.#cursor + ((at - from) & RING);
  }

  #openBucket(bucket: number): void {
    const at = bucket & RING;
    let count = 0;
    for (let slot = this.#heads[at] ?? 0; slot !== 0; slot = this.#slots.next[slot] ?? 0) {
      if (count === this.#run.length) this.#growRun();
      this.#run[count++] = slot;
    }
    this.#heads[at] = 0;
    this.#occupied[at >>> 5] = (this.#occupied[at >>> 5] ?? 0) & ~(1 << (at & 31));
    this.#listed -= count;
    this.#cursor = bucket;
    this.#open = bucket;
    this.#start = 0;
    this.#end = count;
    this.#sort(count);
  }

  /** A bucket is listed last in, first out: turned about, it is nearly in order. */
  #sort(count: number): void {
    const run = this.#run;
    const slots = this.#slots;
    for (let i = 0, j = count - 1; i < j; i++, j--) {
      const slot = run[i] ?? 0;
      run[i] = run[j] ?? 0;
      run[j] = slot;
    }
    if (count > LONG) {
      run.subarray(0, count).sort(this.#compare);
      return;
    }
    for (let i = 1; i < count; i++) {
      const slot = run[i] ?? 0;
      let j = i;
      for (; j > 0 && slots.precedes(slot, run[j - 1] ?? 0); j--) run[j] = run[j - 1] ?? 0;
      run[j] = slot;
    }
  }

  /** Puts a slot into the open run, where it belongs. */
  #insert(slot: number): void {
    if (this.#end === this.#run.length) {
      if (this.#start > this.#end >> 1) {
        this.#run.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        this.#start = 0;
      } else this.#growRun();
    }
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots.precedes(slot, this.#run[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    if (low < this.#end) this.#run.copyWithin(low + 1, low, this.#end);
    this.#run[low] = slot;
    this.#end++;
  }

  #growRun(): void {
    const larger = new Int32Array(2 * this.#run.length);
    larger.set(this.#run);
    this.#run = larger;
  }

  #close(): void {
    const bucket = this.#open;
    this.#open = -1;
    // Backwards, so that a bucket opened again is nearly in order again.
    for (let i = this.#start; i < this.#end; i++) this.#list(this.#run[i] ?? 0, bucket);
    this.#start = 0;
    this.#end = 0;
  }

  /** Lays out every event anew, with a ring when there are many, and frees the slots of the cancelled ones. */
  #rebuild(): void {
    const slots = this.#slots;
    const ring = this.#heads.length > 0 || slots.live > SMALL;
    if (ring) {
      this.#heads = new Int32Array(BUCKETS);
      this.#occupied = new Uint32Array(WORDS);
    }
    this.#heap.clear();
    this.#listed = 0;
    this.#base = Math.floor(this.time / WIDTH);
    this.#cursor = this.#base;
    this.#open = -1;
    this.#start = 0;
    this.#end = 0;
    for (let slot = 1; slot < slots.used; slot++) {
      if (slots.isCancelled(slot)) slots.release(slot);
      else if (!slots.isLive(slot)) continue;
      else if (ring) this.#place(slot);
      else this.#heap.push(slot);
    }
  }
}
