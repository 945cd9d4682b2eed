import {
  type Digest,
  type Epoch,
  type Evidence,
  type Height,
  type QueryRequest,
  type QueryResult,
  QuorateError,
  type ValidatorSet,
} from '@quorate/kernel';
import type {
  BlockListener,
  EpochProof,
  EvidenceRecord,
  EvidenceSubmission,
  FinalityProof,
  FinalizedBlock,
  Replica,
  ReplicaOptions,
  ReplicaParts,
  ReplicaStatus,
  SettledStatus,
  SubmitResult,
  Subscription,
  TransactionStatus,
} from './api.ts';
import { Core } from './core.ts';
import type { Mechanism } from './mechanism.ts';
import { opening } from './opening.ts';

type Phase = 'new' | 'starting' | 'running' | 'stopped';

/** The life of a replica: start, serve, stop or halt. What it does while it runs is in `core.ts`. */
export class RunningReplica<M, R> implements Replica {
  readonly #mechanism: Mechanism<M, R>;
  readonly #options: ReplicaOptions;
  readonly #parts: ReplicaParts;
  #phase: Phase = 'new';
  #core: Core<M, R> | null = null;
  #halt: (error: QuorateError) => void = () => {};
  #haltedWith: QuorateError | null = null;
  #last: ReplicaStatus | null = null;
  readonly halted: Promise<QuorateError>;

  constructor(mechanism: Mechanism<M, R>, options: ReplicaOptions, parts: ReplicaParts) {
    this.#mechanism = mechanism;
    this.#options = options;
    this.#parts = parts;
    this.halted = new Promise((resolve) => {
      this.#halt = resolve;
    });
  }

  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new QuorateError('replica/failed', 'a replica starts once: make another one');
    this.#phase = 'starting';
    const opened = await opening(this.#options, this.#parts);
    const core = new Core(this.#mechanism, this.#options, this.#parts, opened, (error) => this.#stopSelf(error));
    this.#core = core;
    try {
      await core.start();
    } catch (error) {
      this.#phase = 'stopped';
      await core.stop();
      throw this.#haltedWith ?? error;
    }
    if (this.#haltedWith !== null) throw this.#haltedWith;
    if (this.#phase === 'starting') this.#phase = 'running';
  }

  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return;
    this.#end();
    await this.#core?.stop();
  }

  async submit(tx: Uint8Array): Promise<SubmitResult> {
    return this.#running().intake.submit(tx);
  }

  transaction(id: Digest): TransactionStatus {
    return this.#running().transactions.status(id);
  }

  settled(id: Digest): Promise<SettledStatus> {
    return this.#running().transactions.settled(id);
  }

  async query(request: QueryRequest): Promise<QueryResult> {
    return this.#running().application.query(request);
  }

  block(height: Height): FinalizedBlock | null {
    return this.#running().store.finalizedBlock(height);
  }

  finalityProof(height: Height): FinalityProof | null {
    return this.#running().store.finalityProof(height);
  }

  epochProof(epoch: Epoch): EpochProof | null {
    return this.#running().store.epochProof(epoch);
  }

  validators(epoch: Epoch): ValidatorSet | null {
    return epoch === 0 ? this.#options.genesis.validators : this.#running().store.validators(epoch);
  }

  evidence(limit: number): readonly EvidenceRecord[] {
    return this.#running().evidence.list(limit);
  }

  async submitEvidence(evidence: Evidence): Promise<EvidenceSubmission> {
    return this.#running().intake.submitEvidence(evidence);
  }

  follow(from: Height, listener: BlockListener): Subscription {
    return this.#running().followers.follow(from, listener);
  }

  /** Also after the replica stopped: as it was then. */
  status(): ReplicaStatus {
    return this.#last ?? this.#running().report.status();
  }

  async takeSnapshot(): Promise<Height> {
    return this.#running().takeSnapshot();
  }

  async diskUsage(): Promise<Readonly<Record<string, number>>> {
    return this.#running().diskUsage();
  }

  #running(): Core<M, R> {
    if (this.#core === null) throw new QuorateError('rpc/unavailable', 'the replica has not started');
    if (this.#phase === 'stopped') throw new QuorateError('rpc/unavailable', 'the replica has stopped');
    return this.#core;
  }

  #end(): void {
    this.#phase = 'stopped';
    try {
      this.#last = this.#core?.report.status() ?? null;
    } catch {
      // A store whose write failed answers nothing any more: that must not hide the failure itself.
    }
  }

  #stopSelf(error: QuorateError): void {
    if (this.#haltedWith !== null || this.#phase === 'stopped') return;
    this.#haltedWith = error;
    this.#end();
    this.#parts.log('error', `halted: ${error.message}`, { code: error.code });
    this.#halt(error);
    this.#core?.stop().catch((failure: unknown) => {
      this.#parts.log('warn', 'closing after a halt failed', { reason: String(failure) });
    });
  }
}
