import {
  Bitmap,
  type Certificate,
  conflictOf,
  type Evidence,
  type Height,
  type SignatureSuite,
  type SignerIndex,
  type ValidatorSet,
  type Vote,
} from '@quorate/kernel';

/** Two certificates that cannot both exist while less than a third of the weight misbehaves. */
export interface ForkEvidence {
  readonly height: Height;
  readonly first: Certificate;
  readonly second: Certificate;
  /** Signers of both certificates and their weight: at least W/3. In one view each of them broke a rule; across views a third of the weight did. */
  readonly common: readonly SignerIndex[];
  readonly weight: number;
  /** Self-contained evidence, where the suite's aggregates can be taken apart and both certificates are of one view. */
  readonly evidence: readonly Evidence[];
}

function votesOf(suite: SignatureSuite, size: number, certificate: Certificate): Map<SignerIndex, Vote> {
  const signers = Bitmap.indices(size, certificate.signers) ?? [];
  const width = suite.signatureBytes;
  const separable = certificate.signature.length === signers.length * width;
  return new Map(
    signers.map((signer, i) => [
      signer,
      {
        statement: certificate.statement,
        signer,
        signature: separable ? certificate.signature.subarray(i * width, (i + 1) * width) : new Uint8Array(),
      },
    ]),
  );
}

/** The evidence in two verified, conflicting finalizations of one epoch. */
export function forkBetween(
  context: { readonly suite: SignatureSuite; readonly validators: ValidatorSet },
  height: Height,
  first: Certificate,
  second: Certificate,
): ForkEvidence {
  const { suite, validators } = context;
  const [ours, theirs] = [votesOf(suite, validators.size, first), votesOf(suite, validators.size, second)];
  const common = [...ours.keys()].filter((signer) => theirs.has(signer));
  const evidence: Evidence[] = [];
  for (const signer of common) {
    const [a, b] = [ours.get(signer), theirs.get(signer)];
    if (a === undefined || b === undefined || a.signature.length === 0 || b.signature.length === 0) continue;
    const conflict = conflictOf(a, b);
    if (conflict !== null) evidence.push(conflict);
  }
  return { height, first, second, common, weight: validators.weightOfAll(common), evidence };
}
