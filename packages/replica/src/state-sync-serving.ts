import {
  type Application,
  encode,
  epochOf,
  type Genesis,
  type Height,
  isQuorateError,
  lastHeightOf,
  type SnapshotInfo,
} from '@quorate/kernel';
import { epochClaimCodec } from '@quorate/light';
import type { EpochProof, FinalityProof } from './api.ts';
import type { BlockStore } from './block-store.ts';
import {
  type CheckpointAnswer,
  type FloorAnswer,
  MAX_CHUNK_BYTES,
  MAX_EPOCH_PROOFS,
  MAX_SNAPSHOTS,
  type StateSyncRequest,
  type StateSyncResponse,
} from './state-sync-wire.ts';

/** Bytes of epoch proofs in one answer. */
const EPOCHS_BYTES = 4 << 20;
/** How far above a snapshot the header that carries its state root may lie. */
const ROOT_DISTANCE = 64;

export interface ServingParts {
  readonly genesis: Genesis;
  readonly application: Application;
  readonly store: BlockStore;
}

/** Answers one request of a joining node from store and application. Bounded work; the caller limits how often. */
export async function serveStateSync(request: StateSyncRequest, parts: ServingParts): Promise<StateSyncResponse> {
  switch (request.kind) {
    case 'checkpoint':
      return { kind: 'checkpoint', found: checkpoint(request.height, parts) };
    case 'epochs':
      return { kind: 'epochs', proofs: epochs(request.from, parts.store) };
    case 'snapshots': {
      const provable = (await list(parts.application)).filter(({ height }) => floor(height, parts.store) !== null);
      return { kind: 'snapshots', snapshots: provable.slice(0, MAX_SNAPSHOTS) };
    }
    case 'floor':
      return { kind: 'floor', found: floor(request.height, parts.store) };
    case 'chunk': {
      const { height, format, chunk } = request;
      const { snapshots } = parts.application;
      const bytes = await offered(async () => (await snapshots?.load(height, format, chunk)) ?? null, null);
      return { kind: 'chunk', bytes: bytes !== null && bytes.length > MAX_CHUNK_BYTES ? null : bytes };
    }
  }
}

/** What the application offers; nothing when it throws: what a stranger asks for must not stop this node. Errors of the disk do. */
async function offered<T>(ask: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isQuorateError(error) && error.code.startsWith('disk/')) throw error;
    return nothing;
  }
}

async function list(application: Application): Promise<SnapshotInfo[]> {
  const all = await offered(async () => (await application.snapshots?.list()) ?? [], []);
  return [...all].sort((a, b) => b.height - a.height);
}

function checkpoint(height: Height, { genesis, store }: ServingParts): CheckpointAnswer | null {
  const { consensus } = genesis;
  const epoch = epochOf(consensus, height);
  const ends = height === lastHeightOf(consensus, epoch);
  const header = store.at(height)?.header ?? (ends ? store.closing(epoch) : null);
  const validators = store.validators(epoch);
  if (header === null || validators === null) return null;
  if (epoch === 0) return { header, validators, first: null };
  const first = store.finalityProof(lastHeightOf(consensus, epoch - 1) + 1) ?? store.opening(epoch);
  return { header, validators, first };
}

function epochs(from: number, store: BlockStore): EpochProof[] {
  const proofs: EpochProof[] = [];
  let bytes = 0;
  for (let epoch = from; proofs.length < MAX_EPOCH_PROOFS; epoch++) {
    const proof = store.epochProof(epoch);
    if (proof === null) break;
    bytes += encode(epochClaimCodec, proof).length;
    if (proofs.length > 0 && bytes > EPOCHS_BYTES) break;
    proofs.push(proof);
  }
  return proofs;
}

/** What proves a snapshot, or null: it is not final here, nothing certifies its root yet, or this node only believes its set. */
function floor(height: Height, store: BlockStore): FloorAnswer | null {
  const proof = store.finalityProof(height);
  const root = proof && rootProof(height, store);
  const staged = store.staged(height);
  if (proof === null || root === null || staged === null || staged.provisional) return null;
  return { floor: proof, root, staged: staged.set };
}

function rootProof(height: Height, store: BlockStore): FinalityProof | null {
  for (let at = height + 1; at <= height + ROOT_DISTANCE; at++) {
    const executed = store.at(at)?.header.executedHeight;
    if (executed === undefined || executed > height) return null;
    if (executed === height) return store.finalityProof(at);
  }
  return null;
}
