import type { Height } from '@quorate/kernel';

/** First byte of every key that the ledger writes into its store: the keys of one tag are one range. */
export const TAG = {
  /** The last durable version. */
  meta: 0x6d,
  /** A version whose pages are all in the store, by height. */
  checkpoint: 0x63,
  /** What one height changed, by height. */
  delta: 0x64,
  /** A page of the trie, by its place and the height of the checkpoint that stored it. */
  page: 0x70,
  /** The height of a restore that has not been finished. */
  restore: 0x72,
  /** A finished snapshot, by height. */
  snapshot: 0x69,
  /** A chunk of a snapshot, by height and index. */
  chunk: 0x78,
} as const;

const HEIGHT_BYTES = 7;

/** The key of a tag that has a single record. */
export function onlyKey(tag: number): Uint8Array {
  return Uint8Array.of(tag);
}

/** All keys of a tag; numbers are big-endian, so those by height come in the order of heights. */
export function rangeOf(tag: number): { readonly from: Uint8Array; readonly to: Uint8Array } {
  return { from: Uint8Array.of(tag), to: Uint8Array.of(tag + 1) };
}

/** The tag, then the height. */
export function heightKey(tag: number, height: Height): Uint8Array {
  const key = new Uint8Array(1 + HEIGHT_BYTES);
  key[0] = tag;
  writeHeight(key, 1, height);
  return key;
}

/** The height in a key of {@link heightKey} or {@link chunkKey}. */
export function heightOf(key: Uint8Array): Height {
  return readHeight(key, 1);
}

/** The tag, the height, then the index as a u32. */
export function chunkKey(height: Height, chunk: number): Uint8Array {
  const key = new Uint8Array(1 + HEIGHT_BYTES + 4);
  key.set(heightKey(TAG.chunk, height));
  new DataView(key.buffer).setUint32(1 + HEIGHT_BYTES, chunk);
  return key;
}

/** The tag, the depth in nibbles, the first `depth` bits of `path`, then the version. `depth` is a multiple of four. */
export function pageKey(path: Uint8Array, depth: number, version: Height): Uint8Array {
  const length = (depth + 7) >> 3;
  const key = new Uint8Array(2 + length + HEIGHT_BYTES);
  key[0] = TAG.page;
  key[1] = depth >> 2;
  key.set(path.subarray(0, length), 2);
  if (depth & 4) key[1 + length] = (key[1 + length] as number) & 0xf0;
  writeHeight(key, 2 + length, version);
  return key;
}

/** The version in a key of {@link pageKey}. */
export function pageVersionOf(key: Uint8Array): Height {
  return readHeight(key, key.length - HEIGHT_BYTES);
}

function writeHeight(key: Uint8Array, at: number, height: Height): void {
  let rest = height;
  for (let i = at + HEIGHT_BYTES - 1; i >= at; i--) {
    key[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function readHeight(key: Uint8Array, at: number): Height {
  let height = 0;
  for (const byte of key.subarray(at, at + HEIGHT_BYTES)) height = height * 256 + byte;
  return height;
}
