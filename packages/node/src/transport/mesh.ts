import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import {
  type Digest,
  type Millis,
  type PeerId,
  QuorateError,
  type Traffic,
  type Transport,
  type TransportEvents,
  toHex,
} from '@quorate/kernel';
import type { Log } from '@quorate/replica';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { type Credentials, createCredentials } from './certificate.ts';
import { TransportCounters, type TransportReport } from './counters.ts';
import { Dialer } from './dialer.ts';
import { type Hello, mismatch, WIRE_PROTOCOL } from './hello.ts';
import { ReassemblyBudget } from './inbox.ts';
import { Link, type LinkEvents, type LinkRights } from './link.ts';
import { countFrom, Listener, type Remote, remoteOf } from './listener.ts';

export interface TlsMeshOptions {
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  readonly chainId: string;
  readonly genesis: Digest;
  /** Protocol versions that this node speaks, both included. */
  readonly protocol: { readonly min: number; readonly max: number };
  /** Version of the software, for the logs of others. */
  readonly software: string;
  /** Peers to keep connected besides the members: what an observer dials before it knows the validator set. */
  readonly peers?: readonly { readonly peer: PeerId; readonly address: string }[];
  readonly limits?: Partial<TlsMeshLimits>;
}

export interface TlsMeshLimits {
  /** Unlisted keys connected at once, in all and from one IPv4 address or IPv6 /64. */
  readonly observers: number;
  readonly observersPerIp: number;
  /** Connections that have not said hello, in all and from one IPv4 address or IPv6 /64. */
  readonly pending: number;
  readonly pendingPerIp: number;
  readonly handshakeMs: number;
  /** An idle connection says so this often, and is given up after `idleMs` of silence. */
  readonly pingMs: number;
  readonly idleMs: number;
  readonly backoff: { readonly first: number; readonly longest: number };
  /** Frames per second read from one peer. */
  readonly memberFrames: { readonly rate: number; readonly burst: number };
  readonly observerFrames: { readonly rate: number; readonly burst: number };
  /** Bytes that incomplete messages of all unlisted keys may hold. */
  readonly observerReassembly: number;
}

const LIMITS: TlsMeshLimits = {
  observers: 16,
  observersPerIp: 8,
  pending: 128,
  pendingPerIp: 32,
  handshakeMs: 5000,
  pingMs: 3000,
  idleMs: 10_000,
  backoff: { first: 50, longest: 3000 },
  memberFrames: { rate: 50_000, burst: 2048 },
  observerFrames: { rate: 2000, burst: 512 },
  observerReassembly: 64 << 20,
};

export interface TlsMeshParts {
  /** The 32 bytes of the Ed25519 node key. */
  readonly nodeKey: Uint8Array;
  readonly log: Log;
}

const TICK_MS = 250;
const COURTESY_MS = 300;
const MAX_BANS = 1024;

/** Makes a mesh that is bound to its address. Throws `config/invalid` when the address is taken or not one. */
export async function createTlsMesh(options: TlsMeshOptions, parts: TlsMeshParts): Promise<TlsMesh> {
  const address = parseAddress(options.listen);
  if (address === null) throw new QuorateError('config/invalid', `p2p.listen: ${options.listen} is not host:port`);
  const mesh = new TlsMesh(options, parts, address);
  await mesh.bind();
  return mesh;
}

/** The real transport: a mesh of mutually authenticated TLS 1.3 connections, one to each peer, pinned to node keys. */
export class TlsMesh implements Transport {
  readonly self: PeerId;
  readonly #limits: TlsMeshLimits;
  readonly #log: Log;
  readonly #hello: Hello;
  readonly #static: ReadonlyMap<PeerId, Address>;
  /** Whom to dial: members may be named before the start. */
  #targets: ReadonlyMap<PeerId, Address>;
  readonly #dialer: Dialer;
  readonly #listener: Listener;
  readonly #counters = new TransportCounters();
  readonly #rights: { readonly member: LinkRights; readonly observer: LinkRights };
  readonly #all = new Set<Link>();
  readonly #up = new Map<PeerId, Link>();
  readonly #bans = new Map<PeerId, number>();
  #members: ReadonlySet<PeerId>;
  #dialFailure: string | null = null;
  #bound: Address;
  #events: TransportEvents | null = null;
  #ticker: NodeJS.Timeout | null = null;
  #stopped = false;

  /** Use {@link createTlsMesh}. */
  constructor(options: TlsMeshOptions, parts: TlsMeshParts, address: Address) {
    const limits = { ...LIMITS, ...options.limits };
    const credentials: Credentials = createCredentials(parts.nodeKey);
    this.self = credentials.peer;
    this.#limits = limits;
    this.#log = parts.log;
    this.#bound = address;
    this.#hello = {
      protocol: WIRE_PROTOCOL,
      chainId: options.chainId,
      genesis: options.genesis,
      minProtocol: options.protocol.min,
      maxProtocol: options.protocol.max,
      software: options.software.slice(0, 64),
      session: toHex(randomBytes(8)),
    };
    this.#static = addressBook(options.peers ?? []);
    this.#targets = this.#static;
    this.#members = new Set(this.#static.keys());
    this.#rights = {
      // The number of members bounds what they may hold in all.
      member: { frames: limits.memberFrames, budget: new ReassemblyBudget(Number.POSITIVE_INFINITY) },
      observer: { frames: limits.observerFrames, budget: new ReassemblyBudget(limits.observerReassembly) },
    };
    const { handshakeMs, backoff } = limits;
    this.#dialer = new Dialer(
      { credentials, handshakeMs, backoff, courtesyMs: COURTESY_MS },
      {
        connected: (peer, socket) => this.#link(peer, socket, true, remoteOf(socket)),
        failed: (peer, to, reason, refused) => {
          this.#dialFailure = `${to}: ${reason}`;
          this.#counters.event(refused ? 'refused.wrong-key' : 'dial-failed');
          if (refused) this.#refused(peer, `${to}: ${reason}`);
          else this.#log('debug', 'cannot reach a peer yet', { peer, address: to, reason });
        },
        isSettled: (peer) => this.#up.has(peer) || this.#isBanned(peer),
        chance: Math.random,
      },
    );
    this.#listener = new Listener(
      { address, credentials, handshakeMs, maxPending: limits.pending, maxPendingPerIp: limits.pendingPerIp },
      {
        accepted: (peer, socket, remote) => this.#link(peer, socket, false, remote),
        dropped: (reason) => this.#counters.event(`refused.${reason}`),
      },
    );
  }

  /** Binds the address given in the options. */
  async bind(): Promise<void> {
    this.#bound = await this.#listener.listen();
  }

  /** Where this node listens, `host:port`. */
  get address(): string {
    return formatAddress(this.#bound);
  }

  /** Peers that are connected, the addresses that are dialled, and why the latest attempt failed. */
  reach(): { readonly connected: number; readonly dialled: readonly string[]; readonly dialFailure: string | null } {
    const others = [...this.#targets].filter(([peer]) => peer !== this.self);
    const dialled = others.map(([, address]) => formatAddress(address));
    return { connected: this.#up.size, dialled, dialFailure: this.#dialFailure };
  }

  start(events: TransportEvents): void {
    this.#events = events;
    this.#listener.accept();
    this.#dialer.set(this.#targets);
    this.#ticker = setInterval(() => {
      const now = performance.now();
      for (const link of this.#all) link.tick(now);
    }, TICK_MS);
  }

  send(to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean {
    const sent = this.#up.get(to)?.send(traffic, bytes) ?? false;
    if (!sent) this.#counters.dropped(to, traffic);
    return sent;
  }

  queued(to: PeerId, traffic: Traffic): number {
    return this.#up.get(to)?.queued(traffic) ?? 0;
  }

  expel(peer: PeerId, reason: string, banMs: Millis): void {
    if (this.#bans.size >= MAX_BANS) {
      const [oldest] = this.#bans.keys();
      if (oldest !== undefined) this.#bans.delete(oldest);
    }
    this.#bans.set(peer, performance.now() + banMs);
    this.#counters.event('expelled');
    this.#log('warn', 'expelled a peer', { peer, reason, banMs });
    for (const link of this.#all) if (link.peer === peer) link.refuse(`expelled: ${reason}`);
  }

  setMembers(members: readonly { readonly peer: PeerId; readonly address: string }[]): void {
    if (this.#stopped) return;
    this.#targets = new Map([...this.#static, ...addressBook(members)]);
    this.#members = new Set([...this.#static.keys(), ...members.map((member) => member.peer)]);
    if (this.#events !== null) this.#dialer.set(this.#targets);
    for (const link of this.#all) link.grant(this.#rightsOf(link.peer));
    let observers = 0;
    for (const link of this.#up.values()) {
      if (!this.#members.has(link.peer) && ++observers > this.#limits.observers) link.refuse('too many observers');
    }
  }

  /** What was counted since start, by class and peer. */
  report(): TransportReport {
    return this.#counters.report();
  }

  /** The totals as one flat table of numbers. */
  counters(): Record<string, number> {
    return { ...this.#counters.flat(), 'transport.connected': this.#up.size };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#dialer.stop();
    for (const link of this.#all) link.end('this node stops');
    await this.#drained();
    for (const link of this.#all) link.destroy('this node stops');
    await this.#listener.close();
    this.#up.clear();
  }

  /** Gives what the sockets hold a moment to leave. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const deadline = performance.now() + 500;
      const look = (): void => {
        if (this.#all.size === 0 || performance.now() > deadline) resolve();
        else setTimeout(look, 5);
      };
      look();
    });
  }

  #link(peer: PeerId, socket: TLSSocket, dialled: boolean, remote: Remote): void {
    if (this.#stopped) {
      socket.destroy();
      return;
    }
    const { handshakeMs, pingMs, idleMs } = this.#limits;
    const rights = this.#rightsOf(peer);
    const options = { peer, dialled, remote, hello: this.#hello, rights, handshakeMs, pingMs, idleMs };
    this.#all.add(new Link(options, { socket, events: this.#linkEvents }));
  }

  readonly #linkEvents: LinkEvents = {
    greeted: (link, hello) => this.#greeted(link, hello),
    message: (link, traffic, bytes) => {
      if (this.#stopped || this.#isBanned(link.peer)) return;
      this.#counters.received(link.peer, traffic, bytes.length);
      this.#events?.message(link.peer, traffic, bytes);
    },
    sent: (link, traffic, bytes) => this.#counters.sent(link.peer, traffic, bytes),
    closed: (link, reason) => this.#closed(link, reason),
  };

  #greeted(link: Link, hello: Hello): string | null {
    const refusal = this.#refusal(link, hello);
    if (refusal !== null) {
      this.#counters.event('refused.hello');
      this.#refused(link.peer, refusal);
      return refusal;
    }
    if (!link.dialled) this.#listener.settled(link.remote);
    const other = this.#up.get(link.peer);
    link.accept(hello);
    if (other === undefined) {
      this.#up.set(link.peer, link);
      this.#counters.event('connected');
      this.#log('info', 'connected to a peer', { peer: link.peer, dialled: link.dialled, software: hello.software });
      this.#announce();
      return null;
    }
    const [kept, gone] = this.#prefers(link, other) ? [link, other] : [other, link];
    this.#counters.event('replaced');
    for (const [traffic, bytes] of gone.retire()) kept.send(traffic, bytes);
    this.#up.set(link.peer, kept);
    return null;
  }

  /** Both ends keep the connection that the lower key dialled; of two that one end dialled, the newer. */
  #prefers(link: Link, other: Link): boolean {
    if (link.dialled === other.dialled) return true;
    return link.dialled === this.self < link.peer;
  }

  #refusal(link: Link, hello: Hello): string | null {
    const { peer } = link;
    if (peer === this.self) return 'it has the same node key: one of the two nodes needs another';
    if (this.#isBanned(peer)) return 'banned for a while';
    const differs = mismatch(this.#hello, hello);
    if (differs !== null) return differs;
    const other = this.#up.get(peer);
    if (other !== undefined) return this.#secondProcess(other, hello);
    if (this.#members.has(peer)) return null;
    const observers = [...this.#up.values()].filter((other) => !this.#members.has(other.peer));
    const perIp = countFrom(
      link.remote,
      observers.map(({ remote }) => remote),
    );
    const full = observers.length >= this.#limits.observers || perIp >= this.#limits.observersPerIp;
    return full ? 'no room for more observers' : null;
  }

  /**
   * One node key, one process: a second one waits outside until the first is gone, or else two copies of one home would take
   * turns, each of them deaf while the other speaks. A process that was killed leaves its connection closed; one whose machine
   * vanished is found out by the question, at the latest when it was silent for too long.
   */
  #secondProcess(other: Link, hello: Hello): string | null {
    if (other.session === hello.session) return null;
    other.ask();
    return 'another process with this node key is connected';
  }

  #rightsOf(peer: PeerId): LinkRights {
    return this.#members.has(peer) ? this.#rights.member : this.#rights.observer;
  }

  #isBanned(peer: PeerId): boolean {
    const until = this.#bans.get(peer);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.#bans.delete(peer);
    return false;
  }

  #refused(peer: PeerId, reason: string): void {
    this.#log('warn', 'refused a connection', { code: 'transport/refused', peer, reason });
  }

  #closed(link: Link, reason: string): void {
    this.#all.delete(link);
    const current = this.#up.get(link.peer);
    if (current !== undefined && current !== link) return; // a connection that was replaced
    if (link.dialled || current === link) this.#dialer.lost(link.peer, performance.now() - link.since);
    if (link.dialled && link.refused) this.#dialFailure = `${link.remote.ip}:${link.remote.port}: ${reason}`;
    if (current !== link) {
      this.#log('debug', 'a connection ended before it was up', { peer: link.peer, reason });
      return;
    }
    this.#up.delete(link.peer);
    if (!this.#members.has(link.peer)) this.#counters.forget(link.peer);
    if (this.#stopped) return;
    this.#counters.event('lost');
    this.#log('info', 'lost a peer', { peer: link.peer, reason });
    this.#announce();
  }

  #announce(): void {
    if (!this.#stopped) this.#events?.peers([...this.#up.keys()]);
  }
}

function addressBook(peers: readonly { readonly peer: PeerId; readonly address: string }[]): Map<PeerId, Address> {
  const book = new Map<PeerId, Address>();
  for (const { peer, address } of peers) {
    const parsed = parseAddress(address);
    if (parsed !== null) book.set(peer, parsed);
  }
  return book;
}
