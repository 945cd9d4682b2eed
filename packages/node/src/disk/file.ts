import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type DiskFile, QuorateError } from '@quorate/kernel';
import { diskError, guarded } from './failures.ts';

/**
 * Linux makes each write durable before it returns when asked to with the file: one call to a thread of the pool instead of
 * two, and one turn of the event loop less before a vote may leave. Elsewhere the flag promises less than `fdatasync` does.
 */
const WRITES_ARE_DURABLE = process.platform === 'linux';
const OPEN = constants.O_RDWR | (WRITES_ARE_DURABLE ? constants.O_DSYNC : 0);

/**
 * An append-only file. Appends happen in the order in which they were asked for. After a failed append or sync what the disk
 * holds is unknown (a failed fsync may have lost pages for good), so every later call fails as well.
 *
 * No space is allocated ahead: it would spare a sync some 40 µs, but the size of the file is the end of the data, and
 * nothing in Node allocates without changing it.
 */
export class NodeFile implements DiskFile {
  readonly name: string;
  readonly #handle: FileHandle;
  #size: number;
  #tail: Promise<unknown> = Promise.resolve();
  #failure: QuorateError | null = null;
  #closed: Promise<void> | null = null;

  private constructor(name: string, handle: FileHandle, size: number) {
    this.name = name;
    this.#handle = handle;
    this.#size = size;
  }

  /** Opens or creates the file at `path`. */
  static async open(name: string, path: string): Promise<NodeFile> {
    return guarded('open', name, async () => {
      // Not O_APPEND: appends are positioned, so that a truncation and a retry cannot disagree about the end.
      const handle = await open(path, OPEN).catch(() => open(path, OPEN | constants.O_CREAT | constants.O_EXCL, 0o600));
      const { size } = await handle.stat();
      return new NodeFile(name, handle, size);
    });
  }

  size(): number {
    return this.#size;
  }

  append(parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts); // the parts stay the caller's
    const at = this.#size;
    this.#size += bytes.length;
    return this.#change('append to', async () => {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, at + written);
        written += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return this.#change('sync', async () => {
      if (!WRITES_ARE_DURABLE) await this.#handle.datasync();
    });
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#tail.catch(() => {});
    if (offset < 0 || offset + length > this.#size) {
      const end = `it ends at ${this.#size}`;
      throw new QuorateError('disk/corrupt', `read ${this.name}: ${length} bytes at ${offset} wanted, ${end}`);
    }
    return guarded('read', this.name, async () => {
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw new QuorateError('disk/corrupt', `read ${this.name}: it is shorter than it was`);
        filled += bytesRead;
      }
      return bytes;
    });
  }

  truncate(size: number): Promise<void> {
    this.#size = Math.min(this.#size, size);
    return this.#change('truncate', async () => {
      await this.#handle.truncate(size);
      await this.#handle.datasync();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#tail.catch(() => {}).then(() => guarded('close', this.name, () => this.#handle.close()));
    return this.#closed;
  }

  #change(doing: string, operation: () => Promise<unknown>): Promise<void> {
    const done = this.#tail.then(async () => {
      if (this.#failure !== null) throw this.#failure;
      try {
        await operation();
      } catch (error) {
        this.#failure = diskError(error, doing, this.name);
        throw this.#failure;
      }
    });
    this.#tail = done.catch(() => {});
    return done;
  }
}
