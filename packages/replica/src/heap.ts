/** A binary heap: whatever comes before everything else is popped first. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  /** Adds without ordering: call {@link order} before the next pop. */
  append(item: T): void {
    this.#items.push(item);
  }

  /** Orders everything that was appended, in linear time. */
  order(): void {
    for (let index = (this.#items.length >> 1) - 1; index >= 0; index--) {
      const item = this.#items[index];
      if (item !== undefined) this.#sink(index, item);
    }
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(0, last);
    return first;
  }

  #rise(from: number, item: T): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#items[index] = parent;
      index = above;
    }
    this.#items[index] = item;
  }

  #sink(from: number, item: T): void {
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      let child = this.#items[below];
      if (child === undefined) break;
      const right = this.#items[below + 1];
      if (right !== undefined && this.#before(right, child)) {
        child = right;
        below++;
      }
      if (!this.#before(child, item)) break;
      this.#items[index] = child;
      index = below;
    }
    this.#items[index] = item;
  }
}
