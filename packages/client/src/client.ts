import { sha256 } from '@quorate/crypto';
import { type Digest, decode, type Genesis, genesisCodec, QuorateError, toHex } from '@quorate/kernel';
import { type EpochClaim, epochClaimCodec, type FinalityClaim, finalityClaimCodec } from '@quorate/light';
import { fromBase64, toBase64 } from './base64.ts';
import { packTransactions } from './batch.ts';
import {
  type CheckedParams,
  contract,
  type Method,
  type Notification,
  type Params,
  type Result,
  type SubmissionJson,
  type SubscriptionFilter,
  type SubscriptionKind,
  type TransactionStatusJson,
} from './contract.ts';
import { errorFromJson, errorSchema } from './errors.ts';
import { Feed, type WebSocketConstructor } from './feed.ts';
import { type CallOptions, type Fetch, HttpTransport } from './http.ts';
import { DEFAULT_WAIT_MS } from './schemas.ts';

export interface ClientOptions {
  /** Base address of a node's RPC, e.g. `http://127.0.0.1:26657`. */
  readonly url: string;
  /** Time for one attempt, ms; 10 s when not given. */
  readonly timeoutMs?: number;
  /** Further attempts after a failure that may pass; 3 when not given. */
  readonly retries?: number;
  /** For places without a global `fetch`. */
  readonly fetch?: Fetch;
  /** For places without a global `WebSocket`, such as Node 20: the class of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
}

export interface SubmitCallOptions extends CallOptions {
  readonly wait?: 'accepted' | 'final';
  /** Longest wait for `final` on the server, ms. */
  readonly waitMs?: number;
}

export interface FollowOptions {
  /** First height; the next one to be finalized when not given. */
  readonly from?: number;
  readonly filter?: SubscriptionFilter;
  readonly signal?: AbortSignal;
  /** Attempts in a row to resume a lost subscription before it fails; 60 when not given. */
  readonly maxAttempts?: number;
  /** A connection on which nothing came for so long counts as lost, ms; 60 s when not given. */
  readonly idleMs?: number;
}

type UpdateOf<K extends SubscriptionKind> = Extract<Notification, { kind: K }>;

function globalWebSocket(): WebSocketConstructor | undefined {
  const found: unknown = Reflect.get(globalThis, 'WebSocket');
  return typeof found === 'function' ? (found as WebSocketConstructor) : undefined;
}

/** A program that talks to one node. It believes what the node says; {@link VerifyingClient} does not. */
export class Client {
  readonly #http: HttpTransport;
  readonly #WebSocket: WebSocketConstructor | undefined;

  constructor(options: ClientOptions) {
    this.#http = new HttpTransport({
      url: options.url,
      timeoutMs: options.timeoutMs ?? 10_000,
      retries: options.retries ?? 3,
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    });
    this.#WebSocket = options.WebSocket ?? globalWebSocket();
  }

  get url(): string {
    return this.#http.url;
  }

  /** One call of the contract. Throws the error that the server names, `rpc/unavailable`, `rpc/timeout`, or `rpc/failed` for an answer that breaks the contract. */
  async call<M extends Method>(method: M, params: Params<M>, options?: CallOptions): Promise<Result<M>> {
    const answer = await this.#http.call(method, params as object, options);
    const checked = contract[method].result.safeParse(answer);
    if (!checked.success)
      throw new QuorateError('rpc/failed', `${this.url} answered ${method} with something else than the contract says`);
    return checked.data as Result<M>;
  }

  /** Offers a transaction. With `wait: 'final'` answers once it is settled; `accepted` then means that `waitMs` was not enough. */
  async submit(tx: Uint8Array, options?: SubmitCallOptions): Promise<SubmissionJson> {
    const [result] = await this.submitBatch([tx], options);
    if (result === undefined) throw new QuorateError('rpc/failed', `${this.url} did not answer for the transaction`);
    return result;
  }

  /** Offers many transactions; answers for each, in order. Safe to repeat: a transaction counts once however often it is offered. */
  async submitBatch(txs: readonly Uint8Array[], options: SubmitCallOptions = {}): Promise<SubmissionJson[]> {
    const { wait = 'accepted', waitMs = DEFAULT_WAIT_MS } = options;
    const body = Uint8Array.from(packTransactions(txs));
    const timeoutMs = options.timeoutMs ?? (wait === 'final' ? waitMs + 10_000 : undefined);
    const path = `/tx?wait=${wait}&timeoutMs=${waitMs}`;
    return this.#http.retrying(options.signal, async (attempt) => {
      const answer = await this.#http.post(path, 'application/octet-stream', body, {
        signal: options.signal,
        timeoutMs,
      });
      const results = submissionsOf(answer, txs.length, this.url);
      return attempt === 1 ? results : Promise.all(results.map((result) => this.#afterRetry(result, options)));
    });
  }

  /** A retried transaction may be refused because the first attempt got through: then its real state counts. */
  async #afterRetry(result: SubmissionJson, options: CallOptions): Promise<SubmissionJson> {
    if (result.status !== 'rejected') return result;
    const known = await this.transaction(result.id, options);
    if (known.status === 'pending') return { status: 'accepted', id: result.id };
    return known.status === 'unknown' ? result : known;
  }

  transaction(id: Digest, options?: CallOptions): Promise<TransactionStatusJson> {
    return this.call('transaction', { id }, options);
  }

  status(options?: CallOptions): Promise<Result<'status'>> {
    return this.call('status', {}, options);
  }

  block(height: number, options?: CallOptions): Promise<Result<'block'>> {
    return this.call('block', { height }, options);
  }

  header(height: number, options?: CallOptions): Promise<Result<'header'>> {
    return this.call('header', { height }, options);
  }

  validators(epoch?: number, options?: CallOptions): Promise<Result<'validators'>> {
    return this.call('validators', epoch === undefined ? {} : { epoch }, options);
  }

  evidence(limit?: number, options?: CallOptions): Promise<Result<'evidence'>> {
    return this.call('evidence', limit === undefined ? {} : { limit }, options);
  }

  /** Offers one piece of evidence, in the canonical codec. Safe to repeat: an offence counts once. */
  submitEvidence(evidence: Uint8Array, options?: CallOptions): Promise<Result<'submitEvidence'>> {
    return this.call('submitEvidence', { evidence: toBase64(evidence) }, options);
  }

  account(address: string, options?: CallOptions): Promise<Result<'account'>> {
    return this.call('account', { address }, options);
  }

  query(params: CheckedParams<'query'> | Params<'query'>, options?: CallOptions): Promise<Result<'query'>> {
    return this.call('query', params, options);
  }

  checkpoint(options?: CallOptions): Promise<Result<'checkpoint'>> {
    return this.call('checkpoint', {}, options);
  }

  /** What proves a height final, decoded but not checked: for a light client. Throws `codec/*` when the server sends nonsense. */
  async finality(height: number, options?: CallOptions): Promise<FinalityClaim> {
    return decode(finalityClaimCodec, fromBase64((await this.call('finality', { height }, options)).claim));
  }

  /** The way into the next epoch, decoded but not checked. Throws `codec/*` when the server sends nonsense. */
  async epoch(epoch: number, options?: CallOptions): Promise<EpochClaim> {
    return decode(epochClaimCodec, fromBase64((await this.call('epoch', { epoch }, options)).claim));
  }

  /** The genesis that this node claims, whole. Compare its digest with one you trust before you build on it. */
  async genesis(options?: CallOptions): Promise<{ readonly genesis: Genesis; readonly digest: Digest }> {
    const bytes = fromBase64((await this.call('genesis', {}, options)).genesis);
    return { genesis: decode(genesisCodec, bytes), digest: toHex(sha256(bytes)) };
  }

  /**
   * Finalized blocks, their transactions or their events: one update per height from `from` on, in order, none twice, none left out,
   * across reconnections. End it by leaving the loop or by the signal. Throws `rpc/unavailable` when the node stays away,
   * `subscription/pruned` when it no longer has a height.
   */
  follow<K extends SubscriptionKind>(kind: K, options: FollowOptions = {}): AsyncIterableIterator<UpdateOf<K>> {
    if (this.#WebSocket === undefined) {
      throw new QuorateError(
        'rpc/unavailable',
        'this runtime has no WebSocket: pass one to the client, e.g. that of the package ws',
      );
    }
    const feed = new Feed(
      {
        url: `${this.url.replace(/^http/, 'ws')}/`,
        kind,
        filter: options.filter ?? {},
        from: options.from ?? null,
        signal: options.signal,
        maxAttempts: options.maxAttempts ?? 60,
        idleMs: options.idleMs ?? 60_000,
      },
      { WebSocket: this.#WebSocket },
    );
    return feed as AsyncIterableIterator<unknown> as AsyncIterableIterator<UpdateOf<K>>; // a feed yields its own kind only
  }
}

const STATUSES = new Set(['accepted', 'final', 'rejected', 'expired']);

/** The answer of `POST /tx`. Checked by hand: this is the hottest path. */
function submissionsOf(answer: unknown, count: number, url: string): SubmissionJson[] {
  const fields: { readonly results?: unknown; readonly error?: unknown } = { ...(answer as object | null) };
  if (fields.error !== undefined) throw errorOf(fields.error, url);
  const { results } = fields;
  const fits =
    Array.isArray(results) &&
    results.length === count &&
    results.every(
      (item: { id?: unknown; status?: unknown } | null) =>
        typeof item?.id === 'string' && STATUSES.has(String(item.status)),
    );
  if (!fits) throw new QuorateError('rpc/failed', `${url} did not answer for each of the ${count} transactions`);
  return results as SubmissionJson[];
}

function errorOf(error: unknown, url: string): QuorateError {
  const parsed = errorSchema.safeParse(error);
  return parsed.success
    ? errorFromJson(parsed.data)
    : new QuorateError('rpc/failed', `${url} answered with a malformed error`);
}
