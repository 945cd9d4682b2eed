import { z } from 'zod';
import { parseAddress } from './transport/address.ts';
import { isPeerId } from './transport/certificate.ts';

const MIB = 1 << 20;
const count = z.int().min(0);
const port = z.int().min(0).max(65_535);
const address = z.string().refine((text) => parseAddress(text) !== null, 'must be host:port');
const peer = z
  .string()
  .refine((text) => parsePeer(text) !== null, 'must be KEY@host:port with a node key of 64 hexadecimal characters');

/** Every setting of a node: type, default and description. The one place from which file, environment, flags and documentation follow. */
export const settings = z.strictObject({
  p2p: z.strictObject({
    listen: address.default('0.0.0.0:26600').describe('Where peers reach this node, host:port'),
    peers: z.array(peer).default([]).describe('Peers to keep connected besides the validators: KEY@host:port, …'),
    maxObservers: count.default(16).describe('Connections of node keys that are neither validators nor in p2p.peers'),
    maxObserversPerAddress: count.default(8).describe('The same, from one IPv4 address or IPv6 /64'),
    emulation: z
      .boolean()
      .default(false)
      .describe(
        'Lets the admin method emulateLinks slow, lose and cut messages to peers: for tests, never where value is',
      ),
  }),
  rpc: z.strictObject({
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address of the public API; the default serves this machine only'),
    port: port.default(26_601).describe('Port of the public API; 0 lets the system choose'),
    maxBodyBytes: count.default(4 * MIB).describe('Largest request in bytes'),
    maxConnections: count.default(256).describe('Connections at once, WebSockets included'),
    requestsPerSecond: count
      .default(2000)
      .describe('Requests per second from one IPv4 address or IPv6 /64; 0 for no limit'),
    allowedOrigins: z.array(z.string()).default([]).describe('Origins whose web pages may call the API; "*" for all'),
  }),
  admin: z.strictObject({
    socket: z
      .string()
      .min(1)
      .default('admin.sock')
      .describe('Local socket of the admin methods, relative to the home folder'),
  }),
  app: z
    .string()
    .nullable()
    .default(null)
    .describe('Module that exports createApplication, for a chain with its own application'),
  mempool: z.strictObject({
    maxBytes: count.default(32 * MIB).describe('Bytes of waiting transactions'),
    maxTransactions: count.default(50_000).describe('Number of waiting transactions'),
    maxPerSender: count.default(1000).describe('Waiting transactions of one sender'),
  }),
  retention: z.strictObject({
    blocks: count.default(100_000).describe('Blocks whose bodies and receipts are kept; 0 keeps all'),
  }),
  snapshots: z.strictObject({
    interval: count.default(1000).describe('Heights between snapshots; 0 takes none'),
    keep: z.int().min(1).default(2).describe('Snapshots that are kept'),
  }),
  stateSync: z.strictObject({
    height: count
      .default(0)
      .describe('Height of a trusted block from which to join by snapshot; 0 replays every block'),
    digest: z
      .string()
      .regex(/^([0-9a-f]{64})?$/, 'must be a digest of 64 hexadecimal characters')
      .default('')
      .describe('Digest of that block, from a source you trust'),
    trustingHours: z
      .int()
      .min(1)
      .max(100_000)
      .default(336)
      .describe('How old that block may be; less than unbonding takes'),
  }),
  keys: z.strictObject({
    passphraseFile: z
      .string()
      .nullable()
      .default(null)
      .describe('File with the passphrase of the key files; otherwise QUORATE_PASSPHRASE'),
  }),
  log: z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least important lines to write'),
    format: z
      .enum(['auto', 'json', 'pretty'])
      .default('auto')
      .describe('auto: pretty on a terminal, else one JSON object per line'),
  }),
  metrics: z.strictObject({
    enabled: z.boolean().default(true).describe('Serve /metrics for Prometheus on the public API'),
  }),
});

export type NodeConfig = z.infer<typeof settings>;

/** `KEY@host:port` in two parts, or `null`. */
export function parsePeer(text: string): { readonly peer: string; readonly address: string } | null {
  const at = text.indexOf('@');
  const [key, where] = [text.slice(0, at), text.slice(at + 1)];
  return at > 0 && isPeerId(key) && parseAddress(where) !== null ? { peer: key, address: where } : null;
}
