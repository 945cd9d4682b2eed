import { type Digest, type Hash, toHex } from './bytes.ts';
import { bytes, type Codec, encode, struct, u16, u53, word } from './codec.ts';
import { blockOf, type Statement, sameStatement, signedBytes, statementCodec } from './statements.ts';
import type { SignatureSuite } from './suite.ts';
import { Bitmap, MAX_VALIDATORS, type SignerIndex, type ValidatorSet } from './validators.ts';

/** A signed statement that names its signer. */
export interface Vote {
  readonly statement: Statement;
  readonly signer: SignerIndex;
  readonly signature: Uint8Array;
}

/** A statement with a quorum behind it: the one object that view entry, catch-up, light clients and the public API consume. */
export interface Certificate {
  readonly statement: Statement;
  /** {@link Bitmap} of the signers over the epoch's validator set. */
  readonly signers: Uint8Array;
  /** The suite's aggregate of the signers' signatures, in signer order. */
  readonly signature: Uint8Array;
}

export const MAX_SIGNATURE_BYTES = 8192;
/** Bound of an aggregate: a thousand Ed25519 signatures. */
export const MAX_AGGREGATE_BYTES = 64 * MAX_VALIDATORS;

export const voteCodec: Codec<Vote> = struct<Vote>({
  statement: statementCodec,
  signer: u16,
  signature: bytes(MAX_SIGNATURE_BYTES),
});

export const certificateCodec: Codec<Certificate> = struct<Certificate>({
  statement: statementCodec,
  signers: bytes(Bitmap.bytesFor(MAX_VALIDATORS)),
  signature: bytes(MAX_AGGREGATE_BYTES),
});

/** The name of a certificate: what it states, whoever signed it. */
export type CertificateRef = Statement;

/** What is needed to check signatures of one epoch. */
export interface VotingContext {
  readonly chainId: string;
  readonly suite: SignatureSuite;
  readonly validators: ValidatorSet;
}

/**
 * Why a certificate does not hold under this epoch's set, or `null` when it does:
 * canonical bitmap, distinct signers with weight ≥ q, a valid aggregate over the signed bytes. The caller checks the epoch.
 */
export function certificateFault(context: VotingContext, certificate: Certificate): string | null {
  const { validators, suite, chainId } = context;
  const indices = Bitmap.indices(validators.size, certificate.signers);
  if (indices === null) return 'its signer bitmap does not fit the validator set';
  const weight = validators.weightOfAll(indices);
  if (weight < validators.quorum) return `its signers weigh ${weight}, the quorum is ${validators.quorum}`;
  if (certificate.signature.length !== suite.aggregateBytes(indices.length))
    return 'its signature has the wrong length';
  const keys = indices.map((index) => (validators.members[index] as { publicKey: Uint8Array }).publicKey);
  const message = signedBytes(chainId, certificate.statement);
  return suite.verifyAggregate(keys, message, certificate.signature) ? null : 'its signature does not verify';
}

/** Forms a certificate of verified votes of one statement by distinct signers, in any order. */
export function certify(
  context: { readonly suite: Pick<SignatureSuite, 'aggregate'>; readonly validators: ValidatorSet },
  votes: readonly Vote[],
): Certificate {
  const ordered = [...votes].sort((a, b) => a.signer - b.signer);
  const statement = (ordered[0] as Vote).statement;
  return {
    statement,
    signers: Bitmap.of(
      context.validators.size,
      ordered.map((vote) => vote.signer),
    ),
    signature: context.suite.aggregate(ordered.map((vote) => vote.signature)),
  };
}

/** The rule that a validator broke: each kind covers one half of the safety proof (simplex.md, "Evidence"). */
export type EvidenceKind = 'conflicting-notarize' | 'conflicting-finalize' | 'nullify-finalize';

/** Two signed statements of one validator that no correct validator signs both. */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly first: Vote;
  readonly second: Vote;
}

const EVIDENCE_KINDS: readonly EvidenceKind[] = ['conflicting-notarize', 'conflicting-finalize', 'nullify-finalize'];

export const evidenceCodec: Codec<Evidence> = struct<Evidence>({
  kind: word(EVIDENCE_KINDS),
  first: voteCodec,
  second: voteCodec,
});

/** The evidence in two votes of one signer, in canonical order, or `null` when they do not conflict. Signatures are not checked. */
export function conflictOf(a: Vote, b: Vote): Evidence | null {
  const [s, t] = [a.statement, b.statement];
  if (a.signer !== b.signer || s.epoch !== t.epoch || s.view !== t.view || sameStatement(s, t)) return null;
  if (s.kind === t.kind) {
    const kind = s.kind === 'notarize' ? 'conflicting-notarize' : s.kind === 'finalize' ? 'conflicting-finalize' : null;
    if (kind === null) return null;
    const inOrder = (blockOf(s) ?? '') < (blockOf(t) ?? '');
    return inOrder ? { kind, first: a, second: b } : { kind, first: b, second: a };
  }
  if (s.kind === 'nullify' && t.kind === 'finalize') return { kind: 'nullify-finalize', first: a, second: b };
  if (s.kind === 'finalize' && t.kind === 'nullify') return { kind: 'nullify-finalize', first: b, second: a };
  return null;
}

/** Why evidence proves nothing under its epoch's set, or `null` when it convicts `first.signer`. */
export function evidenceFault(context: VotingContext, evidence: Evidence): string | null {
  const expected = conflictOf(evidence.first, evidence.second);
  if (expected === null || expected.kind !== evidence.kind) return 'its votes do not conflict as claimed';
  if (expected.first !== evidence.first) return 'its votes are not in canonical order';
  const member = context.validators.at(evidence.first.signer);
  if (member === undefined) return 'its signer is not in the set';
  for (const vote of [evidence.first, evidence.second]) {
    const message = signedBytes(context.chainId, vote.statement);
    if (!context.suite.verify({ publicKey: member.publicKey, message, signature: vote.signature })) {
      return `the signature of its ${vote.statement.kind} vote does not verify`;
    }
  }
  return null;
}

const offence = struct<{ epoch: number; signer: SignerIndex }>({ epoch: u53, signer: u16 });

/**
 * The name of the offence: of one validator in one epoch, whatever it signed twice and however often. That is what
 * de-duplication keys on, so an epoch has no more offences than validators. Were each pair of votes an offence of its own, one
 * key could make more of them for nothing than anybody can remember, and who remembers what decides which blocks are valid.
 */
export function offenceId(hash: Hash, evidence: Evidence): Digest {
  const { statement, signer } = evidence.first;
  return toHex(hash(encode(offence, { epoch: statement.epoch, signer })));
}
