import {
  type Digest,
  fromHex,
  type Height,
  QuorateError,
  Reader,
  type StoreWrite,
  toHex,
  Writer,
} from '@quorate/kernel';
import { heightKey, onlyKey, TAG } from '../store-keys.ts';
import { type Changes, MAX_VALUE_BYTES, Ref } from './pages.ts';
import type { Root } from './trie.ts';

/** 2: the parameters in the state name the hours of unbonding. */
const FORMAT = 2;
/** Stands for a length where an entry is removed. */
const REMOVED = 0xffff_ffff;

/** Where a chain began: its genesis block and the root of its first state. */
export interface Beginning {
  readonly digest: Digest;
  readonly root: Digest;
}

/** The last durable version. */
export interface Meta {
  readonly height: Height;
  readonly block: Digest;
  readonly root: Uint8Array;
  readonly genesis: Beginning;
}

/** What one commit recorded. */
export interface Delta {
  readonly block: Digest;
  readonly root: Uint8Array;
  readonly changes: Changes;
}

/** A version whose pages are all in the store. */
export interface Checkpoint {
  readonly height: Height;
  readonly root: Root;
  /** Store keys of pages of the checkpoint before that are not pages of this one; they go when that one does. */
  readonly stale: readonly Uint8Array[];
}

export function metaWrite({ height, block, root, genesis }: Meta): StoreWrite {
  const to = new Writer(160);
  to.u16(FORMAT);
  to.u53(height);
  to.raw(fromHex(block));
  to.raw(root);
  to.raw(fromHex(genesis.digest));
  to.raw(fromHex(genesis.root));
  return { key: onlyKey(TAG.meta), value: to.finish() };
}

/** Throws `store/version` for another format, `codec/*` for bytes that are no record. */
export function decodeMeta(bytes: Uint8Array): Meta {
  const from = new Reader(bytes);
  const format = from.u16();
  if (format !== FORMAT) {
    throw new QuorateError('store/version', `the state has format ${format}; this software reads format ${FORMAT}`);
  }
  const height = from.u53();
  const block = toHex(from.raw(32));
  const root = from.raw(32).slice();
  return { height, block, root, genesis: { digest: toHex(from.raw(32)), root: toHex(from.raw(32)) } };
}

export function deltaWrite(height: Height, { block, root, changes }: Delta): StoreWrite {
  const to = new Writer(128 + 64 * changes.keys.length);
  to.raw(fromHex(block));
  to.raw(root);
  to.u32(changes.keys.length);
  changes.keys.forEach((key, i) => {
    const value = changes.values[i] ?? null;
    to.raw(key);
    to.u32(value === null ? REMOVED : value.length);
    if (value !== null) to.raw(value);
  });
  return { key: heightKey(TAG.delta, height), value: to.finish() };
}

/** Throws `store/corrupt` or `codec/*`. Keys and values are views of `bytes`. */
export function decodeDelta(bytes: Uint8Array): Delta {
  const from = new Reader(bytes);
  const block = toHex(from.raw(32));
  const root = from.raw(32);
  const count = from.u32();
  const keys: Uint8Array[] = [];
  const values: (Uint8Array | null)[] = [];
  for (let i = 0; i < count; i++) {
    keys.push(from.raw(32));
    const length = from.u32();
    if (length !== REMOVED && length > MAX_VALUE_BYTES)
      throw new QuorateError('store/corrupt', 'a change of the state is too long');
    values.push(length === REMOVED ? null : from.raw(length));
  }
  return { block, root, changes: { keys, values } };
}

/** The block of an encoded {@link Delta}, without a look at its changes. */
export function blockOfDelta(bytes: Uint8Array): Digest {
  return toHex(bytes.subarray(0, 32));
}

export function checkpointWrite({ height, root, stale }: Checkpoint): StoreWrite {
  const to = new Writer(64 + 16 * stale.length);
  to.raw(root.digest);
  to.u8(root.ref === null ? 0 : 1);
  to.u53(Math.max(0, root.ref?.version ?? 0));
  to.u32(stale.length);
  for (const key of stale) {
    to.u8(key.length);
    to.raw(key);
  }
  return { key: heightKey(TAG.checkpoint, height), value: to.finish() };
}

/** Throws `codec/*`. */
export function decodeCheckpoint(height: Height, bytes: Uint8Array): Checkpoint {
  const from = new Reader(bytes);
  const digest = from.raw(32).slice();
  const used = from.u8() === 1;
  const version = from.u53();
  const root: Root = { ref: used ? new Ref(null, version) : null, digest };
  const stale: Uint8Array[] = [];
  const count = from.u32();
  for (let i = 0; i < count; i++) stale.push(from.raw(from.u8()));
  return { height, root, stale };
}
