import type { Digest, Height, Millis } from '@quorate/kernel';

/** A transaction that waits. */
export interface Entry {
  readonly id: Digest;
  readonly tx: Uint8Array;
  readonly sender: Sender;
  readonly nonce: bigint;
  readonly priority: bigint;
  readonly expiry: Height | null;
  /** Order of arrival. */
  readonly seq: number;
  readonly since: Millis;
  /** False once it left: the heap drops it when it comes up. */
  present: boolean;
}

/** What waits of one sender. */
export interface Sender {
  readonly name: string;
  /** In order of nonce. */
  readonly entries: Entry[];
  /** What the committed state wants next, as far as we know. */
  next: bigint;
  bytes: number;
}

/** Index of the sender's entry that a block may take next; past the end when there is none. */
export function startOf({ entries, next }: Sender): number {
  const at = positionOf(entries, next);
  return entries[at]?.nonce === next ? at : entries.length;
}

/** Whether a nonce that comes before `nonce` is missing, of those that the state wants still. */
export function isBehindGap({ entries, next }: Sender, nonce: bigint): boolean {
  return BigInt(positionOf(entries, nonce) - positionOf(entries, next)) < nonce - next;
}

/** Index of the first entry whose nonce is not below `nonce`. */
export function positionOf(entries: readonly Entry[], nonce: bigint): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry !== undefined && entry.nonce < nonce) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The sender's lowest priority; among equals the highest nonce, which nothing else of the sender builds on. */
export function lowestOf(sender: Sender, going: ReadonlySet<Entry>): Entry | null {
  let lowest: Entry | null = null;
  for (const entry of sender.entries) {
    if (!going.has(entry) && (lowest === null || entry.priority <= lowest.priority)) lowest = entry;
  }
  return lowest;
}
