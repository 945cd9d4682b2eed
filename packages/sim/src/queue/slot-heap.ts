import type { Slots } from './slots.ts';

const FIRST_CAPACITY = 16;

/** A heap of slots with four children a node: shallower than a binary one, and the four lie side by side. */
export class SlotHeap {
  readonly #slots: Slots<unknown>;
  #heap = new Int32Array(FIRST_CAPACITY);
  #size = 0;

  constructor(slots: Slots<unknown>) {
    this.#slots = slots;
  }

  /** The first slot; 0 when the heap is empty. */
  get top(): number {
    return this.#size === 0 ? 0 : (this.#heap[0] ?? 0);
  }

  clear(): void {
    this.#size = 0;
  }

  push(slot: number): void {
    if (this.#size === this.#heap.length) {
      const larger = new Int32Array(2 * this.#size);
      larger.set(this.#heap);
      this.#heap = larger;
    }
    const heap = this.#heap;
    const slots = this.#slots;
    let index = this.#size++;
    while (index > 0) {
      const above = (index - 1) >> 2;
      const parent = heap[above] ?? 0;
      if (slots.precedes(parent, slot)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = slot;
  }

  /** Takes the first slot away. */
  shift(): void {
    if (this.#size === 0) return;
    const heap = this.#heap;
    const slots = this.#slots;
    const size = --this.#size;
    const last = heap[size] ?? 0;
    let index = 0;
    for (;;) {
      const first = 4 * index + 1;
      if (first >= size) break;
      let best = first;
      let child = heap[first] ?? 0;
      const end = Math.min(first + 4, size);
      for (let other = first + 1; other < end; other++) {
        const candidate = heap[other] ?? 0;
        if (!slots.precedes(candidate, child)) continue;
        child = candidate;
        best = other;
      }
      if (slots.precedes(last, child)) break;
      heap[index] = child;
      index = best;
    }
    heap[index] = last;
  }
}
