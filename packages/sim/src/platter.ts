import { QuorateError } from '@quorate/kernel';
import type { Stream } from './random.ts';

/** What a power cut does to bytes that were appended but not synced. */
export type Tear =
  /** All gone. */
  | 'lose'
  /** All there, as if the system had written them back in time. */
  | 'keep'
  /** A prefix of any length. */
  | 'prefix'
  /** Any subset of the 4 KiB sectors; the others read as zeros. */
  | 'sectors';

export const ALL_TEARS: readonly Tear[] = ['lose', 'keep', 'prefix', 'sectors'];

/** Bytes that a disk writes as one. */
export const SECTOR = 4096;

/** One file as a disk holds it: what a process reads, and how much of that would survive a power cut. */
export class PlatterFile {
  #bytes = new Uint8Array(256);
  #size = 0;
  /** Length of the prefix that survives. */
  #synced = 0;
  /** What the disk still holds behind that prefix after a truncation that was not synced. */
  #behind: Uint8Array | null = null;
  #named = false;
  /** What stood under this name before it was replaced; `null` when it never was. */
  previous: Uint8Array | null = null;
  /** Stretches that a failed sync dropped: read from memory until the power goes, and never written. */
  #dropped: [from: number, to: number][] = [];

  /** A file with durable content. */
  static of(bytes: Uint8Array): PlatterFile {
    const file = new PlatterFile();
    file.append(bytes);
    file.sync();
    return file;
  }

  get size(): number {
    return this.#size;
  }

  get syncedSize(): number {
    return this.#synced;
  }

  append(part: Uint8Array): void {
    const needed = this.#size + part.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#size);
    this.#size = needed;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.#size) {
      throw new QuorateError('disk/corrupt', `read of ${length} bytes at ${offset} of a file of ${this.#size}`);
    }
    return this.#bytes.slice(offset, offset + length);
  }

  truncate(size: number): void {
    if (size < 0 || size > this.#size) throw new RangeError(`cannot truncate ${this.#size} bytes to ${size}`);
    if (size < this.#synced) {
      const cut = this.#bytes.subarray(size, this.#synced);
      const behind = new Uint8Array(cut.length + (this.#behind?.length ?? 0));
      behind.set(cut);
      if (this.#behind !== null) behind.set(this.#behind, cut.length);
      this.#behind = behind;
      this.#synced = size;
    }
    this.#size = size;
    this.#dropped = this.#dropped.flatMap(([from, to]) => (from < size ? [[from, Math.min(to, size)]] : []));
  }

  sync(): void {
    this.#synced = this.#size;
    this.#behind = null;
    this.#named = true;
  }

  /**
   * A sync that failed: what was not durable never will be, whatever later syncs say, for the system takes its pages for
   * clean (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). Readers still see it until the power goes.
   */
  drop(): void {
    if (this.#synced < this.#size) this.#dropped.push([this.#synced, this.#size]);
    this.#synced = this.#size;
  }

  /** Overwrites bytes that exist, durably; what would lie behind the end is left out. */
  overwrite(offset: number, bytes: Uint8Array): void {
    if (offset < 0 || offset >= this.#size) return;
    this.#bytes.set(bytes.subarray(0, this.#size - offset), offset);
  }

  /** Inverts one bit, durably. */
  flip(offset: number, bit: number): void {
    if (!Number.isInteger(offset) || offset < 0 || offset >= this.#size) {
      throw new RangeError(`no byte at ${offset} of ${this.#size}`);
    }
    this.#bytes[offset] = (this.#bytes[offset] ?? 0) ^ (1 << (bit & 7));
  }

  /** The power goes. `false` when the file itself is gone, for a file that was created and never synced may vanish. */
  cutPower(stream: Stream, tears: readonly Tear[]): boolean {
    const vanishes = stream.chance(0.5);
    const undone = stream.chance(0.5);
    const tear = stream.pick(tears);
    if (!this.#named && vanishes) return false;
    if (this.#behind !== null && undone) {
      this.#size = this.#synced;
      this.append(this.#behind);
    } else this.#tear(stream, tear);
    this.#loseDropped();
    this.sync();
    return true;
  }

  #loseDropped(): void {
    for (const [from, to] of this.#dropped.splice(0).reverse()) {
      if (to >= this.#size) this.#size = Math.min(this.#size, from);
      else this.#bytes.fill(0, from, to);
    }
  }

  #tear(stream: Stream, tear: Tear): void {
    switch (tear) {
      case 'keep':
        return;
      case 'lose':
        this.#size = this.#synced;
        return;
      case 'prefix':
        this.#size = this.#synced + stream.below(this.#size - this.#synced + 1);
        return;
      case 'sectors':
        for (let at = this.#synced; at < this.#size; ) {
          const end = Math.min(this.#size, (Math.floor(at / SECTOR) + 1) * SECTOR);
          if (stream.chance(0.5)) this.#bytes.fill(0, at, end);
          at = end;
        }
        return;
    }
  }
}
