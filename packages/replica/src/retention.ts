import type { Height, Store, StoreWrite } from '@quorate/kernel';
import { KEY, numberOf, PREFIX, RECORD, readRecord, removal, tableRange } from './store-format.ts';

/** Heights pruned with one executed block: more than one, so that pruning catches up; few, so that no block waits for it. */
const STEP = 8;

/** What must stay. Each is the least height kept. */
export interface Retention {
  /** Bodies, receipts and the index of transactions. */
  readonly bodies: Height;
  /** Headers, certificates, justifications and execution roots: the evidence window. */
  readonly headers: Height;
}

/** The least heights of which bodies and headers are on disk. */
export interface Kept {
  readonly bodiesFrom: Height;
  readonly headersFrom: Height;
}

/** One bounded step of pruning: the writes, and what is left when they are durable. */
interface PruneStep extends Kept {
  readonly writes: readonly StoreWrite[];
}

/** Removes at most eight heights of bodies and eight of headers below what must stay. Headers never go before their bodies. */
export function pruneStep(store: Store, now: Kept, keep: Retention): PruneStep {
  const writes: StoreWrite[] = [];
  let { bodiesFrom, headersFrom } = now;
  for (let step = 0; step < STEP && bodiesFrom < keep.bodies; step++, bodiesFrom++)
    pruneBody(store, bodiesFrom, writes);
  const headers = Math.min(keep.headers, bodiesFrom);
  const before = headersFrom;
  for (let step = 0; step < STEP && headersFrom < headers; step++, headersFrom++)
    pruneHeader(store, headersFrom, writes);
  if (headersFrom > before) pruneStaged(store, headersFrom, writes);
  return { writes, bodiesFrom, headersFrom };
}

function pruneBody(store: Store, height: Height, writes: StoreWrite[]): void {
  const index = readRecord(store, KEY.finalized(height), RECORD.finalized);
  if (index !== null) writes.push(removal(KEY.body(index.digest)));
  const outcome = readRecord(store, KEY.receipts(height), RECORD.receipts);
  if (outcome === null) return;
  writes.push(removal(KEY.receipts(height)));
  for (const id of new Set(outcome.transactions)) {
    const place = readRecord(store, KEY.place(id), RECORD.place);
    if (place !== null && place.height === height) writes.push(removal(KEY.place(id)));
  }
}

function pruneHeader(store: Store, height: Height, writes: StoreWrite[]): void {
  const index = readRecord(store, KEY.finalized(height), RECORD.finalized);
  if (index === null) return;
  writes.push(
    removal(KEY.header(index.digest)),
    removal(KEY.finalized(height)),
    removal(KEY.coverage(height)),
    removal(KEY.justification(height)),
    removal(KEY.execution(height)),
  );
}

/** The staged set in force at the least kept height stays, older ones go. */
function pruneStaged(store: Store, headersFrom: Height, writes: StoreWrite[]): void {
  const { from } = tableRange(PREFIX.staged);
  let inForce = true;
  for (const [key] of store.range({ from, to: KEY.staged(headersFrom + 1), reverse: true, limit: STEP + 1 })) {
    if (!inForce && numberOf(key) < headersFrom) writes.push(removal(key));
    inForce = false;
  }
}
