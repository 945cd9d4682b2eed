import { checkTime, type EventHandle, type EventQueue } from './queue.ts';

interface Waiting<T> {
  readonly time: number;
  readonly salt: number;
  readonly seq: number;
  readonly kind: number;
  readonly word: number;
  readonly payload: T;
  cancelled: boolean;
}

function precedes(a: Waiting<unknown>, b: Waiting<unknown>): boolean {
  if (a.time !== b.time) return a.time < b.time;
  return a.salt !== b.salt ? a.salt < b.salt : a.seq < b.seq;
}

/** A binary heap of objects: slow and plain, what the {@link CalendarQueue} is tested and measured against. */
export class HeapQueue<T> implements EventQueue<T> {
  readonly #heap: Waiting<T>[] = [];
  readonly #waiting = new Map<EventHandle, Waiting<T>>();
  #seq = 0;
  time = 0;
  kind = 0;
  word = 0;

  get size(): number {
    return this.#waiting.size;
  }

  push(time: number, salt: number, kind: number, word: number, payload: T): EventHandle {
    checkTime(time, this.time);
    const event = {
      time,
      salt: salt >>> 0,
      seq: this.#seq++,
      kind: kind | 0,
      word: word | 0,
      payload,
      cancelled: false,
    };
    this.#waiting.set(event.seq, event);
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || precedes(parent, event)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
    return event.seq;
  }

  peek(): number {
    while (this.#heap[0]?.cancelled === true) this.#shift();
    return this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  pop(): T | undefined {
    this.peek();
    const event = this.#shift();
    if (event === undefined) return undefined;
    this.#waiting.delete(event.seq);
    this.time = event.time;
    this.kind = event.kind;
    this.word = event.word;
    return event.payload;
  }

  cancel(handle: EventHandle): boolean {
    const event = this.#waiting.get(handle);
    if (event === undefined) return false;
    event.cancelled = true;
    return this.#waiting.delete(handle);
  }

  #shift(): Waiting<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && precedes(right, child)) {
        child = right;
        below++;
      }
      if (precedes(last, child)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
    return first;
  }
}
