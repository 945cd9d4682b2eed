import {
  type Application,
  type Block,
  type Epoch,
  type Genesis,
  type Hash,
  QuorateError,
  type SignatureSuite,
  type Signer,
  type Transport,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import type { BlockSync } from './block-sync.ts';
import type { Dissemination } from './dissemination.ts';
import type { Effects } from './effects.ts';
import type { EpochState, Epochs } from './epochs.ts';
import type { Executor } from './executor.ts';
import type { Ingress } from './ingress.ts';
import type { JournalEntry } from './journal-format.ts';
import type { LackingSets } from './lacking-sets.ts';
import type { Late } from './late.ts';
import { type Loop, recordsOf } from './loop.ts';
import type { Mechanism } from './mechanism.ts';
import type { Peers } from './peers.ts';
import { describeLoss, type Loss, recall } from './recall.ts';
import type { Signing } from './signing.ts';
import type { Verification } from './verification.ts';

export interface CurrentEpochParts<M, R> {
  readonly genesis: Genesis;
  readonly hash: Hash;
  readonly suite: SignatureSuite;
  readonly signer: Signer;
  readonly mechanism: Mechanism<M, R>;
  readonly application: Application;
  readonly store: BlockStore;
  /** What the journal held at start. */
  readonly restored: readonly JournalEntry[];
  readonly log: Log;
  readonly peers: Peers;
  readonly transport: Transport;
  readonly epochs: Epochs;
  readonly loop: Loop<M, R>;
  readonly effects: Effects<M, R>;
  readonly ingress: Ingress<M>;
  readonly verification: Verification;
  readonly signing: Signing;
  readonly dissemination: Dissemination;
  readonly blockSync: BlockSync;
  readonly executor: Late<Executor>;
  readonly lackingSets: LackingSets;
}

/** The epoch at hand: entered with an engine of its own, left when its last block is final and the next set is known (S11). */
export class CurrentEpoch<M, R> {
  readonly #parts: CurrentEpochParts<M, R>;
  #state: EpochState | null = null;
  #loss: Loss | null = null;
  #awaiting: (() => void)[] = [];
  #stopped = false;

  constructor(parts: CurrentEpochParts<M, R>) {
    this.#parts = parts;
  }

  /** What holds in it; null until the first one is entered. */
  get state(): EpochState | null {
    return this.#state;
  }

  /** What our key signed for in it and only this node could have kept, and has not. */
  get loss(): Loss | null {
    return this.#loss;
  }

  /** Whether we and the connected validators could form a quorum, and none of them stands in our own place. */
  get hearsQuorum(): boolean {
    if (this.#state === null || this.#state.self === null) return false;
    const { validators, self } = this.#state;
    const heard = this.#parts.peers.validators.map((peer) => validators.indexOfPeer(peer)).filter((of) => of !== null);
    return !heard.includes(self) && validators.weightOfAll([self, ...heard]) >= validators.quorum;
  }

  /** Whether the set lists this node, by its node key, in our place. */
  get isListed(): boolean {
    if (this.#state === null || this.#state.self === null) return false;
    return this.#state.validators.indexOfPeer(this.#parts.transport.self) === this.#state.self;
  }

  /** Runs an engine for an epoch whose set is known, from the newest finalized block. */
  async enter(epoch: Epoch): Promise<void> {
    const { signer, mechanism, store, log, peers, loop, dissemination, blockSync } = this.#parts;
    const state = this.#parts.epochs.state(epoch);
    const { block: floor, certificate } = store.tip();
    this.#parts.effects.cancelTimers();
    if (state.self !== null) await signer.enterEpoch?.(epoch, { live: !blockSync.syncing });
    if (this.#stopped) return;
    this.#state = state;
    peers.setValidators(state.validators);
    this.#parts.epochs.admit(epoch);
    this.#parts.verification.enter(state.voting);
    this.#parts.signing.enter(epoch, state.self, state.voting, floor.ref.epoch === epoch ? floor.ref.view : 0);
    const { genesis, hash, suite, application } = this.#parts;
    const engine = mechanism.createEngine({
      chainId: genesis.chainId,
      hash,
      suite,
      parameters: genesis.consensus,
      epoch,
      validators: state.validators,
      self: state.self,
      epochStart: state.start,
      floor,
      floorCertificate: certificate,
      speculative: application.capabilities.speculative,
    });
    const { statements, loss } = recall(signer, store, state);
    this.#loss = loss;
    if (loss !== null) log('error', describeLoss(loss), { ...loss });
    const restored = recordsOf(mechanism.recordCodec, epoch, this.#parts.restored);
    // The gate speaks last: it knows what others may hold of us.
    loop.run(epoch, engine, [...restored, ...statements.map((one) => mechanism.votedRecord(one))]);
    loop.own(epoch, { kind: 'peers', connected: peers.connected });
    this.#parts.ingress.enter(epoch);
    dissemination.prune(epoch, 0);
    // Epochs fly past while history is caught up: whoever runs the replica reports the progress.
    log(blockSync.syncing ? 'debug' : 'info', 'entered an epoch', {
      epoch,
      height: floor.header.height,
      signer: state.self,
    });
    blockSync.moved();
  }

  /** Makes durable who votes after the epoch that ended with `last`: executed as far as its header commits to, or learned. */
  async end(last: Block): Promise<void> {
    const { epochs, executor, lackingSets } = this.#parts;
    await epochs.end(
      last,
      executor.value,
      () => this.#nextExecution(),
      (ended) => lackingSets.learnNext(ended),
    );
  }

  /** The engine says that its epoch ended with `last`. */
  async ended(epoch: Epoch, last: Block): Promise<void> {
    if (this.#parts.loop.epoch !== epoch) return;
    await this.end(last);
    await this.enter(epoch + 1);
  }

  /** A block was executed: what waits for it looks again. */
  executed(): void {
    for (const wake of this.#awaiting.splice(0)) wake();
  }

  /** Enters nothing more. */
  stop(): void {
    this.#stopped = true;
    this.executed();
  }

  #nextExecution(): Promise<void> {
    if (this.#stopped) return Promise.reject(new QuorateError('rpc/unavailable', 'the node stopped'));
    return new Promise((resolve) => {
      this.#awaiting.push(resolve);
    });
  }
}
