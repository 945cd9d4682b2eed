import { QuorateError } from '@quorate/kernel';
import { z } from 'zod';
import { type Notification, notification, type SubscriptionFilter, type SubscriptionKind } from './contract.ts';
import { errorFromJson, errorSchema, isRpcErrorCode } from './errors.ts';
import { backoff, isPassing } from './http.ts';

/** The part of a WebSocket that the client uses: a browser's, or that of the package `ws`. */
export interface WebSocketLike {
  addEventListener(type: 'open' | 'error' | 'close', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  send(text: string): void;
  close(): void;
}
export type WebSocketConstructor = new (url: string) => WebSocketLike;

export interface FeedOptions {
  readonly url: string;
  readonly kind: SubscriptionKind;
  readonly filter: SubscriptionFilter;
  /** First height; null for the next one to be finalized. */
  readonly from: number | null;
  readonly signal?: AbortSignal | undefined;
  /** Attempts in a row that may fail before the feed gives up. */
  readonly maxAttempts: number;
  /** A connection on which nothing came for so long counts as lost, ms. */
  readonly idleMs: number;
}

type Update = Exclude<Notification, { kind: 'ended' }>;

const message = z.union([
  z.object({ id: z.literal(1), result: z.object({ subscription: z.int(), from: z.int() }) }),
  z.object({ id: z.literal(1).nullable(), error: errorSchema }),
  z.object({ method: z.literal('subscription'), params: notification }),
]);

/** Notifications held for a slow reader; when there are more, the feed hangs up and resumes once they are read. */
const MAX_QUEUE = 256;
const RESUME_AT = 32;

/**
 * One subscription as an async iterator: each height once, in order, across reconnections. A lost connection, a slow reader
 * and a server that hangs up all end in a new subscription from the first height that was not delivered.
 */
export class Feed implements AsyncIterableIterator<Update> {
  readonly #options: FeedOptions;
  readonly #WebSocket: WebSocketConstructor;
  readonly #queue: Update[] = [];
  readonly #readers: { resolve: (result: IteratorResult<Update>) => void; reject: (error: unknown) => void }[] = [];
  #next: number | null;
  #socket: WebSocketLike | null = null;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #done = false;
  #failure: unknown = null;
  readonly #abort = (): void => this.#finish(this.#options.signal?.reason ?? null);

  constructor(options: FeedOptions, parts: { readonly WebSocket: WebSocketConstructor }) {
    this.#options = options;
    this.#WebSocket = parts.WebSocket;
    this.#next = options.from;
    if (options.signal?.aborted === true) this.#abort();
    else {
      options.signal?.addEventListener('abort', this.#abort, { once: true });
      this.#connect();
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Update>> {
    const update = this.#queue.shift();
    if (update !== undefined) {
      if (this.#socket === null && this.#timer === undefined && this.#queue.length <= RESUME_AT && !this.#done)
        this.#connect();
      return Promise.resolve({ done: false, value: update });
    }
    if (this.#done) {
      const failure = this.#failure;
      this.#failure = null;
      return failure === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failure);
    }
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** Ends the subscription: what `break` in a `for await` calls. */
  return(): Promise<IteratorResult<Update>> {
    this.#finish(null);
    this.#queue.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let socket: WebSocketLike;
    try {
      socket = new this.#WebSocket(this.#options.url);
    } catch (cause) {
      this.#finish(new QuorateError('rpc/unavailable', `${this.#options.url} is no address of a node`, { cause }));
      return;
    }
    this.#socket = socket;
    this.#watch(socket);
    const { kind, filter } = this.#options;
    const from = this.#next === null ? {} : { from: this.#next };
    socket.addEventListener('open', () => {
      if (this.#socket === socket) {
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { kind, filter, ...from } }));
      }
    });
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#receive(socket, data);
    });
    socket.addEventListener('error', () => this.#lost(socket));
    socket.addEventListener('close', () => this.#lost(socket));
  }

  #watch(socket: WebSocketLike): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(socket), this.#options.idleMs);
  }

  #receive(socket: WebSocketLike, data: unknown): void {
    let parsed: z.infer<typeof message>;
    try {
      parsed = message.parse(JSON.parse(String(data)));
    } catch {
      this.#lost(socket);
      return;
    }
    this.#watch(socket);
    if ('error' in parsed) {
      const error = errorFromJson(parsed.error);
      if (isPassing(error)) this.#lost(socket, error);
      else this.#finish(error);
    } else if ('result' in parsed) {
      this.#next ??= parsed.result.from;
    } else this.#notified(socket, parsed.params);
  }

  #notified(socket: WebSocketLike, update: Notification): void {
    if (update.kind === 'ended') {
      if (update.code === 'subscription/slow') this.#hangUp(socket);
      const error = new QuorateError(isRpcErrorCode(update.code) ? update.code : 'rpc/failed', update.message);
      if (update.code === 'subscription/slow' || isPassing(error)) this.#lost(socket, error);
      else this.#finish(error);
      return;
    }
    if (this.#next !== null && update.height < this.#next) return; // seen before
    if (update.kind !== this.#options.kind || (this.#next !== null && update.height !== this.#next)) {
      this.#lost(socket); // a gap: subscribe again from where it begins
      return;
    }
    this.#attempts = 0;
    this.#next = update.height + 1;
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.resolve({ done: false, value: update });
    else if (this.#queue.push(update) > MAX_QUEUE) this.#hangUp(socket);
  }

  /** Drops the connection without a failure: `next` connects again when there is room. */
  #hangUp(socket: WebSocketLike): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    socket.close();
    if (this.#queue.length <= RESUME_AT && !this.#done) this.#retry(0);
  }

  #lost(socket: WebSocketLike, reason?: QuorateError): void {
    if (this.#socket !== socket || this.#done) return;
    this.#socket = null;
    socket.close();
    this.#attempts++;
    if (this.#attempts > this.#options.maxAttempts) {
      const message = `the subscription to ${this.#options.url} was lost, and ${this.#options.maxAttempts} attempts to resume it failed`;
      this.#finish(new QuorateError('rpc/unavailable', message, { cause: reason }));
    } else this.#retry(backoff(this.#attempts));
  }

  #retry(after: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), after);
  }

  #finish(failure: unknown): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const readers = this.#readers.splice(0);
    if (readers.length === 0) this.#failure = failure;
    readers.forEach(({ resolve, reject }, index) => {
      if (failure !== null && index === 0) reject(failure);
      else resolve({ done: true, value: undefined });
    });
  }
}
