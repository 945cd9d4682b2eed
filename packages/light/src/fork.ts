import {
  Bitmap,
  blockOf,
  type Certificate,
  conflictOf,
  type Digest,
  type Evidence,
  encode,
  evidenceCodec,
  type Height,
  type SignatureSuite,
  type SignerIndex,
  sameStatement,
  toHex,
  type ValidatorSet,
  type View,
  type Vote,
} from '@quorate/kernel';
import { type FinalityClaim, finalityClaimCodec } from './claims.ts';

/** A validator that signed both sides of a fork. */
export interface ForkSigner {
  readonly signer: SignerIndex;
  /** Voting key. */
  readonly publicKey: Uint8Array;
  readonly weight: number;
  readonly address: string;
}

/** Two certificates that cannot both exist while less than a third of the weight misbehaves. */
export interface ForkEvidence {
  readonly height: Height;
  readonly first: Certificate;
  readonly second: Certificate;
  /** What proves each of the two blocks final: whoever has the validator set can check that they contradict each other. */
  readonly claims: readonly [FinalityClaim, FinalityClaim];
  /** Signers of both certificates and their weight: at least W/3. In one view each of them broke a rule; across views a third of the weight did. */
  readonly common: readonly SignerIndex[];
  readonly signers: readonly ForkSigner[];
  readonly weight: number;
  /** All weight of the set of the first certificate. */
  readonly total: number;
  /**
   * Self-contained evidence, which a chain punishes: where the suite's aggregates can be taken apart, and certificates of both
   * sides are of one view.
   */
  readonly evidence: readonly Evidence[];
}

/** Who may have signed which certificates. */
export interface ForkContext {
  readonly suite: Pick<SignatureSuite, 'signatureBytes'>;
  readonly validators: ValidatorSet;
}

/** Votes in a certificate by their signers; empty when its aggregate cannot be taken apart. */
function votesOf({ suite, validators }: ForkContext, certificate: Certificate): Map<SignerIndex, Vote> {
  const { statement, signature } = certificate;
  const signers = signersOf(validators, certificate);
  const width = suite.signatureBytes;
  if (signature.length !== signers.length * width) return new Map();
  return new Map(
    signers.map((signer, i) => [
      signer,
      { statement, signer, signature: signature.subarray(i * width, (i + 1) * width) },
    ]),
  );
}

function signersOf(validators: ValidatorSet, { signers }: Certificate): readonly SignerIndex[] {
  return Bitmap.indices(validators.size, signers) ?? [];
}

/**
 * The evidence in verified certificates of one epoch, some of one side of a fork and some of the other: one piece for each signer
 * who broke a rule by signing two of them of one view, one of each side. Nullifications count too: a view that one side skipped and
 * the other made final is a fork between two views.
 */
function conflictsBetween(
  context: ForkContext,
  ours: readonly Certificate[],
  theirs: readonly Certificate[],
): Evidence[] {
  const byView = new Map<View, Certificate[]>();
  for (const certificate of theirs) {
    const { view } = certificate.statement;
    byView.set(view, [...(byView.get(view) ?? []), certificate]);
  }
  const found = new Map<SignerIndex, Evidence>();
  for (const a of ours) {
    for (const b of byView.get(a.statement.view) ?? []) {
      if (sameStatement(a.statement, b.statement)) continue;
      const others = votesOf(context, b);
      for (const [signer, vote] of votesOf(context, a)) {
        const other = others.get(signer);
        const conflict = other === undefined || found.has(signer) ? null : conflictOf(vote, other);
        if (conflict !== null) found.set(signer, conflict);
      }
    }
  }
  return [...found.values()];
}

/**
 * The evidence in two verified, conflicting finalizations. `theirs`: the set of the second one's epoch, when it is another epoch;
 * `justifications`: other verified certificates of either side, where the certificates of finality alone are of different views.
 */
export function forkBetween(
  context: ForkContext & { readonly theirs?: ValidatorSet },
  height: Height,
  claims: readonly [FinalityClaim, FinalityClaim],
  justifications: readonly [readonly Certificate[], readonly Certificate[]] = [[], []],
): ForkEvidence {
  const { validators, theirs = validators } = context;
  const [{ certificate: first }, { certificate: second }] = claims;
  const keys = new Set(signersOf(theirs, second).map((signer) => toHex(theirs.at(signer)?.publicKey ?? NOBODY)));
  const signers = signersOf(validators, first).flatMap((signer): ForkSigner[] => {
    const member = validators.at(signer);
    if (member === undefined || !keys.has(toHex(member.publicKey))) return [];
    return [{ signer, publicKey: member.publicKey, weight: member.weight, address: member.address }];
  });
  const common = signers.map(({ signer }) => signer);
  const { epoch } = first.statement;
  const [ours, others] = [
    [first, ...justifications[0]],
    [second, ...justifications[1]],
  ].map((side) => side.filter(({ statement }) => statement.epoch === epoch));
  const evidence = conflictsBetween(context, ours ?? [], others ?? []);
  const { total } = validators;
  return {
    height,
    first,
    second,
    claims,
    common,
    signers,
    weight: validators.weightOfAll(common),
    total,
    evidence,
  };
}

const NOBODY = new Uint8Array();

/** A fork as JSON, to print, to keep and to hand on. Keys and encoded objects are hexadecimal. */
export interface ForkJson {
  readonly chainId: string;
  readonly height: Height;
  /** The certified blocks, at that height or above it, each with its FinalityClaim in the canonical codec. */
  readonly blocks: readonly {
    readonly epoch: number;
    readonly view: number;
    readonly height: Height;
    readonly digest: Digest;
    readonly claim: string;
  }[];
  readonly signersOfBoth: readonly {
    readonly signer: SignerIndex;
    readonly publicKey: string;
    readonly weight: number;
    readonly address: string;
  }[];
  readonly weight: number;
  readonly total: number;
  /** Each as the canonical codec has it under `evidence`: what nodes take to punish the signer. */
  readonly evidence: readonly {
    readonly kind: Evidence['kind'];
    readonly epoch: number;
    readonly view: number;
    readonly signer: SignerIndex;
    readonly publicKey: string;
    readonly evidence: string;
  }[];
  /** Why `evidence` is empty; null when it is not. */
  readonly unattributable: string | null;
}

/** {@link ForkJson} of a fork, which `validators` of its first certificate's epoch signed. */
export function forkToJson(context: { readonly chainId: string } & ForkContext, fork: ForkEvidence): ForkJson {
  const { suite, validators, chainId } = context;
  const separable = votesOf({ suite, validators }, fork.first).size > 0;
  return {
    chainId,
    height: fork.height,
    blocks: fork.claims.map((claim) => {
      const { statement } = claim.certificate;
      const { epoch, view } = statement;
      const height = claim.headers.at(-1)?.height ?? fork.height;
      return { epoch, view, height, digest: blockOf(statement) ?? '', claim: toHex(encode(finalityClaimCodec, claim)) };
    }),
    signersOfBoth: fork.signers.map((signer) => ({ ...signer, publicKey: toHex(signer.publicKey) })),
    weight: fork.weight,
    total: fork.total,
    evidence: fork.evidence.map((piece) => {
      const { statement, signer } = piece.first;
      return {
        kind: piece.kind,
        epoch: statement.epoch,
        view: statement.view,
        signer,
        publicKey: toHex(validators.at(signer)?.publicKey ?? NOBODY),
        evidence: toHex(encode(evidenceCodec, piece)),
      };
    }),
    unattributable: fork.evidence.length > 0 ? null : separable ? ACROSS_VIEWS : AGGREGATED,
  };
}

const ACROSS_VIEWS =
  'the two certificates are of different views: each signature alone is lawful, and which signers broke a rule shows only beside the ' +
  'Nullifications in the justifications of the blocks between. The blocks and their nodes have those; the claims here show that the ' +
  'signers of both weigh a third at least';
const AGGREGATED =
  'the signatures of these certificates are aggregated and cannot be told apart: no single vote can be shown. The claims prove that ' +
  'every signer named here signed both';
