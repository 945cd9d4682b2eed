import type { Ref } from './pages.ts';

/**
 * The pages in memory that a store has as well, in the order in which they came. The oldest go first; one
 * that was used since the last pass gets a second chance. What went is read again when it is needed.
 */
export class PageCache {
  readonly #capacity: number;
  #refs: Ref[] = [];

  /** `capacity` in pages. */
  constructor(options: { readonly capacity: number }) {
    this.#capacity = options.capacity;
  }

  /** Pages that are accounted for. */
  get size(): number {
    return this.#refs.length;
  }

  /** Takes a page in that was loaded or saved a moment ago; it stays until a {@link trim}. */
  add(ref: Ref): void {
    this.#refs.push(ref);
  }

  /** Leaves `capacity` pages when there are more than `slack` times as many; a pass costs as much as there are pages. */
  trim(slack = 1): void {
    const capacity = this.#capacity;
    if (this.#refs.length <= slack * capacity) return;
    const kept: Ref[] = [];
    let excess = this.#refs.length - capacity;
    for (const ref of this.#refs) {
      if (ref.page === null) excess--;
      else if (excess > 0 && !ref.hot) {
        ref.page = null;
        excess--;
      } else kept.push(ref);
      ref.hot = false;
    }
    if (excess > 0) for (const ref of kept.splice(0, excess)) ref.page = null;
    this.#refs = kept;
  }
}
