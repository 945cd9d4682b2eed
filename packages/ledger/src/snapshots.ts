import {
  type BlockRef,
  bytes,
  compareBytes,
  concatBytes,
  type Digest,
  decode,
  digest,
  encode,
  fixed,
  type Hash,
  type Height,
  isQuorateError,
  list,
  QuorateError,
  Reader,
  type SnapshotCapability,
  type SnapshotInfo,
  type Store,
  type StoreWrite,
  struct,
  toHex,
  u16,
  u32,
  u53,
  Writer,
} from '@quorate/kernel';
import { decodeParameters, parametersKey } from './state.ts';
import { chunkKey, heightKey, heightOf, rangeOf, TAG } from './store-keys.ts';
import { type Changes, MAX_VALUE_BYTES } from './trie/pages.ts';
import type { Restore, Versions } from './trie/versions.ts';

const FORMAT = 1;
/** Largest chunk: an entry that would not fit begins the next one. */
const MAX_CHUNK_BYTES = 1 << 20;
const MAX_CHUNKS = 4096;

/** What travels beside a snapshot: enough to refuse a wrong chunk at once. */
export const metadataCodec = struct<{ genesisRoot: Digest; chunks: Uint8Array[] }>({
  genesisRoot: digest,
  chunks: list(fixed(32), MAX_CHUNKS),
});

/** A snapshot as the store names it. */
export const infoCodec = struct<SnapshotInfo>({
  height: u53,
  format: u16,
  chunks: u32,
  digest,
  metadata: bytes(64 + 32 * MAX_CHUNKS),
});

/** The snapshot that is being restored. */
interface Target {
  readonly height: Height;
  readonly stateRoot: Digest;
  readonly block: BlockRef;
  readonly genesisRoot: Digest;
  readonly digests: readonly Uint8Array[];
  readonly restore: Restore;
  /** The chunk that comes next. */
  next: number;
  /** Key of the last entry: entries come in strictly ascending order. */
  last: Uint8Array | null;
}

/** Snapshots of the committed state: all entries in order of their key digests, cut into chunks; the same bytes on every node. */
export class Snapshots implements SnapshotCapability {
  readonly #store: Store;
  readonly #hash: Hash;
  readonly #versions: Versions;
  /** Called once the restored state stands in the place of the one before. */
  readonly #restored: () => void;
  #target: Target | null = null;

  constructor(parts: { store: Store; hash: Hash; versions: Versions; restored: () => void }) {
    this.#store = parts.store;
    this.#hash = parts.hash;
    this.#versions = parts.versions;
    this.#restored = parts.restored;
  }

  async list(): Promise<SnapshotInfo[]> {
    return [...this.#store.range(rangeOf(TAG.snapshot))].map(([, value]) => decode(infoCodec, value));
  }

  async load(height: Height, format: number, chunk: number): Promise<Uint8Array | null> {
    if (format !== FORMAT || !Number.isSafeInteger(chunk) || chunk < 0 || chunk >= MAX_CHUNKS) return null;
    // Without its info record a snapshot is not finished.
    if (this.#store.get(heightKey(TAG.snapshot, height)) === undefined) return null;
    return this.#store.get(chunkKey(height, chunk)) ?? null;
  }

  async take(keep: number): Promise<void> {
    const { height, root, genesis } = this.#versions;
    if (genesis === null) throw new QuorateError('snapshot/invalid', 'there is no state yet to take a snapshot of');
    await this.#versions.flush();
    if (keep > 0 && this.#store.get(heightKey(TAG.snapshot, height)) === undefined) {
      await this.#forget((at) => at === height);
      const digests: Uint8Array[] = [];
      let chunk = new Writer(MAX_CHUNK_BYTES >> 2);
      let size = 0;
      const flush = async (): Promise<void> => {
        const value = Uint8Array.from(chunk.finish());
        if (digests.length >= MAX_CHUNKS)
          throw new QuorateError('snapshot/invalid', `the state exceeds ${MAX_CHUNKS} chunks`);
        await this.#store.write([{ key: chunkKey(height, digests.length), value }]);
        digests.push(this.#hash(value));
        chunk = new Writer(MAX_CHUNK_BYTES >> 2);
        size = 0;
      };
      for (const [key, value] of this.#versions.trie.entries(root)) {
        if (size + 36 + value.length > MAX_CHUNK_BYTES) await flush();
        chunk.raw(key);
        chunk.u32(value.length);
        chunk.raw(value);
        size += 36 + value.length;
      }
      await flush();
      const info: SnapshotInfo = {
        height,
        format: FORMAT,
        chunks: digests.length,
        digest: toHex(this.#hash(concatBytes(...digests))),
        metadata: encode(metadataCodec, { genesisRoot: genesis.root, chunks: digests }),
      };
      await this.#store.write([{ key: heightKey(TAG.snapshot, height), value: encode(infoCodec, info) }]);
    }
    const heights = (await this.list()).map((info) => info.height);
    const kept = new Set(keep > 0 ? heights.slice(-keep) : []);
    await this.#forget((at) => !kept.has(at));
  }

  /** Removes the snapshots of the heights that `gone` names, finished or not: first the infos, so that none is offered half. */
  async #forget(gone: (height: Height) => boolean): Promise<void> {
    for (const tag of [TAG.snapshot, TAG.chunk]) {
      const writes: StoreWrite[] = [];
      for (const [key] of this.#store.range(rangeOf(tag))) {
        if (gone(heightOf(key))) writes.push({ key, value: null });
      }
      if (writes.length > 0) await this.#store.write(writes);
    }
  }

  async offer(
    snapshot: SnapshotInfo,
    target: { readonly stateRoot: Digest; readonly block: BlockRef },
  ): Promise<'accept' | 'reject'> {
    this.#target = null;
    const { height, format, chunks } = snapshot;
    if (format !== FORMAT || chunks < 1 || chunks > MAX_CHUNKS || height <= this.#versions.height) return 'reject';
    try {
      const { genesisRoot, chunks: digests } = decode(metadataCodec, snapshot.metadata);
      if (digests.length !== chunks || toHex(this.#hash(concatBytes(...digests))) !== snapshot.digest) return 'reject';
      const restore = await this.#versions.restore(height);
      this.#target = { height, ...target, genesisRoot, digests, restore, next: 0, last: null };
      return 'accept';
    } catch (error) {
      if (isQuorateError(error) && error.code.startsWith('codec/')) return 'reject';
      throw error;
    }
  }

  async apply(chunk: number, chunkBytes: Uint8Array): Promise<'more' | 'done' | 'bad'> {
    const target = this.#target;
    if (target === null || chunk !== target.next || chunkBytes.length > MAX_CHUNK_BYTES) return 'bad';
    if (toHex(this.#hash(chunkBytes)) !== toHex(target.digests[chunk] ?? new Uint8Array())) return 'bad';
    const entries = readChunk(chunkBytes, target.last);
    if (entries === null) return this.#abandon();
    const root = await target.restore.add(entries);
    target.last = entries.keys.at(-1) ?? target.last;
    target.next++;
    if (target.next < target.digests.length) return 'more';
    if (root !== target.stateRoot) return this.#abandon();
    const parameters = target.restore.get(this.#hash(parametersKey()));
    if (parameters === null) return this.#abandon();
    this.#target = null;
    const { genesis } = decodeParameters(parameters);
    await target.restore.finish(target.block.digest, { digest: genesis, root: target.genesisRoot });
    this.#restored();
    return 'done';
  }

  /** The snapshot itself is wrong: the caller has to offer another. The state before it still stands. */
  #abandon(): 'bad' {
    this.#target = null;
    return 'bad';
  }
}

/** The entries of a chunk, all behind the key `last`; `null` when it is not well formed. */
function readChunk(chunk: Uint8Array, last: Uint8Array | null): Changes | null {
  const from = new Reader(chunk);
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let before = last;
  try {
    while (from.remaining > 0) {
      const key = from.raw(32);
      if (before !== null && compareBytes(before, key) >= 0) return null;
      const length = from.u32();
      if (length > MAX_VALUE_BYTES) return null;
      keys.push(key);
      values.push(from.raw(length));
      before = key;
    }
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
  return { keys, values };
}
