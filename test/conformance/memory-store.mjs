// An ordered store in memory that remembers its batches, so that a test can see what any crash would have left.

/** @typedef {import('@quorate/kernel').Store} Store */
/** @typedef {import('@quorate/kernel').StoreWrite} StoreWrite */

const nameOf = (key) => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, Uint8Array>} */
  #entries = new Map();
  #keep;
  /** Every batch in order. @type {StoreWrite[][]} */
  batches = [];

  /** @param {{ keepBatches?: boolean }} [options] */
  constructor({ keepBatches = false } = {}) {
    this.#keep = keepBatches;
  }

  /** A store on which only these batches became durable. @param {readonly StoreWrite[][]} batches */
  static of(batches) {
    const store = new MemoryStore({ keepBatches: true });
    for (const batch of batches) store.#apply(batch);
    return store;
  }

  /** @param {readonly StoreWrite[]} batch */
  #apply(batch) {
    const copy = batch.map(({ key, value }) => ({ key: Uint8Array.from(key), value: value && Uint8Array.from(value) }));
    if (this.#keep) this.batches.push(copy);
    for (const { key, value } of copy) {
      if (value === null) this.#entries.delete(nameOf(key));
      else this.#entries.set(nameOf(key), value);
    }
  }

  /** Number of entries. */
  get size() {
    return this.#entries.size;
  }

  /** @param {Uint8Array} key @returns {Uint8Array | undefined} */
  get(key) {
    const value = this.#entries.get(nameOf(key));
    return value && Uint8Array.from(value);
  }

  /** @param {{ from?: Uint8Array, to?: Uint8Array, limit?: number, reverse?: boolean }} options
   * @returns {Iterable<readonly [Uint8Array, Uint8Array]>} */
  range({ from, to, limit = Number.POSITIVE_INFINITY, reverse = false }) {
    const [low, high] = [from && nameOf(from), to && nameOf(to)];
    const names = [...this.#entries.keys()].filter((name) => (!low || name >= low) && (!high || name < high)).sort();
    if (reverse) names.reverse();
    return names
      .slice(0, limit)
      .map((name) => [Uint8Array.from(Buffer.from(name, 'latin1')), Uint8Array.from(this.#entries.get(name) ?? [])]);
  }

  /** @param {readonly StoreWrite[]} batch */
  async write(batch) {
    this.#apply(batch);
  }

  async close() {}
}
