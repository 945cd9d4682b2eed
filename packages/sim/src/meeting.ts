import type { Millis, PeerId } from '@quorate/kernel';
import type { Link } from './channel.ts';
import { Connection, type Endpoint, type Lane } from './endpoint.ts';
import { digestText } from './random.ts';
import type { World } from './world.ts';

/** What connections ask of the network that they belong to. */
export interface Ground {
  link(from: PeerId, to: PeerId): Link;
  /** Whether two nodes can find each other now. */
  reachable(a: PeerId, b: PeerId): boolean;
  /** Ms until the other end hears that this one has gone. */
  farewell(link: Link): Millis;
}

/** Who is connected with whom: nodes that know each other meet, and meet again after every interruption. */
export class Meeting {
  readonly #world: World;
  readonly #ground: Ground;
  readonly #observers: number;
  readonly #endpoints: Endpoint[] = [];
  /** Pairs that are about to shake hands. */
  readonly #meeting = new Set<number>();
  readonly connections = new Set<Connection>();

  constructor(world: World, ground: Ground, observers: number) {
    this.#world = world;
    this.#ground = ground;
    this.#observers = observers;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  join(endpoint: Endpoint): void {
    this.#endpoints.push(endpoint);
    this.consider(endpoint);
  }

  leave(endpoint: Endpoint): void {
    const index = this.#endpoints.indexOf(endpoint);
    if (index >= 0) this.#endpoints.splice(index, 1);
    endpoint.events = null;
    for (const lane of [...endpoint.lanes.values()]) this.drop(lane, 0, this.#ground.farewell(lane.link));
  }

  /** Looks for new connections of everybody. */
  considerAll(): void {
    this.#endpoints.forEach((a, index) => {
      for (let other = index + 1; other < this.#endpoints.length; other++) this.#introduce(a, this.#endpoints[other]);
    });
  }

  /** Looks for new connections of one node. */
  consider(endpoint: Endpoint): void {
    if (endpoint.events === null) return;
    for (const other of this.#endpoints) this.#introduce(endpoint, other);
  }

  /** Ends a connection: the sender of `lane` notices after `here` ms, the other end after `there` ms. */
  drop(lane: Lane, here: Millis, there: Millis): void {
    // Also for a process that has died meanwhile: the lane is that of its machine, and not of its life.
    const after = (delay: Millis, side: Lane): void => {
      const forget = (): void => this.#forget(side);
      if (delay > 0) this.#world.schedule(delay, 'network/drop', forget, 0, digestText(side.from.life.name));
      else forget();
    };
    after(here, lane);
    after(there, lane.connection.against(lane));
  }

  #forget(lane: Lane): void {
    if (!lane.attached) return;
    lane.attached = false;
    if (!lane.connection.against(lane).attached) this.connections.delete(lane.connection);
    lane.from.lanes.delete(lane.to.peer);
    this.#announce(lane.from);
    this.consider(lane.from);
  }

  #introduce(a: Endpoint, b: Endpoint | undefined): void {
    if (b === undefined || !this.#mayConnect(a, b)) return;
    const pair = Math.min(a.id, b.id) * 0x400_0000 + Math.max(a.id, b.id);
    if (this.#meeting.has(pair)) return;
    this.#meeting.add(pair);
    const [there, back] = [this.#ground.link(a.peer, b.peer), this.#ground.link(b.peer, a.peer)];
    this.#world.schedule(1.5 * (there.options.latency + back.options.latency), 'network/connect', () => {
      this.#meeting.delete(pair);
      if (!this.#mayConnect(a, b)) return;
      const connection = new Connection(a, b, there, back);
      this.connections.add(connection);
      for (const lane of connection.lanes) {
        lane.from.lanes.set(lane.to.peer, lane);
        this.#announce(lane.from);
      }
    });
  }

  #mayConnect(a: Endpoint, b: Endpoint): boolean {
    return (
      a.peer !== b.peer &&
      !a.lanes.has(b.peer) &&
      !b.lanes.has(a.peer) &&
      a.events !== null &&
      b.events !== null &&
      (a.members.has(b.peer) || b.members.has(a.peer)) &&
      this.#ground.reachable(a.peer, b.peer) &&
      this.#admits(a, b.peer) &&
      this.#admits(b, a.peer)
    );
  }

  #admits(host: Endpoint, guest: PeerId): boolean {
    if ((host.bans.get(guest) ?? 0) > this.#world.elapsed) return false;
    if (host.members.has(guest)) return true;
    let strangers = 0;
    for (const peer of host.lanes.keys()) if (!host.members.has(peer)) strangers++;
    return strangers < this.#observers;
  }

  #announce(endpoint: Endpoint): void {
    if (endpoint.announcing || endpoint.events === null) return;
    endpoint.announcing = true;
    endpoint.life.schedule(0, 'network/peers', () => {
      endpoint.announcing = false;
      endpoint.events?.peers([...endpoint.lanes.keys()].sort());
    });
  }
}
