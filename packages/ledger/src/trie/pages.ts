import { type Hash, QuorateError, Reader, Writer } from '@quorate/kernel';

/**
 * The state trie is kept in pages: a *bucket* holds up to 32 entries that share a prefix, a *branch* the sixteen prefixes
 * that are one nibble longer. Pages are a matter of storage only: the digests in them are those of the binary Patricia trie
 * (see `StateProof` in @quorate/crypto), so the root does not depend on how entries are spread over pages.
 * Pages are immutable once built; a new version of the state shares every page that did not change.
 */
export type Page = Bucket | Branch;

/** A place in the tree where a page hangs. `page` is null while only the store holds it. */
export class Ref {
  page: Page | null;
  /** Height of the checkpoint that stored the page; -1 while no store has it. */
  version: number;
  /** Whether it was used since the page cache last passed by. */
  hot = true;

  constructor(page: Page | null, version: number) {
    this.page = page;
    this.version = version;
  }
}

/** Most entries in one bucket: their marks fit into one 32-bit integer. */
export const BUCKET_ENTRIES = 32;
/** Bits that a branch resolves. */
export const BRANCH_BITS = 4;
/** Bytes of the largest value. */
export const MAX_VALUE_BYTES = 64 << 10;

/** Changes of the state, sorted by key digest without repetition; a null value removes the entry. */
export interface Changes {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly (Uint8Array | null)[];
}

/** Digests of leaves and nodes, written in place without a copy per call. */
export class NodeHasher {
  readonly #hash: Hash;
  readonly #leaf = new Uint8Array(65);
  readonly #node = new Uint8Array(66);

  constructor(hash: Hash) {
    this.#hash = hash;
    this.#node[0] = 1;
  }

  leaf(key: Uint8Array, value: Uint8Array, to: Uint8Array, at: number): void {
    this.#leaf.set(key, 1);
    this.#leaf.set(this.#hash(value), 33);
    to.set(this.#hash(this.#leaf), at);
  }

  /** The node over the digests at `left` and `right` in `digests`, written to `at`. */
  node(bit: number, digests: Uint8Array, left: number, right: number, at: number): void {
    const input = this.#node;
    input[1] = bit;
    for (let i = 0; i < 32; i++) {
      input[2 + i] = digests[left + i] as number;
      input[34 + i] = digests[right + i] as number;
    }
    digests.set(this.#hash(input), at);
  }
}

/** The nibble of a key digest at bit `depth`. */
export function nibbleAt(key: Uint8Array, depth: number): number {
  const byte = key[depth >> 3] as number;
  return (depth & 4) === 0 ? byte >> 4 : byte & 15;
}

/** A bit of a key digest, 0 to 255, the most significant bit of the first byte first. */
export function bitAt(key: Uint8Array, bit: number): number {
  return ((key[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}

/** Order of key `a` and the key at `offset` in `keys`. */
function compareAt(a: Uint8Array, keys: Uint8Array, offset: number): number {
  for (let i = 0; i < 32; i++) {
    const difference = (a[i] as number) - (keys[offset + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** First bit in which the keys at two offsets differ. */
function criticalBit(keys: Uint8Array, a: number, b: number): number {
  for (let i = 0; i < 32; i++) {
    const difference = (keys[a + i] as number) ^ (keys[b + i] as number);
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return 256;
}

/** Up to 32 entries in the order of their key digests, with the digests of the subtree over them. */
export class Bucket {
  readonly count: number;
  /** Key digests, 32 bytes each. */
  readonly keys: Uint8Array;
  /** Where each value ends in `data`. */
  readonly ends: Uint32Array;
  readonly data: Uint8Array;
  /** First bit in which entry i differs from entry i + 1. */
  readonly bits: Uint8Array;
  /** Digests: of leaf i at 32 i, of the node that splits between i and i + 1 at 32 (count + i). */
  readonly digests: Uint8Array;

  constructor(
    keys: Uint8Array,
    ends: Uint32Array,
    data: Uint8Array,
    bits: Uint8Array | null,
    digests: Uint8Array = new Uint8Array(64 * ends.length - 32),
  ) {
    this.count = ends.length;
    this.keys = keys;
    this.ends = ends;
    this.data = data;
    this.digests = digests;
    this.bits = bits ?? new Uint8Array(this.count - 1);
    if (bits === null) {
      for (let i = 0; i + 1 < this.count; i++) this.bits[i] = criticalBit(keys, 32 * i, 32 * i + 32);
    }
  }

  /** Index of the first entry whose key is not below `key`. */
  position(key: Uint8Array): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareAt(key, this.keys, 32 * middle) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the entry, or -1. */
  find(key: Uint8Array): number {
    const at = this.position(key);
    return at < this.count && compareAt(key, this.keys, 32 * at) === 0 ? at : -1;
  }

  key(index: number): Uint8Array {
    return this.keys.subarray(32 * index, 32 * index + 32);
  }

  value(index: number): Uint8Array {
    return this.data.subarray(index === 0 ? 0 : this.ends[index - 1], this.ends[index]);
  }

  /** The boundary at which the entries `from`..`to` part: the one with the least critical bit. */
  split(from: number, to: number): number {
    let best = from;
    for (let i = from + 1; i < to; i++) if ((this.bits[i] as number) < (this.bits[best] as number)) best = i;
    return best;
  }

  /** Offset in `digests` of the subtree over the entries `from`..`to`. */
  digestAt(from: number, to: number): number {
    return from === to ? 32 * from : 32 * (this.count + this.split(from, to));
  }

  root(): Uint8Array {
    const at = this.digestAt(0, this.count - 1);
    return this.digests.subarray(at, at + 32);
  }

  /** Computes the leaves marked in `leaves`, and every node above a leaf marked in `dirty`. */
  rehash(hasher: NodeHasher, leaves: number, dirty: number): void {
    for (let i = 0; i < this.count; i++) {
      if ((leaves >>> i) & 1) hasher.leaf(this.key(i), this.value(i), this.digests, 32 * i);
    }
    this.#rehash(hasher, dirty, 0, this.count - 1);
  }

  #rehash(hasher: NodeHasher, dirty: number, from: number, to: number): void {
    if (from === to || ((dirty >>> from) & (0xffff_ffff >>> (31 - (to - from)))) === 0) return;
    const split = this.split(from, to);
    this.#rehash(hasher, dirty, from, split);
    this.#rehash(hasher, dirty, split + 1, to);
    hasher.node(
      this.bits[split] as number,
      this.digests,
      this.digestAt(from, split),
      this.digestAt(split + 1, to),
      32 * (this.count + split),
    );
  }
}

/** Where the digest of a slot lies in the digests of a {@link Branch}. */
export function slotOffset(slot: number): number {
  return 32 * (16 + slot);
}

/** Sixteen prefixes, one nibble longer than the branch's own. */
export class Branch {
  readonly depth: number;
  readonly refs: (Ref | null)[];
  /** Digests as a heap: the root of the page at 1, the children of i at 2i and 2i + 1, the slots at 16 to 31. */
  readonly digests: Uint8Array;

  constructor(depth: number, refs: (Ref | null)[], digests: Uint8Array = new Uint8Array(1024)) {
    this.depth = depth;
    this.refs = refs;
    this.digests = digests;
  }

  root(): Uint8Array {
    return this.digests.subarray(32, 64);
  }

  slotDigest(slot: number): Uint8Array {
    const at = slotOffset(slot);
    return this.digests.subarray(at, at + 32);
  }

  /** The slots in use, as bits. */
  occupancy(): number {
    let bits = 0;
    for (let slot = 0; slot < 16; slot++) if (this.refs[slot] !== null) bits |= 1 << slot;
    return bits;
  }

  /** Computes every node above a slot marked in `dirty`. */
  rehash(hasher: NodeHasher, dirty: number): void {
    // Marks of heap nodes: level 3 (8 nodes) down to level 0 (1 node), folded from the slots upwards.
    let full = this.occupancy();
    let marked = dirty;
    for (let level = 3; level >= 0; level--) {
      const width = 1 << level;
      let [fullAbove, markedAbove] = [0, 0];
      for (let i = 0; i < width; i++) {
        const sides = (full >> (2 * i)) & 3;
        if (sides !== 0) fullAbove |= 1 << i;
        if (((marked >> (2 * i)) & 3) === 0) continue;
        markedAbove |= 1 << i;
        const [at, left] = [32 * (width + i), 64 * (width + i)];
        if (sides === 3) hasher.node(this.depth + level, this.digests, left, left + 32, at);
        else if (sides === 1) this.digests.copyWithin(at, left, left + 32);
        else if (sides === 2) this.digests.copyWithin(at, left + 32, left + 64);
      }
      [full, marked] = [fullAbove, markedAbove];
    }
  }
}

/**
 * Stored form: 0, the u16 of used slots, then version and digest of each; or 1, the count, the keys, where each
 * value ends as a u32, the values. */
export function encodePage(page: Page): Uint8Array {
  const to = new Writer(page instanceof Branch ? 3 + 16 * 40 : 2 + 36 * page.count + page.data.length);
  if (page instanceof Branch) {
    to.u8(0);
    to.u16(page.occupancy());
    page.refs.forEach((ref, slot) => {
      if (ref === null) return;
      to.u53(ref.version);
      to.raw(page.slotDigest(slot));
    });
  } else {
    to.u8(1);
    to.u8(page.count);
    to.raw(page.keys);
    for (const end of page.ends) to.u32(end);
    to.raw(page.data);
  }
  return to.finish();
}

/** The page of stored bytes, its digests computed anew. Throws `codec/*` or `store/corrupt`. */
export function decodePage(bytes: Uint8Array, depth: number, hasher: NodeHasher): Page {
  const from = new Reader(bytes);
  if (from.u8() === 0) {
    const used = from.u16();
    const refs: (Ref | null)[] = new Array<Ref | null>(16).fill(null);
    const branch = new Branch(depth, refs);
    for (let slot = 0; slot < 16; slot++) {
      if (((used >> slot) & 1) === 0) continue;
      refs[slot] = new Ref(null, from.u53());
      branch.digests.set(from.raw(32), slotOffset(slot));
    }
    branch.rehash(hasher, 0xffff);
    return branch;
  }
  const count = from.u8();
  if (count === 0 || count > BUCKET_ENTRIES) throw new QuorateError('store/corrupt', `a page has ${count} entries`);
  const keys = from.raw(32 * count);
  const ends = new Uint32Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) {
    const end = from.u32();
    if (end < last) throw new QuorateError('store/corrupt', 'the values of a page overlap');
    ends[i] = last = end;
  }
  const bucket = new Bucket(keys, ends, from.raw(last), null);
  bucket.rehash(hasher, -1, -1);
  return bucket;
}

/** One entry of a bucket under construction: index in the old bucket, or -1 - index in the changes. */
type Origin = number;

/** The entries of `old` after changes `from`..`to` (exclusive), in order. */
export function mergeOrigins(old: Bucket | null, changes: Changes, from: number, to: number): Origin[] {
  const merged: Origin[] = [];
  const count = old === null ? 0 : old.count;
  let next = 0;
  for (let i = from; i < to; i++) {
    const key = changes.keys[i] as Uint8Array;
    let order = 1;
    while (old !== null && next < count) {
      order = compareAt(key, old.keys, 32 * next);
      if (order <= 0) break;
      merged.push(next++);
    }
    if (next < count && order === 0) next++;
    if (changes.values[i] !== null) merged.push(-1 - i);
  }
  while (next < count) merged.push(next++);
  return merged;
}

/**
 * The bucket with new values of the same lengths under keys that it holds already, which is what most blocks do to it; null when
 * the changes are of another kind. Keys and shape are shared with `old`.
 */
export function overwrite(hasher: NodeHasher, old: Bucket, changes: Changes, from: number, to: number): Bucket | null {
  const places: number[] = [];
  for (let i = from; i < to; i++) {
    const place = old.find(changes.keys[i] as Uint8Array);
    const value = changes.values[i] ?? null;
    if (place < 0 || value === null) return null;
    if (value.length !== (old.ends[place] as number) - (place === 0 ? 0 : (old.ends[place - 1] as number))) return null;
    places.push(place);
  }
  // One allocation for both: memory outside the heap is dear.
  const memory = new Uint8Array(old.digests.length + old.data.length);
  const digests = memory.subarray(0, old.digests.length);
  const data = memory.subarray(old.digests.length);
  digests.set(old.digests);
  data.set(old.data);
  let dirty = 0;
  places.forEach((place, i) => {
    data.set(changes.values[from + i] as Uint8Array, place === 0 ? 0 : old.ends[place - 1]);
    dirty |= 1 << place;
  });
  const bucket = new Bucket(old.keys, old.ends, data, old.bits, digests);
  bucket.rehash(hasher, dirty, dirty);
  return bucket;
}

/** A bucket of `origins[from..to)`; digests of what did not change are taken over from `old`. */
export function buildBucket(
  hasher: NodeHasher,
  old: Bucket | null,
  changes: Changes,
  origins: readonly Origin[],
  from: number,
  to: number,
): Bucket {
  const count = to - from;
  const keys = new Uint8Array(32 * count);
  const ends = new Uint32Array(count);
  let size = 0;
  for (let i = 0; i < count; i++) {
    const origin = origins[from + i] as Origin;
    if (origin < 0) {
      keys.set(changes.keys[-1 - origin] as Uint8Array, 32 * i);
      size += (changes.values[-1 - origin] as Uint8Array).length;
    } else {
      const source = old as Bucket;
      keys.set(source.key(origin), 32 * i);
      size += source.value(origin).length;
    }
    ends[i] = size;
  }
  const data = new Uint8Array(size);
  const bucket = new Bucket(keys, ends, data, null);
  let [leaves, dirty] = [0, 0];
  for (let i = 0; i < count; i++) {
    const origin = origins[from + i] as Origin;
    const start = i === 0 ? 0 : (ends[i - 1] as number);
    if (origin < 0) {
      data.set(changes.values[-1 - origin] as Uint8Array, start);
      leaves |= 1 << i;
      dirty |= 1 << i;
      continue;
    }
    const source = old as Bucket;
    data.set(source.value(origin), start);
    bucket.digests.set(source.digests.subarray(32 * origin, 32 * origin + 32), 32 * i);
    const before = i > 0 ? origins[from + i - 1] : undefined;
    const after = i + 1 < count ? origins[from + i + 1] : undefined;
    // Where an old neighbour is gone or a new one came between, the nodes above are not the old ones.
    if ((origin > 0 && before !== origin - 1) || (origin + 1 < source.count && after !== origin + 1)) dirty |= 1 << i;
    if (after === origin + 1) {
      const at = 32 * (source.count + origin);
      bucket.digests.set(source.digests.subarray(at, at + 32), 32 * (count + i));
    }
  }
  bucket.rehash(hasher, leaves, dirty);
  return bucket;
}
