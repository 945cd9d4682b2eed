import {
  type Clock,
  type Codec,
  type ConsensusParameters,
  decode,
  type Epoch,
  isQuorateError,
  lastHeightOf,
  type Millis,
  type PeerId,
  TRAFFIC_LIMITS,
  type Traffic,
  type TransportEvents,
  unreachable,
} from '@quorate/kernel';
import type { Counters } from './counters.ts';
import { Lane } from './lane.ts';
import type { Offence, Peers } from './peers.ts';
import {
  type BodiesMessage,
  bodiesCodec,
  type Envelope,
  envelopeCodec,
  type GossipMessage,
  gossipCodec,
  type SyncMessage,
  syncCodec,
} from './wire.ts';

/** Messages of the next epoch that wait for us to get there: per peer, and bytes in all. */
const MAX_EARLY = 64;
const MAX_EARLY_BYTES = 8 << 20;
/** Of these, what one peer may take: a stranger must not leave the validators of the next epoch without room. */
const MAX_EARLY_BYTES_OF_PEER = 512 << 10;

export interface IngressParts<M> {
  readonly messageCodec: Codec<M>;
  readonly consensus: ConsensusParameters;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly now: () => Millis;
  readonly counters: Counters;
  /** The running epoch, or null while none runs. */
  readonly epoch: () => Epoch | null;
  /** A message for the running engine, from a validator of its epoch, of so many bytes on the wire. */
  readonly engine: (epoch: Epoch, from: PeerId, message: M, bytes: number) => void;
  /** A validator speaks of an epoch that is over here. */
  readonly outdated: (from: PeerId) => void;
  /** Something says that we are behind. */
  readonly behind: () => void;
  readonly bodies: (from: PeerId, message: BodiesMessage) => Promise<void>;
  readonly gossip: (from: PeerId, message: GossipMessage) => Promise<void>;
  readonly sync: (from: PeerId, message: SyncMessage) => Promise<void>;
  readonly connected: (peers: readonly PeerId[], news: readonly PeerId[]) => void;
  readonly failed: (error: unknown) => void;
}

interface Arrived {
  readonly from: PeerId;
  readonly bytes: Uint8Array;
}

/**
 * Where bytes of peers come in: decode → authenticate → step. Nothing a peer sends throws out of here; what is malformed,
 * oversized or unsolicited is dropped, counted and held against the peer.
 */
export class Ingress<M> implements TransportEvents {
  readonly #parts: IngressParts<M>;
  readonly #bodies: Lane<Arrived>;
  readonly #gossip: Lane<Arrived>;
  readonly #sync: Lane<Arrived>;
  readonly #early = new Map<PeerId, { readonly epoch: Epoch; readonly payload: Uint8Array }[]>();
  #earlyBytes = 0;
  #stopped = false;

  constructor(parts: IngressParts<M>) {
    this.#parts = parts;
    const { clock, failed } = parts;
    const lane = <T>(
      codec: Codec<T>,
      handle: (from: PeerId, message: T) => Promise<void>,
      bounds: { maxItems: number; maxBytes: number; maxBytesPerSender: number; burst: number },
    ): Lane<Arrived> =>
      new Lane<Arrived>(
        {
          ...bounds,
          failed,
          handle: async ({ from, bytes }) => {
            const message = this.#decode(codec, from, bytes);
            if (message !== null && !this.#stopped) await handle(from, message);
          },
        },
        clock,
      );
    this.#bodies = lane(bodiesCodec, parts.bodies, {
      maxItems: 4096,
      maxBytes: 64 << 20,
      maxBytesPerSender: 16 << 20,
      burst: 8,
    });
    this.#gossip = lane(gossipCodec, parts.gossip, {
      maxItems: 8192,
      maxBytes: 32 << 20,
      maxBytesPerSender: 8 << 20,
      burst: 4,
    });
    this.#sync = lane(syncCodec, parts.sync, {
      maxItems: 4096,
      maxBytes: 64 << 20,
      maxBytesPerSender: 16 << 20,
      burst: 1,
    });
  }

  message(from: PeerId, traffic: Traffic, bytes: Uint8Array): void {
    if (this.#stopped) return;
    const { counters } = this.#parts;
    counters.add(`received.${traffic}`, bytes.length);
    if (bytes.length > TRAFFIC_LIMITS[traffic]) {
      this.#blame(from, 'malformed', `${bytes.length} bytes of ${traffic}`);
      return;
    }
    switch (traffic) {
      case 'votes':
        this.#votes(from, bytes);
        break;
      case 'bodies':
        this.#offer(this.#bodies, traffic, from, bytes);
        break;
      case 'transactions':
        this.#offer(this.#gossip, traffic, from, bytes);
        break;
      case 'sync':
        this.#offer(this.#sync, traffic, from, bytes);
        break;
      default:
        unreachable(traffic);
    }
  }

  peers(connected: readonly PeerId[]): void {
    if (this.#stopped) return;
    const { peers } = this.#parts;
    const news = connected.filter((peer) => !peers.isConnected(peer)).sort();
    peers.setConnected(connected);
    for (const [peer, queue] of this.#early) if (!peers.isConnected(peer)) this.#forget(peer, queue);
    this.#parts.connected(peers.connected, news);
  }

  /** Steps into an epoch: messages that came too early are taken up. */
  enter(epoch: Epoch): void {
    const early = [...this.#early];
    this.#early.clear();
    this.#earlyBytes = 0;
    for (const [from, queue] of early) {
      for (const envelope of queue) if (envelope.epoch === epoch) this.#step(from, envelope);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#early.clear();
    await Promise.all([this.#bodies.close(), this.#gossip.close(), this.#sync.close()]);
  }

  #offer(lane: Lane<Arrived>, traffic: Traffic, from: PeerId, bytes: Uint8Array): void {
    if (!lane.offer({ from, bytes }, bytes.length, from)) this.#parts.counters.add(`dropped.${traffic}-full`);
  }

  #votes(from: PeerId, bytes: Uint8Array): void {
    const { epoch: running, peers, counters, consensus, now } = this.#parts;
    const epoch = running();
    if (epoch === null) {
      counters.add('dropped.votes-starting');
      return;
    }
    const envelope = this.#decode(envelopeCodec, from, bytes);
    if (envelope === null) return;
    if (envelope.epoch < epoch) {
      counters.add('dropped.votes-old-epoch');
      this.#parts.outdated(from);
      return;
    }
    if (envelope.epoch > epoch) {
      this.#keepEarly(from, epoch, envelope);
      const height = lastHeightOf(consensus, envelope.epoch - 1);
      if (Number.isSafeInteger(height) && (peers.tip(from)?.height ?? 0) < height) {
        peers.setTip(from, { epoch: envelope.epoch, height }, now());
        this.#parts.behind();
      }
      return;
    }
    this.#step(from, envelope);
  }

  #step(from: PeerId, { epoch, payload }: Envelope): void {
    const { peers, counters, messageCodec, engine } = this.#parts;
    if (!peers.isValidator(from)) {
      counters.add('dropped.votes-observer');
      return;
    }
    const message = this.#decode(messageCodec, from, payload);
    if (message !== null) engine(epoch, from, message, payload.length);
  }

  #keepEarly(from: PeerId, running: Epoch, envelope: Envelope): void {
    const queue = this.#early.get(from) ?? [];
    const { length } = envelope.payload;
    const full =
      queue.length >= MAX_EARLY ||
      queue.reduce((sum, { payload }) => sum + payload.length, length) > MAX_EARLY_BYTES_OF_PEER ||
      this.#earlyBytes + length > MAX_EARLY_BYTES;
    if (envelope.epoch !== running + 1 || full) {
      this.#parts.counters.add('dropped.votes-later-epoch');
      return;
    }
    this.#parts.counters.add('votes.early');
    queue.push(envelope);
    this.#earlyBytes += length;
    this.#early.set(from, queue);
  }

  #forget(peer: PeerId, queue: readonly { readonly payload: Uint8Array }[]): void {
    for (const { payload } of queue) this.#earlyBytes -= payload.length;
    this.#early.delete(peer);
  }

  #decode<T>(codec: Codec<T>, from: PeerId, bytes: Uint8Array): T | null {
    try {
      return decode(codec, bytes);
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      this.#blame(from, 'malformed', error.message);
      return null;
    }
  }

  #blame(from: PeerId, offence: Offence, reason: string): void {
    this.#parts.counters.add(`dropped.${offence}`);
    this.#parts.peers.blame(from, offence, reason, this.#parts.now());
  }
}
