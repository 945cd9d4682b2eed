import type { NodeConfig } from '../settings.ts';

/** What the public API needs to know: the settings of a node, and bounds that operators rarely touch. */
export interface RpcConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  /** Per IPv4 address or IPv6 /64; 0 for no limit. Bursts of twice as many are let through. */
  readonly requestsPerSecond: number;
  /** Origins whose pages may call; `*` for all, none by default. */
  readonly allowedOrigins: readonly string[];
  /** Path of the socket for admin methods, or null for none. */
  readonly adminSocket: string | null;
  readonly metrics: boolean;
  /** Per IPv4 address or IPv6 /64. */
  readonly maxConnectionsPerIp: number;
  /** Bytes of requests that are being received, over all connections. */
  readonly maxInflightBytes: number;
  /** For a request to arrive, ms. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly maxSubscriptionsPerConnection: number;
  /** Unsent bytes at which a subscription waits for its reader. */
  readonly maxBufferedBytes: number;
  /** How long a subscription waits for its reader before it is dropped, ms. */
  readonly slowReaderMs: number;
  /** Between pings over a WebSocket, ms; a peer that misses one is gone. */
  readonly pingMs: number;
  /** How long a proof waits for the header that carries its state root, ms. */
  readonly proofTimeoutMs: number;
}

export const RPC_DEFAULTS = {
  host: '127.0.0.1',
  port: 26_601,
  maxBodyBytes: 4 << 20,
  maxConnections: 256,
  requestsPerSecond: 2000,
  allowedOrigins: [],
  adminSocket: null,
  metrics: true,
  maxConnectionsPerIp: 128,
  maxInflightBytes: 64 << 20,
  requestTimeoutMs: 30_000,
  keepAliveMs: 30_000,
  maxSubscriptionsPerConnection: 16,
  maxBufferedBytes: 4 << 20,
  slowReaderMs: 10_000,
  pingMs: 20_000,
  proofTimeoutMs: 15_000,
} as const satisfies RpcConfig;

/** The configuration of the API from that of its node; `adminSocket` as a path that can be opened. */
export function rpcConfig(config: NodeConfig, adminSocket: string | null): RpcConfig {
  return { ...RPC_DEFAULTS, ...config.rpc, metrics: config.metrics.enabled, adminSocket };
}
