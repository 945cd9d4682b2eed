import { type Disk, type Genesis, genesisDigest, type Hash } from '@quorate/kernel';
import { BlockStore } from './block-store.ts';
import { readSegment } from './journal-format.ts';

/** One thing that was looked at on a stopped node's disk: what was found, or the error that keeps the node from starting. */
export interface Examination {
  readonly name: 'journal' | 'blocks' | 'execution' | 'records';
  readonly detail: string | Error;
}

/** Records that one step of {@link examineHome} reads. */
const STEP = 1000;

/** Examines the journal and the block store of a stopped node without changing them; reads every stored record. */
export async function examineHome(
  options: { readonly genesis: Genesis },
  parts: { readonly disk: Disk; readonly hash: Hash },
): Promise<Examination[]> {
  const { disk, hash } = parts;
  const found: Examination[] = [
    { name: 'journal', detail: await attempt(() => examineJournal(options.genesis, parts)) },
  ];
  const store = await attempt(() => BlockStore.open(options, { disk, hash }));
  if (store instanceof Error) return [...found, { name: 'blocks', detail: store }];
  try {
    found.push({ name: 'blocks', detail: await attempt(async () => describeTip(store)) });
    const divergence = store.divergence();
    found.push({
      name: 'execution',
      detail:
        divergence === null
          ? 'no divergence on record'
          : new Error(
              `the state after height ${divergence.height} differs from the certified one: ${JSON.stringify(divergence)}`,
            ),
    });
    found.push({ name: 'records', detail: await attempt(async () => verifyRecords(store)) });
  } finally {
    await store.close();
  }
  return found;
}

async function attempt<T>(look: () => Promise<T>): Promise<T | Error> {
  try {
    return await look();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function examineJournal(genesis: Genesis, parts: { readonly disk: Disk; readonly hash: Hash }): Promise<string> {
  const names = await parts.disk.listFiles('journal/');
  const newest = names[names.length - 1];
  if (newest === undefined) return 'none yet';
  const segment = await parts.disk.readFile(newest);
  if (segment === null) throw new Error(`${newest} cannot be read`);
  const { version, entries, end } = readSegment(newest, genesisDigest(parts.hash, genesis), segment);
  const torn = segment.length - end;
  return `${newest}, version ${version}, ${entries.length} entries${torn === 0 ? '' : `, a torn tail of ${torn} bytes that the start will cut`}`;
}

function describeTip(store: BlockStore): string {
  if (!store.begun) return 'no block yet';
  const { block } = store.tip();
  return `finalized up to height ${block.header.height} (${block.ref.digest})`;
}

function verifyRecords(store: BlockStore): string {
  let sound = 0;
  const damaged: string[] = [];
  for (let from: Uint8Array | null = Uint8Array.of(0); from !== null; ) {
    const step = store.verify(from, STEP);
    sound += step.sound;
    damaged.push(...step.damaged);
    from = step.next;
  }
  if (damaged.length > 0) {
    throw new Error(
      `${damaged.length} of ${sound + damaged.length} records are damaged: ${damaged.slice(0, 5).join(', ')}; restore the home or join anew by state sync`,
    );
  }
  return `${sound} records, every checksum holds`;
}
