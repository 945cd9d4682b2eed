import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MAX_BATCH_BYTES, openRpc, submitOptions, unpackTransactions } from '@quorate/client';
import { QuorateError } from '@quorate/kernel';
import { withBody } from './body.ts';
import type { RpcConfig } from './config.ts';
import type { DispatchContext, Dispatcher, Procedures } from './dispatcher.ts';
import { ByteBudget, Ceiling, type RateLimit } from './limits.ts';
import type { Readiness } from './readiness.ts';
import type { Submitter } from './submitting.ts';

export interface HttpParts {
  readonly dispatcher: Dispatcher;
  readonly procedures: Procedures;
  readonly submitter: Submitter;
  readonly rate: RateLimit;
  readonly ready: () => Readiness;
  readonly metrics: (() => Promise<{ readonly type: string; readonly text: string }>) | null;
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly version: string;
}

/** Transactions that cost as much as one request. */
const TRANSACTIONS_PER_REQUEST = 64;
const STATUS: Readonly<Record<string, number>> = {
  'rpc/invalid': 400,
  'rpc/limited': 429,
  'rpc/unavailable': 503,
  'rpc/timeout': 504,
};

/** The public API over HTTP. */
export class HttpServer {
  readonly #config: RpcConfig;
  readonly #parts: HttpParts;
  readonly #server: Server;
  readonly #perIp: Ceiling;
  readonly #budget: ByteBudget;

  constructor(config: RpcConfig, parts: HttpParts) {
    this.#config = config;
    this.#parts = parts;
    this.#perIp = new Ceiling(config.maxConnectionsPerIp);
    this.#budget = new ByteBudget(config.maxInflightBytes);
    this.#server = createServer({
      requestTimeout: config.requestTimeoutMs,
      headersTimeout: Math.min(10_000, config.requestTimeoutMs),
      keepAliveTimeout: config.keepAliveMs,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16 << 10,
      noDelay: true,
    });
    this.#server.maxConnections = config.maxConnections;
    this.#server.on('connection', (socket: Socket) => this.#connected(socket));
    this.#server.on('request', (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.on('upgrade', parts.upgrade);
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#config;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => {
        const problem =
          cause.code === 'EADDRINUSE'
            ? `rpc.port: another process listens on ${host}:${port}: stop it, or choose another port with --rpc-port`
            : `rpc: cannot listen on ${host}:${port}: ${cause.message}`;
        reject(new QuorateError('config/invalid', problem, { cause }));
      };
      this.#server.once('error', failed);
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    const bound = this.#server.address() as AddressInfo; // not a pipe: it was given a port
    return { host: bound.address, port: bound.port };
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
    });
  }

  #connected(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    if (!this.#perIp.enter(address)) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.#perIp.leave(address));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const origin = request.headers.origin;
      if (origin !== undefined && isAllowed(this.#config.allowedOrigins, origin)) {
        response.setHeader('access-control-allow-origin', origin);
        response.setHeader('vary', 'origin');
      }
      await this.#route(request, response);
    } catch (error) {
      const shown = this.#parts.dispatcher.error(error, 'request');
      const status = STATUS[shown.data?.code ?? ''] ?? 500;
      // The rest of a body that nobody wants is not read: the connection ends with the answer.
      if (!request.complete) response.setHeader('connection', 'close');
      send(response, status, JSON.stringify({ jsonrpc: '2.0', id: null, error: shown }));
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, ready, version } = this.#parts;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node');
    switch (`${request.method} ${pathname}`) {
      case 'GET /health':
        return send(response, 200, '{"alive":true}');
      case 'GET /ready': {
        const readiness = ready();
        return send(response, readiness.ready ? 200 : 503, JSON.stringify(readiness));
      }
      case 'GET /metrics': {
        if (metrics === null) return send(response, 404, '{"error":"metrics are turned off"}');
        const { type, text } = await metrics();
        return send(response, 200, text, type);
      }
      case 'GET /openrpc.json':
        return send(response, 200, JSON.stringify(openRpc(version)));
      case 'POST /':
        return this.#call(request, response);
      case 'POST /tx':
        return this.#submit(request, response, searchParams);
      case 'OPTIONS /':
      case 'OPTIONS /tx':
        response.setHeader('access-control-allow-methods', 'POST');
        response.setHeader('access-control-allow-headers', 'content-type');
        response.setHeader('access-control-max-age', '600');
        return send(response, 204, '');
      default:
        return send(
          response,
          404,
          '{"error":"POST / (JSON-RPC 2.0), POST /tx, GET /health, /ready, /metrics, /openrpc.json; WebSocket on /"}',
        );
    }
  }

  async #call(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page of another origin can send text/plain without asking: JSON only after a preflight.
    expectType(request, 'application/json');
    const { dispatcher, procedures, rate } = this.#parts;
    const address = request.socket.remoteAddress ?? '';
    const context: DispatchContext = { procedures, admit: (price) => rate.admit(address, price) };
    const bounds = { limit: this.#config.maxBodyBytes, budget: this.#budget };
    const reply = await withBody(request, bounds, (body) => dispatcher.answer(body.toString('utf8'), context));
    if (reply === null) send(response, 204, '');
    else send(response, 200, reply);
  }

  async #submit(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    expectType(request, 'application/octet-stream');
    const { dispatcher, rate, submitter } = this.#parts;
    dispatcher.demandAlive();
    const timeout = query.get('timeoutMs');
    const options = submitOptions(query.get('wait') ?? undefined, timeout === null ? undefined : Number(timeout));
    const bounds = { limit: Math.min(this.#config.maxBodyBytes, MAX_BATCH_BYTES), budget: this.#budget };
    const txs = await withBody(request, bounds, async (body) => {
      const views = unpackTransactions(body);
      if (!rate.admit(request.socket.remoteAddress ?? '', Math.ceil(views.length / TRANSACTIONS_PER_REQUEST))) {
        throw new QuorateError('rpc/limited', 'too many requests from this address: slow down');
      }
      // A view keeps the whole body alive in the mempool: small ones are copied.
      return views.map((view) => (2 * view.length > body.length ? view : new Uint8Array(view)));
    });
    send(response, 200, JSON.stringify({ results: await submitter.submit(txs, options) }));
  }
}

/** Whether pages of this origin may call. */
export function isAllowed(allowed: readonly string[], origin: string): boolean {
  return allowed.includes('*') || allowed.includes(origin);
}

function expectType(request: IncomingMessage, type: string): void {
  const given = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (given !== type) throw new QuorateError('rpc/invalid', `content-type must be ${type}`);
}

function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
