import { fromHex, toHex } from '@quorate/kernel';
import type { Choice } from '../decisions.ts';
import { PlatterFile, SECTOR } from '../platter.ts';
import type { Stream } from '../random.ts';
import type { SortedMap } from '../sorted-map.ts';
import { type Platter, type Spot, spotOf } from './faults.ts';
import type { Backup } from './options.ts';

/** What a disk holds, whoever uses it: what scenarios look at, put there, take away and damage. */
export class Holdings implements Platter {
  protected readonly files = new Map<string, PlatterFile>();
  protected readonly stores = new Map<string, SortedMap>();

  get used(): number {
    let used = 0;
    for (const file of this.files.values()) used += file.size;
    for (const store of this.stores.values()) used += store.bytes;
    return used;
  }

  /** Names of the files that exist, sorted. */
  fileNames(): string[] {
    return [...this.files.keys()].sort();
  }

  /** Names of the stores that exist, sorted. */
  storeNames(): string[] {
    return [...this.stores.keys()].sort();
  }

  /** What a file holds, or `null`. */
  peek(name: string): Uint8Array | null {
    const file = this.files.get(name);
    return file === undefined ? null : file.read(0, file.size);
  }

  /** Puts a file there, durably: a restored backup, a forged file. */
  plant(name: string, bytes: Uint8Array): void {
    this.files.set(name, PlatterFile.of(bytes));
  }

  /** All that it holds, for {@link restore}. */
  backup(): Backup {
    return {
      files: new Map(this.fileNames().map((name) => [name, this.peek(name) ?? new Uint8Array()])),
      stores: new Map([...this.stores].map(([name, store]) => [name, store.copy()])),
    };
  }

  /** Holds what a backup holds, and nothing else, or only where names start with `prefix`: what an operator does to a machine that is off. */
  restore(backup: Backup, prefix = ''): void {
    this.lose(prefix);
    for (const [name, bytes] of backup.files) if (name.startsWith(prefix)) this.plant(name, bytes);
    for (const [name, store] of backup.stores) if (name.startsWith(prefix)) this.stores.set(name, store.copy());
  }

  /** Holds what another disk holds: a home that was copied. */
  copyFrom(other: Holdings): void {
    this.restore(other.backup());
  }

  /** Loses every file and store whose name starts with `prefix`. */
  lose(prefix: string): void {
    for (const name of [...this.files.keys()]) if (name.startsWith(prefix)) this.files.delete(name);
    for (const name of [...this.stores.keys()]) if (name.startsWith(prefix)) this.stores.delete(name);
  }

  /** Inverts one bit of a file. */
  flip(name: string, offset: number, bit = 0): void {
    const file = this.files.get(name);
    if (file === undefined) throw new RangeError(`no file ${name}`);
    file.flip(offset, bit);
  }

  /** Inverts one bit of a value of a store. `false` when there is no such byte. */
  flipValue(name: string, key: Uint8Array, offset: number, bit = 0): boolean {
    const entry = this.stores.get(name)?.entry(key);
    if (entry === undefined || !(offset < entry.value.length)) return false;
    entry.value[offset] = (entry.value[offset] ?? 0) ^ (1 << (bit & 7));
    return true;
  }

  /** Inverts the bit that a choice names, if it is there. */
  flipAt(choice: Choice): void {
    const spot = spotOf(choice);
    if (spot === null) return;
    const bit = Number(choice.bit ?? 0);
    // A list that was shortened may name what is not there.
    if (spot.key !== undefined) this.flipValue(spot.place, fromHex(spot.key), spot.offset, bit);
    else if (spot.offset < (this.files.get(spot.place)?.size ?? 0)) this.flip(spot.place, spot.offset, bit);
  }

  /** Puts bytes, a sector at most, where a choice says. */
  overwrite(choice: Choice, bytes: Uint8Array): void {
    const spot = spotOf(choice);
    if (spot !== null) this.files.get(spot.place)?.overwrite(spot.offset, bytes.subarray(0, SECTOR));
  }

  /** The bytes of the sector that a choice names. */
  sectorAt(choice: Choice): Uint8Array {
    const spot = spotOf(choice);
    const file = spot === null ? undefined : this.files.get(spot.place);
    if (spot === null || file === undefined || spot.offset >= file.size) return new Uint8Array();
    return file.read(spot.offset, Math.min(SECTOR, file.size - spot.offset));
  }

  /** A byte of a file or of a value of a store; `null` when there is none. */
  randomByte(stream: Stream): Spot | null {
    const files = this.fileNames().filter((name) => (this.files.get(name)?.size ?? 0) > 0);
    const stores = this.storeNames().filter((name) => (this.stores.get(name)?.size ?? 0) > 0);
    if (files.length + stores.length === 0) return null;
    const place = stream.pick([...files, ...stores]);
    const file = this.files.get(place);
    if (file !== undefined && file.size > 0) return { place, offset: stream.below(file.size) };
    const store = this.stores.get(place);
    const entry = store?.at(stream.below(Math.max(1, store.size)));
    if (entry === undefined || entry.value.length === 0) return null;
    return { place, key: toHex(entry.key), offset: stream.below(entry.value.length) };
  }

  /** A sector of a file; `null` when there is none. */
  randomSector(stream: Stream): Spot | null {
    const files = this.fileNames().filter((name) => (this.files.get(name)?.size ?? 0) > 0);
    if (files.length === 0) return null;
    const place = stream.pick(files);
    const sectors = Math.ceil((this.files.get(place)?.size ?? 1) / SECTOR);
    return { place, offset: SECTOR * stream.below(sectors) };
  }
}
