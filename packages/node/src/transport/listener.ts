import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { type PeerId, QuorateError } from '@quorate/kernel';
import { networkOf } from '../network-of.ts';
import { type Address, formatAddress } from './address.ts';
import { type Credentials, peerOf } from './certificate.ts';
import { ALPN } from './dialer.ts';

export interface ListenerOptions {
  readonly address: Address;
  readonly credentials: Credentials;
  readonly handshakeMs: number;
  /** Connections that have not yet shown a key. */
  readonly maxPending: number;
  /** Of these, from one IPv4 address or IPv6 /64. */
  readonly maxPendingPerIp: number;
}

/** The far end of a connection. */
export interface Remote {
  readonly ip: string;
  readonly port: number;
  /** What limits count: see {@link networkOf}. */
  readonly network: string;
}

export function remoteOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): Remote {
  const ip = socket.remoteAddress ?? '';
  return { ip, port: socket.remotePort ?? 0, network: networkOf(ip) };
}

/** How many of these come from where `remote` does. */
export function countFrom(remote: Remote, others: Iterable<Remote>): number {
  let count = 0;
  for (const { network } of others) if (network === remote.network) count++;
  return count;
}

export interface ListenerParts {
  /** A TLS connection of somebody who owns `peer`. */
  readonly accepted: (peer: PeerId, socket: TLSSocket, remote: Remote) => void;
  readonly dropped: (reason: 'pending-limit' | 'tls' | 'no-key') => void;
}

/** Accepts connections and brings them as far as a proven key, within limits that strangers share. */
export class Listener {
  readonly #tcp: Server;
  readonly #tls: TlsServer;
  readonly #options: ListenerOptions;
  readonly #parts: ListenerParts;
  readonly #sockets = new Set<Socket>();
  readonly #pending = new Map<string, Remote>();
  #accepting = false;

  constructor(options: ListenerOptions, parts: ListenerParts) {
    this.#options = options;
    this.#parts = parts;
    this.#tls = createTlsServer({
      key: options.credentials.key,
      cert: options.credentials.certificate,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN],
      requestCert: true,
      rejectUnauthorized: false, // there is no authority: the key itself is the identity
      handshakeTimeout: options.handshakeMs,
    });
    this.#tls.on('tlsClientError', (_error, socket) => {
      parts.dropped('tls');
      socket.destroy();
    });
    this.#tls.on('secureConnection', (socket) => this.#secured(socket));
    this.#tcp = createTcpServer((socket) => this.#incoming(socket));
  }

  /** Binds the address. Throws `config/invalid` when it cannot. */
  async listen(): Promise<Address> {
    const { address } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error): void => {
        const message = `p2p.listen: cannot listen on ${formatAddress(address)}: ${error.message}`;
        reject(new QuorateError('config/invalid', message, { cause: error }));
      };
      this.#tcp.once('error', refuse);
      this.#tcp.listen({ host: address.host, port: address.port, backlog: 256 }, () => {
        this.#tcp.off('error', refuse);
        this.#tcp.on('error', () => parts.dropped('tls'));
        resolve();
      });
      const parts = this.#parts;
    });
    const bound = this.#tcp.address();
    return { host: address.host, port: bound !== null && typeof bound === 'object' ? bound.port : address.port };
  }

  /** Until then connections are turned away; their makers try again. */
  accept(): void {
    this.#accepting = true;
  }

  async close(): Promise<void> {
    this.#accepting = false;
    await new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #incoming(socket: Socket): void {
    const remote = remoteOf(socket);
    const perIp = countFrom(remote, this.#pending.values());
    if (!this.#accepting || this.#pending.size >= this.#options.maxPending || perIp >= this.#options.maxPendingPerIp) {
      if (this.#accepting) this.#parts.dropped('pending-limit');
      socket.destroy();
      return;
    }
    this.#pending.set(nameOf(remote), remote);
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#pending.delete(nameOf(remote));
      this.#sockets.delete(socket);
    });
    this.#tls.emit('connection', socket);
  }

  #secured(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const peer = peerOf(socket.getPeerX509Certificate());
    if (peer === null) {
      this.#parts.dropped('no-key');
      socket.destroy();
      return;
    }
    this.#parts.accepted(peer, socket, remoteOf(socket));
  }

  /** The connection from here has said hello: it no longer counts as a stranger's. */
  settled(remote: Remote): void {
    this.#pending.delete(nameOf(remote));
  }
}

function nameOf({ ip, port }: Remote): string {
  return `${ip} ${port}`;
}
