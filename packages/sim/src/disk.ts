import { type Disk, QuorateError } from '@quorate/kernel';
import { Boundaries } from './boundaries.ts';
import type { Choice } from './decisions.ts';
import { type DiskFaults, FaultSource, type Guard, NO_FAULTS, type Operation } from './disk/faults.ts';
import { Holdings } from './disk/holdings.ts';
import type { DiskCrash, DiskLatency, DiskOptions } from './disk/options.ts';
import { type Below, misread, openFile, openStore } from './disk/ports.ts';
import { type Incarnation, never } from './incarnation.ts';
import { ALL_TEARS, PlatterFile, type Tear } from './platter.ts';
import { digestText, Stream } from './random.ts';
import { SortedMap } from './sorted-map.ts';
import type { World } from './world.ts';

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
  readonly place: string;
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
export class SimulatedDisk extends Holdings {
  readonly #name: string;
  /** Of its machine: what completes keeps its order among timers and messages of the same instant. */
  readonly #lane: number;
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
    super();
    this.#world = world;
    this.#name = name;
    this.#lane = digestText(name);
    this.#stream = world.stream(`disk/${name}`);
    this.#latency = { ...USUAL, ...options.latency };
    this.#jitter = options.jitter ?? 0;
    this.#tears = options.tears ?? ALL_TEARS;
    this.capacity = options.capacity ?? Number.MAX_SAFE_INTEGER;
    this.#source = new FaultSource(world, name, this);
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

  /**
   * Lets an observer ask the program of this machine something that it answers at once: reads of its stores in between meet no
   * faults and are not counted, so that a run is the same whether somebody watches or not.
   */
  aside<T>(ask: () => T): T {
    const { asleep } = this.#source;
    this.#source.asleep = true;
    try {
      return ask();
    } finally {
      this.#source.asleep = asleep;
    }
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
      if (this.files.get(name)?.cutPower(stream, tears) === false) this.files.delete(name);
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
      overwrite: (choice, bytes) => this.overwrite(choice, bytes),
      sectorAt: (choice) => this.sectorAt(choice),
    };
    const { submit } = below;
    return {
      openFile: (name) =>
        submit('look', name, () => {
          const file = this.files.get(name) ?? new PlatterFile();
          this.files.set(name, file);
          return openFile(below, name, file);
        }),
      listFiles: (prefix) => submit('look', '', () => this.fileNames().filter((name) => name.startsWith(prefix))),
      removeFile: (name) =>
        submit('remove', name, () => {
          this.files.delete(name);
        }),
      replaceFile: (name, bytes) => {
        const copy = new Uint8Array(bytes);
        return submit('replace', name, (fault) => {
          const old = this.peek(name);
          this.#reserve(copy.length - (old?.length ?? 0), fault);
          this.#confirm(fault);
          const file = PlatterFile.of(copy);
          file.previous = old;
          this.files.set(name, file);
        });
      },
      readFile: (name) =>
        submit('read', name, (fault) => {
          const file = this.files.get(name);
          return file === undefined ? null : misread(below, fault, file, file.read(0, file.size));
        }),
      openStore: (name) =>
        submit('look', name, () => {
          const map = this.stores.get(name) ?? new SortedMap();
          this.stores.set(name, map);
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
    if (fault?.kind === 'flip') this.flipAt(fault);
    return fault;
  }

  #submit<T>(life: Incarnation, operation: Operation, place: string, apply: (fault: Choice | null) => T): Promise<T> {
    if (!life.alive) return never();
    const older = operation === 'read' && (this.files.get(place)?.previous ?? null) !== null;
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
      this.#pending.push({ operation, place, life, happen });
      const complete = (): void => {
        if (stretch === this.#stretch) this.#complete();
      };
      this.#world.schedule(done - now, this.#kindOf(operation), complete, 0, this.#lane);
    });
  }

  /** The first of what is under way happens, whichever event brought it: the order is that of the disk. */
  #complete(): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { operation, place, life, happen } = next;
    const { effect } = OPERATIONS[operation];
    if (!this.boundaries.begin(operation, effect, place.split('/', 1)[0])) return;
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
}
