import { type Clock, type Evidence, encode, type PeerId, type Transport } from '@quorate/kernel';
import type { Counters } from './counters.ts';
import type { EvidencePool } from './evidence-pool.ts';
import type { Peers } from './peers.ts';
import {
  type GossipMessage,
  gossipCodec,
  MAX_GOSSIP_BYTES,
  MAX_GOSSIP_EVIDENCE,
  MAX_GOSSIP_TRANSACTIONS,
} from './wire.ts';

/** Transactions wait so long for company before they travel. */
const BATCH_MS = 10;
/**
 * Bytes that may wait for one peer in this class before gossip passes it over. Below what a transport holds (2 MiB) by more than
 * the largest message, so that it is this bound that acts, the same over every transport.
 */
export const MAX_QUEUED = (2 << 20) - (640 << 10);

export interface GossipParts {
  readonly transport: Transport;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly evidence: EvidencePool;
}

/** Transactions and evidence on their way to others, in batches. Whoever takes a transaction in tells everybody; who hears of it from a validator does not. */
export class Gossip {
  readonly #parts: GossipParts;
  #waiting: { readonly tx: Uint8Array; readonly from: PeerId | null }[] = [];
  #bytes = 0;
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(parts: GossipParts) {
    this.#parts = parts;
  }

  /** Sends a transaction to every peer; one that came from an observer (`from`) to the validators. */
  transaction(tx: Uint8Array, from: PeerId | null): void {
    if (this.#stopped) return;
    this.#waiting.push({ tx, from });
    this.#bytes += tx.length;
    if (this.#bytes >= MAX_GOSSIP_BYTES / 2 || this.#waiting.length >= MAX_GOSSIP_TRANSACTIONS) this.flush();
    else this.#soon();
  }

  /** There is evidence that others have not seen. */
  evidence(): void {
    if (!this.#stopped) this.#soon();
  }

  /** What a new peer should know. */
  greet(peer: PeerId): void {
    const known = this.#parts.evidence.waiting(MAX_GOSSIP_EVIDENCE);
    if (known.length > 0) this.#send([peer], { kind: 'evidence', evidence: known });
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const { peers, evidence: pool } = this.#parts;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const ours = waiting.filter(({ from }) => from === null).map(({ tx }) => tx);
    this.#transactions(peers.connected, ours);
    const forwarded = waiting.filter(({ from }) => from !== null);
    for (const source of [...new Set(forwarded.map(({ from }) => from))]) {
      const to = peers.validators.filter((peer) => peer !== source);
      this.#transactions(
        to,
        forwarded.filter(({ from }) => from === source).map(({ tx }) => tx),
      );
    }
    const evidence: Evidence[] = pool.unsent(MAX_GOSSIP_EVIDENCE);
    if (evidence.length > 0) {
      this.#send(peers.connected, { kind: 'evidence', evidence });
      this.#soon();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#waiting = [];
  }

  #soon(): void {
    this.#cancel ??= this.#parts.clock.after(BATCH_MS, () => this.flush());
  }

  #transactions(to: readonly PeerId[], transactions: readonly Uint8Array[]): void {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    for (const tx of transactions) {
      if (bytes + tx.length > MAX_GOSSIP_BYTES || batch.length >= MAX_GOSSIP_TRANSACTIONS) {
        this.#send(to, { kind: 'transactions', transactions: batch }, bytes + 4 * batch.length + 16);
        batch = [];
        bytes = 0;
      }
      batch.push(tx);
      bytes += tx.length;
    }
    if (batch.length > 0) this.#send(to, { kind: 'transactions', transactions: batch }, bytes + 4 * batch.length + 16);
  }

  /** `size`: a guess at the bytes of the message. */
  #send(to: readonly PeerId[], message: GossipMessage, size = 0): void {
    const { transport, counters } = this.#parts;
    const bytes = encode(gossipCodec, message, size);
    for (const peer of to) {
      if (transport.queued(peer, 'transactions') > MAX_QUEUED || !transport.send(peer, 'transactions', bytes)) {
        counters.add('dropped.gossip');
      } else counters.add('sent.transactions', bytes.length);
    }
  }
}
