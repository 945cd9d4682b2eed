import type { Millis } from './bytes.ts';
import type { Statement } from './statements.ts';

/**
 * The five ports: all that a replica knows of the world. `node` supplies real ones, `sim` supplies simulated ones.
 */
export interface Ports {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly disk: Disk;
  readonly random: Random;
  readonly signer: Signer;
}

/** Time. It may jump: only the replica's ingress makes it non-decreasing. */
export interface Clock {
  /** Unix milliseconds, an integer. */
  now(): Millis;
  /** Runs `callback` once, at or after `delay` ms from now. The returned function cancels it. */
  after(delay: Millis, callback: () => void): () => void;
}

/** Unpredictable bytes. Nothing in consensus depends on them: request ids, jitter, sampling of peers. */
export interface Random {
  bytes(count: number): Uint8Array;
}

/** A node's identity on the wire: its Ed25519 node key as 64 hexadecimal characters. */
export type PeerId = string;

/**
 * Classes of traffic, each with its own bounded queue per peer, strict priority in this order.
 * A large body never delays a vote.
 */
export const TRAFFIC = ['votes', 'bodies', 'transactions', 'sync'] as const;
export type Traffic = (typeof TRAFFIC)[number];

/** Largest message of each class in bytes; a transport refuses more and a receiver drops the peer that sends more. */
export const TRAFFIC_LIMITS: Readonly<Record<Traffic, number>> = {
  votes: 2 << 20,
  bodies: 8 << 20,
  transactions: 1 << 20,
  sync: 16 << 20,
};

/** What a transport tells its owner. Called from the event loop, never from inside a call of the owner. */
export interface TransportEvents {
  /** A whole message from an authenticated peer; the bytes belong to the receiver. */
  message(from: PeerId, traffic: Traffic, bytes: Uint8Array): void;
  /** The peers now connected, whenever that changes. */
  peers(connected: readonly PeerId[]): void;
}

/** Authenticated point-to-point messages: FIFO within one class and connection, may lose everything when a connection drops. */
export interface Transport {
  readonly self: PeerId;
  start(events: TransportEvents): void;
  /** Queues a message, whose bytes must not change any more: several peers may share them. `false` when the peer is not connected or its queue of that class is full (the message is dropped and counted). */
  send(to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean;
  /** Bytes waiting for this peer in this class: what a sender consults before it adds bulk. */
  queued(to: PeerId, traffic: Traffic): number;
  /** Drops a peer that misbehaved and keeps it out for `banMs` ms. */
  expel(peer: PeerId, reason: string, banMs: Millis): void;
  /** Who may connect as a validator, and where they are dialled (`host:port`; empty when unknown). Unlisted keys are observers, up to a limit. */
  setMembers(members: readonly { readonly peer: PeerId; readonly address: string }[]): void;
  stop(): Promise<void>;
}

/** Files and stores of one node. Errors: `disk/full`, `disk/failed`, `disk/corrupt`; after a failed write the owner stops. */
export interface Disk {
  /** Opens or creates an append-only file. `name` is a path below the home folder with `/` between parts. */
  openFile(name: string): Promise<DiskFile>;
  /** Names of existing files that start with `prefix`, sorted. */
  listFiles(prefix: string): Promise<string[]>;
  removeFile(name: string): Promise<void>;
  /** Replaces or creates a file as a whole, durably: after a crash it holds the old bytes or the new ones. */
  replaceFile(name: string, bytes: Uint8Array): Promise<void>;
  /** The whole file, or `null`. */
  readFile(name: string): Promise<Uint8Array | null>;
  /** Opens or creates an ordered key-value store. */
  openStore(name: string): Promise<Store>;
  /** Bytes used and free, for `status` and metrics. */
  usage(): Promise<{ readonly used: number; readonly free: number }>;
}

/** An append-only file. */
export interface DiskFile {
  readonly name: string;
  size(): number;
  /** Appends the parts in order. Not durable before {@link sync}. */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /** Makes all appended bytes durable. */
  sync(): Promise<void>;
  read(offset: number, length: number): Promise<Uint8Array>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** A change of a store: `value` null removes the key. */
export interface StoreWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** An ordered key-value store. Keys: 1 to 511 bytes in lexicographic order. Batches are atomic and durable when the promise resolves. */
export interface Store {
  /** The value, or `undefined`. Sees every batch whose promise has resolved. The bytes belong to the caller. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Entries with `from` <= key < `to`, in order, or from the end when `reverse`; at most `limit`. */
  range(options: {
    from?: Uint8Array;
    to?: Uint8Array;
    limit?: number;
    reverse?: boolean;
  }): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  write(batch: readonly StoreWrite[]): Promise<void>;
  close(): Promise<void>;
}

/** What the signing gate answered for one statement. */
export type SignOutcome =
  | { readonly kind: 'signed'; readonly statement: Statement; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly statement: Statement; readonly reason: string };

/** The signing gate as the replica sees it: durable before it answers, one fsync per call. */
export interface Signer {
  /** The key that signs, or `null` for a node without one. */
  readonly publicKey: Uint8Array | null;
  sign(statements: readonly Statement[]): Promise<SignOutcome[]>;
  /** Raises the floor of an epoch: nothing at or below `view` is signed again. Only finalization raises it. */
  raiseFloor(epoch: number, view: number): Promise<void>;
  /** Whether the gate itself issued this exact signature (a foreign live vote of our key means two processes share it). */
  issued(statement: Statement): boolean;
  /**
   * What was signed in an epoch above the gate's floor of it, and that floor. An engine takes it up as if its own journal
   * said so: a journal can be lost. Absent: unknown.
   */
  signed?(epoch: number): { readonly floor: number; readonly statements: readonly Statement[] };
  /** Whether this key has signed nothing at all, as far as the gate's record goes; absent: unknown. */
  readonly neverSigned?: boolean;
  /** Why it refuses every statement at present, or null; for status only. */
  readonly silent?: string | null;
  /** Tells the gate which epoch the replica enters; `live`: it followed the network there and is not catching up from history. */
  enterEpoch?(epoch: number, options: { readonly live: boolean }): Promise<void>;
}
