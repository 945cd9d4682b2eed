import { compareBytes } from '@quorate/kernel';

/** One entry. The bytes belong to the map. */
export interface Entry {
  readonly key: Uint8Array;
  value: Uint8Array;
  /** The value before the last change: what a stale read would give. */
  previous: Uint8Array | null;
}

const CHUNK = 256;

/** Entries in lexicographic order of their keys, in chunks of at most 256: what a simulated store keeps on its platter. */
export class SortedMap {
  /** Never holds an empty chunk. */
  #chunks: Entry[][] = [];
  #bytes = 0;
  #size = 0;

  /** Bytes of all keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of entries. */
  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.entry(key)?.value;
  }

  entry(key: Uint8Array): Entry | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    if (chunk === undefined) return undefined;
    const entry = chunk[lowerBound(chunk, key)];
    return entry !== undefined && compareBytes(entry.key, key) === 0 ? entry : undefined;
  }

  /** The entry at this place in the order. */
  at(index: number): Entry | undefined {
    let left = index;
    for (const chunk of this.#chunks) {
      if (left < chunk.length) return chunk[left];
      left -= chunk.length;
    }
    return undefined;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([{ key, value, previous: null }]);
      this.#bytes += key.length + value.length;
      this.#size++;
      return;
    }
    const index = lowerBound(chunk, key);
    const present = chunk[index];
    if (present !== undefined && compareBytes(present.key, key) === 0) {
      this.#bytes += value.length - present.value.length;
      present.previous = present.value;
      present.value = value;
      return;
    }
    chunk.splice(index, 0, { key, value, previous: null });
    this.#bytes += key.length + value.length;
    this.#size++;
    if (chunk.length > CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK / 2));
  }

  delete(key: Uint8Array): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = lowerBound(chunk, key);
    const present = chunk[index];
    if (present === undefined || compareBytes(present.key, key) !== 0) return;
    chunk.splice(index, 1);
    this.#bytes -= present.key.length + present.value.length;
    this.#size--;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Entries with `from` <= key < `to`, ascending, or from the end when `reverse`; at most `limit`. */
  range(options: { from?: Uint8Array; to?: Uint8Array; limit?: number; reverse?: boolean }): Entry[] {
    const { from, to, limit = Number.POSITIVE_INFINITY, reverse = false } = options;
    const found: Entry[] = [];
    const edge = reverse ? to : from;
    const step = reverse ? -1 : 1;
    let at = edge === undefined ? (reverse ? this.#chunks.length - 1 : 0) : this.#chunkFor(edge);
    for (; found.length < limit; at += step) {
      const chunk = this.#chunks[at];
      if (chunk === undefined) break;
      const start = from === undefined ? 0 : lowerBound(chunk, from);
      const end = to === undefined ? chunk.length : lowerBound(chunk, to);
      if (start >= end) {
        if (reverse ? start > 0 || end > 0 : end < chunk.length) break;
        continue;
      }
      const count = Math.min(end - start, limit - found.length);
      for (let taken = 0; taken < count; taken++) {
        const entry = chunk[reverse ? end - 1 - taken : start + taken];
        if (entry !== undefined) found.push(entry);
      }
    }
    return found;
  }

  /** A copy that shares no bytes. */
  copy(): SortedMap {
    const copy = new SortedMap();
    for (const { key, value } of this.range({})) copy.set(key.slice(), value.slice());
    return copy;
  }

  /** The last chunk whose first key is not above `key`; the first chunk when there is none. */
  #chunkFor(key: Uint8Array): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const first = this.#chunks[middle]?.[0]?.key;
      if (first !== undefined && compareBytes(first, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first entry whose key is not below `key`. */
function lowerBound(chunk: readonly Entry[], key: Uint8Array): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = chunk[middle];
    if (entry !== undefined && compareBytes(entry.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
