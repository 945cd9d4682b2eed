import type { BlockRef } from './blocks.ts';
import type { Digest, Millis } from './bytes.ts';
import type { Evidence } from './certificates.ts';
import type { ConsensusParameters } from './genesis.ts';
import type { Epoch, Height } from './statements.ts';
import type { Validator, ValidatorUpdate } from './validators.ts';

/**
 * A deterministic state machine, in the shape of ABCI 2.0 but blind to the mechanism that orders its blocks.
 * The replica calls one method at a time. Verdicts and executions are pure functions of the chain; state becomes
 * durable only in {@link commit}. Throwing stops the replica's vote for that block, never guesses.
 *
 * Candidate states are named by block digest: `finalizeBlock` of a block whose parent is another candidate, or the
 * committed block, makes a new candidate. Only a `speculative` application is asked for candidates above an uncommitted parent.
 */
export interface Application {
  readonly capabilities: Capabilities;
  /** Where the committed state stands: height 0 with the genesis digest before the first commit. */
  info(): Promise<ApplicationInfo>;
  /** Called once on an empty state. Throws `genesis/invalid`. */
  initChain(genesis: GenesisView): Promise<{ readonly stateRoot: Digest }>;
  /** Admission to the mempool, against the committed state and what the mempool already holds of the same sender. */
  checkTx(tx: Uint8Array, context: CheckContext): Promise<TxAdmission>;
  /** Chooses and orders transactions for a block on `context.parent`; may drop and add. Within `maxBytes` in all. */
  prepareProposal(context: BlockContext, candidates: readonly Uint8Array[], maxBytes: number): Promise<Uint8Array[]>;
  /** Deterministic in the block and its parent's state. */
  processProposal(block: ApplicationBlock): Promise<Verdict>;
  /** Executes a block into a candidate state. Called once per block, or again after a restart with the same result. */
  finalizeBlock(block: ApplicationBlock): Promise<Execution>;
  /**
   * Makes the candidate of this finalized block durable and forgets its rivals. In order of height. `retainHeight` is the
   * least height whose body the application may still need; 0 keeps all, the height itself keeps none below.
   */
  commit(block: BlockRef): Promise<{ readonly retainHeight: Height }>;
  query(request: QueryRequest): Promise<QueryResult>;
  readonly snapshots?: SnapshotCapability;
  readonly extensions?: ExtensionCapability;
  close(): Promise<void>;
}

export interface Capabilities {
  /** Can build, judge and execute on an uncommitted parent. */
  readonly speculative: boolean;
  /** Can return to an earlier committed height. */
  readonly rollback: boolean;
  readonly snapshots: boolean;
  readonly extensions: boolean;
}

export interface ApplicationInfo {
  readonly name: string;
  readonly version: string;
  readonly height: Height;
  readonly block: Digest;
  readonly stateRoot: Digest;
}

/** What an application learns from genesis. */
export interface GenesisView {
  readonly chainId: string;
  readonly time: Millis;
  readonly digest: Digest;
  readonly consensus: ConsensusParameters;
  readonly validators: readonly Validator[];
  /** The application's own part of genesis, as it stands in the genesis file: canonical JSON. */
  readonly appState: Uint8Array;
}

export interface CheckContext {
  readonly now: Millis;
  /** A transaction already in the mempool that is checked again after a commit. */
  readonly recheck: boolean;
}

/** An admitted transaction says how the mempool may treat it. */
export type TxAdmission =
  | {
      readonly kind: 'admitted';
      /** Fairness is per sender; one sender's transactions keep the order of `nonce`, and a block uses a nonce up. */
      readonly sender: string;
      readonly nonce: bigint;
      /** The nonce that the committed state wants next of the sender: what follows a gap waits, and is proposed to nobody. */
      readonly next: bigint;
      /** Higher goes first among senders; equal sender and nonce: replaces at ≥ 110 % of the old priority. */
      readonly priority: bigint;
      /** Last height at which it may be included; null for none. */
      readonly expiry: Height | null;
    }
  | {
      readonly kind: 'rejected';
      readonly reason: string;
      /**
       * No state of this chain admits it: its form or its signature is wrong. No honest node passes such a transaction on, so a
       * peer that does is held to account. Never set it for what depends on the state, or on how busy this node is.
       */
      readonly inadmissible?: boolean;
    };

export interface BlockContext {
  readonly height: Height;
  readonly epoch: Epoch;
  readonly time: Millis;
  readonly parent: BlockRef;
  /** Voting key of the proposer. */
  readonly proposer: Uint8Array;
  /** Proven misbehaviour to punish in this block. */
  readonly evidence: readonly Misbehavior[];
  /** First height of the next epoch: when validator updates of this block take effect. */
  readonly nextEpochStart: Height;
}

/** Evidence as an application sees it: verified, with the offender resolved to its voting key. */
export interface Misbehavior {
  readonly evidence: Evidence;
  readonly offender: Uint8Array;
  readonly epoch: Epoch;
  readonly weight: number;
  readonly totalWeight: number;
}

export interface ApplicationBlock extends BlockContext {
  readonly block: BlockRef;
  readonly transactions: readonly Uint8Array[];
}

/** `invalid` is permanent and deterministic. */
export type Verdict = { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly reason: string };

export interface Execution {
  readonly stateRoot: Digest;
  /** One per transaction, in order. */
  readonly receipts: readonly Receipt[];
  /** Changes of the validator set, effective at the next epoch's start. */
  readonly validatorUpdates: readonly ValidatorUpdate[];
  readonly events: readonly AppEvent[];
}

/** The outcome of one transaction. `code` 0 is success; other codes are the application's. */
export interface Receipt {
  readonly code: number;
  readonly log: string;
  readonly events: readonly AppEvent[];
  /** The application's result bytes. */
  readonly data: Uint8Array;
}

export interface AppEvent {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface QueryRequest {
  readonly path: string;
  readonly data: Uint8Array;
  /** 0: the latest committed. */
  readonly height: Height;
  readonly prove: boolean;
}

export interface QueryResult {
  readonly code: number;
  readonly log: string;
  readonly height: Height;
  readonly value: Uint8Array;
  /** A proof of `value`, or of absence, under the state root at `height`; empty when none was asked for. */
  readonly proof: Uint8Array;
}

export interface SnapshotInfo {
  readonly height: Height;
  readonly format: number;
  readonly chunks: number;
  /** Digest of the list of chunk digests. */
  readonly digest: Digest;
  readonly metadata: Uint8Array;
}

export interface SnapshotCapability {
  /**
   * Takes a snapshot of the committed state and keeps the newest `keep`. Called right after a commit; absent when the
   * application decides by itself. Must be quick or work on in the background: the chain waits for the promise.
   */
  take?(keep: number): Promise<void>;
  list(): Promise<SnapshotInfo[]>;
  load(height: Height, format: number, chunk: number): Promise<Uint8Array | null>;
  /** Begins a restore towards `stateRoot`, which the caller proved. */
  offer(
    snapshot: SnapshotInfo,
    target: { readonly stateRoot: Digest; readonly block: BlockRef },
  ): Promise<'accept' | 'reject'>;
  /** Chunks in order. `bad` names the chunk as wrong: fetch it elsewhere. After the last chunk the root is checked. */
  apply(chunk: number, bytes: Uint8Array): Promise<'more' | 'done' | 'bad'>;
}

export interface ExtensionCapability {
  extendVote(block: ApplicationBlock): Promise<Uint8Array>;
  verifyVoteExtension(block: BlockRef, voter: Uint8Array, extension: Uint8Array): Promise<boolean>;
}
