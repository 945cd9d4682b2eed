/** Something that will happen at `time` (µs since the world began). Equal times run in the order in which they were scheduled. */
export interface Scheduled {
  readonly time: number;
  readonly seq: number;
  readonly kind: string;
  /** Digest of what the event carries, for the running hash. */
  readonly digest: number;
  readonly run: () => void;
  cancelled: boolean;
}

function precedes(a: Scheduled, b: Scheduled): boolean {
  return a.time < b.time || (a.time === b.time && a.seq < b.seq);
}

/** A binary heap of events by (time, seq). */
export class EventQueue {
  readonly #heap: Scheduled[] = [];

  get size(): number {
    return this.#heap.length;
  }

  peek(): Scheduled | undefined {
    return this.#heap[0];
  }

  push(event: Scheduled): void {
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
  }

  pop(): Scheduled | undefined {
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
