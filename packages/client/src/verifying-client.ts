import { createPureSuites, sha256 } from '@quorate/crypto';
import {
  type Digest,
  decode,
  type ErrorCode,
  epochOf,
  equalBytes,
  type Genesis,
  genesisDigest,
  type Height,
  isQuorateError,
  type Millis,
  QuorateError,
  type SignatureSuite,
  type SuiteName,
  validatorSetCodec,
} from '@quorate/kernel';
import { type Account, accountKey, decodeAccount, demandTrustingPeriod, parseAddress } from '@quorate/ledger';
import {
  type ChainParameters,
  type EpochClaim,
  type ForkEvidence,
  type ForkJson,
  forkToJson,
  LightClient,
  stateClaimCodec,
  trustFromJson,
  trustToJson,
  type VerifiedHeader,
} from '@quorate/light';
import { fromBase64 } from './base64.ts';
import type { Client } from './client.ts';
import type { CallOptions } from './http.ts';

/** Where trust comes from: never from the server that is asked. */
export type TrustRoot =
  | { readonly kind: 'genesis'; readonly genesis: Genesis }
  | {
      readonly kind: 'checkpoint';
      readonly chainId: string;
      readonly epochLength: number;
      readonly suite: SuiteName;
      readonly height: Height;
      readonly digest: Digest;
    };

export interface VerifyingOptions {
  readonly root: TrustRoot;
  /**
   * How long a verified header stays trusted, ms: shorter than unbonding takes. A genesis of the ledger says how long that is;
   * from a checkpoint it is the caller who knows it.
   */
  readonly trustingPeriod: Millis;
  /** What an earlier run stored by `onTrust`; null or absent to begin at the root. */
  readonly storedTrust?: string | null;
  /** Build on trust that is older than the trusting period. Only for somebody who knows why. */
  readonly allowExpired?: boolean;
}

export interface VerifyingParts {
  readonly client: Client;
  /** Stores the trust, which moved forward. Awaited: what it throws reaches the caller. */
  readonly onTrust?: (json: string) => void | Promise<void>;
  /** Unix ms; the clock of the runtime when not given. */
  readonly now?: () => Millis;
  /** A native suite in place of the pure one. */
  readonly suite?: SignatureSuite;
}

/** An account as a quorum certified it. */
export interface VerifiedAccount {
  readonly address: string;
  /** null: the chain holds nothing under this address, and that is proven too. */
  readonly account: Account | null;
  /** The account is that after this height. */
  readonly height: Height;
  /** The header that carries the root of that state: its time is how fresh the answer is. */
  readonly header: VerifiedHeader;
}

export type Comparison =
  | { readonly kind: 'agree'; readonly height: Height; readonly digest: Digest }
  | {
      readonly kind: 'fork';
      readonly fork: ForkEvidence;
      /** The same as JSON, to keep and to hand on: {@link Client.submitEvidence} takes its evidence. */
      readonly report: ForkJson;
    };

/** What a server of another chain may be the cause of. A fork is not: its evidence must reach the caller. */
const MISFITS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'rpc/not-found',
  'rpc/invalid',
  'application/unsupported',
  'proof/invalid',
  'certificate/invalid',
  'light/untrusted',
]);

/** Reads that are verified before they are returned, over a client that may talk to a liar. */
export class VerifyingClient {
  readonly #options: VerifyingOptions;
  readonly #parts: VerifyingParts;
  readonly #suite: SignatureSuite;
  readonly #parameters: ChainParameters;
  #light: LightClient | null = null;
  /** The end of the reads so far: they move one trust, so they take turns. */
  #turns: Promise<unknown> = Promise.resolve();

  /** Throws `config/invalid` when the trusting period is not below the unbonding time that a genesis of the ledger names, unless `allowExpired`. */
  constructor(options: VerifyingOptions, parts: VerifyingParts) {
    const { root, trustingPeriod, allowExpired } = options;
    if (root.kind === 'genesis' && allowExpired !== true) demandTrustingPeriod(sha256, root.genesis, trustingPeriod);
    this.#options = options;
    this.#parts = parts;
    const [chainId, epochLength, name] =
      root.kind === 'genesis'
        ? [root.genesis.chainId, root.genesis.consensus.epochLength, root.genesis.suite]
        : [root.chainId, root.epochLength, root.suite];
    this.#parameters = { chainId, epochLength, trustingPeriod };
    this.#suite = parts.suite ?? createPureSuites().get(name);
  }

  /** The account under an address, proven. Throws `light/*` and `proof/invalid` with the reason, and as {@link Client.call}. */
  async verifiedAccount(address: string, options?: CallOptions): Promise<VerifiedAccount> {
    const key = accountKey(parseAddress(sha256, address));
    const { client } = this.#parts;
    return this.#from(client, options, async () => {
      const answer = await client.account(address, options);
      const claim = decode(stateClaimCodec, fromBase64(answer.claim));
      if (!equalBytes(claim.key, key))
        throw new QuorateError('proof/invalid', `${client.url} proves something else than account ${address}`);
      const header = await this.#inTurn(async () => {
        const light = await this.#start(client, options);
        await this.#hopTo(light, client, claim.finality.headers[0]?.height ?? 0, options);
        const verified = light.verifyState(claim, this.#now(), this.#rules());
        await this.#store(light);
        return verified;
      });
      const account = claim.value === null ? null : decodeAccount(claim.value);
      return { address, account, height: claim.height, header };
    });
  }

  /** The header at a height, proven final. Throws as {@link verifiedAccount}. */
  async verifiedHeader(height: Height, options?: CallOptions): Promise<VerifiedHeader> {
    const { client } = this.#parts;
    return this.#from(client, options, async () => {
      const claim = await client.finality(height, options);
      if (claim.headers[0]?.height !== height)
        throw new QuorateError('proof/invalid', `${client.url} proves another height than ${height}`);
      return this.#inTurn(async () => {
        const light = await this.#start(client, options);
        await this.#hopTo(light, client, height, options);
        const header = light.verifyFinality(claim, this.#now(), this.#rules());
        await this.#store(light);
        return header;
      });
    });
  }

  /**
   * Whether this client's server and another one have the same block final at a height, and if not, the evidence against those who
   * signed both. Epoch ends on the way are compared too. Throws with the server's address when one of them proves nothing.
   */
  async compareWith(other: Client, height: Height, options?: CallOptions): Promise<Comparison> {
    const ours = this.#parts.client;
    const { trust } = await this.#from(ours, options, () => this.#inTurn(() => this.#start(ours, options)));
    const light = new LightClient({ parameters: this.#parameters, trust }, { suite: this.#suite, hash: sha256 });
    const both = <T>(read: (client: Client) => Promise<T>): Promise<[T, T]> =>
      Promise.all([this.#from(ours, options, () => read(ours)), this.#from(other, options, () => read(other))]);
    for (let { epoch } = light.trust; epoch < epochOf(this.#parameters, height); epoch++) {
      const [a, b] = await both((client) => client.epoch(epoch, options));
      await this.#from(ours, options, () =>
        this.#attributed(ours, () => this.#probe(light, (probe) => probe.hop(a, this.#now(), this.#rules()))),
      );
      const fork = await this.#from(other, options, () =>
        this.#attributed(other, () => light.compare(a.proof, b.proof)),
      );
      if (fork !== null) return this.#forked(light, fork);
      this.#attributed(ours, () => light.hop(a, this.#now(), this.#rules()));
    }
    const [a, b] = await both((client) => client.finality(height, options));
    const verified = await this.#from(ours, options, () =>
      this.#attributed(ours, () => this.#probe(light, (probe) => probe.verifyFinality(a, this.#now(), this.#rules()))),
    );
    if (verified.header.height !== height)
      throw new QuorateError('proof/invalid', `${ours.url} proves another height than ${height}`);
    const fork = await this.#from(other, options, () => this.#attributed(other, () => light.compare(a, b)));
    return fork === null ? { kind: 'agree', height, digest: verified.digest } : this.#forked(light, fork);
  }

  #forked(light: LightClient, fork: ForkEvidence): Comparison {
    const { validators } = light.trust;
    const { chainId } = this.#parameters;
    return { kind: 'fork', fork, report: forkToJson({ chainId, suite: this.#suite, validators }, fork) };
  }

  /** The trust as JSON, or null before the first verified read. */
  get trust(): string | null {
    return this.#light === null ? null : trustToJson(this.#light.trust);
  }

  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(read);
    this.#turns = turn.catch(() => {});
    return turn;
  }

  async #start(client: Client, options?: CallOptions): Promise<LightClient> {
    this.#light ??= await this.#begin(client, options);
    return this.#light;
  }

  async #begin(client: Client, options?: CallOptions): Promise<LightClient> {
    const { root, storedTrust, trustingPeriod } = this.#options;
    const parts = { suite: this.#suite, hash: sha256 };
    if (typeof storedTrust === 'string')
      return new LightClient({ parameters: this.#parameters, trust: trustFromJson(storedTrust) }, parts);
    if (root.kind === 'genesis') return LightClient.fromGenesis({ genesis: root.genesis, trustingPeriod }, parts);
    const { header } = await client.header(root.height, options);
    const { set } = await client.validators(header.epoch, options);
    const validators = decode(validatorSetCodec, fromBase64(set));
    return LightClient.fromCheckpoint({ parameters: this.#parameters, checkpoint: root, header, validators }, parts);
  }

  async #hopTo(light: LightClient, client: Client, height: Height, options?: CallOptions): Promise<void> {
    const target = epochOf(this.#parameters, height);
    while (light.trust.epoch < target) {
      const claim: EpochClaim = await client.epoch(light.trust.epoch, options);
      light.hop(claim, this.#now(), this.#rules());
    }
  }

  /** Checks on a copy, so that nothing is believed before both servers were heard. */
  #probe<T>(light: LightClient, check: (probe: LightClient) => T): T {
    return check(
      new LightClient({ parameters: this.#parameters, trust: light.trust }, { suite: this.#suite, hash: sha256 }),
    );
  }

  /** What a server answers. An answer that does not fit may come from a server of another chain: then the error says so. */
  async #from<T>(client: Client, options: CallOptions | undefined, read: () => T | Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isQuorateError(error) || !MISFITS.has(error.code)) throw error;
      const difference = await this.#difference(client, options);
      if (difference !== null) throw new QuorateError('genesis/mismatch', difference, { cause: error });
      if (error.code !== 'rpc/not-found') throw error;
      throw new QuorateError(error.code, `${client.url}: ${error.message}`, { cause: error });
    }
  }

  /** How the chain that a server says it serves differs from the one that is trusted, or null. Only for a message: it may lie. */
  async #difference(client: Client, options: CallOptions | undefined): Promise<string | null> {
    const { root } = this.#options;
    const claimed = await client.genesis(options).catch(() => null);
    if (claimed === null) return null;
    const { chainId } = this.#parameters;
    if (claimed.genesis.chainId !== chainId)
      return `${client.url} serves another chain: its chain id is ${claimed.genesis.chainId}, that of the trusted one is ${chainId}`;
    const trusted = root.kind === 'genesis' ? genesisDigest(sha256, root.genesis) : null;
    if (trusted === null || trusted === claimed.digest) return null;
    return `${client.url} serves another chain: its genesis digest is ${claimed.digest}, that of the trusted one is ${trusted}; both have the chain id ${chainId}`;
  }

  #attributed<T>(client: Client, check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      throw new QuorateError(error.code, `${client.url}: ${error.message}`, { cause: error });
    }
  }

  async #store(light: LightClient): Promise<void> {
    await this.#parts.onTrust?.(trustToJson(light.trust));
  }

  #now(): Millis {
    return this.#parts.now?.() ?? Date.now();
  }

  #rules(): { readonly allowExpired: boolean } {
    return { allowExpired: this.#options.allowExpired === true };
  }
}
