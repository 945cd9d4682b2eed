import type { Millis, PeerId, Traffic, Transport } from '@quorate/kernel';
import { type Barrier, groups, Sluices } from './barrier.ts';
import { Carrier, type Picks, type Wire } from './carrier.ts';
import { Link, type Stability } from './channel.ts';
import { Endpoint } from './endpoint.ts';
import type { Incarnation } from './incarnation.ts';
import { type LinkOptions, USUAL_LINK } from './link.ts';
import { Meeting } from './meeting.ts';
import { Passages } from './passages.ts';
import type { World } from './world.ts';

export interface NetworkOptions {
  /** Every link, unless {@link SimulatedNetwork.setLink} says otherwise. */
  readonly link?: Partial<LinkOptions>;
  /** What one direction has of its own: from a matrix of latencies, for instance. Asked once per direction. */
  readonly paths?: (from: PeerId, to: PeerId) => Partial<LinkOptions>;
  /** Bytes per ms that one node sends to all others together; without end unless told otherwise. */
  readonly egress?: number;
  /** Peers outside the member list that one node accepts. */
  readonly observers?: number;
  /** Ms until both ends notice that a connection was cut. */
  readonly detection?: Millis;
  /** Whether frames are authenticated, as the real transport does: a corrupted one then ends the connection. True unless told otherwise. */
  readonly authenticated?: boolean;
}

/** When the network becomes well-behaved: a global stabilisation time (Dwork, Lynch and Stockmeyer, 1988). */
export interface Stabilisation {
  /** Virtual ms since the world began. */
  readonly at: Millis;
  /** What leaves at t arrives by max(t, at) + delta, unless it was lost before `at`. */
  readonly delta: Millis;
  /** Nodes between which this holds; all unless told otherwise. Outside, everything stays as it was. */
  readonly among?: readonly PeerId[];
  /** Before: how often the adversary delays a message, and for how long at most. */
  readonly rate?: number;
  readonly cap?: Millis;
}

/** A network between simulated machines: connections that come and go, and messages that take time, get lost, or never arrive. */
export class SimulatedNetwork {
  readonly #world: World;
  readonly #options: NetworkOptions;
  readonly #detection: Millis;
  readonly #meeting: Meeting;
  readonly #carrier: Carrier;
  readonly #names = new Map<PeerId, string>();
  readonly #links = new Map<PeerId, Map<PeerId, Link>>();
  readonly #egress = new Map<PeerId, number>();
  readonly #passages = new Passages();
  readonly #stabilities: { readonly among: ReadonlySet<PeerId> | null; readonly stability: Stability }[] = [];
  /** What {@link setLinks} changed so far: for directions first used later. */
  #changes: Partial<LinkOptions> = {};
  #partition: (() => void) | null = null;
  #blocked = new Sluices('cut');
  #endpoints = 0;

  constructor(world: World, options: NetworkOptions = {}) {
    this.#world = world;
    this.#options = options;
    this.#detection = options.detection ?? 500;
    this.#meeting = new Meeting(
      world,
      {
        link: (from, to) => this.#linkOf(from, to),
        reachable: (a, b) => this.#reachable(a, b),
        farewell: (link) =>
          this.#passages.of(link) === 'open' ? link.options.latency + link.options.jitter : this.#detection,
      },
      options.observers ?? 32,
    );
    this.#carrier = new Carrier(world, {
      authenticated: options.authenticated ?? true,
      passage: (link) => this.#passages.of(link),
      drop: (lane, here, there) => this.#meeting.drop(lane, here, there),
    });
  }

  /** Asked about every message as it enters the wire. */
  get wire(): Wire | null {
    return this.#carrier.wire;
  }

  set wire(wire: Wire | null) {
    this.#carrier.wire = wire;
  }

  /** Messages delivered so far. */
  get messages(): number {
    return this.#carrier.messages;
  }

  /** Bytes of the messages delivered so far. */
  get bytes(): number {
    return this.#carrier.bytes;
  }

  /** How messages travel from one node to another. */
  link(from: PeerId, to: PeerId): LinkOptions {
    return this.#linkOf(from, to).options;
  }

  /** Changes one direction of one link. Throws `config/invalid` for what no link can be. */
  setLink(from: PeerId, to: PeerId, change: Partial<LinkOptions>): void {
    this.#linkOf(from, to).change(change);
  }

  /** Changes every link, those changed before included. Throws `config/invalid` for what no link can be. */
  setLinks(change: Partial<LinkOptions>): void {
    this.#changes = { ...this.#changes, ...change };
    for (const link of this.#allLinks()) link.change(change);
  }

  /** Changes what one node can send, in bytes per ms. */
  setEgress(peer: PeerId, rate: number): void {
    this.#egress.set(peer, rate);
    for (const endpoint of this.#meeting.endpoints) if (endpoint.peer === peer) endpoint.uplink.rate = rate;
  }

  /** Puts a barrier between nodes, until the returned function is called. Barriers add up. */
  raise(barrier: Barrier): () => void {
    this.#passages.add(barrier);
    this.reconsider();
    return () => {
      if (this.#passages.remove(barrier)) this.reconsider();
    };
  }

  /** Puts a barrier between nodes for `ms`. */
  hold(barrier: Barrier, ms: Millis): void {
    this.#world.schedule(ms, 'network/barrier', this.raise(barrier));
  }

  /**
   * Keeps back what it picks as it is sent, on links that are not stable yet, until the returned function lets it all go at once: later
   * messages of the class arrive before it. What is kept back is lost with its connection.
   */
  withhold(picks: Picks): () => void {
    return this.#carrier.withhold(picks);
  }

  /** Asks every barrier again: for those that have changed their mind. */
  reconsider(): void {
    this.#passages.forget();
    for (const connection of this.#meeting.connections) {
      const [there, back] = connection.lanes;
      const passages = [this.#passages.of(there.link), this.#passages.of(back.link)];
      if (!connection.doomed && passages.every((passage) => passage === 'cut')) {
        connection.doomed = true;
        this.#world.schedule(this.#detection, 'network/detect', () => this.#meeting.drop(there, 0, 0));
      }
      for (const lane of connection.lanes) this.#carrier.wake(lane);
    }
    this.#meeting.considerAll();
  }

  /** Every direction between nodes seen so far that does not work now, and how. */
  stopped(): (readonly [from: PeerId, to: PeerId, how: Barrier['how']])[] {
    const peers = [...this.#names.keys()];
    return peers.flatMap((from) =>
      peers.flatMap((to) => {
        const how = from === to ? 'open' : this.#passages.of(this.#linkOf(from, to));
        return how === 'open' ? [] : [[from, to, how] as const];
      }),
    );
  }

  /** Cuts the network into these groups; whoever is in none of them reaches everybody. Replaces an earlier partition. */
  partition(...members: readonly (readonly PeerId[])[]): void {
    this.#partition?.();
    this.#partition = this.raise(groups(members));
  }

  /** Loses everything from one node to another while the connection seems fine: an asymmetric partition. */
  block(from: PeerId, to: PeerId): void {
    this.#blocked.shut(from, to);
    this.#passages.add(this.#blocked);
    this.reconsider();
  }

  /** Ends every partition, every blocked direction and every other barrier. */
  heal(): void {
    this.#blocked = new Sluices('cut');
    this.#passages.clear();
    this.reconsider();
  }

  /** Announces when the network becomes well-behaved. What is under way then and would come later than that allows is lost with its connection. */
  stabilise({ at, delta, among, rate = 0, cap = 0 }: Stabilisation): void {
    const rule = { among: among === undefined ? null : new Set(among), stability: { at, delta, rate, cap } };
    this.#stabilities.push(rule);
    for (const link of this.#allLinks()) if (covers(rule.among, link)) link.stability = rule.stability;
    this.#world.schedule(Math.max(0, at - this.#world.elapsed), 'network/stable', () => {
      for (const { lanes, doomed } of this.#meeting.connections) {
        const [lane] = lanes.filter((one) => one.link.stability === rule.stability);
        if (lane === undefined) continue;
        if (doomed || lanes.some(({ latest }) => latest > at + delta)) this.#meeting.drop(lane, 0, 0);
      }
      this.reconsider();
    });
  }

  /** Breaks the connection of two nodes; they find each other again. Everything under way is lost. */
  reset(a: PeerId, b: PeerId): void {
    for (const { lanes } of this.#meeting.connections) {
      for (const lane of lanes) if (lane.from.peer === a && lane.to.peer === b) this.#meeting.drop(lane, 0, 0);
    }
  }

  /** Puts bytes on the wire that a correct transport would refuse to send: too large, for instance. `false` when not connected. */
  inject(from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array): boolean {
    for (const endpoint of this.#meeting.endpoints) {
      const lane = endpoint.peer === from ? endpoint.lanes.get(to) : undefined;
      if (lane === undefined) continue;
      this.#carrier.inject(lane, traffic, bytes);
      return true;
    }
    return false;
  }

  /** The port of one life of the machine that owns this node key. Two machines may share a key; each peer then talks to one of them. */
  port(life: Incarnation, peer: PeerId): Transport {
    this.#call(peer, life.name);
    const egress = this.#egress.get(peer) ?? this.#options.egress ?? Number.POSITIVE_INFINITY;
    const endpoint = new Endpoint(this.#endpoints++, peer, life, egress);
    life.onEnd(() => this.#meeting.leave(endpoint));
    return {
      self: peer,
      start: (events) => {
        if (!life.alive || endpoint.events !== null) return;
        endpoint.events = events;
        this.#meeting.join(endpoint);
      },
      send: (to, traffic, bytes) => this.#carrier.send(endpoint, to, traffic, bytes),
      queued: (to, traffic) => endpoint.lanes.get(to)?.outbox.queued(traffic) ?? 0,
      expel: (other, _reason, banMs) => {
        endpoint.bans.set(other, this.#world.elapsed + banMs);
        const lane = endpoint.lanes.get(other);
        if (lane !== undefined) this.#meeting.drop(lane, 0, lane.link.options.latency);
        life.schedule(banMs, 'network/ban', () => this.#meeting.consider(endpoint));
      },
      setMembers: (members) => {
        endpoint.members = new Set(members.map((member) => member.peer));
        this.#meeting.consider(endpoint);
      },
      stop: () => {
        this.#meeting.leave(endpoint);
        return new Promise((resolve) => {
          life.schedule(0, 'network/stop', resolve);
        });
      },
    };
  }

  /** What a node is called in domains and traces: the name of its machine, and some of its key where two share a name. */
  #call(peer: PeerId, name: string): void {
    if (this.#names.has(peer)) return;
    const taken = [...this.#names.values()].includes(name);
    this.#names.set(peer, taken ? `${name}~${peer.slice(0, 8)}` : name);
  }

  #linkOf(from: PeerId, to: PeerId): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    const known = links.get(to);
    if (known !== undefined) return known;
    const options = { ...USUAL_LINK, ...this.#options.link, ...this.#options.paths?.(from, to), ...this.#changes };
    const link = new Link(this.#world, { from, to, nameOf: (peer) => this.#names.get(peer) ?? peer }, options);
    for (const { among, stability } of this.#stabilities) if (covers(among, link)) link.stability = stability;
    links.set(to, link);
    return link;
  }

  *#allLinks(): Iterable<Link> {
    for (const links of this.#links.values()) yield* links.values();
  }

  /** A handshake needs both directions, but one that only loses things does not show yet. */
  #reachable(a: PeerId, b: PeerId): boolean {
    const [there, back] = [this.#passages.of(this.#linkOf(a, b)), this.#passages.of(this.#linkOf(b, a))];
    return there !== 'clogged' && back !== 'clogged' && (there === 'open' || back === 'open');
  }
}

function covers(among: ReadonlySet<PeerId> | null, link: Link): boolean {
  return among === null || (among.has(link.from) && among.has(link.to));
}
