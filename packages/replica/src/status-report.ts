import type { EngineStatus, Genesis, Signer } from '@quorate/kernel';
import type { ReplicaStatus } from './api.ts';
import type { BlockStore } from './block-store.ts';
import type { BlockSync } from './block-sync.ts';
import type { Counters } from './counters.ts';
import type { EpochState, Epochs } from './epochs.ts';
import type { Executor } from './executor.ts';
import type { Late } from './late.ts';
import type { Mempool } from './mempool.ts';
import type { PeerQuestions } from './peer-questions.ts';
import type { Peers } from './peers.ts';
import type { Proposer } from './proposer.ts';
import { describeLoss, isOver, type Loss } from './recall.ts';
import type { Signing } from './signing.ts';

export interface StatusReportParts {
  readonly genesis: Genesis;
  /** Name of the mechanism. */
  readonly mechanism: string;
  readonly signer: Signer;
  readonly store: BlockStore;
  readonly peers: Peers;
  readonly questions: PeerQuestions;
  readonly counters: Counters;
  readonly epochs: Epochs;
  readonly mempool: Mempool;
  readonly signing: Signing;
  readonly blockSync: BlockSync;
  readonly loop: { status(): EngineStatus };
  readonly current: { readonly state: EpochState | null; readonly loss: Loss | null };
  readonly executor: Late<Executor>;
  readonly proposer: Late<Proposer>;
}

/** What a replica says of itself, also while it starts. */
export class StatusReport {
  readonly #parts: StatusReportParts;

  constructor(parts: StatusReportParts) {
    this.#parts = parts;
  }

  status(): ReplicaStatus {
    const { genesis, mechanism, store, peers, counters, epochs, mempool, blockSync } = this.#parts;
    const tip = store.begun ? store.tip().block : null;
    const executor = this.#parts.executor.orNull;
    const engine = this.#parts.loop.status();
    const self = this.#parts.current.state?.self ?? null;
    return {
      chainId: genesis.chainId,
      genesis: epochs.genesis,
      mechanism,
      role: self === null ? 'observer' : 'validator',
      silent: this.#silent(self),
      signer: self,
      epoch: engine.epoch,
      view: engine.view,
      height: store.finalizedHeight,
      digest: tip?.ref.digest ?? epochs.genesis,
      stateRoot: executor?.stateRoot ?? tip?.header.stateRoot ?? epochs.genesis,
      executedHeight: executor?.height ?? 0,
      lastBlockTime: tip?.header.time ?? genesis.time,
      peers: peers.connected,
      syncing: blockSync.syncing,
      joining: this.#parts.questions.hindrance,
      mempool: { transactions: mempool.size, bytes: mempool.bytes },
      engine,
      // Sorted copies of hundreds of numbers: made for who looks at them.
      get counters() {
        return counters.counts();
      },
      get samples() {
        return counters.samples();
      },
    };
  }

  /** Why a node with a key does not vote, or proposes nothing; null when it does. */
  #silent(self: number | null): string | null {
    const { signer, signing, proposer, store, current } = this.#parts;
    if (signer.publicKey === null) return null;
    if (self === null) {
      const outside = 'this key is not in the validator set';
      const unrecorded = signer.silent ?? null;
      return unrecorded === null ? outside : `${outside}; ${unrecorded}`;
    }
    const loss = current.loss === null || isOver(current.loss, store) ? null : describeLoss(current.loss);
    return signer.silent ?? signing.silent ?? loss ?? proposer.orNull?.hindrance ?? null;
  }
}
