import { type Application, genesisDigest, type Store } from '@quorate/kernel';
import type { ReplicaOptions, ReplicaParts } from './api.ts';
import { inTurn } from './application-turns.ts';
import { BlockStore } from './block-store.ts';
import { everyStep } from './every-step.ts';
import { forgetBeginning } from './evidence-pool.ts';
import { Journal } from './journal.ts';
import type { JournalEntry } from './journal-format.ts';

const JOURNAL_BYTES = 4 << 20;

/** What a replica opens on its disk before anything runs. */
export interface Opened {
  readonly application: Application;
  readonly store: BlockStore;
  readonly journal: Journal;
  readonly restored: readonly JournalEntry[];
  readonly evidenceStore: Store;
}

/** Opens everything durable. Throws `store/*`, `journal/*`, `genesis/mismatch`, `disk/*`, and closes what was open by then. */
export async function opening(
  { genesis, journalBytes = JOURNAL_BYTES }: ReplicaOptions,
  { ports, hash, suite, application, log }: ReplicaParts,
): Promise<Opened> {
  const { disk, clock } = ports;
  const pause = () => new Promise<void>((resolve) => void clock.after(0, resolve));
  const store = await BlockStore.open({ genesis }, { disk, hash, suite });
  const open: { close(): Promise<void> }[] = [store];
  try {
    const options = { chain: genesisDigest(hash, genesis), folder: 'journal', segmentBytes: journalBytes };
    const { journal, restored, cut } = await Journal.open(options, disk);
    open.push(journal);
    if (cut > 0) log('warn', 'the journal ended in a torn record, which was cut', { bytes: cut });
    const evidenceStore = await disk.openStore('evidence');
    open.push(evidenceStore);
    if (!store.begun) await forgetBeginning(evidenceStore); // the blocks of an earlier chain here are gone
    return { application: inTurn(application, pause), store, journal, restored, evidenceStore };
  } catch (error) {
    // Why it did not open says more than what then did not close.
    await everyStep(open.map((each) => () => each.close())).catch(() => {});
    throw error;
  }
}
