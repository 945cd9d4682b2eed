import type {
  AppEvent,
  Application,
  Body,
  Certificate,
  Digest,
  EngineStatus,
  Epoch,
  Evidence,
  Finality,
  Genesis,
  Hash,
  Header,
  Height,
  Millis,
  PeerId,
  Ports,
  QueryRequest,
  QueryResult,
  QuorateError,
  Receipt,
  SignatureSuite,
  ValidatorSet,
  View,
} from '@quorate/kernel';

/** One running validator or observer, whatever the mechanism. Made by `createReplica`. */
export interface Replica {
  /** Restores from disk and joins the network. Resolves when the engine runs. Throws `store/*`, `journal/*`, `gate/*`. */
  start(): Promise<void>;
  /** Finishes the batch in hand, makes everything durable, closes files and the transport. */
  stop(): Promise<void>;
  /** Resolves with the reason when the replica stops itself (failure policy of the architecture); never rejects. */
  readonly halted: Promise<QuorateError>;

  /** Offers a transaction to the mempool and the network. */
  submit(tx: Uint8Array): Promise<SubmitResult>;
  /** What became of a transaction. */
  transaction(id: Digest): TransactionStatus;
  /** Resolves once the transaction is final, rejected or expired. Throws `rpc/unavailable` when the replica stops first. */
  settled(id: Digest): Promise<SettledStatus>;
  query(request: QueryRequest): Promise<QueryResult>;

  /** The finalized block at a height, or `null` when it is unknown or its body was pruned (then see {@link finalityProof}). */
  block(height: Height): FinalizedBlock | null;
  /** What proves the header at a height final to somebody who trusts only the epoch's validator set. */
  finalityProof(height: Height): FinalityProof | null;
  /** What takes a light client from the set of `epoch` to the next: the finality proof of the epoch's last block, and the next set. */
  epochProof(epoch: Epoch): EpochProof | null;
  validators(epoch: Epoch): ValidatorSet | null;
  /** Evidence known to this node, newest first, at most `limit`. */
  evidence(limit: number): readonly EvidenceRecord[];
  /** Offers evidence from outside: verified before it is kept and told to others. Throws `rpc/limited` when too much of it comes. */
  submitEvidence(evidence: Evidence): Promise<EvidenceSubmission>;
  /** Calls `listener` for every finalized block from height `from` on, in order, past ones first. Never skips; a slow listener is ended with an error. */
  follow(from: Height, listener: BlockListener): Subscription;
  status(): ReplicaStatus;
  /** Has the application take a snapshot of its committed state now; resolves with its height. Throws `application/unsupported`. */
  takeSnapshot(): Promise<Height>;
  /** Bytes on disk by purpose. */
  diskUsage(): Promise<Readonly<Record<string, number>>>;
}

export interface ReplicaOptions {
  readonly genesis: Genesis;
  /** Blocks whose bodies and receipts are kept; 0 keeps all. Never below the application's retain height or the evidence window of headers. */
  readonly retainBlocks: number;
  readonly mempool: { readonly maxBytes: number; readonly maxTransactions: number; readonly maxPerSender: number };
  /** Take a snapshot every so many heights; 0 for none. Old ones go, the last `keepSnapshots` stay. */
  readonly snapshotInterval: number;
  readonly keepSnapshots: number;
  /** Join by state sync from a trusted checkpoint instead of replaying every block. */
  readonly stateSync: {
    readonly trusted: { readonly height: Height; readonly digest: Digest };
    /** How old the checkpoint may be, ms: less than the time after which a validator may have unbonded. */
    readonly trustingPeriod: Millis;
  } | null;
  /** Highest protocol version this software speaks. */
  readonly protocolVersion: number;
  /** Size of the journal from which a checkpoint replaces it; 4 MiB unless told otherwise. */
  readonly journalBytes?: number;
}

export interface ReplicaParts {
  readonly ports: Ports;
  readonly application: Application;
  readonly suite: SignatureSuite;
  readonly hash: Hash;
  /** Structured log lines. */
  readonly log: Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

export type SubmitResult =
  | { readonly kind: 'accepted'; readonly id: Digest }
  | { readonly kind: 'rejected'; readonly id: Digest; readonly reason: string };

export type TransactionStatus =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'pending'; readonly since: Millis }
  | SettledStatus;

export type SettledStatus =
  | { readonly kind: 'final'; readonly height: Height; readonly index: number; readonly receipt: Receipt }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'expired'; readonly reason: string };

export interface FinalizedBlock {
  readonly header: Header;
  readonly digest: Digest;
  readonly body: Body;
  readonly receipts: readonly Receipt[];
  /** Events of the block as a whole; those of transactions are in the receipts. */
  readonly events: readonly AppEvent[];
  readonly finality: Finality;
  /** When this node saw it finalized, Unix ms. */
  readonly finalizedAt: Millis;
}

/** `headers[0]` is the proven header; each next one is its child; the certificate finalizes the last. */
export interface FinalityProof {
  readonly headers: readonly Header[];
  readonly certificate: Certificate;
}

export interface EpochProof {
  readonly epoch: Epoch;
  readonly proof: FinalityProof;
  readonly next: ValidatorSet;
}

export interface EvidenceRecord {
  readonly evidence: Evidence;
  readonly offender: Uint8Array;
  /** Height of the block that carries it, or null while it waits. */
  readonly height: Height | null;
}

export type EvidenceSubmission =
  /** Kept now or before; the name of the offence. */
  { readonly kind: 'accepted'; readonly offence: Digest } | { readonly kind: 'rejected'; readonly reason: string };

export type BlockListener = (block: FinalizedBlock) => void | Promise<void>;

export interface Subscription {
  /** Ends it; `ended` then resolves with null. */
  close(): void;
  /** Resolves when it ended: with null after `close`, with the error otherwise. */
  readonly ended: Promise<QuorateError | null>;
}

export interface ReplicaStatus {
  readonly chainId: string;
  readonly genesis: Digest;
  readonly mechanism: string;
  readonly role: 'validator' | 'observer';
  /** Why a node with a key does not vote, or null. */
  readonly silent: string | null;
  /** Index in the current set, or null. */
  readonly signer: number | null;
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly digest: Digest;
  readonly stateRoot: Digest;
  readonly executedHeight: Height;
  readonly lastBlockTime: Millis;
  readonly peers: readonly PeerId[];
  readonly syncing: boolean;
  /** Why joining by a snapshot does not get on, or null. */
  readonly joining: string | null;
  readonly mempool: { readonly transactions: number; readonly bytes: number };
  readonly engine: EngineStatus;
  /** Counters since start: messages dropped, bytes by traffic, fsyncs, blocks, transactions. */
  readonly counters: Readonly<Record<string, number>>;
  /** Recent durations in ms, newest last, at most 1024 each: `finality` (proposal seen → finalized), `fsync`, `execute`. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}
