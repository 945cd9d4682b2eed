import {
  blockOf,
  certificateFault,
  type Digest,
  epochOf,
  type Genesis,
  genesisDigest,
  type Hash,
  type Header,
  type Height,
  headerDigest,
  lastHeightOf,
  type Millis,
  QuorateError,
  type SignatureSuite,
  type ValidatorSet,
} from '@quorate/kernel';
import { type EpochClaim, type FinalityClaim, MAX_CLAIM_HEADERS, type StateClaim } from './claims.ts';
import { type ForkEvidence, forkBetween } from './fork.ts';
import { verifyStateClaim } from './state.ts';
import type { ChainParameters, TrustState } from './trust.ts';

/** A header that the client verified. */
export interface VerifiedHeader {
  readonly header: Header;
  readonly digest: Digest;
}

export interface LightParts {
  readonly suite: SignatureSuite;
  readonly hash: Hash;
}

/** How far a header or the trust may lie ahead of the caller's clock, ms: more means that one of the two is wrong. */
export const MAX_CLOCK_DRIFT = 60_000;

function refuse(message: string): never {
  throw new QuorateError('proof/invalid', message);
}

/**
 * A client that believes no server: from a trusted validator set it accepts what a quorum of that set finalized,
 * and follows the set from epoch to epoch (simplex.md, "Light client"). It has no clock: every call takes `now`, Unix ms.
 */
export class LightClient {
  readonly #parameters: ChainParameters;
  readonly #parts: LightParts;
  #trust: TrustState;

  constructor(options: { readonly parameters: ChainParameters; readonly trust: TrustState }, parts: LightParts) {
    this.#parameters = options.parameters;
    this.#trust = options.trust;
    this.#parts = parts;
    this.#checkPossession(options.trust.validators);
  }

  /** Trust that starts at genesis. */
  static fromGenesis(
    options: { readonly genesis: Genesis; readonly trustingPeriod: Millis },
    parts: LightParts,
  ): LightClient {
    const { genesis, trustingPeriod } = options;
    return new LightClient(
      {
        parameters: { chainId: genesis.chainId, epochLength: genesis.consensus.epochLength, trustingPeriod },
        trust: {
          epoch: 0,
          validators: genesis.validators,
          height: 0,
          digest: genesisDigest(parts.hash, genesis),
          time: genesis.time,
        },
      },
      parts,
    );
  }

  /**
   * Trust that starts at a checkpoint learned out of band. `header` and `validators` may come from any server:
   * they must fit the digest. Throws `proof/invalid` when they do not.
   */
  static fromCheckpoint(
    options: {
      readonly parameters: ChainParameters;
      readonly checkpoint: { readonly height: Height; readonly digest: Digest };
      readonly header: Header;
      readonly validators: ValidatorSet;
    },
    parts: LightParts,
  ): LightClient {
    const { parameters, checkpoint, header, validators } = options;
    const digest = headerDigest(parts.hash, parameters.chainId, header);
    if (digest !== checkpoint.digest || header.height !== checkpoint.height) {
      refuse(`the header offered for checkpoint ${checkpoint.height} has digest ${digest}, not ${checkpoint.digest}`);
    }
    if (epochOf(parameters, header.height) !== header.epoch)
      refuse('the checkpoint names a block that is no height of the chain');
    if (validators.root(parts.hash) !== header.validatorsRoot)
      refuse("the validator set offered with the checkpoint is not its header's");
    const trust = { epoch: header.epoch, validators, height: header.height, digest, time: header.time };
    return new LightClient({ parameters, trust }, parts);
  }

  get trust(): TrustState {
    return this.#trust;
  }

  /**
   * The header that `claim` proves final, under the set of the trusted epoch. Moves the trust forward.
   * Throws `light/expired` when the trust is older than the trusting period (unless `allowExpired`), `light/untrusted`
   * when the claim is of another epoch or dated in the future, `light/conflict` when it contradicts the trusted header,
   * `proof/invalid` when it proves nothing.
   */
  verifyFinality(claim: FinalityClaim, now: Millis, options?: { readonly allowExpired?: boolean }): VerifiedHeader {
    this.#checkAge(now, options?.allowExpired === true);
    const verified = this.#verify(claim);
    const { header: proven } = verified;
    if (proven.time > now + MAX_CLOCK_DRIFT) {
      throw new QuorateError(
        'light/untrusted',
        `header ${proven.height} is dated ${Math.round((proven.time - now) / 1000)} s ahead of this clock: set the clock, or trust no server of this chain`,
      );
    }
    const contradicts =
      (proven.height === this.#trust.height && verified.digest !== this.#trust.digest) ||
      (proven.height === this.#trust.height + 1 && proven.parentDigest !== this.#trust.digest);
    if (contradicts) {
      throw new QuorateError(
        'light/conflict',
        `block ${verified.digest} is finalized at height ${proven.height} beside the trusted chain through ${this.#trust.digest} ` +
          `at height ${this.#trust.height}; trust no server of this chain`,
      );
    }
    if (verified.header.height > this.#trust.height) {
      const { header, digest } = verified;
      this.#trust = { ...this.#trust, height: header.height, digest, time: header.time };
    }
    return verified;
  }

  /** Moves the trust to the next epoch. Throws as {@link verifyFinality}. */
  hop(claim: EpochClaim, now: Millis, options?: { readonly allowExpired?: boolean }): void {
    const { epoch } = this.#trust;
    if (claim.epoch !== epoch) refuse(`the trusted epoch is ${epoch}, the hop leaves epoch ${claim.epoch}`);
    const { header } = this.verifyFinality(claim.proof, now, options);
    const last = lastHeightOf(this.#parameters, epoch);
    if (header.height !== last) refuse(`epoch ${epoch} ends at height ${last}, the hop proves height ${header.height}`);
    const root = claim.next.root(this.#parts.hash);
    if (header.nextValidatorsRoot !== root)
      refuse(`the set offered for epoch ${epoch + 1} is not the one that block ${last} names`);
    this.#checkPossession(claim.next);
    this.#trust = { ...this.#trust, epoch: epoch + 1, validators: claim.next };
  }

  /**
   * Checks that the state after block `height` holds `claim.value` under `claim.key` (null: holds nothing there),
   * by a header that carries that state's root. Throws as {@link verifyFinality}.
   */
  verifyState(claim: StateClaim, now: Millis, options?: { readonly allowExpired?: boolean }): VerifiedHeader {
    const verified = this.verifyFinality(claim.finality, now, options);
    verifyStateClaim(this.#parts.hash, verified.header, claim);
    return verified;
  }

  /**
   * What two finality claims for one height say together: null when they agree, else evidence against the signers of both.
   * Both must verify under the trusted set: throws `proof/invalid` when one does not.
   */
  compare(a: FinalityClaim, b: FinalityClaim): ForkEvidence | null {
    const [first, second] = [this.#verify(a), this.#verify(b)];
    if (first.header.height !== second.header.height)
      refuse('the claims are of different heights: ask both servers for one height');
    if (first.digest === second.digest) return null;
    const { suite } = this.#parts;
    return forkBetween({ suite, validators: this.#trust.validators }, first.header.height, [a, b]);
  }

  #checkAge(now: Millis, allowExpired: boolean): void {
    const age = now - this.#trust.time;
    if (allowExpired) return;
    if (age < -MAX_CLOCK_DRIFT) {
      throw new QuorateError(
        'light/expired',
        `the trusted header at height ${this.#trust.height} is dated ${Math.round(-age / 1000)} s ahead of this clock: its age cannot be told. Set the clock`,
      );
    }
    if (age <= this.#parameters.trustingPeriod) return;
    throw new QuorateError(
      'light/expired',
      `the trusted header at height ${this.#trust.height} is ${Math.round(age / 1000)} s old, the trusting period is ` +
        `${Math.round(this.#parameters.trustingPeriod / 1000)} s: its signers may have unbonded. Get a newer checkpoint from a source you trust`,
    );
  }

  /** A BLS aggregate means nothing under a key whose owner never proved to hold it. */
  #checkPossession(validators: ValidatorSet): void {
    const { suite } = this.#parts;
    for (const member of validators.members) {
      if (!suite.isPublicKey(member.publicKey) || !suite.verifyPossession(member.publicKey, member.proof)) {
        refuse('a validator of the offered set does not prove possession of its key');
      }
    }
  }

  #verify(claim: FinalityClaim): VerifiedHeader {
    const { chainId } = this.#parameters;
    const { hash, suite } = this.#parts;
    const { epoch, validators } = this.#trust;
    const { headers, certificate } = claim;
    const proven = headers[0];
    if (proven === undefined) return refuse('the claim has no header');
    if (headers.length > MAX_CLAIM_HEADERS)
      return refuse(`the claim has ${headers.length} headers, at most ${MAX_CLAIM_HEADERS} are read`);
    if (proven.epoch !== epoch) {
      throw new QuorateError(
        'light/untrusted',
        `the claim is of epoch ${proven.epoch}, the trusted set is of epoch ${epoch}: ` +
          (proven.epoch > epoch ? 'hop there first' : 'trust does not go back; start from an older checkpoint'),
      );
    }
    if (proven.height < 1) return refuse('genesis is trusted or not: nothing proves it');
    if (epochOf(this.#parameters, proven.height) !== epoch) {
      return refuse(`height ${proven.height} does not belong to epoch ${epoch}: the block is no height of the chain`);
    }
    const root = validators.root(hash);
    let name = '';
    let parent: Header | null = null;
    for (const header of headers) {
      if (header.epoch !== epoch || header.validatorsRoot !== root)
        return refuse(`header ${header.height} is not of the trusted set`);
      if (parent !== null) {
        const linked =
          header.parentDigest === name &&
          header.parentView === parent.view &&
          header.view > parent.view &&
          header.height === parent.height + 1;
        if (!linked) return refuse(`header ${header.height} is not the child of header ${parent.height}`);
      }
      name = headerDigest(hash, chainId, header);
      parent = header;
    }
    const { statement } = certificate;
    const certified = headers[headers.length - 1] as Header;
    if (
      statement.kind !== 'finalize' ||
      blockOf(statement) !== name ||
      statement.epoch !== epoch ||
      statement.view !== certified.view
    ) {
      return refuse(`the certificate does not finalize header ${certified.height}`);
    }
    const fault = certificateFault({ chainId, suite, validators }, certificate);
    if (fault !== null) return refuse(`the certificate does not hold: ${fault}`);
    return { header: proven, digest: headerDigest(hash, chainId, proven) };
  }
}
