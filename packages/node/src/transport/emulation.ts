import type { Millis, PeerId, Traffic, Transport, TransportEvents } from '@quorate/kernel';

/** How messages travel to one peer while a network is emulated. */
export interface EmulatedLink {
  /** Ms that every message is held back. */
  readonly latency: Millis;
  /** Added to it, uniform from 0. */
  readonly jitter: Millis;
  /** Chance of a message to vanish. */
  readonly loss: number;
  /** Nothing passes. */
  readonly blocked: boolean;
}

const PLAIN_LINK: EmulatedLink = { latency: 0, jitter: 0, loss: 0, blocked: false };

/** Bytes that are held back for one peer in one class at most; what comes on top is refused, as by a full queue. */
const MAX_HELD = 64 << 20;

interface Lane {
  /** When the message before leaves: a class keeps its order. */
  leaves: number;
  held: number;
}

export interface EmulationParts {
  /** Ms from a clock that never goes back. */
  readonly now: () => number;
  readonly after: (ms: Millis, run: () => void) => void;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** A transport whose messages to others are held back, lost or cut as it is told: distant, bad and broken networks on one machine. */
export class EmulatedTransport implements Transport {
  readonly #inner: Transport;
  readonly #parts: EmulationParts;
  readonly #lanes = new Map<string, Lane>();
  #links: ReadonlyMap<PeerId, EmulatedLink> = new Map();
  #stopped = false;

  constructor(inner: Transport, parts: EmulationParts) {
    this.#inner = inner;
    this.#parts = parts;
  }

  get self(): PeerId {
    return this.#inner.self;
  }

  /** Messages to each of these peers travel like this from now on; to all others without emulation. */
  emulate(links: ReadonlyMap<PeerId, EmulatedLink>): void {
    this.#links = new Map(links);
    for (const [name, lane] of this.#lanes) if (lane.held === 0) this.#lanes.delete(name);
  }

  start(events: TransportEvents): void {
    this.#inner.start(events);
  }

  send(to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean {
    const link = this.#links.get(to) ?? PLAIN_LINK;
    const name = `${to}/${traffic}`;
    const waiting = this.#lanes.get(name);
    const plain = link.latency === 0 && link.jitter === 0 && link.loss === 0 && !link.blocked;
    if (plain && (waiting === undefined || waiting.held === 0)) return this.#inner.send(to, traffic, bytes);
    if (link.blocked || this.#parts.chance() < link.loss) return true; // it left, and nobody will ever see it
    const lane = waiting ?? { leaves: 0, held: 0 };
    this.#lanes.set(name, lane);
    if (lane.held + bytes.length > MAX_HELD) return false;
    const now = this.#parts.now();
    lane.leaves = Math.max(lane.leaves, now + link.latency + link.jitter * this.#parts.chance());
    lane.held += bytes.length;
    this.#parts.after(lane.leaves - now, () => {
      lane.held -= bytes.length;
      if (!this.#stopped && this.#links.get(to)?.blocked !== true) this.#inner.send(to, traffic, bytes);
    });
    return true;
  }

  queued(to: PeerId, traffic: Traffic): number {
    return (this.#lanes.get(`${to}/${traffic}`)?.held ?? 0) + this.#inner.queued(to, traffic);
  }

  expel(peer: PeerId, reason: string, banMs: Millis): void {
    this.#inner.expel(peer, reason, banMs);
  }

  setMembers(members: readonly { readonly peer: PeerId; readonly address: string }[]): void {
    this.#inner.setMembers(members);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#inner.stop();
  }
}
