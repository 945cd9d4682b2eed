import { type Disk, fromHex, QuorateError, toHex } from '@quorate/kernel';
import { Boundaries } from './boundaries.ts';
import type { Choice } from './decisions.ts';
import {
  type DiskFaults,
  FaultSource,
  type Guard,
  NO_FAULTS,
  type Operation,
  type Spot,
  spotOf,
} from './disk/faults.ts';
import { type Below, misread, openFile, openStore } from './disk/ports.ts';
import { type Incarnation, never } from './incarnation.ts';
import { ALL_TEARS, PlatterFile, SECTOR, type Tear } from './platter.ts';
import { Stream } from './random.ts';
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
  /** Largest share by which an operation takes longer than that, drawn evenly: 0.5 for up to half as long again. */
  readonly jitter?: number;
  /** Bytes that fit. */
  readonly capacity?: number;
  /** What power cuts may do to unsynced bytes; any of it unless told otherwise. */
  readonly tears?: readonly Tear[];
  /** What goes wrong at random; nothing unless told otherwise. */
  readonly faults?: Partial<DiskFaults>;
}

/** How a process ended, for its disk. */
export interface DiskCrash {
  /** Whether the machine went dark, and unsynced bytes with it. */
  readonly power: boolean;
  /** The one thing that happens to unsynced bytes; drawn when absent. */
  readonly tear?: Tear;
  /** How many of the operations under way have happened; drawn when absent. */
  readonly happened?: number;
}

/** A copy of all that a disk held. */
export interface Backup {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly stores: ReadonlyMap<string, SortedMap>;
}

const USUAL: DiskLatency = { read: 0.05, append: 0.02, sync: 1, batch: 1 };

/** What an operation costs, and whether it leaves a mark. */
const OPERATIONS: Readonly<Record<Operation, { readonly takes: keyof DiskLatency; readonly effect: boolean }>> = {
  look: { takes: 'read', effect: false },
  read: { takes: 'read', effect: false },
  get: { takes: 'read', effect: false },
  append: { takes: 'append', effect: true },
  truncate: { takes: 'append', effect: true },
  sync: { takes: 'sync', effect: true },
  batch: { takes: 'batch', effect: true },
  replace: { takes: 'sync', effect: true },
  remove: { takes: 'sync', effect: true },
};

interface Pending {
  readonly operation: Operation;
  readonly life: Incarnation;
  /** Does it; what that returns tells whoever asked for it. Never throws. */
  readonly happen: () => () => void;
}

/**
 * The disk of one machine: it outlives the processes that use it. Operations of one disk happen in the order in which they
 * were asked for. At a crash a prefix of those still under way has happened; each of them, a batch of a store
 * included, wholly or not at all. A power cut then tears what was appended and not synced. Errors: `disk/full`,
 * `disk/failed`, `disk/corrupt`. Faults are decisions of the domains `disk/<name>` and `disk/<name>/crash`.
 */
export class SimulatedDisk {
  readonly #name: string;
  readonly #files = new Map<string, PlatterFile>();
  readonly #stores = new Map<string, SortedMap>();
  readonly #world: World;
  readonly #stream: Stream;
  readonly #latency: DiskLatency;
  readonly #jitter: number;
  readonly #tears: readonly Tear[];
  readonly #source: FaultSource;
  readonly #kinds = new Map<Operation, string>();
  #pending: Pending[] = [];
  /** Which stretch between two crashes this is: what was under way before one never completes after it. */
  #stretch = 0;
  #busyUntil = 0;
  #syncs = 0;
  /** Counts the effects of whatever runs on the machine. */
  readonly boundaries = new Boundaries();
  /** Bytes that fit: lower it to fill the disk. */
  capacity: number;
  /** This many of the next syncs and batches fail with `disk/failed`, and lose what they should have made durable. */
  failingSyncs = 0;
  /** Slows every operation down by this factor. */
  slowness = 1;

  constructor(world: World, name: string, options: DiskOptions = {}) {
    this.#world = world;
    this.#name = name;
    this.#stream = world.stream(`disk/${name}`);
    this.#latency = { ...USUAL, ...options.latency };
    this.#jitter = options.jitter ?? 0;
    this.#tears = options.tears ?? ALL_TEARS;
    this.capacity = options.capacity ?? Number.MAX_SAFE_INTEGER;
    this.#source = new FaultSource(world, name, {
      randomByte: (stream) => this.#randomByte(stream),
      randomSector: (stream) => this.#randomSector(stream),
    });
    if (options.faults !== undefined) this.faults = options.faults;
  }

  /** What goes wrong at random from now on; what is not named does not. */
  set faults(rates: Partial<DiskFaults>) {
    this.#source.rates = { ...NO_FAULTS, ...rates };
  }

  get faults(): DiskFaults {
    return this.#source.rates;
  }

  /** Who decides which damage is allowed; `null`: all. */
  set guard(guard: Guard | null) {
    this.#source.guard = guard;
  }

  /** Syncs and batches that succeeded. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Operations under way. */
  get pending(): number {
    return this.#pending.length;
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

  /** Names of the stores that exist, sorted. */
  storeNames(): string[] {
    return [...this.#stores.keys()].sort();
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

  /** All that it holds, for {@link restore}. */
  backup(): Backup {
    return {
      files: new Map(this.fileNames().map((name) => [name, this.peek(name) ?? new Uint8Array()])),
      stores: new Map([...this.#stores].map(([name, store]) => [name, store.copy()])),
    };
  }

  /** Holds what a backup holds, and nothing else, or only where names start with `prefix`: what an operator does to a machine that is off. */
  restore(backup: Backup, prefix = ''): void {
    this.lose(prefix);
    for (const [name, bytes] of backup.files) if (name.startsWith(prefix)) this.plant(name, bytes);
    for (const [name, store] of backup.stores) if (name.startsWith(prefix)) this.#stores.set(name, store.copy());
  }

  /** Holds what another disk holds: a home that was copied. */
  copyFrom(other: SimulatedDisk): void {
    this.restore(other.backup());
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

  /** Inverts one bit of a value of a store. `false` when there is no such byte. */
  flipValue(name: string, key: Uint8Array, offset: number, bit = 0): boolean {
    const entry = this.#stores.get(name)?.entry(key);
    if (entry === undefined || !(offset < entry.value.length)) return false;
    entry.value[offset] = (entry.value[offset] ?? 0) ^ (1 << (bit & 7));
    return true;
  }

  /** Busy with nothing for this many ms: what waits and what comes is late by as much. */
  stall(ms: number): void {
    this.#busyUntil = Math.max(this.#world.elapsed, this.#busyUntil) + ms;
  }

  /** The process died. With `power` the machine went dark too, and unsynced bytes with it. */
  crash({ power, tear, happened }: DiskCrash): void {
    const pending = this.#pending.splice(0);
    this.#stretch++;
    this.#busyUntil = 0;
    const cut =
      tear !== undefined && happened !== undefined
        ? { kind: 'cut', happened, salt: this.#stream.u32() }
        : this.#world.decisions.decide(`disk/${this.#name}/crash`, () => ({
            kind: 'cut',
            happened: this.#stream.below(pending.length + 1),
            salt: this.#stream.u32(),
          }));
    // Without a decision the crash is as harmless as one can be.
    const count = happened ?? (cut === null ? pending.length : Number(cut.happened));
    for (const { happen } of pending.slice(0, count)) happen(); // nobody is left to hear of it
    if (!power || cut === null) return;
    const tears = tear === undefined ? this.#tears : [tear];
    for (const name of this.fileNames()) {
      const stream = Stream.named(Number(cut.salt), name);
      if (this.#files.get(name)?.cutPower(stream, tears) === false) this.#files.delete(name);
    }
  }

  /** The port of one life of the machine. */
  port(life: Incarnation): Disk {
    const below: Below = {
      submit: (operation, place, apply) => this.#submit(life, operation, place, apply),
      ask: (operation, place, older) => this.#ask(operation, place, older),
      room: () => (this.capacity === Number.MAX_SAFE_INTEGER ? this.capacity : this.capacity - this.used),
      reserve: (bytes, fault) => this.#reserve(bytes, fault),
      confirm: (fault) => this.#confirm(fault),
      overwrite: (choice, bytes) => this.#overwrite(choice, bytes),
      sectorAt: (choice) => this.#sectorAt(choice),
    };
    const { submit } = below;
    return {
      openFile: (name) =>
        submit('look', name, () => {
          const file = this.#files.get(name) ?? new PlatterFile();
          this.#files.set(name, file);
          return openFile(below, name, file);
        }),
      listFiles: (prefix) => submit('look', '', () => this.fileNames().filter((name) => name.startsWith(prefix))),
      removeFile: (name) =>
        submit('remove', name, () => {
          this.#files.delete(name);
        }),
      replaceFile: (name, bytes) => {
        const copy = new Uint8Array(bytes);
        return submit('replace', name, (fault) => {
          const old = this.peek(name);
          this.#reserve(copy.length - (old?.length ?? 0), fault);
          this.#confirm(fault);
          const file = PlatterFile.of(copy);
          file.previous = old;
          this.#files.set(name, file);
        });
      },
      readFile: (name) =>
        submit('read', name, (fault) => {
          const file = this.#files.get(name);
          return file === undefined ? null : misread(below, fault, file, file.read(0, file.size));
        }),
      openStore: (name) =>
        submit('look', name, () => {
          const map = this.#stores.get(name) ?? new SortedMap();
          this.#stores.set(name, map);
          return openStore(below, name, map);
        }),
      usage: () => submit('look', '', () => ({ used: this.used, free: Math.max(0, this.capacity - this.used) })),
    };
  }

  #reserve(bytes: number, fault: Choice | null): void {
    if (this.capacity === Number.MAX_SAFE_INTEGER && fault?.kind !== 'full') return;
    const free = fault?.kind === 'full' ? 0 : this.capacity - this.used;
    if (bytes > free) throw new QuorateError('disk/full', `${bytes} bytes do not fit: ${Math.max(0, free)} are free`);
  }

  #confirm(fault: Choice | null): void {
    if (this.failingSyncs > 0) this.failingSyncs--;
    else if (fault?.kind !== 'fail') {
      this.#syncs++;
      return;
    }
    throw new QuorateError('disk/failed', 'the disk did not confirm a sync');
  }

  #ask(operation: Operation, place: string, older: boolean): Choice | null {
    const fault = this.#source.ask(operation, place, older);
    if (fault?.kind === 'flip') this.#flip(fault);
    return fault;
  }

  #submit<T>(life: Incarnation, operation: Operation, place: string, apply: (fault: Choice | null) => T): Promise<T> {
    if (!life.alive) return never();
    const older = operation === 'read' && (this.#files.get(place)?.previous ?? null) !== null;
    const fault = this.#ask(operation, place, older);
    const now = this.#world.elapsed;
    let takes = this.#latency[OPERATIONS[operation].takes] * this.slowness;
    if (this.#jitter > 0) takes *= 1 + this.#jitter * this.#world.draw(`disk/${this.#name}/time`);
    if (fault?.kind === 'stall') takes += Number(fault.ms);
    const done = Math.max(now, this.#busyUntil) + takes;
    this.#busyUntil = done;
    const stretch = this.#stretch;
    return new Promise<T>((resolve, reject) => {
      const happen = (): (() => void) => {
        try {
          const value = apply(fault);
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      };
      this.#pending.push({ operation, life, happen });
      this.#world.schedule(done - now, this.#kindOf(operation), () => {
        if (stretch === this.#stretch) this.#complete();
      });
    });
  }

  /** The first of what is under way happens, whichever event brought it: the order is that of the disk. */
  #complete(): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { operation, life, happen } = next;
    const { effect } = OPERATIONS[operation];
    if (!this.boundaries.begin(operation, effect)) return;
    const settle = happen();
    if (this.boundaries.end(effect)) life.enter(settle);
  }

  #kindOf(operation: Operation): string {
    const known = this.#kinds.get(operation);
    if (known !== undefined) return known;
    const kind = `${this.#name}/disk/${operation}`;
    this.#kinds.set(operation, kind);
    return kind;
  }

  #flip(choice: Choice): void {
    const spot = spotOf(choice);
    if (spot === null) return;
    const bit = Number(choice.bit ?? 0);
    // A list that was shortened may name what is not there.
    if (spot.key !== undefined) this.flipValue(spot.place, fromHex(spot.key), spot.offset, bit);
    else if (spot.offset < (this.#files.get(spot.place)?.size ?? 0)) this.flip(spot.place, spot.offset, bit);
  }

  #overwrite(choice: Choice, bytes: Uint8Array): void {
    const spot = spotOf(choice);
    if (spot !== null) this.#files.get(spot.place)?.overwrite(spot.offset, bytes.subarray(0, SECTOR));
  }

  #sectorAt(choice: Choice): Uint8Array {
    const spot = spotOf(choice);
    const file = spot === null ? undefined : this.#files.get(spot.place);
    if (spot === null || file === undefined || spot.offset >= file.size) return new Uint8Array();
    return file.read(spot.offset, Math.min(SECTOR, file.size - spot.offset));
  }

  #randomByte(stream: Stream): Spot | null {
    const files = this.fileNames().filter((name) => (this.#files.get(name)?.size ?? 0) > 0);
    const stores = this.storeNames().filter((name) => (this.#stores.get(name)?.size ?? 0) > 0);
    if (files.length + stores.length === 0) return null;
    const place = stream.pick([...files, ...stores]);
    const file = this.#files.get(place);
    if (file !== undefined && file.size > 0) return { place, offset: stream.below(file.size) };
    const store = this.#stores.get(place);
    const entry = store?.at(stream.below(Math.max(1, store.size)));
    if (entry === undefined || entry.value.length === 0) return null;
    return { place, key: toHex(entry.key), offset: stream.below(entry.value.length) };
  }

  #randomSector(stream: Stream): Spot | null {
    const files = this.fileNames().filter((name) => (this.#files.get(name)?.size ?? 0) > 0);
    if (files.length === 0) return null;
    const place = stream.pick(files);
    const sectors = Math.ceil((this.#files.get(place)?.size ?? 1) / SECTOR);
    return { place, offset: SECTOR * stream.below(sectors) };
  }
}
