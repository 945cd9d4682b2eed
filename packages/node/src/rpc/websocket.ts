import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Hash } from '@quorate/kernel';
import type { Replica } from '@quorate/replica';
import { type WebSocket, WebSocketServer } from 'ws';
import type { RpcConfig } from './config.ts';
import { type DispatchContext, type Dispatcher, procedures } from './dispatcher.ts';
import type { Handlers } from './handlers.ts';
import { isAllowed } from './http.ts';
import type { RateLimit } from './limits.ts';
import { Subscriptions } from './subscriptions.ts';

export interface WebSocketParts {
  readonly replica: Replica;
  readonly hash: Hash;
  readonly handlers: Handlers;
  readonly dispatcher: Dispatcher;
  readonly rate: RateLimit;
}

/** Calls of one connection that may be in the works at once; more are not read from the socket until some are answered. */
const MAX_CONCURRENT_CALLS = 64;

/** The same API over WebSocket, with subscriptions. */
export class WebSocketApi {
  readonly #config: RpcConfig;
  readonly #parts: WebSocketParts;
  readonly #server: WebSocketServer;
  readonly #alive = new WeakSet<WebSocket>();
  readonly #pings: NodeJS.Timeout;

  constructor(config: RpcConfig, parts: WebSocketParts) {
    this.#config = config;
    this.#parts = parts;
    this.#server = new WebSocketServer({ noServer: true, maxPayload: config.maxBodyBytes, perMessageDeflate: false });
    this.#pings = setInterval(() => this.#ping(), config.pingMs);
    this.#pings.unref();
  }

  get connections(): number {
    return this.#server.clients.size;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Browsers let any page open a WebSocket: its origin must be allowed. Programs send none.
    const { origin } = request.headers;
    // From here on the HTTP server no longer listens for errors of this socket, and nobody catches what is thrown here.
    socket.on('error', () => socket.destroy());
    const [path] = (request.url ?? '/').split('?', 1);
    const refusal =
      path !== '/'
        ? '404 Not Found'
        : origin !== undefined && !isAllowed(this.#config.allowedOrigins, origin)
          ? '403 Forbidden'
          : null;
    if (refusal !== null) {
      const answer = `HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;
      socket.end(answer, () => socket.destroy()); // a peer that never hangs up must not keep its place
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (connection) =>
      this.#serve(connection, request.socket.remoteAddress ?? ''),
    );
  }

  close(): void {
    clearInterval(this.#pings);
    for (const connection of this.#server.clients) {
      connection.close(1001, 'the node stops');
      setTimeout(() => connection.terminate(), 500).unref();
    }
    this.#server.close();
  }

  #serve(connection: WebSocket, address: string): void {
    const { dispatcher, handlers, rate, replica, hash } = this.#parts;
    const outlet = {
      send: (text: string, flushed?: () => void): void => connection.send(text, () => flushed?.()),
      get buffered(): number {
        return connection.bufferedAmount;
      },
    };
    const subscriptions = new Subscriptions(this.#config, { replica, hash, outlet });
    const context: DispatchContext = {
      procedures: procedures(handlers, (method) => subscriptions.procedure(method)),
      admit: (price) => rate.admit(address, price),
    };
    let running = 0;
    this.#alive.add(connection);
    connection.on('pong', () => this.#alive.add(connection));
    connection.on('error', () => connection.terminate());
    connection.on('close', () => subscriptions.close());
    connection.on('message', (data, isBinary) => {
      if (isBinary) {
        connection.close(1003, 'text only: POST /tx takes binary transactions');
        return;
      }
      if (++running >= MAX_CONCURRENT_CALLS) connection.pause();
      void dispatcher.answer(data.toString(), context).then((reply) => {
        if (reply !== null) connection.send(reply, () => {});
        // A reader that asks and does not read is not asked for more.
        const drained = (): void => {
          running--;
          if (connection.isPaused && running < MAX_CONCURRENT_CALLS) connection.resume();
        };
        if (connection.bufferedAmount <= this.#config.maxBufferedBytes) drained();
        else connection.send('', drained);
      });
    });
  }

  #ping(): void {
    for (const connection of this.#server.clients) {
      if (!this.#alive.has(connection)) {
        connection.terminate();
        continue;
      }
      this.#alive.delete(connection);
      if (connection.readyState === connection.OPEN) connection.ping();
    }
  }
}
