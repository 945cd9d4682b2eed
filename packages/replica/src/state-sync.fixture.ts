import { decode, encode, type PeerId, QuorateError } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { BlockStore } from './block-store.ts';
import { ChainFixture, ListApplication, type Made, MemoryDisk, sha256 } from './chain.fixture.ts';
import type { LookingBackParts } from './earlier-epochs.ts';
import { createExecutor, type Executor } from './executor.ts';
import { stateSync } from './state-sync.ts';
import { serveStateSync } from './state-sync-serving.ts';
import {
  type StateSyncRequest,
  type StateSyncResponse,
  stateSyncRequestCodec,
  stateSyncResponseCodec,
} from './state-sync-wire.ts';

export const suite = simulatedSuite();
export const LONG = 'x'.repeat(40);

export type Answer = (request: StateSyncRequest, honest: StateSyncResponse) => StateSyncResponse;

interface Served {
  readonly chain: ChainFixture;
  readonly store: BlockStore;
  readonly application: ListApplication;
}

/** A node with the whole chain and snapshots every `interval` heights. */
export async function serving(chain: ChainFixture, interval: number, retainBlocks = 0): Promise<Served> {
  const application = new ListApplication(chain.updates);
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: new MemoryDisk().port(), hash: sha256 });
  const executor = await running(chain, application, store, { interval, retainBlocks });
  await follow(chain, { store, executor }, chain.made);
  return { chain, store, application };
}

export async function running(
  chain: ChainFixture,
  application: ListApplication,
  store: BlockStore,
  options: {
    readonly interval?: number;
    readonly retainBlocks?: number;
    readonly learnSets?: () => Promise<void>;
  } = {},
): Promise<Executor> {
  const { interval = 0, retainBlocks = 0, learnSets = () => Promise.resolve() } = options;
  return createExecutor(
    { genesis: chain.genesis, retainBlocks, snapshotInterval: interval, keepSnapshots: 2 },
    {
      application,
      store,
      hash: sha256,
      log: () => {},
      proposerOf: chain.proposerOf,
      learnSets,
      executed: () => {},
      halted: (error) => {
        throw error;
      },
    },
  );
}

export async function follow(
  chain: ChainFixture,
  node: { store: BlockStore; executor: Executor },
  made: readonly Made[],
): Promise<void> {
  const { epochLength } = chain.genesis.consensus;
  for (const each of made) {
    await node.store.put(each.block, each.body);
    await node.store.finalize([each.entry]);
    node.executor.advance();
    await node.executor.settled();
    const { height, epoch } = each.block.header;
    if (height % epochLength !== 0 || node.store.epochProof(epoch) !== null) continue;
    const next = node.executor.nextValidators(each.block);
    const proof = node.store.finalityProof(height);
    if (next.kind === 'known' && proof !== null) await node.store.endEpoch(epoch, proof, next.set);
  }
}

interface Joiner {
  readonly store: BlockStore;
  readonly application: ListApplication;
  readonly disk: MemoryDisk;
  readonly questions: LookingBackParts;
  readonly blamed: Map<PeerId, string>;
  readonly asked: StateSyncRequest[];
  join(options?: {
    trusted?: { height: number; digest: string };
    now?: number;
    trustingPeriod?: number;
  }): Promise<number>;
}

/** A new node whose peers answer as they like; every message passes the wire format. */
export async function joining(
  chain: ChainFixture,
  peers: Record<PeerId, { served: Served; answer?: Answer }>,
  state: ListApplication['disk'] = { state: null, snapshots: new Map() },
): Promise<Joiner> {
  const application = new ListApplication(chain.updates, { disk: state });
  const disk = new MemoryDisk();
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: disk.port(), hash: sha256 });
  const blamed = new Map<PeerId, string>();
  const asked: StateSyncRequest[] = [];
  const ask = async (peer: PeerId, request: StateSyncRequest): Promise<StateSyncResponse> => {
    const there = peers[peer];
    if (there === undefined) throw new QuorateError('rpc/unavailable', 'nobody');
    asked.push(request);
    const honest = await serveStateSync(decode(stateSyncRequestCodec, encode(stateSyncRequestCodec, request)), {
      ...there.served,
      genesis: chain.genesis,
    });
    const response = there.answer?.(request, honest) ?? honest;
    return decode(stateSyncResponseCodec, encode(stateSyncResponseCodec, response).slice());
  };
  const questions: LookingBackParts = {
    genesis: chain.genesis,
    suite,
    hash: sha256,
    now: () => 2_000_000,
    peers: () => Object.keys(peers),
    ask,
    blame: (peer, reason) => blamed.set(peer, reason),
  };
  return {
    store,
    application,
    disk,
    questions,
    blamed,
    asked,
    join: (options = {}) =>
      stateSync(
        {
          genesis: chain.genesis,
          trusted: options.trusted ?? { height: 0, digest: chain.start.ref.digest },
          trustingPeriod: options.trustingPeriod ?? 86_400_000,
        },
        { ...questions, application, store, log: () => {}, now: () => options.now ?? 2_000_000 },
      ),
  };
}

export function busyChain(heights: number, epochLength = 10): ChainFixture {
  const chain = new ChainFixture(suite, { epochLength });
  for (let height = 1; height <= heights; height++) {
    chain.extend([`tx ${height} ${LONG}`, ...(height % 6 === 0 ? [`weight/${4 + (height % 2)}/${height}`] : [])]);
  }
  return chain;
}

/** Follows the rest of the chain from the floor, as block sync would. */
export async function goOn(chain: ChainFixture, { store, application }: Joiner): Promise<Executor> {
  const executor = await running(chain, application, store);
  await follow(chain, { store, executor }, chain.made.slice(store.finalizedHeight));
  return executor;
}
