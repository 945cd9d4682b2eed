import {
  type Application,
  type ApplicationInfo,
  type Digest,
  type Genesis,
  type GenesisView,
  genesisBlock,
  genesisDigest,
  type Hash,
  type Height,
  QuorateError,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';

/** Where execution goes on. */
export interface Connected {
  /** Last height known to be committed by both. */
  readonly height: Height;
  /** The application stands above the store's finalized height: what it holds there. */
  readonly ahead: { readonly height: Height; readonly block: Digest; readonly stateRoot: Digest } | null;
  readonly oldestSnapshot: Height | null;
}

interface Parts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly hash: Hash;
}

/**
 * Brings application and store together. On an empty pair: `initChain`, and genesis in the store. Otherwise both must stand
 * on one chain: an application that is behind is replayed, one that is ahead (its store was set back) waits for the chain to
 * catch up. Throws `application/failed`, `application/diverged`, `genesis/mismatch`.
 */
export async function connect(genesis: Genesis, parts: Parts): Promise<Connected> {
  const { application, store } = parts;
  const info = await asked('info', () => application.info());
  if (!store.begun || (store.kept.headersFrom === 0 && info.height === 0)) await begin(genesis, parts, info);
  const oldestSnapshot = await oldest(application);
  const finalized = store.finalizedHeight;
  if (info.height > finalized) {
    const { height, block, stateRoot } = info;
    return {
      height: Math.min(store.executedHeight ?? 0, finalized),
      ahead: { height, block, stateRoot },
      oldestSnapshot,
    };
  }
  if (info.height + 1 < store.kept.bodiesFrom) {
    throw new QuorateError(
      'application/diverged',
      `the application stands at height ${info.height}, but blocks below ${store.kept.bodiesFrom} are no longer kept here: ` +
        'restore its state, or move both application state and block store away and join by state sync',
    );
  }
  checkStanding(store, info);
  return { height: info.height, ahead: null, oldestSnapshot };
}

async function begin(genesis: Genesis, parts: Parts, info: ApplicationInfo): Promise<void> {
  const { application, store, hash } = parts;
  if (info.height > 0) {
    throw new QuorateError(
      'application/diverged',
      `the application stands at height ${info.height}, but the block store is empty: restore the block store, or move the application's state away`,
    );
  }
  const stored = store.begun ? store.at(0) : null;
  // An application may or may not keep what initChain made before its first commit.
  if (stored !== null && stored.header.stateRoot === info.stateRoot) return;
  const view: GenesisView = {
    chainId: genesis.chainId,
    time: genesis.time,
    digest: genesisDigest(hash, genesis),
    consensus: genesis.consensus,
    validators: genesis.validators.members,
    appState: genesis.appState,
  };
  const { stateRoot } = await asked('initChain', () => application.initChain(view));
  await store.adoptGenesis(genesisBlock(hash, genesis, stateRoot), genesis.validators, genesis.time);
}

function checkStanding(store: BlockStore, info: ApplicationInfo): void {
  if (info.height === 0) return;
  const block = store.at(info.height);
  const record = store.execution(info.height);
  const sameBlock = block === null || block.ref.digest === info.block;
  const sameRoot = record === null || record.stateRoot === info.stateRoot;
  if (sameBlock && sameRoot) return;
  throw new QuorateError(
    'application/diverged',
    `at height ${info.height} the application holds block ${info.block} with state root ${info.stateRoot}, the block store ` +
      `block ${block?.ref.digest} with ${record?.stateRoot}: they do not belong together, or one of them was damaged`,
  );
}

async function oldest(application: Application): Promise<Height | null> {
  const { snapshots } = application;
  if (snapshots === undefined) return null;
  const heights = (await asked('listing snapshots', () => snapshots.list())).map((snapshot) => snapshot.height);
  return heights.length === 0 ? null : Math.min(...heights);
}

async function asked<T>(call: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof QuorateError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw new QuorateError('application/failed', `the application failed in ${call}: ${said}`, { cause: error });
  }
}
