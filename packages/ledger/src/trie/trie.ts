import { type StateProof, stateProofCodec } from '@quorate/crypto';
import { encode, equalBytes, type Hash, QuorateError, toHex } from '@quorate/kernel';
import {
  BRANCH_BITS,
  Branch,
  BUCKET_ENTRIES,
  Bucket,
  bitAt,
  buildBucket,
  type Changes,
  mergeOrigins,
  NodeHasher,
  nibbleAt,
  overwrite,
  type Page,
  Ref,
  slotOffset,
} from './pages.ts';

/** One version of the state: its top page and its root digest. */
export interface Root {
  readonly ref: Ref | null;
  readonly digest: Uint8Array;
}

/** The version without entries. */
export const EMPTY_ROOT: Root = { ref: null, digest: new Uint8Array(32) };

/** Where pages come from: the first `depth` bits of `path` and a version name a stored page. */
export interface PageSource {
  /** Reads a page; the trie checks its digest. Throws `store/corrupt` or `codec/*` when there is none. */
  load(ref: Ref, path: Uint8Array, depth: number): Page;
}

type Step = StateProof['steps'][number];

/** Reads, proves and changes versions of the state. Every version is immutable; pages are shared between them. */
export class Trie {
  readonly hasher: NodeHasher;
  readonly #hash: Hash;
  readonly #source: PageSource;

  constructor(hash: Hash, source: PageSource) {
    this.#hash = hash;
    this.hasher = new NodeHasher(hash);
    this.#source = source;
  }

  /** The page at a place, checked against the digest that the place above it holds. Throws `store/corrupt`, as all that reads below. */
  page(ref: Ref, path: Uint8Array, depth: number, expected: Uint8Array): Page {
    ref.hot = true;
    if (ref.page !== null) return ref.page;
    const page = this.#source.load(ref, path, depth);
    if (!equalBytes(page.root(), expected)) {
      throw new QuorateError(
        'store/corrupt',
        `the state page at ${toHex(path.subarray(0, (depth + 7) >> 3))} does not have the digest that was committed; restore the node from a snapshot`,
      );
    }
    ref.page = page;
    return page;
  }

  /** The value under a key digest, or `null`. A view: copy it to keep it. */
  get(root: Root, key: Uint8Array): Uint8Array | null {
    let [ref, expected, depth] = [root.ref, root.digest, 0];
    while (ref !== null) {
      const page = this.page(ref, key, depth, expected);
      if (page instanceof Bucket) {
        const index = page.find(key);
        return index < 0 ? null : page.value(index);
      }
      const slot = nibbleAt(key, depth);
      expected = page.slotDigest(slot);
      ref = page.refs[slot] ?? null;
      depth += BRANCH_BITS;
    }
    return null;
  }

  /** An encoded proof of what stands under a key digest, or that nothing does. */
  prove(root: Root, key: Uint8Array): Uint8Array {
    const steps: Step[] = [];
    const path = Uint8Array.from(key);
    let [ref, expected, depth] = [root.ref, root.digest, 0];
    while (ref !== null) {
      const page = this.page(ref, path, depth, expected);
      if (page instanceof Bucket) return encode(stateProofCodec, { steps, other: this.#leaf(page, key, steps) });
      const slot = descend(page, key, steps);
      setNibble(path, depth, slot);
      expected = page.slotDigest(slot);
      ref = page.refs[slot] ?? null;
      depth += BRANCH_BITS;
    }
    return encode(stateProofCodec, { steps, other: null });
  }

  /** Walks a bucket to the leaf where `key` can stand; what stands there when it is another. */
  #leaf(bucket: Bucket, key: Uint8Array, steps: Step[]): StateProof['other'] {
    let [from, to] = [0, bucket.count - 1];
    while (from < to) {
      const split = bucket.split(from, to);
      const bit = bucket.bits[split] as number;
      const right = bitAt(key, bit) === 1;
      const at = right ? bucket.digestAt(from, split) : bucket.digestAt(split + 1, to);
      steps.push({ bit, sibling: bucket.digests.slice(at, at + 32) });
      if (right) from = split + 1;
      else to = split;
    }
    const found = bucket.key(from);
    return equalBytes(found, key) ? null : { key: found.slice(), value: this.#hash(bucket.value(from)) };
  }

  /** The version after `changes`; the same one when they change nothing. */
  update(root: Root, changes: Changes): Root {
    if (changes.keys.length === 0) return root;
    const path = new Uint8Array(32);
    const ref = this.#update(root.ref, root.digest, 0, changes, 0, changes.keys.length, path);
    if (ref === root.ref) return root;
    // A copy: a view would keep the page in memory for as long as the root is remembered.
    return ref?.page ? { ref, digest: ref.page.root().slice() } : EMPTY_ROOT;
  }

  #update(
    ref: Ref | null,
    expected: Uint8Array,
    depth: number,
    changes: Changes,
    from: number,
    to: number,
    path: Uint8Array,
  ): Ref | null {
    if (ref !== null) {
      const first = changes.keys[from] as Uint8Array;
      for (let i = 0; i < depth >> 3; i++) path[i] = first[i] as number;
      if (depth & 4) path[depth >> 3] = (first[depth >> 3] as number) & 0xf0;
    }
    const page = ref === null ? null : this.page(ref, path, depth, expected);
    if (page instanceof Branch) return this.#updateBranch(ref, page, changes, from, to, path);
    const overwritten = page === null ? null : overwrite(this.hasher, page, changes, from, to);
    if (overwritten !== null) return new Ref(overwritten, -1);
    const origins = mergeOrigins(page, changes, from, to);
    if (origins.length === 0) return null;
    return this.#place(page, changes, origins, 0, origins.length, depth);
  }

  /** Entries as one bucket, or spread over a new branch when they are too many. */
  #place(
    old: Bucket | null,
    changes: Changes,
    origins: readonly number[],
    from: number,
    to: number,
    depth: number,
  ): Ref {
    if (to - from <= BUCKET_ENTRIES) return new Ref(buildBucket(this.hasher, old, changes, origins, from, to), -1);
    const branch = new Branch(depth, new Array<Ref | null>(16).fill(null));
    let start = from;
    while (start < to) {
      const slot = nibbleOf(old, changes, origins[start] as number, depth);
      let end = start + 1;
      while (end < to && nibbleOf(old, changes, origins[end] as number, depth) === slot) end++;
      const child = this.#place(old, changes, origins, start, end, depth + BRANCH_BITS);
      branch.refs[slot] = child;
      if (child.page !== null) branch.digests.set(child.page.root(), slotOffset(slot));
      start = end;
    }
    branch.rehash(this.hasher, 0xffff);
    return new Ref(branch, -1);
  }

  #updateBranch(
    ref: Ref | null,
    old: Branch,
    changes: Changes,
    from: number,
    to: number,
    path: Uint8Array,
  ): Ref | null {
    const refs = old.refs.slice();
    const digests = old.digests.slice();
    let [start, dirty] = [from, 0];
    while (start < to) {
      const slot = nibbleAt(changes.keys[start] as Uint8Array, old.depth);
      let end = start + 1;
      while (end < to && nibbleAt(changes.keys[end] as Uint8Array, old.depth) === slot) end++;
      const before = refs[slot] ?? null;
      const after = this.#update(before, old.slotDigest(slot), old.depth + BRANCH_BITS, changes, start, end, path);
      if (after !== before) {
        refs[slot] = after;
        if (after?.page) digests.set(after.page.root(), slotOffset(slot));
        dirty |= 1 << slot;
      }
      start = end;
    }
    if (dirty === 0) return ref;
    const branch = new Branch(old.depth, refs, digests);
    if (branch.occupancy() === 0) return null;
    branch.rehash(this.hasher, dirty);
    return new Ref(branch, -1);
  }

  /** Every entry in the order of the key digests. Views: copy them to keep them. */
  *entries(root: Root): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    if (root.ref !== null) yield* this.#entries(root.ref, root.digest, 0, new Uint8Array(32));
  }

  *#entries(
    ref: Ref,
    expected: Uint8Array,
    depth: number,
    path: Uint8Array,
  ): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    const page = this.page(ref, path, depth, expected);
    if (page instanceof Bucket) {
      for (let i = 0; i < page.count; i++) yield [page.key(i), page.value(i)];
      return;
    }
    for (let slot = 0; slot < 16; slot++) {
      const child = page.refs[slot];
      if (child === null || child === undefined) continue;
      setNibble(path, depth, slot);
      yield* this.#entries(child, page.slotDigest(slot), depth + BRANCH_BITS, path);
    }
    setNibble(path, depth, 0);
  }
}

/** Sets the nibble at `depth` and clears what follows it in the same byte. */
export function setNibble(path: Uint8Array, depth: number, nibble: number): void {
  const at = depth >> 3;
  path[at] = (depth & 4) === 0 ? nibble << 4 : ((path[at] as number) & 0xf0) | nibble;
}

function nibbleOf(old: Bucket | null, changes: Changes, origin: number, depth: number): number {
  return nibbleAt(origin < 0 ? (changes.keys[-1 - origin] as Uint8Array) : (old as Bucket).key(origin), depth);
}

/** The slot of a branch under which the leaf of `key` must be sought; notes the steps where both sides are in use. */
function descend(branch: Branch, key: Uint8Array, steps: Step[]): number {
  const used = branch.occupancy();
  let at = 1;
  for (let level = 0; level < BRANCH_BITS; level++) {
    const width = 8 >> level; // slots under each child
    const left = 2 * at;
    const first = (left << (BRANCH_BITS - 1 - level)) - 16;
    const mask = (1 << width) - 1;
    const hasLeft = ((used >> first) & mask) !== 0;
    const hasRight = ((used >> (first + width)) & mask) !== 0;
    let side = hasLeft ? 0 : 1;
    if (hasLeft && hasRight) {
      const bit = branch.depth + level;
      side = bitAt(key, bit);
      const sibling = 32 * (left + 1 - side);
      steps.push({ bit, sibling: branch.digests.slice(sibling, sibling + 32) });
    }
    at = left + side;
  }
  return at - 16;
}
