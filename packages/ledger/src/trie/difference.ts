import { compareBytes, equalBytes } from '@quorate/kernel';
import { BRANCH_BITS, Branch, type Bucket, nibbleAt, type Page, type Ref } from './pages.ts';
import { type Root, setNibble } from './trie.ts';

/** A version of the state, and what reads its pages: its own `Trie`, as a rule. */
export interface Side {
  readonly root: Root;
  /** As `Trie.page`: throws `store/corrupt` when the page is missing or not the one that was committed. */
  page(ref: Ref, path: Uint8Array, depth: number, expected: Uint8Array): Page;
}

/** A key under which two versions do not hold the same; `null` where one holds nothing. Views: copy them to keep them. */
export interface Difference {
  /** The digest of the key. */
  readonly key: Uint8Array;
  readonly mine: Uint8Array | null;
  readonly theirs: Uint8Array | null;
}

/** Entries of a bucket that share a prefix: a whole subtree of the Patricia trie, so that it has a digest. */
interface Slice {
  readonly bucket: Bucket;
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
}

/** What one side holds under a prefix: a page that is not read yet, or part of a bucket that is. */
type Place =
  | { readonly kind: 'page'; readonly side: Side; readonly ref: Ref; readonly digest: Uint8Array }
  | ({ readonly kind: 'slice'; readonly digest: Uint8Array } & Slice);

/**
 * The keys whose values differ, in the order of their digests. Subtrees with equal digests are not read, so it costs the
 * differences times the depth, whatever the size of the states; pages may lie differently on the two sides. Throws what
 * {@link Side.page} throws.
 */
export function* differences(mine: Side, theirs: Side): Generator<Difference> {
  yield* compare(topOf(mine), topOf(theirs), 0, new Uint8Array(32));
}

function topOf(side: Side): Place | null {
  const { ref, digest } = side.root;
  return ref === null ? null : { kind: 'page', side, ref, digest };
}

function* compare(mine: Place | null, theirs: Place | null, depth: number, path: Uint8Array): Generator<Difference> {
  if (mine === null && theirs === null) return;
  if (mine !== null && theirs !== null && equalBytes(mine.digest, theirs.digest)) return;
  const [left, right] = [opened(mine, depth, path), opened(theirs, depth, path)];
  if (!(left instanceof Branch) && !(right instanceof Branch)) {
    yield* merge(left, right);
    return;
  }
  for (let slot = 0; slot < 16; slot++) {
    setNibble(path, depth, slot);
    yield* compare(below(mine, left, slot, depth), below(theirs, right, slot, depth), depth + BRANCH_BITS, path);
  }
  setNibble(path, depth, 0);
}

function opened(place: Place | null, depth: number, path: Uint8Array): Branch | Slice | null {
  if (place === null || place.kind === 'slice') return place;
  const page = place.side.page(place.ref, path, depth, place.digest);
  return page instanceof Branch ? page : { bucket: page, from: 0, to: page.count - 1 };
}

/** What stands under one nibble more. */
function below(place: Place | null, content: Branch | Slice | null, slot: number, depth: number): Place | null {
  if (content === null) return null;
  if (content instanceof Branch) {
    const ref = content.refs[slot] ?? null;
    if (ref === null || place?.kind !== 'page') return null; // a branch comes from a page
    return { kind: 'page', side: place.side, ref, digest: content.slotDigest(slot) };
  }
  const { bucket } = content;
  let { from, to } = content;
  while (from <= to && nibbleAt(bucket.key(from), depth) !== slot) from++;
  while (to >= from && nibbleAt(bucket.key(to), depth) !== slot) to--;
  if (from > to) return null;
  const at = bucket.digestAt(from, to);
  return { kind: 'slice', bucket, from, to, digest: bucket.digests.subarray(at, at + 32) };
}

function* merge(mine: Slice | null, theirs: Slice | null): Generator<Difference> {
  let [i, j] = [mine?.from ?? 0, theirs?.from ?? 0];
  for (;;) {
    const left = mine !== null && i <= mine.to ? mine.bucket.key(i) : null;
    const right = theirs !== null && j <= theirs.to ? theirs.bucket.key(j) : null;
    const key = least(left, right);
    if (key === null) return;
    const own = mine !== null && key === left ? mine.bucket.value(i++) : null;
    const other = theirs !== null && right !== null && equalBytes(key, right) ? theirs.bucket.value(j++) : null;
    if (own === null || other === null || !equalBytes(own, other)) yield { key, mine: own, theirs: other };
  }
}

/** The lesser key, the first one when they are equal. */
function least(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return a ?? b;
  return compareBytes(a, b) <= 0 ? a : b;
}
