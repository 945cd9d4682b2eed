import { performance } from 'node:perf_hooks';
import type { Genesis, Hash, QuorateError } from '@quorate/kernel';
import type { Log, Replica } from '@quorate/replica';
import { type AdminHooks, AdminServer, adminProcedures } from './admin.ts';
import type { RpcConfig } from './config.ts';
import { Dispatcher, procedures } from './dispatcher.ts';
import { createHandlers } from './handlers.ts';
import { HttpServer } from './http.ts';
import { RateLimit } from './limits.ts';
import { Metrics } from './metrics.ts';
import { Carriers } from './proofs.ts';
import { type Readiness, readinessOf } from './readiness.ts';
import { Submitter } from './submitting.ts';
import { WebSocketApi } from './websocket.ts';

export interface RpcOptions {
  readonly replica: Replica;
  readonly genesis: Genesis;
  readonly hash: Hash;
  readonly config: RpcConfig;
  readonly log: Log;
  /** Of the software, for the OpenRPC document. */
  readonly version: string;
  readonly admin?: AdminHooks;
  /** In place of what the replica's status says, for an owner that knows more. */
  readonly ready?: () => Readiness;
  /** Counters of the ports, for the metrics. */
  readonly counters?: () => Readonly<Record<string, number>>;
  /** Ms from a clock that never goes back, by which requests per second are counted; that of the process when not given. */
  readonly now?: () => number;
}

/** Where the API is found. */
export interface RpcAddresses {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Path of the admin socket, or null. */
  readonly admin: string | null;
}

export interface Rpc {
  /** Throws `config/invalid` when an address cannot be used. */
  listen(): Promise<RpcAddresses>;
  /** Answers whoever waits, ends subscriptions and closes everything. */
  close(): Promise<void>;
}

/** The public API of a node, and its admin socket, over a replica. */
export function createRpc(options: RpcOptions): Rpc {
  const { replica, genesis, hash, config, log, version } = options;
  const carriers = new Carriers({ timeoutMs: config.proofTimeoutMs }, { replica });
  const submitter = new Submitter(replica);
  const handlers = createHandlers({ version }, { replica, genesis, hash, carriers, submitter });
  let halted: QuorateError | null = null;
  void replica.halted.then((error) => {
    halted = error;
  });
  const dispatcher = new Dispatcher({ log, halted: () => halted });
  const rate = new RateLimit(
    { perSecond: config.requestsPerSecond },
    { now: options.now ?? (() => performance.now()) },
  );
  const sockets = new WebSocketApi(config, { replica, hash, handlers, dispatcher, rate });
  const counters = options.counters ?? (() => ({}));
  const metrics = config.metrics ? new Metrics({ replica, counters, connections: () => sockets.connections }) : null;
  const http = new HttpServer(config, {
    dispatcher,
    procedures: procedures(handlers),
    submitter,
    rate,
    ready: options.ready ?? (() => readinessOf(replica, halted)),
    metrics: metrics === null ? null : () => metrics.scrape(),
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
    version,
  });
  const admin =
    config.adminSocket === null
      ? null
      : new AdminServer(
          { path: config.adminSocket },
          {
            dispatcher: new Dispatcher({ log, halted: () => null }), // an operator may still ask, and stop it
            procedures: adminProcedures({ replica, hooks: options.admin ?? {} }),
          },
        );

  return {
    listen: async () => {
      const { host, port } = await http.listen();
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
      const path = (await admin?.listen()) ?? null;
      log('info', 'rpc listens', { url, admin: path });
      return { host, port, url, admin: path };
    },
    close: async () => {
      submitter.close();
      carriers.close();
      sockets.close();
      metrics?.close();
      await Promise.all([http.close(), admin?.close()]);
    },
  };
}
