import {
  type Body,
  type Digest,
  type Disk,
  type Genesis,
  genesisDigest,
  type Hash,
  type Height,
} from '@quorate/kernel';
import { BlockStore } from './block-store.ts';
import { sentenceOf } from './execution-rules.ts';
import { FORK_FILE } from './fork-report.ts';
import { readSegment } from './journal-format.ts';

/** One thing that was looked at on a stopped node's disk: what was found, or the error that keeps the node from starting. */
export interface Examination {
  readonly name: 'journal' | 'blocks' | 'execution' | 'fork' | 'records';
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
      detail: divergence === null ? 'no divergence on record' : new Error(sentenceOf(divergence)),
    });
    found.push({ name: 'fork', detail: await attempt(() => forkIn(disk)) });
    found.push({ name: 'records', detail: await attempt(async () => verifyRecords(store)) });
  } finally {
    await store.close();
  }
  return found;
}

/** Heights between an execution and the header that certifies it, at most; headers of blocks that wait for execution repeat a root. */
const CERTIFIED_WITHIN = 64;
/** Blocks that {@link Records.bodies} goes back. */
const BODIES = 256;

/** What the block store of a stopped node says of executions. Every answer throws `store/corrupt` when its record is damaged. */
export interface Records {
  /** Last height that was executed; null before the first. */
  readonly executedHeight: Height | null;
  /** What stopped the node: the height and the two roots after it. */
  readonly divergence: {
    readonly height: Height;
    readonly computedStateRoot: Digest;
    readonly certifiedStateRoot: Digest;
  } | null;
  /** The state root that this node computed after a height; null when that is not kept. */
  stateRoot(height: Height): Digest | null;
  /** The state root that finalized headers name for a height; null when those here do not. */
  certifiedRoot(height: Height): Digest | null;
  /** Bodies of the finalized block at a height and of up to 255 before it, newest first, as far as they are kept. */
  bodies(height: Height): Iterable<Body>;
  close(): Promise<void>;
}

/** Opens the block store of a stopped node for reading. Throws `store/version`, `store/corrupt`, `genesis/mismatch`. */
export async function openRecords(
  options: { readonly genesis: Genesis },
  parts: { readonly disk: Disk; readonly hash: Hash },
): Promise<Records> {
  const store = await BlockStore.open(options, parts);
  return {
    executedHeight: store.executedHeight,
    divergence: store.divergence(),
    stateRoot: (height) => store.execution(height)?.stateRoot ?? null,
    certifiedRoot: (height) => {
      for (let at = height + 1; at <= height + CERTIFIED_WITHIN; at++) {
        const header = store.at(at)?.header;
        if (header === undefined || header.executedHeight > height) return null;
        if (header.executedHeight === height) return header.stateRoot;
      }
      return null;
    },
    *bodies(height) {
      for (let at = height; at > Math.max(0, height - BODIES); at--) {
        const block = store.at(at);
        const body = block === null ? null : store.body(block.ref);
        if (body === null) return;
        yield body;
      }
    },
    close: () => store.close(),
  };
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

async function forkIn(disk: Disk): Promise<string> {
  if ((await disk.readFile(FORK_FILE)) === null) return 'none on record';
  throw new Error(
    `this node halted at two final blocks that cannot both be: ${FORK_FILE} says who signed both. Keep it`,
  );
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
