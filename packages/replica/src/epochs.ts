import {
  type Block,
  type Digest,
  type Epoch,
  type Genesis,
  genesisDigest,
  type Hash,
  type Height,
  headerDigest,
  lastHeightOf,
  type PeerId,
  QuorateError,
  type SignatureSuite,
  type SignerIndex,
  type Transport,
  type ValidatorSet,
  type View,
  type VotingContext,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import type { Executor } from './executor.ts';
import type { Mechanism } from './mechanism.ts';

/** Everything that holds for one epoch. */
export interface EpochState {
  readonly epoch: Epoch;
  readonly validators: ValidatorSet;
  readonly validatorsRoot: Digest;
  /** Our place in the set, or null. */
  readonly self: SignerIndex | null;
  readonly voting: VotingContext;
  /** Digest of the block (or genesis) from which the epoch started. */
  readonly start: Digest;
  readonly lastHeight: Height;
  readonly leader: (view: View) => SignerIndex;
  /** Node key of a view's leader. */
  readonly leaderPeer: (view: View) => PeerId | null;
}

export interface EpochsParts {
  readonly genesis: Genesis;
  readonly store: BlockStore;
  readonly hash: Hash;
  readonly suite: SignatureSuite;
  readonly transport: Transport;
  /** Our voting key, or null. */
  readonly publicKey: Uint8Array | null;
  readonly leaders: Mechanism<never, never>['leaders'];
}

/** Most epochs whose leader schedules are kept: the executor replays at most a few behind. */
const MAX_REMEMBERED = 4;

/** One engine per epoch: who votes in which, and how one follows from the other (S11). */
export class Epochs {
  readonly #parts: EpochsParts;
  /** Digest of genesis. */
  readonly genesis: Digest;
  readonly #remembered = new Map<Epoch, EpochState>();

  constructor(parts: EpochsParts) {
    this.#parts = parts;
    this.genesis = genesisDigest(parts.hash, parts.genesis);
  }

  /** What holds for an epoch whose set is known. Throws `store/corrupt` when the store does not know it. */
  state(epoch: Epoch): EpochState {
    const known = this.#remembered.get(epoch);
    if (known !== undefined) return known;
    const { genesis, store, hash, suite, publicKey } = this.#parts;
    const validators = epoch === 0 ? genesis.validators : store.validators(epoch);
    if (validators === null) {
      throw new QuorateError('store/corrupt', `the block store does not know the validators of epoch ${epoch}`);
    }
    const start = startOfEpoch(this.#parts, epoch);
    if (start === null)
      throw new QuorateError('store/corrupt', `the block store does not know how epoch ${epoch} began`);
    const leader = this.#parts.leaders({ validators, epochStart: start, hash });
    const state: EpochState = {
      epoch,
      validators,
      validatorsRoot: validators.root(hash),
      self: publicKey === null ? null : validators.indexOfKey(publicKey),
      voting: { chainId: genesis.chainId, suite, validators },
      start,
      lastHeight: lastHeightOf(genesis.consensus, epoch),
      leader,
      leaderPeer: (view) => validators.at(leader(view))?.peer ?? null,
    };
    for (const old of this.#remembered.keys())
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(old);
    this.#remembered.set(epoch, state);
    return state;
  }

  /** Voting key of the proposer of a block. */
  proposerOf(epoch: Epoch, view: View): Uint8Array {
    const state = this.state(epoch);
    return state.validators.at(state.leader(view))?.publicKey ?? new Uint8Array();
  }

  /** The epoch in which the block after `tip` is decided. */
  epochAfter(tip: Block): Epoch {
    const { epoch, height } = tip.header;
    return height > 0 && height >= lastHeightOf(this.#parts.genesis.consensus, epoch) ? epoch + 1 : epoch;
  }

  /** Tells the transport who may connect as a validator: the set of an epoch, and who must still learn that the one before ended. */
  admit(epoch: Epoch): void {
    const members = new Map<PeerId, string>();
    for (const each of [epoch - 1, epoch]) {
      const set = each < 0 ? null : each === 0 ? this.#parts.genesis.validators : this.#parts.store.validators(each);
      for (const { peer, address } of set?.members ?? []) members.set(peer, address);
    }
    this.#parts.transport.setMembers([...members].map(([peer, address]) => ({ peer, address })));
  }

  /**
   * Makes durable that an epoch ended with `last` (finalized and stored) and who votes next. `executed` resolves after the
   * next execution; it is awaited until the application has reached what the header commits to. `learn` gets the next set
   * from peers, for a node that joined by state sync. Throws `application/diverged`.
   */
  async end(
    last: Block,
    executor: Executor,
    executed: () => Promise<void>,
    learn: (last: Block) => Promise<void>,
  ): Promise<void> {
    const { store } = this.#parts;
    const { epoch, height } = last.header;
    if (store.validators(epoch + 1) !== null && store.epochProof(epoch) !== null) return;
    let next = executor.nextValidators(last);
    while (next.kind !== 'known') {
      if (next.kind === 'waiting') await executed();
      else await learn(last);
      next = executor.nextValidators(last);
    }
    const proof = store.finalityProof(height);
    if (proof === null) {
      throw new QuorateError(
        'store/corrupt',
        `the block store holds no proof that height ${height}, the last of epoch ${epoch}, is final`,
      );
    }
    await store.endEpoch(epoch, proof, next.set);
  }
}

/** The digest of the block (or genesis) from which an epoch started; null when the store does not know it. */
export function startOfEpoch(parts: Pick<EpochsParts, 'genesis' | 'store' | 'hash'>, epoch: Epoch): Digest | null {
  const { genesis, store, hash } = parts;
  if (epoch === 0) return genesisDigest(hash, genesis);
  const last = store.epochProof(epoch - 1)?.proof.headers[0];
  if (last !== undefined) return headerDigest(hash, genesis.chainId, last);
  return store.at(lastHeightOf(genesis.consensus, epoch - 1))?.ref.digest ?? store.epochStart(epoch);
}
