import { statfsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { isQuorateError, QuorateError, type Store, type StoreWrite, toHex } from '@quorate/kernel';
import { open, type RootDatabase } from 'lmdb';
import { diskError } from './failures.ts';
import { corrupt, inspectStoreFile, resizeStoreFile } from './store-file.ts';

const MAX_KEY_BYTES = 511;
const CHECKSUM_BYTES = 4;
/** From this size on a value is sealed in memory that is kept for the next one; so many pieces are kept. */
const LARGE_BYTES = 32 << 10;
const MAX_SPARE = 4;
/** What must stay free beside twice a batch: pages are copied before they are changed, and other processes write too. */
const SPARE_BYTES = 1 << 20;
/** With less room than a batch may take, a failed commit is blamed on it. */
const FULL_BELOW_BYTES = 16 << 20;
/**
 * Address space reserved at once, not memory and not disk: growing the map later costs a remapping, and pages of several
 * maps at a time. A store that outgrows it is remapped.
 */
const MAP_BYTES = 16 * 2 ** 30;

/**
 * An ordered store on LMDB. A batch is one transaction, batches asked for while another commits share the next one, and a
 * promise resolves after the sync. Each value carries a checksum: LMDB itself would hand out whatever the disk returns.
 * The database's own pages live in the page cache, not in the memory of the process.
 */
export class LmdbStore implements Store {
  readonly #name: string;
  readonly #path: string;
  readonly #db: RootDatabase<Uint8Array, Uint8Array>;
  #failure: QuorateError | null = null;
  #closed = false;
  /** Memory for large values, between two batches. */
  #spare: Buffer[] = [];

  private constructor(name: string, path: string, db: RootDatabase<Uint8Array, Uint8Array>) {
    this.#name = name;
    this.#path = path;
    this.#db = db;
  }

  /** Opens or creates the store in the folder `path`. Throws `store/corrupt` when its file cannot be one. */
  static async open(name: string, path: string): Promise<LmdbStore> {
    const file = await inspectStoreFile(name, path);
    // Touching a mapped page behind the end of the file would kill the process.
    if (file.kind === 'cut') await resizeStoreFile(path, file.wanted);
    const store = new LmdbStore(name, path, openDatabase(name, path));
    if (file.kind !== 'cut') return store;
    if (store.#isComplete()) return store;
    await store.close();
    await resizeStoreFile(path, file.size);
    throw corrupt(name, path, `was cut: it has ${file.size} bytes of ${file.wanted}`);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#check();
    const sealed = this.#read(() => this.#db.getBinaryFast(key));
    return sealed === undefined ? undefined : this.#unseal(key, sealed);
  }

  *range(options: {
    from?: Uint8Array;
    to?: Uint8Array;
    limit?: number;
    reverse?: boolean;
  }): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    this.#check();
    const { from, to, limit, reverse = false } = options;
    if (limit === 0 || (from !== undefined && to !== undefined && Buffer.compare(from, to) >= 0)) return;
    const least = from === undefined || from.length === 0 ? undefined : from;
    const found = this.#db.getRange({
      ...(limit === undefined ? {} : { limit }),
      ...(reverse
        ? {
            reverse,
            exclusiveStart: to !== undefined,
            inclusiveEnd: true,
            ...bound('start', to),
            ...bound('end', least),
          }
        : { ...bound('start', least), ...bound('end', to) }),
    });
    const entries = found[Symbol.iterator]();
    try {
      for (let next = this.#read(() => entries.next()); !next.done; next = this.#read(() => entries.next())) {
        const { key, value } = next.value;
        yield [new Uint8Array(key), this.#unseal(key, value)];
      }
    } finally {
      entries.return?.(); // gives the cursor and its snapshot back
    }
  }

  async write(batch: readonly StoreWrite[]): Promise<void> {
    this.#check();
    for (const { key } of batch) {
      if (key.length === 0 || key.length > MAX_KEY_BYTES) {
        throw new RangeError(`a key of store ${this.#name} has 1 to ${MAX_KEY_BYTES} bytes, not ${key.length}`);
      }
    }
    if (batch.length === 0) return;
    this.#demandRoom(batch);
    const lent: Buffer[] = [];
    try {
      await this.#db.batch(() => {
        for (const { key, value } of batch) {
          const written = value === null ? this.#db.remove(key) : this.#db.put(key, this.#seal(value, lent));
          written.catch(() => {}); // the batch itself reports it
        }
      });
      this.#spare = [...lent, ...this.#spare].slice(0, MAX_SPARE);
      this.#db.resetReadTxn(); // reads of this turn see what was just promised
    } catch (error) {
      this.#failure = await this.#commitError(error);
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#db.close();
  }

  /** The value behind its checksum. Large ones stand in memory that is used again: garbage of their size makes V8 collect all the time. */
  #seal(value: Uint8Array, lent: Buffer[]): Buffer {
    const length = CHECKSUM_BYTES + value.length;
    let sealed: Buffer;
    if (length < LARGE_BYTES) sealed = Buffer.allocUnsafe(length);
    else {
      const fit = this.#spare.findIndex((buffer) => buffer.length >= length);
      const whole =
        this.#spare.splice(fit, fit < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)));
      lent.push(whole);
      sealed = whole.subarray(0, length);
    }
    sealed.writeUInt32LE(crc32(value), 0);
    sealed.set(value, CHECKSUM_BYTES);
    return sealed;
  }

  /** Refuses a batch for which the disk may lack room: LMDB's own failure there has been seen to damage memory and abort. */
  #demandRoom(batch: readonly StoreWrite[]): void {
    let bytes = 0;
    for (const { key, value } of batch) bytes += key.length + (value?.length ?? 0);
    const { bavail, bsize } = this.#read(() => statfsSync(this.#path));
    if (bavail * bsize >= SPARE_BYTES + 2 * bytes) return;
    this.#failure = this.#full();
    throw this.#failure;
  }

  #full(cause?: unknown): QuorateError {
    const problem = `write store ${this.#name}: the disk is full; make room and start again`;
    return new QuorateError('disk/full', problem, { cause });
  }

  /** LMDB tells of a failed commit by a promise inside the error, and of a full disk as an I/O error. */
  async #commitError(error: unknown): Promise<QuorateError> {
    let cause = error;
    if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) {
      cause = await error.commitError.catch((inner: unknown) => inner);
    }
    const isFull = await statfs(this.#path).then(
      ({ bavail, bsize }) => bavail * bsize < FULL_BELOW_BYTES,
      () => false,
    );
    if (!isFull) return diskError(cause, 'write store', this.#name);
    return this.#full(cause);
  }

  /** Whether every entry that the index counts is there and whole. LMDB skips a page of zeros in silence. */
  #isComplete(): boolean {
    let found = 0;
    try {
      for (const _ of this.range({})) found++;
    } catch (error) {
      if (!isQuorateError(error, 'store/corrupt')) throw error;
      return false;
    }
    const stats: { readonly entryCount?: unknown } = this.#db.getStats();
    return found === stats.entryCount;
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw new QuorateError('disk/failed', `store ${this.#name} is closed`);
  }

  #read<T>(operation: () => T): T {
    try {
      return operation();
    } catch (error) {
      throw storeError(error, 'read store', this.#name);
    }
  }

  #unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array {
    // A copy, with the end named: LMDB reuses one large buffer and says by `length` alone how much of it counts.
    const value = new Uint8Array(sealed.subarray(CHECKSUM_BYTES, sealed.length));
    const stored = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (sealed.length < CHECKSUM_BYTES || stored.getUint32(0, true) !== crc32(value)) {
      const what = `the value of key ${toHex(key)} in store ${this.#name} fails its checksum`;
      throw new QuorateError(
        'store/corrupt',
        `${what}: the disk returned other bytes than were written; synchronise anew`,
      );
    }
    return value;
  }
}

function openDatabase(name: string, path: string): RootDatabase<Uint8Array, Uint8Array> {
  try {
    return open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
      cache: false,
      compression: false,
      eventTurnBatching: false, // our batches are explicit; its own one rejects unhandled when a commit fails
      overlappingSync: false, // with it a commit is visible, and its promise resolved, before it is durable
      noMemInit: false, // pages on disk must not carry what else was in memory, keys perhaps
      mapSize: MAP_BYTES,
      maxReaders: 64,
    });
  } catch (error) {
    throw storeError(error, 'open store', name);
  }
}

function storeError(error: unknown, doing: string, name: string): QuorateError {
  const text = error instanceof Error ? error.message : String(error);
  if (/MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|VERSION_MISMATCH|BAD_CHECKSUM|PROBLEM)|corrupted|not an LMDB/i.test(text)) {
    return new QuorateError('store/corrupt', `${doing} ${name}: ${text}; synchronise anew`, { cause: error });
  }
  return diskError(error, doing, name);
}

function bound<K extends string>(name: K, key: Uint8Array | undefined): { [P in K]?: Uint8Array } {
  return key === undefined ? {} : ({ [name]: key } as { [P in K]: Uint8Array });
}
