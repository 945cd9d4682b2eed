import type { Tear } from '../platter.ts';
import type { SortedMap } from '../sorted-map.ts';
import type { DiskFaults } from './faults.ts';

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
