/** The signature schemes that a validator set may use. One set uses one suite. */
export type SuiteName = 'ed25519' | 'bls12-381' | 'simulated';

/** One signature to check. */
export interface SignedItem {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** A secret key that can sign. It never leaves the signing gate. */
export interface SecretKey {
  readonly suite: SuiteName;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
  /** The proof of possession that admits this key to a validator set; empty for suites that need none. */
  prove(): Uint8Array;
  /** The secret itself, for encrypted key files only. */
  export(): Uint8Array;
}

/**
 * A signature scheme with one normative acceptance predicate: every implementation of a suite, native or not,
 * accepts exactly the same (key, message, signature) triples.
 */
export interface SignatureSuite {
  readonly name: SuiteName;
  readonly publicKeyBytes: number;
  readonly signatureBytes: number;
  /** Bytes of the aggregate of `count` signatures by distinct signers over one message. */
  aggregateBytes(count: number): number;
  /** A key from 32 bytes of secret entropy. */
  secretFromSeed(seed: Uint8Array): SecretKey;
  /** A key from what {@link SecretKey.export} returned. Throws `key/invalid`. */
  secretFromBytes(bytes: Uint8Array): SecretKey;
  /** Whether these bytes are a key that the predicate can accept (right length, canonical, in the subgroup, not infinity). */
  isPublicKey(publicKey: Uint8Array): boolean;
  /** Whether `proof` shows possession of the secret of `publicKey`; suites that are safe without one accept only the empty proof. */
  verifyPossession(publicKey: Uint8Array, proof: Uint8Array): boolean;
  verify(item: SignedItem): boolean;
  /** Indices of the items that {@link verify} would refuse, ascending. Batched where the suite gains by it, with bisection to the culprit. */
  findInvalid(items: readonly SignedItem[]): number[];
  /** Joins signatures of distinct signers over one message, in signer order. The parts must have been verified. */
  aggregate(signatures: readonly Uint8Array[]): Uint8Array;
  /** Whether `signature` aggregates a signature of every key over `message`. Keys must be admitted (proof of possession). */
  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean;
}
