import { isQuorateError, QuorateError } from '@quorate/kernel';
import { z } from 'zod';
import { errorFromJson, errorSchema } from './errors.ts';

/** The part of `fetch` that the client uses. */
export type Fetch = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body: string | Uint8Array<ArrayBuffer>;
    signal: AbortSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

export interface HttpOptions {
  /** Base address of a node's RPC, e.g. `http://127.0.0.1:26657`. */
  readonly url: string;
  /** Time for one attempt, ms. */
  readonly timeoutMs: number;
  /** Further attempts after one that failed for a reason that may pass. */
  readonly retries: number;
  readonly fetch: Fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Time for one attempt, ms. */
  readonly timeoutMs?: number | undefined;
}

const responseSchema = z.union([
  z.object({ jsonrpc: z.literal('2.0'), id: z.int(), result: z.unknown() }),
  z.object({ jsonrpc: z.literal('2.0'), id: z.int().nullable(), error: errorSchema }),
]);

const PASSING = new Set(['rpc/unavailable', 'rpc/limited', 'rpc/timeout']);

/** Whether the same request may succeed a moment later. */
export function isPassing(error: unknown): boolean {
  return isQuorateError(error) && PASSING.has(error.code);
}

/** Resolves after `ms`; rejects with the signal's reason when it fires first. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Back-off before attempt `n` (from 1), with jitter so that many clients do not return at once. */
export function backoff(n: number, cap = 5000): number {
  return Math.min(cap, 100 * 2 ** Math.min(n - 1, 10)) * (0.5 + Math.random() / 2);
}

/** JSON-RPC and binary requests over HTTP, with timeouts and retries. */
export class HttpTransport {
  readonly #options: HttpOptions;
  #id = 0;

  constructor(options: HttpOptions) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') };
  }

  get url(): string {
    return this.#options.url;
  }

  /** The result of one call, unchecked. Throws the error that the server names, `rpc/unavailable` or `rpc/timeout`. */
  async call(method: string, params: object, options: CallOptions = {}): Promise<unknown> {
    const id = ++this.#id;
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return this.retrying(options.signal, async () => {
      const parsed = responseSchema.safeParse(await this.post('/', 'application/json', body, options));
      if (!parsed.success)
        throw new QuorateError('rpc/failed', `${this.url} did not answer ${method} with JSON-RPC 2.0`);
      if ('error' in parsed.data) throw errorFromJson(parsed.data.error);
      if (parsed.data.id !== id)
        throw new QuorateError('rpc/failed', `${this.url} answered another request than ${method}`);
      return parsed.data.result;
    });
  }

  /** Runs `attempt` until it succeeds, fails for good, or the retries are used up. */
  async retrying<T>(signal: AbortSignal | undefined, attempt: (n: number) => Promise<T>): Promise<T> {
    for (let n = 1; ; n++) {
      try {
        return await attempt(n);
      } catch (error) {
        if (signal?.aborted === true || !isPassing(error) || n > this.#options.retries) throw error;
        await pause(backoff(n), signal);
      }
    }
  }

  /** One request, without retries; the parsed JSON of the answer. */
  async post(
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    options: CallOptions,
  ): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    let status: number;
    let text: string;
    try {
      const response = await this.#options.fetch(`${this.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
        signal,
      });
      status = response.status;
      text = await response.text();
    } catch (cause) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      if (timeout.aborted) {
        throw new QuorateError('rpc/timeout', `${this.url} did not answer within ${timeoutMs} ms`, { cause });
      }
      throw new QuorateError('rpc/unavailable', `${this.url} cannot be reached: ${reasonOf(cause)}`, { cause });
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      const code = status === 429 ? 'rpc/limited' : status >= 500 ? 'rpc/unavailable' : 'rpc/failed';
      throw new QuorateError(code, `${this.url} answered with status ${status} and no JSON`, { cause });
    }
    return json;
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}
