import { concatBytes, type Digest, type Disk, type DiskFile, QuorateError } from '@quorate/kernel';
import { encodeFrame, encodeSegmentHeader, JOURNAL_VERSION, type JournalEntry, readSegment } from './journal-format.ts';

export interface JournalOptions {
  /** Digest of the genesis to which the journal belongs. */
  readonly chain: Digest;
  /** Folder below the home folder. */
  readonly folder: string;
  /** {@link Journal.full} from this size on. */
  readonly segmentBytes: number;
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly restored: readonly JournalEntry[];
  /** Bytes of a torn tail that were cut; they were never acknowledged. */
  readonly cut: number;
}

/**
 * The memory of the engines: one live segment, appended to by group commit. A segment is born whole (header and
 * checkpoint in one atomic replacement), so only the frame that was being written at a crash can be torn.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #disk: Disk;
  #file: DiskFile;
  #number: number;
  #born: number;

  private constructor(options: JournalOptions, disk: Disk, file: DiskFile, number: number) {
    this.#options = options;
    this.#disk = disk;
    this.#file = file;
    this.#number = number;
    this.#born = file.size();
  }

  /** Opens or creates the journal. Throws `journal/corrupt`, `journal/version`, `genesis/mismatch`, `disk/*`. */
  static async open(options: JournalOptions, disk: Disk): Promise<OpenedJournal> {
    const names = await disk.listFiles(`${options.folder}/`);
    const newest = names[names.length - 1];
    if (newest === undefined) {
      const file = await create(options, disk, 1, []);
      return { journal: new Journal(options, disk, file, 1), restored: [], cut: 0 };
    }
    const segment = await disk.readFile(newest);
    if (segment === null) throw new QuorateError('disk/failed', `${newest} was listed but cannot be read`);
    const { version, entries, end } = readSegment(newest, options.chain, segment);
    // What was read may be in the system's cache alone: where a sync failed, later ones do not write it. A new file makes it durable.
    const number = numberOf(options, newest) + 1;
    const file =
      version < JOURNAL_VERSION
        ? await create(options, disk, number, entries)
        : await written(disk, nameOf(options, number), segment.subarray(0, end));
    for (const name of names) await disk.removeFile(name);
    return { journal: new Journal(options, disk, file, number), restored: entries, cut: segment.length - end };
  }

  /** Bytes of the live segment. */
  get size(): number {
    return this.#file.size();
  }

  /** Whether the segment has grown enough to be worth replacing by a checkpoint. */
  get full(): boolean {
    return this.size >= this.#options.segmentBytes && this.size >= 2 * this.#born;
  }

  /** Makes entries durable, together or not at all. One append, one sync. Throws `disk/*`; the owner must then stop. */
  async append(entries: readonly JournalEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#file.append([encodeFrame(entries)]);
    await this.#file.sync();
  }

  /** Replaces everything by `checkpoint`: a new segment, durable before the old one goes. */
  async compact(checkpoint: readonly JournalEntry[]): Promise<void> {
    const old = this.#file;
    this.#number += 1;
    this.#file = await create(this.#options, this.#disk, this.#number, checkpoint);
    this.#born = this.#file.size();
    await old.close();
    await this.#disk.removeFile(old.name);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function nameOf(options: JournalOptions, number: number): string {
  return `${options.folder}/${String(number).padStart(10, '0')}.journal`;
}

function numberOf(options: JournalOptions, name: string): number {
  const match = /^(\d{10})\.journal$/.exec(name.slice(options.folder.length + 1));
  if (match === null) {
    throw new QuorateError('journal/corrupt', `${name} is no journal segment: move it out of the journal folder`);
  }
  return Number(match[1]);
}

async function create(
  options: JournalOptions,
  disk: Disk,
  number: number,
  entries: readonly JournalEntry[],
): Promise<DiskFile> {
  const header = encodeSegmentHeader({ version: JOURNAL_VERSION, chain: options.chain });
  const content = entries.length === 0 ? header : concatBytes(header, encodeFrame(entries));
  return written(disk, nameOf(options, number), content);
}

async function written(disk: Disk, name: string, content: Uint8Array): Promise<DiskFile> {
  await disk.replaceFile(name, content);
  return disk.openFile(name);
}
