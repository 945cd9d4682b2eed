import { VerifiedCertificates, verifyVotesAndCertificates } from '@quorate/crypto';
import { type Certificate, certificateFault, type Hash, type Verifiable, type VotingContext } from '@quorate/kernel';

/** Certificates remembered as verified. */
const MAX_VERIFIED = 4096;

/** Checks signatures for the engine against the epoch's set, each certificate once. */
export class Verification {
  readonly #hash: Hash;
  #context: VotingContext;
  #known: VerifiedCertificates;

  constructor(hash: Hash, context: VotingContext) {
    this.#hash = hash;
    this.#context = context;
    this.#known = new VerifiedCertificates({ capacity: MAX_VERIFIED }, { hash });
  }

  /** The set from now on. */
  enter(context: VotingContext): void {
    this.#context = context;
    this.#known = new VerifiedCertificates({ capacity: MAX_VERIFIED }, { hash: this.#hash });
  }

  /** Indices of the items that do not hold, ascending. */
  invalid(items: readonly Verifiable[]): number[] {
    return verifyVotesAndCertificates(this.#context, items, this.#known);
  }

  /** Why a certificate does not hold, or null. */
  fault(certificate: Certificate): string | null {
    if (this.#known.has(certificate)) return null;
    const fault = certificateFault(this.#context, certificate);
    if (fault === null) this.#known.add(certificate);
    return fault;
  }
}
