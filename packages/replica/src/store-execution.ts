import type { Digest, Height, Store, StoreWrite } from '@quorate/kernel';
import { type Kept, pruneStep, type Retention } from './retention.ts';
import {
  type ExecutionRecord,
  KEY,
  RECORD,
  type ReceiptsRecord,
  readRecord,
  record,
  type Staged,
} from './store-format.ts';

/** What execution of one height gave. */
export interface Outcome {
  readonly height: Height;
  readonly execution: ExecutionRecord;
  /** Null when the height was not executed here. */
  readonly receipts: ReceiptsRecord | null;
  /** The set from here on, when the block brought validator updates. */
  readonly staged: Staged | null;
}

/** Everything written with one outcome, and what that leaves in the store. */
interface OutcomeStep {
  readonly writes: readonly StoreWrite[];
  readonly kept: Kept;
  /** Blocks whose headers these writes remove. */
  readonly pruned: readonly Digest[];
}

/** Records an outcome, and prunes a few heights below `keep`, never at or above the outcome's. */
export function outcomeStep(store: Store, kept: Kept, outcome: Outcome, keep: Retention): OutcomeStep {
  const { height, execution, receipts, staged } = outcome;
  const least = Math.min(keep.bodies, height);
  const step = pruneStep(store, kept, { bodies: least, headers: Math.min(keep.headers, least) });
  const writes = [record(KEY.execution(height), RECORD.execution, execution), ...step.writes];
  if (staged !== null) writes.push(record(KEY.staged(height), RECORD.staged, staged));
  if (receipts !== null) {
    writes.push(record(KEY.receipts(height), RECORD.receipts, receipts));
    const seen = new Set<Digest>();
    receipts.transactions.forEach((id, index) => {
      // The first inclusion is the one that counts; a repetition cannot succeed.
      if (seen.has(id) || (readRecord(store, KEY.place(id), RECORD.place)?.height ?? height) < height) return;
      seen.add(id);
      writes.push(record(KEY.place(id), RECORD.place, { height, index }));
    });
  }
  const pruned: Digest[] = [];
  for (let gone = kept.headersFrom; gone < step.headersFrom; gone++) {
    const index = readRecord(store, KEY.finalized(gone), RECORD.finalized);
    if (index !== null) pruned.push(index.digest);
  }
  const { bodiesFrom, headersFrom } = step;
  return { writes, kept: { bodiesFrom, headersFrom }, pruned };
}
