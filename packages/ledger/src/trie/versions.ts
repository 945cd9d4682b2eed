import {
  type Digest,
  fromHex,
  type Hash,
  type Height,
  QuorateError,
  Reader,
  type Store,
  type StoreWrite,
  toHex,
  Writer,
  ZERO_DIGEST,
} from '@quorate/kernel';
import { Branch, type Changes, decodePage, encodePage, MAX_VALUE_BYTES, type Page, Ref } from './pages.ts';
import { EMPTY_ROOT, type PageSource, type Root, setNibble, Trie } from './trie.ts';

/** How much of the past stays provable, and how much memory the state may take. */
export interface VersionsOptions {
  /** Committed heights that can still be read and proved. */
  readonly keepVersions: number;
  /** Commits between two checkpoints: a restart replays at most so many. */
  readonly checkpointInterval: number;
  /** Unchanged pages kept in memory, of about 2 KB each. */
  readonly cachePages: number;
}

/** Changed entries that force a checkpoint: pages wait for it in memory, so this bounds them. */
const MAX_UNSAVED_CHANGES = 16_384;
/** Versions that changed nothing are written together with the next one that did, or when so many of them wait. */
const MAX_WAITING = 32;
/** Recent roots kept whole in memory; older ones are rebuilt from the checkpoint below them. */
const RECENT_ROOTS = 8;
/** Versions rebuilt for old queries that stay in memory. */
const REBUILT_ROOTS = 2;
const FORMAT = 1;

const META = Uint8Array.of(0x6d);
const [CHECKPOINT, DELTA, PAGE, RESTORE] = [0x63, 0x64, 0x70, 0x72];

/** What one commit recorded. */
interface Delta {
  readonly block: Digest;
  readonly root: Uint8Array;
  readonly changes: Changes;
}

interface Checkpoint {
  readonly height: Height;
  readonly root: Root;
  /** Pages of the checkpoint before that are not pages of this one. */
  readonly stale: readonly Uint8Array[];
}

/**
 * The committed versions of the state on a store. A commit writes one small record with the changes; every few commits a
 * checkpoint writes the pages that changed since the last one. After a crash the changes since the checkpoint are applied
 * again, and must lead to the recorded root. Older versions go when `keepVersions` heights stand above them.
 */
export class Versions implements PageSource {
  readonly trie: Trie;
  readonly #options: VersionsOptions;
  readonly #store: Store;
  #height: Height = 0;
  #block: Digest = ZERO_DIGEST;
  #root: Root = EMPTY_ROOT;
  #genesis: { readonly digest: Digest; readonly root: Digest } | null = null;
  #checkpoints: Checkpoint[] = [];
  #unsaved = 0;
  #restoring = false;
  /** Versions committed in memory only, each with the state of the one before: height and block. */
  #waiting = new Map<Height, Digest>();
  readonly #recent = new Map<Height, Root>();
  readonly #rebuilt = new Map<Height, Root>();
  /** Loaded or saved pages in the order of their last turn; the page cache is a clock over it. */
  #cached: Ref[] = [];

  /** Throws `store/corrupt` or `store/version` when what the store holds is not a state. */
  constructor(options: VersionsOptions, parts: { readonly store: Store; readonly hash: Hash }) {
    this.#options = options;
    this.#store = parts.store;
    this.trie = new Trie(parts.hash, this);
    const meta = this.#store.get(META);
    if (meta !== undefined) this.#open(new Reader(meta));
  }

  /** Whether there is a state at all. */
  get genesis(): { readonly digest: Digest; readonly root: Digest } | null {
    return this.#genesis;
  }
  get height(): Height {
    return this.#height;
  }
  /** The version that a restart begins with. Blocks above it are executed again. */
  get durableHeight(): Height {
    return this.#height - this.#waiting.size;
  }
  get block(): Digest {
    return this.#block;
  }
  get root(): Root {
    return this.#root;
  }
  /** Pages held in memory because a store has them; for tests and metrics. */
  get cachedPages(): number {
    return this.#cached.length;
  }

  #open(meta: Reader): void {
    const format = meta.u16();
    if (format !== FORMAT) {
      throw new QuorateError('store/version', `the state has format ${format}; this software reads format ${FORMAT}`);
    }
    const height = meta.u53();
    this.#block = toHex(meta.raw(32));
    const root = meta.raw(32).slice();
    this.#genesis = { digest: toHex(meta.raw(32)), root: toHex(meta.raw(32)) };
    this.#checkpoints = [
      ...this.#store.range({ from: numbered(CHECKPOINT, 0), to: Uint8Array.of(CHECKPOINT + 1) }),
    ].map(([key, value]) => decodeCheckpoint(heightOf(key), new Reader(value)));
    this.#height = height;
    this.#root = this.#rebuild(height);
    if (toHex(this.#root.digest) !== toHex(root)) {
      throw new QuorateError(
        'store/corrupt',
        `the state at height ${height} does not have the committed root; restore the node from a snapshot`,
      );
    }
    this.#recent.set(height, this.#root);
  }

  /** The committed version at a height, or `null` when it is unknown or gone. */
  at(height: Height): Root | null {
    if (height > this.#height || height < this.#height - this.#options.keepVersions) return null;
    const known = height === this.#height ? this.#root : (this.#recent.get(height) ?? this.#rebuilt.get(height));
    if (known !== undefined) return known;
    if ((this.#checkpoints[0]?.height ?? Number.POSITIVE_INFINITY) > height) return null;
    const root = this.#rebuild(height);
    this.#rebuilt.set(height, root);
    for (const oldest of this.#rebuilt.keys()) if (this.#rebuilt.size > REBUILT_ROOTS) this.#rebuilt.delete(oldest);
    return root;
  }

  /** The block that was committed at a height, or `null` when that is not recorded any more. */
  blockAt(height: Height): Digest | null {
    if (height === this.#height) return this.#block;
    if (height === 0) return this.#genesis?.digest ?? null;
    const waiting = this.#waiting.get(height);
    if (waiting !== undefined) return waiting;
    const record = height > this.#height ? undefined : this.#store.get(numbered(DELTA, height));
    return record === undefined ? null : toHex(record.subarray(0, 32));
  }

  /** The version at a height from the checkpoint at or below it. */
  #rebuild(height: Height): Root {
    const base = this.#checkpoints.findLast((checkpoint) => checkpoint.height <= height);
    if (base === undefined)
      throw new QuorateError('store/corrupt', `no checkpoint of the state at or below height ${height}`);
    const merged = new Map<string, readonly [Uint8Array, Uint8Array | null]>();
    let digest = base.root.digest;
    for (let at = base.height + 1; at <= height; at++) {
      if (this.#waiting.has(at)) break; // nor have those above it changes
      const record = this.#store.get(numbered(DELTA, at));
      if (record === undefined)
        throw new QuorateError('store/corrupt', `the changes of height ${at} are missing from the state`);
      const delta = decodeDelta(new Reader(record));
      delta.changes.keys.forEach((key, i) => {
        merged.set(toHex(key), [key, delta.changes.values[i] ?? null]);
      });
      digest = delta.root;
    }
    const sorted = [...merged].sort(([a], [b]) => (a < b ? -1 : 1));
    const root = this.trie.update(base.root, {
      keys: sorted.map(([, [key]]) => key),
      values: sorted.map(([, [, value]]) => value),
    });
    if (toHex(root.digest) !== toHex(digest)) {
      throw new QuorateError('store/corrupt', `the changes up to height ${height} do not lead to the committed root`);
    }
    return root;
  }

  /** The first version: written whole. */
  async begin(genesis: Digest, root: Root): Promise<void> {
    this.#genesis = { digest: genesis, root: toHex(root.digest) };
    const { writes, finish } = this.#checkpoint(0, root, null);
    await this.#store.write([...writes, this.#meta(0, genesis, root)]);
    finish();
    this.#become(0, genesis, root);
  }

  /** Adds the next version, and makes it durable in one atomic batch with those that wait. One without changes may wait itself. */
  async commit(height: Height, block: Digest, root: Root, changes: Changes): Promise<void> {
    if (this.#restoring) await this.clean(); // its pages may bear the numbers of the next checkpoints
    this.#unsaved += changes.keys.length;
    const last = this.#checkpoints.at(-1);
    const full =
      height - (last?.height ?? 0) >= this.#options.checkpointInterval || this.#unsaved > MAX_UNSAVED_CHANGES;
    if (changes.keys.length === 0 && !full && this.#waiting.size < MAX_WAITING) {
      this.#waiting.set(height, block);
      this.#become(height, block, root);
      return;
    }
    const writes: StoreWrite[] = [
      ...this.#unchanged(),
      { key: numbered(DELTA, height), value: encodeDelta({ block, root: root.digest, changes }) },
      this.#meta(height, block, root),
    ];
    let finish = (): void => {};
    if (full) {
      const checkpoint = this.#checkpoint(height, root, last?.root.ref ?? null);
      for (const write of checkpoint.writes) writes.push(write);
      finish = checkpoint.finish;
    }
    await this.#store.write(writes);
    finish();
    this.#waiting.clear();
    this.#become(height, block, root);
  }

  /** Makes the versions that wait durable. */
  async flush(): Promise<void> {
    if (this.#waiting.size === 0) return;
    await this.#store.write([...this.#unchanged(), this.#meta(this.#height, this.#block, this.#root)]);
    this.#waiting.clear();
  }

  #unchanged(): StoreWrite[] {
    const root = this.#root.digest;
    return [...this.#waiting].map(([height, block]) => {
      const changes: Changes = { keys: [], values: [] };
      return { key: numbered(DELTA, height), value: encodeDelta({ block, root, changes }) };
    });
  }

  #become(height: Height, block: Digest, root: Root): void {
    this.#height = height;
    this.#block = block;
    this.#root = root;
    this.#recent.set(height, root);
    for (const old of this.#recent.keys()) if (old <= height - RECENT_ROOTS) this.#recent.delete(old);
    if (this.#cached.length > 1.25 * this.#options.cachePages) this.#evict();
  }

  #meta(height: Height, block: Digest, root: Root): StoreWrite {
    const to = new Writer(160);
    to.u16(FORMAT);
    to.u53(height);
    to.raw(fromHex(block));
    to.raw(root.digest);
    to.raw(fromHex(this.#genesis?.digest ?? ZERO_DIGEST));
    to.raw(fromHex(this.#genesis?.root ?? ZERO_DIGEST));
    return { key: META, value: to.finish() };
  }

  /** The writes of a checkpoint, and what to do once they are durable. */
  #checkpoint(height: Height, root: Root, before: Ref | null): { writes: StoreWrite[]; finish: () => void } {
    const writes: StoreWrite[] = [];
    const saved: Ref[] = [];
    this.#collect(root.ref, 0, new Uint8Array(32), height, writes, saved);
    const stale: Uint8Array[] = [];
    this.#compare(before, root.ref, 0, new Uint8Array(32), stale);
    const checkpoint: Checkpoint = { height, root, stale };
    const kept = [...this.#checkpoints, checkpoint];
    const oldest = height - this.#options.keepVersions;
    while (kept.length > 1 && (kept[1] as Checkpoint).height <= oldest) {
      const gone = kept.shift() as Checkpoint;
      const next = kept[0] as Checkpoint;
      for (const key of next.stale) writes.push({ key, value: null });
      for (let at = gone.height + 1; at <= next.height; at++) writes.push({ key: numbered(DELTA, at), value: null });
      writes.push({ key: numbered(CHECKPOINT, gone.height), value: null });
      kept[0] = { ...next, stale: [] };
      writes.push({ key: numbered(CHECKPOINT, next.height), value: encodeCheckpoint(kept[0]) });
    }
    // Versions are part of branches: they are known only once every page below is collected.
    if (kept.length > 1) writes.push({ key: numbered(CHECKPOINT, height), value: encodeCheckpoint(checkpoint) });
    else writes.push({ key: numbered(CHECKPOINT, height), value: encodeCheckpoint({ ...checkpoint, stale: [] }) });
    const finish = (): void => {
      this.#checkpoints = kept;
      this.#unsaved = 0;
      for (const ref of saved) this.#cached.push(ref);
    };
    return { writes, finish };
  }

  /** Gives every page that no store has the version `height`, children first, and writes it. */
  #collect(ref: Ref | null, depth: number, path: Uint8Array, height: Height, writes: StoreWrite[], saved: Ref[]): void {
    if (ref === null || ref.version >= 0 || ref.page === null) return;
    const { page } = ref;
    if (page instanceof Branch) {
      for (let slot = 0; slot < 16; slot++) {
        setNibble(path, depth, slot);
        this.#collect(page.refs[slot] ?? null, depth + 4, path, height, writes, saved);
      }
      setNibble(path, depth, 0);
    }
    ref.version = height;
    saved.push(ref);
    writes.push({ key: pageKey(path, depth, height), value: encodePage(page) });
  }

  /** Store keys of the pages of `before` that are not pages of `after`. */
  #compare(before: Ref | null, after: Ref | null, depth: number, path: Uint8Array, stale: Uint8Array[]): void {
    if (before === null || before === after || (after !== null && before.version === after.version)) return;
    stale.push(pageKey(path, depth, before.version));
    const [old, now] = [before.page ?? this.load(before, path, depth), after?.page ?? null];
    if (!(old instanceof Branch)) return;
    for (let slot = 0; slot < 16; slot++) {
      setNibble(path, depth, slot);
      const next = now instanceof Branch ? (now.refs[slot] ?? null) : null;
      this.#compare(old.refs[slot] ?? null, next, depth + 4, path, stale);
    }
    setNibble(path, depth, 0);
  }

  load(ref: Ref, path: Uint8Array, depth: number): Page {
    const stored = ref.version < 0 ? undefined : this.#store.get(pageKey(path, depth, ref.version));
    if (stored === undefined) {
      throw new QuorateError('store/corrupt', `a page of the state of height ${ref.version} is missing`);
    }
    const page = decodePage(stored, depth, this.trie.hasher);
    this.#cached.push(ref);
    if (this.#cached.length > 2 * this.#options.cachePages) this.#evict();
    return page;
  }

  /** Second chance: a page used since the last pass stays, another is read again when it is needed. */
  #evict(): void {
    const limit = this.#options.cachePages;
    if (this.#cached.length <= limit) return;
    const kept: Ref[] = [];
    let excess = this.#cached.length - limit;
    for (const ref of this.#cached) {
      if (ref.page === null) excess--;
      else if (excess > 0 && !ref.hot) {
        ref.page = null;
        excess--;
      } else kept.push(ref);
      ref.hot = false;
    }
    if (excess > 0) for (const ref of kept.splice(0, excess)) ref.page = null;
    this.#cached = kept;
  }

  /** Removes what an interrupted restore left behind. */
  async clean(): Promise<void> {
    const marker = this.#store.get(Uint8Array.of(RESTORE));
    if (marker === undefined) return;
    const height = new Reader(marker).u53();
    await this.#store.write([
      ...this.#pages((version) => version === height),
      { key: Uint8Array.of(RESTORE), value: null },
    ]);
    this.#restoring = false;
  }

  *#pages(gone: (version: Height) => boolean): Generator<StoreWrite> {
    for (const [key] of this.#store.range({ from: Uint8Array.of(PAGE), to: Uint8Array.of(PAGE + 1) })) {
      if (gone(heightOf(key))) yield { key, value: null };
    }
  }

  /** A state being restored at `height`: entries come in the order of their keys, pages go to the store as they fill. */
  async restore(height: Height): Promise<Restore> {
    await this.clean();
    this.#restoring = true;
    const to = new Writer(8);
    to.u53(height);
    await this.#store.write([{ key: Uint8Array.of(RESTORE), value: to.finish() }]);
    let root: Root = EMPTY_ROOT;
    return {
      add: async (changes) => {
        root = this.trie.update(root, changes);
        const [writes, saved]: [StoreWrite[], Ref[]] = [[], []];
        this.#collect(root.ref, 0, new Uint8Array(32), height, writes, saved);
        await this.#store.write(writes);
        this.#cached.push(...saved);
        this.#evict();
        return toHex(root.digest);
      },
      get: (key) => this.trie.get(root, key),
      finish: async (block, genesis) => {
        this.#genesis = genesis;
        const checkpoint: Checkpoint = { height, root, stale: [] };
        const old: StoreWrite[] = [];
        for (const tag of [CHECKPOINT, DELTA]) {
          for (const [key] of this.#store.range({ from: Uint8Array.of(tag), to: Uint8Array.of(tag + 1) }))
            old.push({ key, value: null });
        }
        await this.#store.write([
          ...old,
          ...this.#pages((version) => version !== height),
          { key: Uint8Array.of(RESTORE), value: null },
          { key: numbered(CHECKPOINT, height), value: encodeCheckpoint(checkpoint) },
          this.#meta(height, block, root),
        ]);
        this.#checkpoints = [checkpoint];
        this.#recent.clear();
        this.#rebuilt.clear();
        this.#waiting.clear();
        this.#unsaved = 0;
        this.#restoring = false;
        this.#become(height, block, root);
      },
    };
  }
}

/** A restore in progress. */
export interface Restore {
  /** Adds sorted entries and returns the root so far. */
  add(changes: Changes): Promise<Digest>;
  get(key: Uint8Array): Uint8Array | null;
  /** Puts the restored state in the place of the present one. */
  finish(block: Digest, genesis: { readonly digest: Digest; readonly root: Digest }): Promise<void>;
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(7);
  let rest = value;
  for (let i = 6; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

function numbered(tag: number, height: Height): Uint8Array {
  const key = new Uint8Array(8);
  key[0] = tag;
  key.set(bigEndian(height), 1);
  return key;
}

/** The height in the last seven bytes of a key. */
function heightOf(key: Uint8Array): Height {
  let height = 0;
  for (const byte of key.subarray(key.length - 7)) height = height * 256 + byte;
  return height;
}

function pageKey(path: Uint8Array, depth: number, version: Height): Uint8Array {
  const length = (depth + 7) >> 3;
  const key = new Uint8Array(2 + length + 7);
  key[0] = PAGE;
  key[1] = depth >> 2;
  key.set(path.subarray(0, length), 2);
  if (depth & 4) key[1 + length] = (key[1 + length] as number) & 0xf0;
  key.set(bigEndian(version), 2 + length);
  return key;
}

function encodeDelta(delta: Delta): Uint8Array {
  const to = new Writer(128 + 64 * delta.changes.keys.length);
  to.raw(fromHex(delta.block));
  to.raw(delta.root);
  to.u32(delta.changes.keys.length);
  delta.changes.keys.forEach((key, i) => {
    const value = delta.changes.values[i] ?? null;
    to.raw(key);
    to.u32(value === null ? 0xffff_ffff : value.length);
    if (value !== null) to.raw(value);
  });
  return to.finish();
}

function decodeDelta(from: Reader): Delta {
  const block = toHex(from.raw(32));
  const root = from.raw(32);
  const count = from.u32();
  const keys: Uint8Array[] = [];
  const values: (Uint8Array | null)[] = [];
  for (let i = 0; i < count; i++) {
    keys.push(from.raw(32));
    const length = from.u32();
    if (length !== 0xffff_ffff && length > MAX_VALUE_BYTES)
      throw new QuorateError('store/corrupt', 'a change of the state is too long');
    values.push(length === 0xffff_ffff ? null : from.raw(length));
  }
  return { block, root, changes: { keys, values } };
}

function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const to = new Writer(64 + 16 * checkpoint.stale.length);
  to.raw(checkpoint.root.digest);
  to.u8(checkpoint.root.ref === null ? 0 : 1);
  to.u53(Math.max(0, checkpoint.root.ref?.version ?? 0));
  to.u32(checkpoint.stale.length);
  for (const key of checkpoint.stale) {
    to.u8(key.length);
    to.raw(key);
  }
  return to.finish();
}

function decodeCheckpoint(height: Height, from: Reader): Checkpoint {
  const digest = from.raw(32).slice();
  const used = from.u8() === 1;
  const version = from.u53();
  const root: Root = { ref: used ? new Ref(null, version) : null, digest };
  const stale: Uint8Array[] = [];
  const count = from.u32();
  for (let i = 0; i < count; i++) stale.push(from.raw(from.u8()));
  return { height, root, stale };
}
