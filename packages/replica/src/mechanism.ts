import type {
  Block,
  Certificate,
  Codec,
  ConsensusParameters,
  Digest,
  Engine,
  Epoch,
  Hash,
  SignatureSuite,
  SignerIndex,
  Statement,
  ValidatorSet,
  View,
  Vote,
} from '@quorate/kernel';

/** What an engine of one epoch is made from. */
export interface EngineContext {
  readonly chainId: string;
  readonly hash: Hash;
  readonly parameters: ConsensusParameters;
  readonly epoch: Epoch;
  readonly validators: ValidatorSet;
  /** Our index in the set, or null for an observer. */
  readonly self: SignerIndex | null;
  /** Digest of the finalized block from which the epoch starts: the last one of the epoch before, or genesis. */
  readonly epochStart: Digest;
  readonly suite: SignatureSuite;
  /** The durable finalized block from which this engine starts: the epoch's start or a later one of the epoch. */
  readonly floor: Block;
  /** What finalizes the floor; null at genesis. */
  readonly floorCertificate: Certificate | null;
  /** Whether the application can build and judge on an uncommitted parent. */
  readonly speculative: boolean;
  /** Who leads, in place of the mechanism's own schedule: for simulations that choose it. */
  readonly leaders?: (view: View) => SignerIndex;
}

/** A row of the table: what the replica must know of a mechanism besides its engine. Votes are of the engine's wire messages. */
export interface Mechanism<M, R> {
  readonly name: string;
  readonly messageCodec: Codec<M>;
  readonly recordCodec: Codec<R>;
  createEngine(context: EngineContext): Engine<M, R>;
  /** A certificate as an ordinary message of the engine: how block sync hands over what proves a range final. */
  certificateMessage(certificate: Certificate): M;
  /** A vote of ours as a record of the engine: what the signing gate remembers and the journal may have lost. */
  votedRecord(statement: Statement): R;
  /** Votes and certificates inside a message: where a second process with our key shows. */
  signedIn(message: M): { readonly votes: readonly Vote[]; readonly certificates: readonly Certificate[] };
  /** Who leads the views of an epoch. Views may be asked for in any order. */
  leaders(context: Pick<EngineContext, 'validators' | 'epochStart' | 'hash'>): (view: View) => SignerIndex;
}
