import {
  type Application,
  type ApplicationInfo,
  type Digest,
  type Genesis,
  type Height,
  isQuorateError,
  lastHeightOf,
  type Millis,
  type PeerId,
  QuorateError,
  type SnapshotInfo,
} from '@quorate/kernel';
import type { Asking } from './any-peer.ts';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import { ProvenChain, type ProvenTarget } from './state-sync-proofs.ts';
import { MAX_CHUNKS } from './state-sync-wire.ts';

/** Chunks asked for ahead of the one that is applied. */
const AHEAD = 4;
/** Snapshots tried before giving up. */
const MAX_TRIED = 8;

export interface StateSyncOptions {
  readonly genesis: Genesis;
  /** Height 0 with the digest of genesis, or a finalized block learned out of band. */
  readonly trusted: { readonly height: Height; readonly digest: Digest };
  /** Oldest trust that is believed, ms: less than the time after which a validator may have unbonded. */
  readonly trustingPeriod: Millis;
}

export interface StateSyncParts extends Asking {
  readonly application: Application;
  readonly store: BlockStore;
  readonly log: Log;
}

interface Offer {
  readonly info: SnapshotInfo;
  readonly peers: PeerId[];
}

/**
 * Joins without replaying history: hops from the trusted checkpoint to the newest snapshot's epoch, proves the block and the
 * state root of the snapshot, restores it chunk by chunk from several peers, and begins the chain there. Returns the floor's
 * height, at once when the chain has begun already. Run it before `createExecutor`, with the transport up; block sync goes on from there.
 * Throws `sync/refused` when nothing offered can be proven and restored (try again later or with other peers),
 * `light/expired` when the trust is too old, `light/conflict` when the chain is forked.
 */
export async function stateSync(options: StateSyncOptions, parts: StateSyncParts): Promise<Height> {
  if (parts.store.begun) return parts.store.finalizedHeight;
  if (parts.application.snapshots === undefined) {
    throw new QuorateError('application/unsupported', 'the application has no snapshots: join by block sync instead');
  }
  const chain = await ProvenChain.from(options, parts);
  const refusals: string[] = [];
  for (const offer of (await offersOf(parts)).slice(0, MAX_TRIED)) {
    const { height } = offer.info;
    try {
      const target = await chain.prove(offer.info, offer.peers);
      await restore(parts, offer, target);
      await chain.save(target);
      await begin(options.genesis, parts, target);
      parts.log('info', 'restored a snapshot', { height, stateRoot: target.stateRoot });
      return height;
    } catch (error) {
      if (!isQuorateError(error, 'sync/refused') && !isQuorateError(error, 'snapshot/invalid')) throw error;
      refusals.push(`height ${height}: ${error.message}`);
      parts.log('warn', 'a snapshot could not be used', { height, reason: error.message });
    }
  }
  const why = refusals.length === 0 ? 'no peer offers a snapshot' : refusals.join('; ');
  throw new QuorateError(
    'sync/refused',
    `state sync from the checkpoint at height ${options.trusted.height} failed: ${why}`,
  );
}

/** What the peers offer, newest first, then by how many offer it. */
async function offersOf(parts: StateSyncParts): Promise<Offer[]> {
  const offers = new Map<string, Offer>();
  const answers = await Promise.all(
    parts.peers().map(async (peer) => {
      const response = await parts.ask(peer, { kind: 'snapshots' }).catch(() => null);
      return { peer, snapshots: response?.kind === 'snapshots' ? response.snapshots : [] };
    }),
  );
  for (const { peer, snapshots } of answers) {
    for (const info of snapshots) {
      if (info.height < 1 || info.chunks < 1 || info.chunks > MAX_CHUNKS) continue;
      const key = `${info.height}/${info.format}/${info.digest}`;
      const offer = offers.get(key);
      if (offer === undefined) offers.set(key, { info, peers: [peer] });
      else if (!offer.peers.includes(peer)) offer.peers.push(peer);
    }
  }
  return [...offers.values()].sort((a, b) => b.info.height - a.info.height || b.peers.length - a.peers.length);
}

async function restore(parts: StateSyncParts, offer: Offer, target: ProvenTarget): Promise<void> {
  const { application } = parts;
  const { snapshots } = application;
  const { info, peers } = offer;
  if (snapshots === undefined) throw new QuorateError('application/unsupported', 'the application has no snapshots');
  const block = target.floor.ref;
  const isRestored = async (): Promise<boolean> =>
    holds(await application.info(), info.height, target.stateRoot, block.digest);
  // After a crash between the last chunk and the floor the application holds the state already.
  if (await isRestored()) return;
  if ((await snapshots.offer(info, { stateRoot: target.stateRoot, block })) === 'reject') {
    throw new QuorateError('snapshot/invalid', 'the application does not take it');
  }
  const source = new ChunkSource(parts, info, peers);
  for (let chunk = 0; chunk < info.chunks; ) {
    const { bytes, peer } = await source.take(chunk);
    const result = await snapshots.apply(chunk, bytes);
    if (result === 'bad') {
      source.bad(chunk, peer);
      continue;
    }
    if (result === 'done' && chunk < info.chunks - 1) break;
    chunk++;
  }
  if (await isRestored()) return;
  for (const peer of peers)
    parts.blame(peer, `its snapshot of height ${info.height} does not give the certified state`);
  throw new QuorateError('snapshot/invalid', 'its chunks do not give the certified state');
}

/** Whether the application stands where the snapshot was to bring it: the block too, which no state root covers. */
function holds(info: ApplicationInfo, height: Height, stateRoot: Digest, block: Digest): boolean {
  return info.height === height && info.stateRoot === stateRoot && info.block === block;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly peer: PeerId;
}

/** Chunks of one snapshot, asked for a few ahead and from all peers in turn. A peer that gave a bad chunk is not asked again. */
class ChunkSource {
  readonly #parts: StateSyncParts;
  readonly #info: SnapshotInfo;
  #peers: readonly PeerId[];
  readonly #coming = new Map<number, Promise<Chunk | null>>();

  constructor(parts: StateSyncParts, info: SnapshotInfo, peers: readonly PeerId[]) {
    this.#parts = parts;
    this.#info = info;
    this.#peers = [...peers];
  }

  /** Throws `sync/refused` when no peer has it. */
  async take(chunk: number): Promise<Chunk> {
    const end = Math.min(this.#info.chunks, chunk + AHEAD);
    for (let index = chunk; index < end; index++) {
      if (!this.#coming.has(index)) this.#coming.set(index, this.#fetch(index));
    }
    const got = await this.#coming.get(chunk);
    this.#coming.delete(chunk);
    if (got === null || got === undefined)
      throw new QuorateError('sync/refused', `no peer gives chunk ${chunk} of ${this.#info.chunks}`);
    return got;
  }

  bad(chunk: number, peer: PeerId): void {
    this.#parts.blame(peer, `chunk ${chunk} of its snapshot of height ${this.#info.height} is bad`);
    this.#peers = this.#peers.filter((other) => other !== peer);
  }

  async #fetch(chunk: number): Promise<Chunk | null> {
    const { height, format } = this.#info;
    const asked = new Set<PeerId>();
    for (;;) {
      const left = this.#peers.filter((peer) => !asked.has(peer));
      const peer = left[chunk % Math.max(1, left.length)];
      if (peer === undefined) return null;
      asked.add(peer);
      const response = await this.#parts.ask(peer, { kind: 'chunk', height, format, chunk }).catch(() => null);
      if (response?.kind === 'chunk' && response.bytes !== null) return { bytes: response.bytes, peer };
    }
  }
}

async function begin(genesis: Genesis, parts: StateSyncParts, target: ProvenTarget): Promise<void> {
  const { floor, proof, stateRoot, receiptsRoot, staged } = target;
  const execution = { digest: floor.ref.digest, stateRoot, receiptsRoot, validatorUpdates: [] };
  const last = lastHeightOf(genesis.consensus, floor.header.epoch);
  if (floor.header.height > last)
    throw new QuorateError('proof/invalid', 'a floor above the end of its epoch is no height of the chain');
  await parts.store.adoptFloor({ block: floor, proof, execution, staged, at: floor.header.time });
}
