import { rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { type PeerId, QuorateError } from '@quorate/kernel';
import type { LogLevel, Replica } from '@quorate/replica';
import { z } from 'zod';
import { isPeerId } from '../transport/certificate.ts';
import type { EmulatedLink } from '../transport/emulation.ts';
import { withBody } from './body.ts';
import { type Dispatcher, type Procedure, type Procedures, readBySchema } from './dispatcher.ts';
import { statusJson } from './json.ts';
import { ByteBudget } from './limits.ts';

/** What an operator may do that the API itself cannot: whoever owns the process supplies it. What is absent is answered as unsupported. */
export interface AdminHooks {
  /** Sets the level of the log when one is given; returns the one in force. */
  readonly logLevel?: (level: LogLevel | undefined) => LogLevel;
  /** Begins a clean shutdown. */
  readonly stop?: () => void;
  /** Takes a snapshot of the application's state now. */
  readonly snapshot?: () => Promise<{ readonly height: number }>;
  /** Says how messages travel to each of these peers from now on; others are reached without emulation. */
  readonly emulateLinks?: (links: ReadonlyMap<PeerId, EmulatedLink>) => void;
  /** Addresses and traffic of the peers. */
  readonly peers?: () => unknown;
}

const MAX_BODY = 64 << 10;
const none = z.strictObject({});
const emulation = z.strictObject({
  links: z
    .array(
      z.strictObject({
        peer: z.string().refine(isPeerId, 'must be a node key of 64 hexadecimal characters'),
        latencyMs: z.number().min(0).max(60_000).default(0),
        jitterMs: z.number().min(0).max(60_000).default(0),
        loss: z.number().min(0).max(1).default(0),
        blocked: z.boolean().default(false),
      }),
    )
    .max(4096),
});
const level = z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).optional() });

function given<T>(hook: T | undefined, what: string): T {
  if (hook === undefined) throw new QuorateError('application/unsupported', `${what} is not available on this node`);
  return hook;
}

/** The admin methods: status, peers, emulateLinks, logLevel, stop, snapshot, diskUsage. */
export function adminProcedures(parts: { readonly replica: Replica; readonly hooks: AdminHooks }): Procedures {
  const { replica, hooks } = parts;
  const plain = (run: () => unknown): Procedure => ({ read: (params) => readBySchema(none, params), run });
  const table: Readonly<Record<string, Procedure>> = {
    status: plain(() => statusJson(replica.status())),
    peers: plain(() => ({ connected: replica.status().peers, details: hooks.peers?.() ?? null })),
    diskUsage: plain(() => replica.diskUsage()),
    snapshot: plain(() => given(hooks.snapshot, 'a snapshot')()),
    stop: plain(() => {
      given(hooks.stop, 'stop')();
      return { stopping: true };
    }),
    emulateLinks: {
      read: (params) => readBySchema(emulation, params),
      run: (wanted) => {
        const { links } = wanted as z.output<typeof emulation>; // made by `read`
        const set = given(hooks.emulateLinks, 'emulation (see p2p.emulation in its configuration)');
        set(
          new Map(
            links.map(({ peer, latencyMs, jitterMs, loss, blocked }) => [
              peer,
              { latency: latencyMs, jitter: jitterMs, loss, blocked },
            ]),
          ),
        );
        return { links: links.length };
      },
    },
    logLevel: {
      read: (params) => readBySchema(level, params).level,
      run: (wanted) => ({ level: given(hooks.logLevel, 'logLevel')(wanted as LogLevel | undefined) }), // made by `read`
    },
  };
  return (method) => (Object.hasOwn(table, method) ? (table[method] ?? null) : null);
}

/** JSON-RPC over HTTP on a Unix socket that only its owner may open. */
export class AdminServer {
  readonly #path: string;
  readonly #server: Server;

  constructor(
    options: { readonly path: string },
    parts: { readonly dispatcher: Dispatcher; readonly procedures: Procedures },
  ) {
    this.#path = options.path;
    const { dispatcher, procedures } = parts;
    const bounds = { limit: MAX_BODY, budget: new ByteBudget(16 * MAX_BODY) };
    const context = { procedures, admit: () => true };
    this.#server = createServer({ requestTimeout: 30_000 }, (request, response) => {
      const reply = (text: string): void => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(text);
      };
      withBody(request, bounds, (body) => dispatcher.answer(body.toString('utf8'), context)).then(
        (text) => reply(text ?? ''),
        (error: unknown) =>
          reply(JSON.stringify({ jsonrpc: '2.0', id: null, error: dispatcher.error(error, 'admin') })),
      );
    });
    this.#server.maxConnections = 16;
  }

  /** Throws `config/invalid` when another process answers there, or the path cannot be used. */
  async listen(): Promise<string> {
    await this.#clear();
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(
          new QuorateError('config/invalid', `admin.socket: cannot listen on ${this.#path}: ${cause.message}`, {
            cause,
          }),
        ),
      );
      // The socket appears with the rights that the mask leaves: never open to others, not even for a moment.
      const mask = process.umask(0o177);
      try {
        this.#server.listen(this.#path, resolve);
      } finally {
        process.umask(mask);
      }
    });
    return this.#path;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Removes the socket that a killed process left behind. */
  async #clear(): Promise<void> {
    if (!statSync(this.#path, { throwIfNoEntry: false })?.isSocket()) return;
    const answered = await new Promise<boolean>((resolve) => {
      const probe = connect(this.#path, () => {
        probe.destroy();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
    });
    if (answered) throw new QuorateError('config/invalid', `admin.socket: another process serves ${this.#path}`);
    rmSync(this.#path, { force: true });
  }
}
