import {
  type Digest,
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
import { heightKey, heightOf, onlyKey, pageKey, pageVersionOf, rangeOf, TAG } from '../store-keys.ts';
import { PageCache } from './page-cache.ts';
import { type Changes, decodePage, type Page, type Ref } from './pages.ts';
import { replacedPages, saveNewPages } from './saving.ts';
import { EMPTY_ROOT, type PageSource, type Root, Trie } from './trie.ts';
import {
  type Beginning,
  blockOfDelta,
  type Checkpoint,
  checkpointWrite,
  decodeCheckpoint,
  decodeDelta,
  decodeMeta,
  deltaWrite,
  metaWrite,
} from './version-records.ts';

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
/** How many times its capacity the page cache may hold between two commits, and after one: a pass over it is not free. */
const [SLACK_WITHIN_COMMIT, SLACK_AFTER_COMMIT] = [2, 1.25];
const NO_CHANGES: Changes = { keys: [], values: [] };

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
  #genesis: Beginning | null = null;
  #checkpoints: Checkpoint[] = [];
  #unsaved = 0;
  #restoring = false;
  /** Versions committed in memory only, each with the state of the one before: height and block. */
  #waiting = new Map<Height, Digest>();
  readonly #recent = new Map<Height, Root>();
  readonly #rebuilt = new Map<Height, Root>();
  readonly #cache: PageCache;

  /** Throws `store/corrupt`, `store/version` or `codec/*` when what the store holds is not a state. */
  constructor(options: VersionsOptions, parts: { readonly store: Store; readonly hash: Hash }) {
    this.#options = options;
    this.#store = parts.store;
    this.#cache = new PageCache({ capacity: options.cachePages });
    this.trie = new Trie(parts.hash, this);
    const meta = this.#store.get(onlyKey(TAG.meta));
    if (meta !== undefined) this.#open(meta);
  }

  /** Where the chain of this state began; `null` while there is no state at all. */
  get genesis(): Beginning | null {
    return this.#genesis;
  }
  /** The last committed version: its height, its block and its root. It may still wait, see {@link durableHeight}. */
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
  /** The first version that the store can still give; those that {@link at} gives begin `keepVersions` below the last one. */
  get oldestHeight(): Height {
    return this.#checkpoints[0]?.height ?? this.#height;
  }
  /** Pages held in memory because a store has them; for tests and metrics. */
  get cachedPages(): number {
    return this.#cache.size;
  }

  #open(meta: Uint8Array): void {
    const { height, block, root, genesis } = decodeMeta(meta);
    this.#block = block;
    this.#genesis = genesis;
    this.#checkpoints = [...this.#store.range(rangeOf(TAG.checkpoint))].map(([key, value]) =>
      decodeCheckpoint(heightOf(key), value),
    );
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
    const record = height > this.#height ? undefined : this.#store.get(heightKey(TAG.delta, height));
    return record === undefined ? null : blockOfDelta(record);
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
      const record = this.#store.get(heightKey(TAG.delta, at));
      if (record === undefined)
        throw new QuorateError('store/corrupt', `the changes of height ${at} are missing from the state`);
      const delta = decodeDelta(record);
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

  /** The first version, durable when this resolves: every page is written. Throws what the store throws. */
  async begin(genesis: Digest, root: Root): Promise<void> {
    this.#genesis = { digest: genesis, root: toHex(root.digest) };
    const { writes, finish } = this.#checkpoint(0, root, null);
    await this.#store.write([...writes, this.#metaOf(0, genesis, root)]);
    finish();
    this.#become(0, genesis, root);
  }

  /**
   * Adds the next version, and makes it durable in one atomic batch with those that wait. One without changes may wait itself:
   * see {@link durableHeight}. Throws what the store throws; the version is not adopted then.
   */
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
      ...this.#waitingDeltas(),
      deltaWrite(height, { block, root: root.digest, changes }),
      this.#metaOf(height, block, root),
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
    await this.#store.write([...this.#waitingDeltas(), this.#metaOf(this.#height, this.#block, this.#root)]);
    this.#waiting.clear();
  }

  #waitingDeltas(): StoreWrite[] {
    const root = this.#root.digest;
    return [...this.#waiting].map(([height, block]) => deltaWrite(height, { block, root, changes: NO_CHANGES }));
  }

  #become(height: Height, block: Digest, root: Root): void {
    this.#height = height;
    this.#block = block;
    this.#root = root;
    this.#recent.set(height, root);
    for (const old of this.#recent.keys()) if (old <= height - RECENT_ROOTS) this.#recent.delete(old);
    this.#cache.trim(SLACK_AFTER_COMMIT);
  }

  #metaOf(height: Height, block: Digest, root: Root): StoreWrite {
    const genesis = this.#genesis ?? { digest: ZERO_DIGEST, root: ZERO_DIGEST };
    return metaWrite({ height, block, root: root.digest, genesis });
  }

  /** The writes of a checkpoint, and what to do once they are durable. */
  #checkpoint(height: Height, root: Root, before: Ref | null): { writes: StoreWrite[]; finish: () => void } {
    const { writes, saved } = saveNewPages(root.ref, height);
    const checkpoint: Checkpoint = { height, root, stale: replacedPages(before, root.ref, this) };
    const { kept, removals } = prune([...this.#checkpoints, checkpoint], height - this.#options.keepVersions);
    for (const removal of removals) writes.push(removal);
    writes.push(checkpointWrite(kept.at(-1) ?? checkpoint));
    const finish = (): void => {
      this.#checkpoints = kept;
      this.#unsaved = 0;
      for (const ref of saved) this.#cache.add(ref);
    };
    return { writes, finish };
  }

  /** Reads a page for the trie, which checks its digest. Throws `store/corrupt` or `codec/*`. */
  load(ref: Ref, path: Uint8Array, depth: number): Page {
    const stored = ref.version < 0 ? undefined : this.#store.get(pageKey(path, depth, ref.version));
    if (stored === undefined) {
      throw new QuorateError('store/corrupt', `a page of the state of height ${ref.version} is missing`);
    }
    const page = decodePage(stored, depth, this.trie.hasher);
    this.#cache.add(ref);
    this.#cache.trim(SLACK_WITHIN_COMMIT);
    return page;
  }

  /** Removes what an interrupted restore left behind. */
  async clean(): Promise<void> {
    const marker = this.#store.get(onlyKey(TAG.restore));
    if (marker === undefined) return;
    const height = new Reader(marker).u53();
    await this.#store.write([
      ...this.#pageRemovals((version) => version === height),
      { key: onlyKey(TAG.restore), value: null },
    ]);
    this.#restoring = false;
  }

  *#pageRemovals(gone: (version: Height) => boolean): Generator<StoreWrite> {
    for (const [key] of this.#store.range(rangeOf(TAG.page))) {
      if (gone(pageVersionOf(key))) yield { key, value: null };
    }
  }

  /** A state being restored at `height`: entries come in the order of their keys, pages go to the store as they fill. */
  async restore(height: Height): Promise<Restore> {
    await this.clean();
    this.#restoring = true;
    const to = new Writer(8);
    to.u53(height);
    await this.#store.write([{ key: onlyKey(TAG.restore), value: to.finish() }]);
    let root: Root = EMPTY_ROOT;
    return {
      add: async (changes) => {
        root = this.trie.update(root, changes);
        const { writes, saved } = saveNewPages(root.ref, height);
        await this.#store.write(writes);
        for (const ref of saved) this.#cache.add(ref);
        this.#cache.trim();
        return toHex(root.digest);
      },
      get: (key) => this.trie.get(root, key),
      finish: async (block, genesis) => {
        this.#genesis = genesis;
        const checkpoint: Checkpoint = { height, root, stale: [] };
        const old: StoreWrite[] = [];
        for (const tag of [TAG.checkpoint, TAG.delta]) {
          for (const [key] of this.#store.range(rangeOf(tag))) old.push({ key, value: null });
        }
        await this.#store.write([
          ...old,
          ...this.#pageRemovals((version) => version !== height),
          { key: onlyKey(TAG.restore), value: null },
          checkpointWrite(checkpoint),
          this.#metaOf(height, block, root),
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
  /** Adds entries, sorted by key digest and after all before, and returns the root so far. */
  add(changes: Changes): Promise<Digest>;
  /** The value added under a key digest, or `null`. */
  get(key: Uint8Array): Uint8Array | null;
  /** Puts the restored state in the place of the present one. */
  finish(block: Digest, genesis: Beginning): Promise<void>;
}

/** The checkpoints without those that no version from `oldest` on needs, and the writes that remove these. */
function prune(
  checkpoints: readonly Checkpoint[],
  oldest: Height,
): { readonly kept: Checkpoint[]; readonly removals: StoreWrite[] } {
  const kept = [...checkpoints];
  const removals: StoreWrite[] = [];
  for (;;) {
    const [gone, next] = kept;
    if (gone === undefined || next === undefined || next.height > oldest) return { kept, removals };
    for (const key of next.stale) removals.push({ key, value: null });
    for (let at = gone.height + 1; at <= next.height; at++) {
      removals.push({ key: heightKey(TAG.delta, at), value: null });
    }
    removals.push({ key: heightKey(TAG.checkpoint, gone.height), value: null });
    const first: Checkpoint = { ...next, stale: [] };
    kept.splice(0, 2, first);
    removals.push(checkpointWrite(first));
  }
}
