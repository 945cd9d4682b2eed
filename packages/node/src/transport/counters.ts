import { type PeerId, TRAFFIC, type Traffic } from '@quorate/kernel';

export interface Volume {
  bytes: number;
  messages: number;
}

export interface PeerTraffic {
  readonly received: Readonly<Record<Traffic, Volume>>;
  readonly sent: Readonly<Record<Traffic, Volume>>;
  /** Messages that a full queue, a size limit or a missing connection cost. */
  readonly dropped: Readonly<Record<Traffic, number>>;
}

/** What the transport counted since it started. */
export interface TransportReport {
  readonly total: PeerTraffic;
  readonly peers: Readonly<Record<PeerId, PeerTraffic>>;
  /** Connections made, refused, lost, replaced and so on. */
  readonly events: Readonly<Record<string, number>>;
}

/** Peers that are told apart at most; further ones count in the totals only. */
const MAX_PEERS = 2048;

interface MutableTraffic {
  received: Record<Traffic, Volume>;
  sent: Record<Traffic, Volume>;
  dropped: Record<Traffic, number>;
}

function nothing(): MutableTraffic {
  const volumes = (): Record<Traffic, Volume> => ({
    votes: { bytes: 0, messages: 0 },
    bodies: { bytes: 0, messages: 0 },
    transactions: { bytes: 0, messages: 0 },
    sync: { bytes: 0, messages: 0 },
  });
  return { received: volumes(), sent: volumes(), dropped: { votes: 0, bodies: 0, transactions: 0, sync: 0 } };
}

export class TransportCounters {
  readonly #total = nothing();
  readonly #peers = new Map<PeerId, MutableTraffic>();
  readonly #events = new Map<string, number>();

  received(peer: PeerId, traffic: Traffic, bytes: number): void {
    for (const each of this.#of(peer)) {
      each.received[traffic].bytes += bytes;
      each.received[traffic].messages++;
    }
  }

  sent(peer: PeerId, traffic: Traffic, bytes: number): void {
    for (const each of this.#of(peer)) {
      each.sent[traffic].bytes += bytes;
      each.sent[traffic].messages++;
    }
  }

  dropped(peer: PeerId, traffic: Traffic): void {
    for (const each of this.#of(peer)) each.dropped[traffic]++;
  }

  event(name: string): void {
    this.#events.set(name, (this.#events.get(name) ?? 0) + 1);
  }

  /** Forgets a peer that is not coming back; the totals keep what it did. */
  forget(peer: PeerId): void {
    this.#peers.delete(peer);
  }

  report(): TransportReport {
    return structuredClone({
      total: this.#total,
      peers: Object.fromEntries(this.#peers),
      events: Object.fromEntries(this.#events),
    });
  }

  /** The same as one flat table of numbers, for status and metrics. */
  flat(): Record<string, number> {
    const flat: Record<string, number> = {};
    for (const traffic of TRAFFIC) {
      flat[`transport.received.${traffic}.bytes`] = this.#total.received[traffic].bytes;
      flat[`transport.received.${traffic}.messages`] = this.#total.received[traffic].messages;
      flat[`transport.sent.${traffic}.bytes`] = this.#total.sent[traffic].bytes;
      flat[`transport.sent.${traffic}.messages`] = this.#total.sent[traffic].messages;
      flat[`transport.dropped.${traffic}`] = this.#total.dropped[traffic];
    }
    for (const [name, count] of this.#events) flat[`transport.${name}`] = count;
    return flat;
  }

  *#of(peer: PeerId): Generator<MutableTraffic> {
    yield this.#total;
    let own = this.#peers.get(peer);
    if (own === undefined && this.#peers.size < MAX_PEERS) {
      own = nothing();
      this.#peers.set(peer, own);
    }
    if (own !== undefined) yield own;
  }
}
