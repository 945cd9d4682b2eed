import { type Millis, type PeerId, TRAFFIC, TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import type { Fault, Link, Passage } from './channel.ts';
import type { Endpoint, Lane } from './endpoint.ts';
import type { Parcel } from './link.ts';
import { digestBytes } from './random.ts';
import type { World } from './world.ts';

/** Sees or changes a message on the wire: `null` loses it. */
export type Wire = (from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array) => Uint8Array | null;

/** Picks messages on the wire. */
export type Picks = (from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array) => boolean;

/** Messages kept back, and what picks them. */
interface Dam {
  readonly picks: Picks;
  readonly held: (Parcel & { readonly lane: Lane })[];
}

/** What the carrier asks of the network that it belongs to. */
export interface Roads {
  /** Whether a frame that was changed on the way is noticed. */
  readonly authenticated: boolean;
  passage(link: Link): Passage;
  drop(lane: Lane, here: Millis, there: Millis): void;
}

/** Bytes that one connection takes in one instant before its outbox fills. */
const BURST = 64 << 10;
/** Bytes that small messages are copied into. */
const SLAB = 8 << 10;
/** The world's resolution, ms. */
const INSTANT = 0.001;

const KINDS: Readonly<Record<Traffic, string>> = {
  votes: 'network/votes',
  bodies: 'network/bodies',
  transactions: 'network/transactions',
  sync: 'network/sync',
};

/** Carries messages from one end of a connection to the other: queues, lines, latency, and what goes wrong on the way. */
export class Carrier {
  readonly #world: World;
  readonly #roads: Roads;
  /** Messages and bytes delivered so far. */
  messages = 0;
  bytes = 0;
  wire: Wire | null = null;
  readonly #dams = new Set<Dam>();
  #slab = new ArrayBuffer(SLAB);
  #used = 0;

  constructor(world: World, roads: Roads) {
    this.#world = world;
    this.#roads = roads;
  }

  /** `false` when there is no connection, the message is too large, or too much waits. */
  send(from: Endpoint, to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean {
    const lane = from.life.alive ? from.lanes.get(to) : undefined;
    if (lane === undefined || bytes.length > TRAFFIC_LIMITS[traffic]) return false;
    const parcel = { traffic, bytes: this.#copy(bytes) };
    if (this.#straight(lane, bytes.length)) {
      this.#transmit(lane, parcel, this.#depart(lane, bytes.length));
      return true;
    }
    if (!lane.outbox.push(parcel)) return false;
    if (!lane.busy) this.wake(lane);
    // Who waits for the uplink with bulk may now have something more urgent.
    else if (lane.queued) lane.from.uplink.join(lane);
    return true;
  }

  /** Keeps back what it picks, until the returned function lets it go. */
  withhold(picks: Picks): () => void {
    const dam: Dam = { picks, held: [] };
    this.#dams.add(dam);
    return () => {
      if (!this.#dams.delete(dam)) return;
      for (const { lane, traffic, bytes } of dam.held) {
        this.#carry(lane, traffic, bytes, this.#world.elapsed + lane.link.options.latency);
      }
    };
  }

  /** Puts a message on the wire without asking whether it may be sent. */
  inject(lane: Lane, traffic: Traffic, bytes: Uint8Array): void {
    this.#transmit(lane, { traffic, bytes: new Uint8Array(bytes) }, this.#world.elapsed);
  }

  /** Sees to what waits in an outbox. */
  wake(lane: Lane): void {
    if (lane.busy || lane.outbox.size === 0) return;
    lane.busy = true;
    lane.from.life.schedule(0, 'network/send', () => this.#pump(lane));
  }

  /** A copy for the receiver. Small ones share a slab: an array buffer for each vote costs more than all the rest of its way. */
  #copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > SLAB / 4) return new Uint8Array(bytes);
    if (this.#used + length > SLAB) {
      this.#slab = new ArrayBuffer(SLAB);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#slab, this.#used, length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }

  /** Whether a message may leave at once, past the outbox: usual for small ones, and one event less for each. */
  #straight(lane: Lane, bytes: number): boolean {
    if (lane.outbox.size > 0 || this.#roads.passage(lane.link) === 'clogged') return false;
    const now = this.#world.elapsed;
    if (lane.burstAt !== now) {
      lane.burstAt = now;
      lane.burst = 0;
    }
    lane.burst += bytes;
    return lane.burst <= BURST && lane.line.takes(now, bytes) && lane.from.uplink.takes(now, bytes);
  }

  /** Sends bytes through the uplink and the link: when the last of them has left. */
  #depart(lane: Lane, bytes: number): number {
    return lane.line.send(lane.from.uplink.send(this.#world.elapsed, bytes), bytes);
  }

  /** Empties an outbox as fast as the lines allow; at an uplink with an end, a frame for each turn. */
  #pump(lane: Lane, turn = false): void {
    const { outbox, line, from } = lane;
    let waits = from.uplink.rate !== Number.POSITIVE_INFINITY && !turn;
    for (;;) {
      const now = this.#world.elapsed;
      if (outbox.size === 0 || !lane.attached || this.#roads.passage(lane.link) === 'clogged') {
        lane.busy = false;
        return;
      }
      if (line.free - now >= INSTANT) {
        from.life.schedule(line.free - now, 'network/frame', () => this.#pump(lane));
        return;
      }
      if (waits) {
        lane.queued = true;
        from.uplink.join(lane);
        this.#turn(from);
        return;
      }
      const frame = outbox.frame();
      waits = from.uplink.rate !== Number.POSITIVE_INFINITY;
      if (frame === null) continue;
      const departure = this.#depart(lane, frame.bytes);
      if (frame.parcel !== null) this.#transmit(lane, frame.parcel, departure);
    }
  }

  /** Lets the connections of a node take turns at its uplink. */
  #turn(endpoint: Endpoint): void {
    const { uplink } = endpoint;
    if (uplink.scheduled) return;
    uplink.scheduled = true;
    endpoint.life.schedule(Math.max(0, uplink.free - this.#world.elapsed), 'network/uplink', () => {
      uplink.scheduled = false;
      let lane = uplink.next();
      while (lane !== null && !lane.queued) lane = uplink.next();
      if (lane === null) return;
      lane.queued = false;
      this.#pump(lane, true);
      this.#turn(endpoint);
    });
  }

  #transmit(lane: Lane, { traffic, bytes: sent }: Parcel, departure: number): void {
    const { link } = lane;
    const cut = this.#roads.passage(link) === 'cut';
    const bytes = this.wire === null ? sent : this.wire(link.from, link.to, traffic, sent);
    const channel = link.channel(traffic);
    const { latency, fault } = channel.next();
    if (bytes === null) return;
    channel.remember(bytes);
    if (cut || this.#keeps(lane, traffic, bytes)) return;
    lane.departure = departure;
    let usual = departure + latency;
    // Votes go first: jitter alone lets no bulk past those that left before it.
    if (traffic === 'votes') lane.votes = Math.max(lane.votes, usual);
    else if (!link.options.reorder) usual = Math.max(usual, lane.votes);
    // A list may name faults of a time after stabilisation: the network behaves all the same.
    if (fault === null || link.stable) this.#carry(lane, traffic, bytes, usual);
    else this.#harm(lane, traffic, bytes, usual, fault);
  }

  #keeps(lane: Lane, traffic: Traffic, bytes: Uint8Array): boolean {
    const { link } = lane;
    if (this.#dams.size === 0 || link.stable) return false;
    for (const { picks, held } of this.#dams) {
      if (!picks(link.from, link.to, traffic, bytes)) continue;
      held.push({ lane, traffic, bytes });
      return true;
    }
    return false;
  }

  #harm(lane: Lane, traffic: Traffic, bytes: Uint8Array, usual: number, fault: Fault): void {
    switch (fault.kind) {
      case 'lose':
        return;
      case 'duplicate':
        this.#carry(lane, traffic, bytes, usual);
        this.#carry(lane, traffic, bytes.slice(), usual + fault.ms);
        return;
      case 'delay':
        this.#carry(lane, traffic, bytes, usual + fault.ms);
        return;
      case 'reorder':
        this.#deliver(lane, traffic, bytes, this.#inTime(lane, usual + fault.ms), false);
        return;
      case 'replay': {
        this.#carry(lane, traffic, bytes, usual);
        const old = lane.link.channel(traffic).recall(fault.of);
        if (old !== null) this.#carry(lane, traffic, old.slice(), usual);
        return;
      }
      case 'corrupt':
        this.#carry(lane, traffic, flipped(bytes, fault.bit), usual, this.#roads.authenticated);
    }
  }

  /** First in, first out within a class, unless the link is one that reorders. */
  #carry(lane: Lane, traffic: Traffic, bytes: Uint8Array, usual: number, broken = false): void {
    if (lane.link.options.reorder) {
      this.#deliver(lane, traffic, bytes, this.#inTime(lane, usual), broken);
      return;
    }
    const arrival = this.#inTime(lane, Math.max(usual, lane.lastArrival[traffic] ?? 0));
    lane.lastArrival[traffic] = arrival;
    this.#deliver(lane, traffic, bytes, arrival, broken);
  }

  /** No later than stabilisation allows. */
  #inTime({ departure, link: { stability } }: Lane, arrival: number): number {
    if (stability === null) return arrival;
    return Math.min(arrival, Math.max(departure, stability.at) + stability.delta);
  }

  #deliver(lane: Lane, traffic: Traffic, bytes: Uint8Array, arrival: number, broken: boolean): void {
    if (arrival > lane.latest) lane.latest = arrival;
    lane.to.life.schedule(
      Math.max(0, arrival - this.#world.elapsed),
      KINDS[traffic] ?? 'network/unknown',
      () => this.#arrive(lane, traffic, bytes, broken),
      digestBytes(bytes),
    );
  }

  #arrive(lane: Lane, traffic: Traffic, bytes: Uint8Array, broken: boolean): void {
    const back = lane.connection.against(lane);
    if (!back.attached || this.#roads.passage(lane.link) === 'cut') return;
    if (broken && lane.link.stable) return; // sent before stabilisation: lost then, and alone
    if (broken || bytes.length > TRAFFIC_LIMITS[traffic] || !TRAFFIC.includes(traffic)) {
      this.#roads.drop(back, 0, back.link.options.latency);
      return;
    }
    this.messages++;
    this.bytes += bytes.length;
    lane.to.events?.message(lane.from.peer, traffic, bytes);
  }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = bytes.slice();
  const place = bit % Math.max(1, 8 * bytes.length);
  const byte = changed[place >> 3];
  if (byte !== undefined) changed[place >> 3] = byte ^ (1 << (place & 7));
  return changed;
}
