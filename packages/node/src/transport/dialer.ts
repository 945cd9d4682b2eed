import { connect, type TLSSocket } from 'node:tls';
import type { PeerId } from '@quorate/kernel';
import { type Address, formatAddress } from './address.ts';
import { type Credentials, peerOf } from './certificate.ts';

/** What both ends of a connection agree on before our own hello. */
export const ALPN = 'quorate';

export interface DialerOptions {
  readonly credentials: Credentials;
  readonly handshakeMs: number;
  /** First and longest pause between two attempts. */
  readonly backoff: { readonly first: number; readonly longest: number };
  /** Head start of the peer with the lower key, which spares most pairs a second connection. */
  readonly courtesyMs: number;
}

export interface DialerParts {
  /** A TLS connection to the pinned key. */
  readonly connected: (peer: PeerId, socket: TLSSocket) => void;
  readonly failed: (peer: PeerId, address: string, reason: string, refused: boolean) => void;
  /** Whether the peer needs no dialling now: connected already, or banned. */
  readonly isSettled: (peer: PeerId) => boolean;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

interface Target {
  readonly address: Address;
  attempts: number;
  timer: NodeJS.Timeout | null;
  socket: TLSSocket | null;
}

/** Keeps dialling the peers it is told of until they are connected, fast at first, then with jittered exponential pauses. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #parts: DialerParts;
  readonly #targets = new Map<PeerId, Target>();
  #stopped = false;

  constructor(options: DialerOptions, parts: DialerParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Replaces the list of peers to keep connected. */
  set(targets: ReadonlyMap<PeerId, Address>): void {
    for (const [peer, target] of this.#targets) {
      const wanted = targets.get(peer);
      if (wanted !== undefined && formatAddress(wanted) === formatAddress(target.address)) continue;
      this.#cancel(target);
      this.#targets.delete(peer);
    }
    for (const [peer, address] of targets) {
      if (peer === this.#options.credentials.peer || this.#targets.has(peer)) continue;
      const target: Target = { address, attempts: 0, timer: null, socket: null };
      this.#targets.set(peer, target);
      this.#schedule(peer, target, peer > this.#options.credentials.peer ? 0 : this.#options.courtesyMs);
    }
  }

  /** The connection to this peer ended; `livedMs` tells a working one from one that fails at once. */
  lost(peer: PeerId, livedMs: number): void {
    const target = this.#targets.get(peer);
    if (target === undefined || target.socket !== null) return;
    if (target.timer !== null) clearTimeout(target.timer);
    if (livedMs > this.#options.backoff.longest) target.attempts = 0;
    this.#retry(peer, target);
  }

  stop(): void {
    this.#stopped = true;
    for (const target of this.#targets.values()) this.#cancel(target);
    this.#targets.clear();
  }

  #cancel(target: Target): void {
    if (target.timer !== null) clearTimeout(target.timer);
    target.timer = null;
    target.socket?.destroy();
    target.socket = null;
  }

  #retry(peer: PeerId, target: Target): void {
    const { first, longest } = this.#options.backoff;
    const pause = Math.min(longest, first * 2 ** Math.min(target.attempts, 20));
    target.attempts++;
    this.#schedule(peer, target, pause * (0.5 + this.#parts.chance() / 2));
  }

  #schedule(peer: PeerId, target: Target, delay: number): void {
    if (this.#stopped) return;
    target.timer = setTimeout(() => {
      target.timer = null;
      if (this.#parts.isSettled(peer)) {
        // Somebody else connected us. Look again later: the loss of that connection also calls `lost`.
        this.#schedule(peer, target, this.#options.backoff.longest);
      } else this.#dial(peer, target);
    }, delay);
  }

  #dial(peer: PeerId, target: Target): void {
    const { credentials, handshakeMs } = this.#options;
    const address = formatAddress(target.address);
    const socket = connect({
      host: target.address.host,
      port: target.address.port,
      key: credentials.key,
      cert: credentials.certificate,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN],
      rejectUnauthorized: false, // there is no authority: the key is compared below
      checkServerIdentity: () => undefined,
    });
    target.socket = socket;
    let over = false;
    const finish = (): boolean => {
      if (over || target.socket !== socket) return false;
      over = true;
      clearTimeout(timeout);
      target.socket = null;
      return true;
    };
    const fail = (reason: string, refused: boolean): void => {
      socket.destroy();
      if (!finish()) return;
      this.#parts.failed(peer, address, reason, refused);
      if (refused) target.attempts = Math.max(target.attempts, 5); // the wrong key will not become the right one soon
      this.#retry(peer, target);
    };
    const timeout = setTimeout(() => fail(`no TLS connection within ${handshakeMs} ms`, false), handshakeMs);
    socket.on('error', (error) => fail(error.message, false));
    socket.on('close', () => fail('the connection closed before it was secure', false));
    socket.on('secureConnect', () => {
      const actual = peerOf(socket.getPeerX509Certificate());
      if (actual !== peer) {
        fail(`it presented the key ${actual ?? '(none)'}, not the pinned one`, true);
      } else if (finish()) this.#parts.connected(peer, socket);
    });
  }
}
