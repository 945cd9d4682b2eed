import {
  type Certificate,
  certificateCodec,
  certificateFault,
  type Digest,
  encode,
  type Hash,
  Recent,
  type SignedItem,
  signedBytes,
  toHex,
  type Verifiable,
  type VotingContext,
} from '@quorate/kernel';

/** Certificates that hold under one epoch's set, by digest: a bounded memory, see {@link Recent}. */
export class VerifiedCertificates {
  readonly #hash: Hash;
  readonly #known: Recent<Digest, true>;

  constructor(options: { readonly capacity: number }, parts: { readonly hash: Hash }) {
    this.#known = new Recent(options);
    this.#hash = parts.hash;
  }

  /** Whether this very certificate, signers and signature included, was found to hold before. */
  has(certificate: Certificate): boolean {
    return this.#known.get(this.#name(certificate)) === true;
  }

  /** Remembers a certificate that was found to hold; the caller vouches for it. */
  add(certificate: Certificate): void {
    this.#known.set(this.#name(certificate), true);
  }

  #name(certificate: Certificate): Digest {
    return toHex(this.#hash(encode(certificateCodec, certificate)));
  }
}

/**
 * Indices of the items that do not hold under one epoch's set, ascending: votes with an unknown signer or a bad signature,
 * certificates for which `certificateFault` has a reason. Votes are checked as one batch, with bisection to the culprits.
 * `known` must belong to the same context; certificates that hold are added to it. The caller checks epochs.
 */
export function verifyVotesAndCertificates(
  context: VotingContext,
  items: readonly Verifiable[],
  known?: VerifiedCertificates,
): number[] {
  const invalid: number[] = [];
  const votes: { readonly index: number; readonly item: SignedItem }[] = [];
  items.forEach((item, index) => {
    if (item.kind === 'certificate') {
      if (known?.has(item.certificate)) return;
      if (certificateFault(context, item.certificate) !== null) invalid.push(index);
      else known?.add(item.certificate);
      return;
    }
    const { signer, statement, signature } = item.vote;
    const member = context.validators.at(signer);
    if (member === undefined) invalid.push(index);
    else {
      const message = signedBytes(context.chainId, statement);
      votes.push({ index, item: { publicKey: member.publicKey, message, signature } });
    }
  });
  const bad = new Set(context.suite.findInvalid(votes.map(({ item }) => item)));
  votes.forEach(({ index }, position) => {
    if (bad.has(position)) invalid.push(index);
  });
  return invalid.sort((a, b) => a - b);
}
