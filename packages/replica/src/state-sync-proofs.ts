import {
  type Block,
  blockOfHeader,
  type Digest,
  type Epoch,
  epochOf,
  genesisDigest,
  type Height,
  headerDigest,
  isQuorateError,
  lastHeightOf,
  type PeerId,
  QuorateError,
  type SnapshotInfo,
} from '@quorate/kernel';
import { LightClient, type TrustState } from '@quorate/light';
import { anyPeer, given } from './any-peer.ts';
import type { EpochProof, FinalityProof } from './api.ts';
import { type EarlierEpoch, keepEpoch, walkBack } from './earlier-epochs.ts';
import { oldestAdmissible } from './evidence-pool.ts';
import type { StateSyncOptions, StateSyncParts } from './state-sync.ts';
import type { FloorAnswer } from './state-sync-wire.ts';
import type { Staged } from './store-format.ts';

/** A snapshot's place in the chain, proven from the trusted checkpoint. */
export interface ProvenTarget {
  readonly floor: Block;
  readonly proof: FinalityProof;
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
  readonly staged: Staged;
}

/** What is trusted at the start of an epoch, and what led there. */
interface Hop {
  readonly trust: TrustState;
  /** The proof that ended the epoch before; null for the epoch of the checkpoint. */
  readonly proof: EpochProof | null;
}

/**
 * The chain of epochs from the trusted checkpoint on, as far as peers could prove it. What a peer claims is verified by a
 * light client; a peer whose claim does not verify is blamed and the next one is asked.
 */
export class ProvenChain {
  readonly #options: StateSyncOptions;
  readonly #parts: StateSyncParts;
  readonly #hops: Hop[];

  private constructor(options: StateSyncOptions, parts: StateSyncParts, trust: TrustState) {
    this.#options = options;
    this.#parts = parts;
    this.#hops = [{ trust, proof: null }];
  }

  /** Throws `genesis/mismatch` for a genesis that is not ours, `sync/refused` when no peer knows the checkpoint. */
  static async from(options: StateSyncOptions, parts: StateSyncParts): Promise<ProvenChain> {
    const { genesis, trusted } = options;
    const parameters = parametersOf(options);
    if (trusted.height === 0) {
      if (trusted.digest !== genesisDigest(parts.hash, genesis)) {
        throw new QuorateError(
          'genesis/mismatch',
          `the trusted digest ${trusted.digest} at height 0 is not that of this genesis`,
        );
      }
      const light = LightClient.fromGenesis({ genesis, trustingPeriod: parameters.trustingPeriod }, parts);
      return new ProvenChain(options, parts, light.trust);
    }
    const what = `the checkpoint at height ${trusted.height} with digest ${trusted.digest}`;
    let contradicted = false;
    try {
      return await anyPeer(parts, parts.peers(), what, async (peer) => {
        const response = await parts.ask(peer, { kind: 'checkpoint', height: trusted.height });
        const { header, validators } = given(response.kind === 'checkpoint' ? response.found : null);
        const digest = headerDigest(parts.hash, genesis.chainId, header);
        if (header.height === trusted.height && digest !== trusted.digest) {
          // Nothing is trusted yet but this digest, and that may be mistyped: the peer need not be the one who is wrong.
          contradicted = true;
          throw new QuorateError('sync/refused', `it has digest ${digest} there`);
        }
        const light = LightClient.fromCheckpoint({ parameters, checkpoint: trusted, header, validators }, parts);
        return new ProvenChain(options, parts, light.trust);
      });
    } catch (error) {
      if (!contradicted || !isQuorateError(error, 'sync/refused')) throw error;
      throw new QuorateError('sync/refused', `no peer proves ${what}: check it with somebody you trust`, {
        cause: error,
      });
    }
  }

  /**
   * Proves the block at a snapshot's height and the state root after it, and learns the sets of all earlier epochs whose
   * offences the blocks above it may carry. Throws `sync/refused` when none of the peers that offer it can, or when it lies
   * further from the checkpoint than the evidence window.
   */
  async prove(info: SnapshotInfo, peers: readonly PeerId[]): Promise<ProvenTarget> {
    const { genesis, trusted } = this.#options;
    const { height } = info;
    if (height < trusted.height) throw new QuorateError('sync/refused', 'it is older than the trusted checkpoint');
    if (height - trusted.height > genesis.consensus.evidenceWindow) {
      throw new QuorateError(
        'sync/refused',
        `the trusted checkpoint is ${height - trusted.height} blocks older, more than the evidence window of ${genesis.consensus.evidenceWindow}: ` +
          'its signers could no longer be punished. Get a newer checkpoint from a source you trust',
      );
    }
    await this.#hopTo(epochOf(genesis.consensus, height + 1));
    const target = await anyPeer(this.#parts, peers, `the floor at height ${height}`, async (peer) => {
      const response = await this.#parts.ask(peer, { kind: 'floor', height });
      return this.#verify(height, given(response.kind === 'floor' ? response.found : null));
    });
    await this.#lookBack(target.floor);
    return target;
  }

  /** The sets before the floor go to the store at once: there may be many, and they are as true if the snapshot is not used. */
  async #lookBack({ header, ref }: Block): Promise<void> {
    const { consensus } = this.#options.genesis;
    const from = { height: header.height, digest: ref.digest };
    // A hop tells how its epoch began; the checkpoint does not.
    const wanted = { oldest: oldestAdmissible(consensus, header.height), begin: header.epoch === this.#first() };
    await walkBack(from, wanted, { ...this.#parts, genesis: this.#options.genesis }, async (found) => {
      this.#agrees(found);
      await keepEpoch(this.#parts.store, consensus, found);
    });
  }

  /** Walking back over an epoch that was hopped to must lead to where the hop came from. */
  #agrees({ epoch, opening }: EarlierEpoch): void {
    const hop = this.#hops[epoch - this.#first()];
    const first = opening?.headers[0];
    if (first === undefined || hop === undefined || hop.proof === null || first.parentDigest === hop.trust.digest)
      return;
    throw new QuorateError(
      'light/conflict',
      `the first block of epoch ${epoch} is finalized on ${first.parentDigest}, epoch ${epoch - 1} ended with ${hop.trust.digest}; trust no server of this chain`,
    );
  }

  async #verify(height: Height, answer: FloorAnswer): Promise<ProvenTarget> {
    const { genesis } = this.#options;
    const { hash } = this.#parts;
    const floor = await this.#proven(answer.floor);
    const root = await this.#proven(answer.root);
    if (floor.header.height !== height)
      throw new QuorateError('proof/invalid', `it proves height ${floor.header.height} instead of ${height}`);
    if (root.header.executedHeight !== height || root.header.height <= height) {
      throw new QuorateError(
        'proof/invalid',
        `its header ${root.header.height} carries the state after ${root.header.executedHeight}, not after ${height}`,
      );
    }
    if (root.header.height === height + 1 && root.header.parentDigest !== floor.ref.digest) {
      throw new QuorateError('proof/invalid', 'its two proofs are of different chains');
    }
    const { stateRoot, receiptsRoot, nextValidatorsRoot } = root.header;
    const certified =
      nextValidatorsRoot !== null && root.header.height === lastHeightOf(genesis.consensus, root.header.epoch);
    if (certified && answer.staged.root(hash) !== nextValidatorsRoot) {
      throw new QuorateError('proof/invalid', 'its next validator set is not the certified one');
    }
    const staged = { set: answer.staged, provisional: !certified };
    return { floor, proof: answer.floor, stateRoot, receiptsRoot, staged };
  }

  /** The first block of a claim, verified under the set of its epoch. */
  async #proven(claim: FinalityProof): Promise<Block> {
    const first = claim.headers[0];
    if (first === undefined) throw new QuorateError('proof/invalid', 'the proof has no header');
    const epoch = epochOf(this.#options.genesis.consensus, first.height);
    await this.#hopTo(epoch);
    const { header } = this.#client(epoch).verifyFinality(claim, this.#parts.now());
    return blockOfHeader(this.#parts.hash, this.#options.genesis.chainId, header);
  }

  /** Keeps what was proven on the way, so that this node can prove it to others and knows the sets. */
  async save(target: ProvenTarget): Promise<void> {
    const { store } = this.#parts;
    const unknown = { opening: null, last: null };
    await store.saveEpoch(0, this.#options.genesis.validators, unknown);
    for (const { trust, proof } of this.#hops) {
      if (proof !== null) await store.endEpoch(trust.epoch - 1, proof.proof, proof.next);
      await store.saveEpoch(trust.epoch, trust.validators, unknown);
    }
    const { epoch } = target.floor.header;
    if (store.validators(epoch) === null)
      throw new QuorateError('sync/refused', `the validators of epoch ${epoch} are not known`);
  }

  #first(): Epoch {
    return this.#hops[0]?.trust.epoch ?? 0;
  }

  #client(epoch: Epoch): LightClient {
    const hop = this.#hops[epoch - this.#first()];
    if (hop === undefined) throw new QuorateError('proof/invalid', `epoch ${epoch} lies before the trusted checkpoint`);
    return new LightClient({ parameters: parametersOf(this.#options), trust: hop.trust }, this.#parts);
  }

  async #hopTo(epoch: Epoch): Promise<void> {
    while (this.#latest() < epoch) {
      await anyPeer(this.#parts, this.#parts.peers(), `the end of epoch ${this.#latest()}`, async (peer) => {
        const from = this.#latest();
        const response = await this.#parts.ask(peer, { kind: 'epochs', from });
        const proofs = response.kind === 'epochs' ? response.proofs : [];
        if (proofs.length === 0) throw new QuorateError('sync/refused', 'it does not have it');
        for (const proof of proofs) this.#hop(proof);
      });
    }
  }

  #latest(): Epoch {
    return this.#first() + this.#hops.length - 1;
  }

  #hop(proof: EpochProof): void {
    const light = this.#client(this.#latest());
    light.hop(proof, this.#parts.now());
    this.#hops.push({ trust: light.trust, proof });
  }
}

function parametersOf(options: StateSyncOptions): { chainId: string; epochLength: number; trustingPeriod: number } {
  const { genesis, trustingPeriod } = options;
  return {
    chainId: genesis.chainId,
    epochLength: genesis.consensus.epochLength,
    trustingPeriod,
  };
}
