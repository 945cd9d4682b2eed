import { type Disk, type DiskFile, isQuorateError, QuorateError, type Store, type StoreWrite } from '@quorate/kernel';
import { type Incarnation, never } from './incarnation.ts';
import { ALL_TEARS, PlatterFile, type Tear } from './platter.ts';
import type { Stream } from './random.ts';
import { SortedMap } from './sorted-map.ts';
import type { World } from './world.ts';

/** How long operations take, in ms. */
export interface DiskLatency {
  readonly read: number;
  readonly append: number;
  readonly sync: number;
  readonly batch: number;
}

export interface DiskOptions {
  readonly latency?: Partial<DiskLatency>;
  /** Bytes that fit. */
  readonly capacity?: number;
  /** What power cuts may do to unsynced bytes; any of it unless told otherwise. */
  readonly tears?: readonly Tear[];
}

const USUAL: DiskLatency = { read: 0.05, append: 0.02, sync: 1, batch: 1 };
const MAX_KEY = 511;

interface Pending {
  readonly apply: () => unknown;
}

/**
 * The disk of one machine: it outlives the processes that use it. Operations of one disk happen in the order in which they
 * were asked for. At a crash a random prefix of those still under way has happened; each of them, a batch of a store
 * included, wholly or not at all. A power cut then tears what was appended and not synced.
 */
export class SimulatedDisk {
  readonly #files = new Map<string, PlatterFile>();
  readonly #stores = new Map<string, SortedMap>();
  readonly #world: World;
  readonly #stream: Stream;
  readonly #latency: DiskLatency;
  readonly #tears: readonly Tear[];
  #pending: Pending[] = [];
  #busyUntil = 0;
  #syncs = 0;
  /** Bytes that fit: lower it to fill the disk. */
  capacity: number;
  /** This many of the next syncs and batches fail with `disk/failed`, and lose what they should have made durable. */
  failingSyncs = 0;
  /** Slows every operation down by this factor. */
  slowness = 1;

  constructor(world: World, name: string, options: DiskOptions = {}) {
    this.#world = world;
    this.#stream = world.stream(`disk/${name}`);
    this.#latency = { ...USUAL, ...options.latency };
    this.#tears = options.tears ?? ALL_TEARS;
    this.capacity = options.capacity ?? Number.MAX_SAFE_INTEGER;
  }

  /** Syncs and batches that succeeded. */
  get syncs(): number {
    return this.#syncs;
  }

  get used(): number {
    let used = 0;
    for (const file of this.#files.values()) used += file.size;
    for (const store of this.#stores.values()) used += store.bytes;
    return used;
  }

  /** Names of the files that exist, sorted. */
  fileNames(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** What a file holds, or `null`. */
  peek(name: string): Uint8Array | null {
    const file = this.#files.get(name);
    return file === undefined ? null : file.read(0, file.size);
  }

  /** Puts a file there, durably: a restored backup, a forged file. */
  plant(name: string, bytes: Uint8Array): void {
    this.#files.set(name, PlatterFile.of(bytes));
  }

  /** Holds what another disk holds: a home that was copied, or restored from a backup. */
  copyFrom(other: SimulatedDisk): void {
    this.#files.clear();
    this.#stores.clear();
    for (const name of other.fileNames()) this.plant(name, other.peek(name) ?? new Uint8Array());
    for (const [name, store] of other.#stores) {
      const copy = new SortedMap();
      for (const [key, value] of store.range({})) copy.set(key, value);
      this.#stores.set(name, copy);
    }
  }

  /** Loses every file and store whose name starts with `prefix`. */
  lose(prefix: string): void {
    for (const name of [...this.#files.keys()]) if (name.startsWith(prefix)) this.#files.delete(name);
    for (const name of [...this.#stores.keys()]) if (name.startsWith(prefix)) this.#stores.delete(name);
  }

  /** Inverts one bit of a file. */
  flip(name: string, offset: number, bit = 0): void {
    const file = this.#files.get(name);
    if (file === undefined) throw new RangeError(`no file ${name}`);
    file.flip(offset, bit);
  }

  /** The process died. With `power` the machine went dark too, and unsynced bytes with it. */
  crash({ power }: { readonly power: boolean }): void {
    const happened = this.#stream.below(this.#pending.length + 1);
    for (const { apply } of this.#pending.splice(0).slice(0, happened)) {
      try {
        apply();
      } catch {
        // Nobody is left to hear of it.
      }
    }
    this.#busyUntil = 0;
    if (!power) return;
    for (const name of this.fileNames()) {
      if (this.#files.get(name)?.cutPower(this.#stream, this.#tears) === false) this.#files.delete(name);
    }
  }

  /** The port of one life of the machine. */
  port(life: Incarnation): Disk {
    const submit = <T>(kind: keyof DiskLatency, apply: () => T): Promise<T> => this.#submit(life, kind, apply);
    return {
      openFile: (name) => submit('read', () => this.#open(life, name)),
      listFiles: (prefix) => submit('read', () => this.fileNames().filter((name) => name.startsWith(prefix))),
      removeFile: (name) =>
        submit('sync', () => {
          this.#files.delete(name);
        }),
      replaceFile: (name, bytes) => {
        const copy = Uint8Array.from(bytes);
        return submit('sync', () => {
          this.#reserve(copy.length - (this.#files.get(name)?.size ?? 0));
          this.#countSync();
          this.#files.set(name, PlatterFile.of(copy));
        });
      },
      readFile: (name) => submit('read', () => this.peek(name)),
      openStore: (name) => submit('read', () => this.#openStore(life, name)),
      usage: () => submit('read', () => ({ used: this.used, free: Math.max(0, this.capacity - this.used) })),
    };
  }

  #open(life: Incarnation, name: string): DiskFile {
    const file = this.#files.get(name) ?? new PlatterFile();
    this.#files.set(name, file);
    let closed = false;
    const submit = <T>(kind: keyof DiskLatency, apply: () => T): Promise<T> =>
      closed
        ? Promise.reject(new QuorateError('disk/failed', `file ${name} is closed`))
        : this.#submit(life, kind, apply);
    return {
      name,
      size: () => file.size,
      append: (parts) => {
        const copies = parts.map((part) => Uint8Array.from(part));
        return submit('append', () => {
          for (const copy of copies) {
            const room = this.capacity - this.used;
            if (copy.length > room) {
              file.append(copy.subarray(0, Math.max(0, room)));
              this.#reserve(copy.length);
            }
            file.append(copy);
          }
        });
      },
      sync: () =>
        submit('sync', () => {
          this.#countSync(() => file.drop());
          file.sync();
        }),
      read: (offset, length) => submit('read', () => file.read(offset, length)),
      truncate: (size) => submit('append', () => file.truncate(size)),
      close: () => {
        if (closed) return Promise.resolve();
        const done = submit('read', () => {});
        closed = true;
        return done;
      },
    };
  }

  #openStore(life: Incarnation, name: string): Store {
    const map = this.#stores.get(name) ?? new SortedMap();
    this.#stores.set(name, map);
    let closed = false;
    let failure: QuorateError | null = null;
    // Like the real store: after a failed write nobody knows what it holds, so it answers nothing.
    const open = (): SortedMap => {
      if (failure !== null) throw failure;
      if (closed) throw new QuorateError('disk/failed', `store ${name} is closed`);
      return map;
    };
    return {
      get: (key) => open().get(key)?.slice(),
      range: (options) =>
        open()
          .range(options)
          .map(([key, value]) => [key.slice(), value.slice()] as const),
      write: async (batch) => {
        open();
        const copies = batch.map(copyOfWrite);
        return this.#submit(life, 'batch', () => {
          try {
            this.#reserve(
              copies.reduce((sum, { key, value }) => sum + (value === null ? 0 : key.length + value.length), 0),
            );
            this.#countSync();
          } catch (error) {
            if (isQuorateError(error)) failure = error;
            throw error;
          }
          for (const { key, value } of copies) {
            if (value === null) map.delete(key);
            else map.set(key, value);
          }
        });
      },
      close: () => {
        if (closed) return Promise.resolve();
        closed = true;
        return this.#submit(life, 'read', () => {});
      },
    };
  }

  #reserve(bytes: number): void {
    const free = this.capacity - this.used;
    if (bytes > free) throw new QuorateError('disk/full', `${bytes} bytes do not fit: ${Math.max(0, free)} are free`);
  }

  #countSync(failed: () => void = () => {}): void {
    if (this.failingSyncs > 0) {
      this.failingSyncs--;
      failed();
      throw new QuorateError('disk/failed', 'the disk did not confirm a sync');
    }
    this.#syncs++;
  }

  #submit<T>(life: Incarnation, kind: keyof DiskLatency, apply: () => T): Promise<T> {
    if (!life.alive) return never();
    const now = this.#world.elapsed;
    const done = Math.max(now, this.#busyUntil) + this.#latency[kind] * this.slowness;
    this.#busyUntil = done;
    this.#pending.push({ apply });
    return new Promise<T>((resolve, reject) => {
      life.schedule(done - now, `disk/${kind}`, () => {
        this.#pending.shift();
        try {
          resolve(apply());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function copyOfWrite({ key, value }: StoreWrite): StoreWrite {
  if (key.length < 1 || key.length > MAX_KEY) {
    throw new RangeError(`a key has 1 to ${MAX_KEY} bytes, not ${key.length}`);
  }
  return { key: Uint8Array.from(key), value: value === null ? null : Uint8Array.from(value) };
}
