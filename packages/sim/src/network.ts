import {
  type Millis,
  type PeerId,
  TRAFFIC,
  TRAFFIC_LIMITS,
  type Traffic,
  type Transport,
  type TransportEvents,
} from '@quorate/kernel';
import type { Incarnation } from './incarnation.ts';
import { type LinkOptions, Outbox, type Parcel, USUAL_LINK } from './link.ts';
import { digestBytes, type Stream } from './random.ts';
import type { World } from './world.ts';

export interface NetworkOptions {
  /** Every link, unless {@link SimulatedNetwork.setLink} says otherwise. */
  readonly link?: Partial<LinkOptions>;
  /** Peers outside the member list that one node accepts. */
  readonly observers?: number;
  /** Ms until both ends notice that a connection was cut. */
  readonly detection?: Millis;
}

/** Sees or changes a message on the wire: `null` loses it. */
export type Wire = (from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array) => Uint8Array | null;

/** One node's end of the network, for one life of its process. */
interface Endpoint {
  readonly peer: PeerId;
  readonly life: Incarnation;
  events: TransportEvents | null;
  members: ReadonlySet<PeerId>;
  readonly bans: Map<PeerId, number>;
  readonly connections: Map<PeerId, Connection>;
  announcing: boolean;
}

interface Connection {
  readonly ends: readonly [Endpoint, Endpoint];
  readonly outboxes: ReadonlyMap<Endpoint, Outbox>;
}

/** A network between simulated machines: connections that come and go, and messages that take time, get lost, or never arrive. */
export class SimulatedNetwork {
  readonly #world: World;
  readonly #stream: Stream;
  readonly #observers: number;
  readonly #detection: Millis;
  readonly #endpoints: Endpoint[] = [];
  readonly #links = new Map<string, LinkOptions>();
  readonly #blocked = new Set<string>();
  #groups: ReadonlyMap<PeerId, number> = new Map();
  #usual: LinkOptions;
  #messages = 0;
  /** Asked about every message as it enters the wire. */
  wire: Wire | null = null;

  constructor(world: World, { link, observers = 32, detection = 500 }: NetworkOptions = {}) {
    this.#world = world;
    this.#stream = world.stream('network');
    this.#usual = { ...USUAL_LINK, ...link };
    this.#observers = observers;
    this.#detection = detection;
  }

  /** Messages delivered so far. */
  get messages(): number {
    return this.#messages;
  }

  /** How messages travel from one node to another. */
  link(from: PeerId, to: PeerId): LinkOptions {
    return this.#links.get(`${from}>${to}`) ?? this.#usual;
  }

  /** Changes one direction of one link. */
  setLink(from: PeerId, to: PeerId, change: Partial<LinkOptions>): void {
    this.#links.set(`${from}>${to}`, { ...this.link(from, to), ...change });
  }

  /** Changes every link, those changed before included. */
  setLinks(change: Partial<LinkOptions>): void {
    this.#usual = { ...this.#usual, ...change };
    for (const [name, link] of this.#links) this.#links.set(name, { ...link, ...change });
  }

  /** Cuts the network into these groups; whoever is in none of them reaches everybody. Replaces an earlier partition. */
  partition(...groups: readonly (readonly PeerId[])[]): void {
    this.#groups = new Map(groups.flatMap((group, index) => group.map((peer) => [peer, index] as const)));
    for (const connection of this.#connections()) {
      const [a, b] = connection.ends;
      if (!this.#cut(a.peer, b.peer)) continue;
      this.#world.schedule(this.#detection, 'network/detect', () => this.#drop(connection, a, 0, 0));
    }
    this.#considerAll();
  }

  /** Loses everything from one node to another while the connection seems fine: an asymmetric partition. */
  block(from: PeerId, to: PeerId): void {
    this.#blocked.add(`${from}>${to}`);
  }

  /** Ends every partition and every blocked direction. */
  heal(): void {
    this.#groups = new Map();
    this.#blocked.clear();
    this.#considerAll();
  }

  /** Breaks the connection of two nodes; they find each other again. Everything under way is lost. */
  reset(a: PeerId, b: PeerId): void {
    for (const connection of this.#connections()) {
      const [one, other] = connection.ends;
      if ((one.peer === a && other.peer === b) || (one.peer === b && other.peer === a))
        this.#drop(connection, one, 0, 0);
    }
  }

  /** Puts bytes on the wire that a correct transport would refuse to send: too large, for instance. `false` when not connected. */
  inject(from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean {
    for (const endpoint of this.#endpoints) {
      const connection = endpoint.peer === from ? endpoint.connections.get(to) : undefined;
      if (connection === undefined) continue;
      this.#transmit(connection, endpoint, { traffic, bytes: Uint8Array.from(bytes) });
      return true;
    }
    return false;
  }

  /** The port of one life of the machine that owns this node key. Two machines may share a key; each peer then talks to one of them. */
  port(life: Incarnation, peer: PeerId): Transport {
    const endpoint: Endpoint = {
      peer,
      life,
      events: null,
      members: new Set(),
      bans: new Map(),
      connections: new Map(),
      announcing: false,
    };
    life.onEnd(() => this.#leave(endpoint));
    return {
      self: peer,
      start: (events) => {
        if (!life.alive || endpoint.events !== null) return;
        endpoint.events = events;
        this.#endpoints.push(endpoint);
        this.#considerAll();
      },
      send: (to, traffic, bytes) => this.#send(endpoint, to, { traffic, bytes }),
      queued: (to, traffic) => endpoint.connections.get(to)?.outboxes.get(endpoint)?.queued(traffic) ?? 0,
      expel: (other, _reason, banMs) => {
        endpoint.bans.set(other, this.#world.elapsed + banMs);
        const connection = endpoint.connections.get(other);
        if (connection !== undefined) this.#drop(connection, endpoint, 0, this.link(peer, other).latency);
        life.schedule(banMs, 'network/ban', () => this.#considerAll());
      },
      setMembers: (members) => {
        endpoint.members = new Set(members.map((member) => member.peer));
        this.#considerAll();
      },
      stop: () => {
        this.#leave(endpoint);
        return new Promise((resolve) => {
          life.schedule(0, 'network/stop', resolve);
        });
      },
    };
  }

  #send(from: Endpoint, to: PeerId, { traffic, bytes }: Parcel): boolean {
    const connection = from.life.alive ? from.connections.get(to) : undefined;
    const outbox = connection?.outboxes.get(from);
    if (connection === undefined || outbox === undefined || bytes.length > TRAFFIC_LIMITS[traffic]) return false;
    if (!outbox.push({ traffic, bytes: Uint8Array.from(bytes) })) return false;
    if (!outbox.transmitting) {
      outbox.transmitting = true;
      from.life.schedule(0, 'network/send', () => this.#pump(connection, from, outbox));
    }
    return true;
  }

  #pump(connection: Connection, from: Endpoint, outbox: Outbox): void {
    const to = otherEnd(connection, from);
    for (;;) {
      const frame = outbox.frame();
      if (frame === null) {
        outbox.transmitting = false;
        return;
      }
      const sent = (): void => {
        if (frame.parcel !== null) this.#transmit(connection, from, frame.parcel);
      };
      const busy = frame.bytes / this.link(from.peer, to.peer).bandwidth;
      if (busy > 0) {
        from.life.schedule(busy, 'network/frame', () => {
          sent();
          this.#pump(connection, from, outbox);
        });
        return;
      }
      sent();
    }
  }

  #transmit(connection: Connection, from: Endpoint, parcel: Parcel): void {
    const to = otherEnd(connection, from);
    const outbox = connection.outboxes.get(from);
    const { latency, jitter, loss, duplicate, reorder } = this.link(from.peer, to.peer);
    const bytes = this.wire === null ? parcel.bytes : this.wire(from.peer, to.peer, parcel.traffic, parcel.bytes);
    const lost = this.#stream.chance(loss);
    const copies = this.#stream.chance(duplicate) ? 2 : 1;
    if (bytes === null || lost || outbox === undefined) return;
    const digest = digestBytes(bytes);
    for (let copy = 0; copy < copies; copy++) {
      const delay = latency + jitter * this.#stream.fraction();
      const usual = this.#world.elapsed + delay;
      const arrival = reorder ? usual : Math.max(usual, outbox.lastArrival.get(parcel.traffic) ?? 0);
      outbox.lastArrival.set(parcel.traffic, arrival);
      to.life.schedule(
        arrival - this.#world.elapsed,
        `network/${parcel.traffic}`,
        () =>
          this.#arrive(connection, from, to, { traffic: parcel.traffic, bytes: copy === 0 ? bytes : bytes.slice() }),
        digest,
      );
    }
  }

  #arrive(connection: Connection, from: Endpoint, to: Endpoint, { traffic, bytes }: Parcel): void {
    if (to.connections.get(from.peer) !== connection) return;
    if (this.#cut(from.peer, to.peer) || this.#blocked.has(`${from.peer}>${to.peer}`)) return;
    if (bytes.length > TRAFFIC_LIMITS[traffic] || !TRAFFIC.includes(traffic)) {
      this.#drop(connection, to, 0, this.link(to.peer, from.peer).latency);
      return;
    }
    this.#messages++;
    to.events?.message(from.peer, traffic, bytes);
  }

  #connections(): Set<Connection> {
    return new Set(this.#endpoints.flatMap((endpoint) => [...endpoint.connections.values()]));
  }

  #cut(a: PeerId, b: PeerId): boolean {
    const [groupA, groupB] = [this.#groups.get(a), this.#groups.get(b)];
    return groupA !== undefined && groupB !== undefined && groupA !== groupB;
  }

  #admits(host: Endpoint, guest: PeerId): boolean {
    if ((host.bans.get(guest) ?? 0) > this.#world.elapsed) return false;
    if (host.members.has(guest)) return true;
    let strangers = 0;
    for (const peer of host.connections.keys()) if (!host.members.has(peer)) strangers++;
    return strangers < this.#observers;
  }

  #mayConnect(a: Endpoint, b: Endpoint): boolean {
    return (
      a.peer !== b.peer &&
      a.events !== null &&
      b.events !== null &&
      (a.members.has(b.peer) || b.members.has(a.peer)) &&
      !a.connections.has(b.peer) &&
      !b.connections.has(a.peer) &&
      !this.#cut(a.peer, b.peer) &&
      this.#admits(a, b.peer) &&
      this.#admits(b, a.peer)
    );
  }

  #considerAll(): void {
    this.#endpoints.forEach((a, index) => {
      for (const b of this.#endpoints.slice(index + 1)) this.#consider(a, b);
    });
  }

  #consider(a: Endpoint, b: Endpoint): void {
    if (!this.#mayConnect(a, b)) return;
    const roundTrip = this.link(a.peer, b.peer).latency + this.link(b.peer, a.peer).latency;
    this.#world.schedule(1.5 * roundTrip, 'network/connect', () => {
      if (!this.#mayConnect(a, b)) return;
      const connection: Connection = {
        ends: [a, b],
        outboxes: new Map([
          [a, new Outbox()],
          [b, new Outbox()],
        ]),
      };
      a.connections.set(b.peer, connection);
      b.connections.set(a.peer, connection);
      this.#announce(a);
      this.#announce(b);
    });
  }

  /** Ends a connection: `end` notices after one delay, the other end after the other. */
  #drop(connection: Connection, end: Endpoint, here: number, there: number): void {
    const forget = (side: Endpoint, peer: PeerId): void => {
      if (side.connections.get(peer) !== connection) return;
      side.connections.delete(peer);
      this.#announce(side);
      this.#considerAll();
    };
    const other = otherEnd(connection, end);
    const after = (delay: number, run: () => void): void => {
      if (delay > 0) this.#world.schedule(delay, 'network/drop', run);
      else run();
    };
    after(here, () => forget(end, other.peer));
    after(there, () => forget(other, end.peer));
  }

  #leave(endpoint: Endpoint): void {
    const index = this.#endpoints.indexOf(endpoint);
    if (index >= 0) this.#endpoints.splice(index, 1);
    endpoint.events = null;
    for (const connection of [...endpoint.connections.values()]) {
      const other = otherEnd(connection, endpoint);
      const { latency, jitter } = this.link(endpoint.peer, other.peer);
      this.#drop(connection, endpoint, 0, latency + jitter);
    }
  }

  #announce(endpoint: Endpoint): void {
    if (endpoint.announcing || endpoint.events === null) return;
    endpoint.announcing = true;
    endpoint.life.schedule(0, 'network/peers', () => {
      endpoint.announcing = false;
      endpoint.events?.peers([...endpoint.connections.keys()].sort());
    });
  }
}

function otherEnd(connection: Connection, end: Endpoint): Endpoint {
  const [a, b] = connection.ends;
  return end === a ? b : a;
}
