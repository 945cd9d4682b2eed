import type { PeerId, Traffic, TransportEvents } from '@quorate/kernel';
import type { Link } from './channel.ts';
import type { Incarnation } from './incarnation.ts';
import { Outbox } from './link.ts';
import { Line, Uplink } from './uplink.ts';

/** One node's end of the network, for one life of its process. */
export class Endpoint {
  readonly id: number;
  readonly peer: PeerId;
  readonly life: Incarnation;
  events: TransportEvents | null = null;
  members: ReadonlySet<PeerId> = new Set();
  /** Until when peers are kept out, in virtual ms. */
  readonly bans = new Map<PeerId, number>();
  /** The sending sides of its connections. */
  readonly lanes = new Map<PeerId, Lane>();
  readonly uplink: Uplink<Lane>;
  announcing = false;

  constructor(id: number, peer: PeerId, life: Incarnation, egress: number) {
    this.id = id;
    this.peer = peer;
    this.life = life;
    this.uplink = new Uplink(egress);
  }
}

/** One direction of one connection. */
export class Lane {
  readonly connection: Connection;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly link: Link;
  readonly outbox = new Outbox();
  readonly line: Line;
  /** When the last message of each class arrives, in virtual ms: what keeps a class first in, first out. */
  readonly lastArrival: Record<Traffic, number> = { votes: 0, bodies: 0, transactions: 0, sync: 0 };
  /** When the votes sent so far would all have arrived, had nothing gone wrong with them. */
  votes = 0;
  /** When the last of all messages arrives. */
  latest = 0;
  /** When the last of all messages left. */
  departure = 0;
  /** Whether the sending end still holds the connection. */
  attached = true;
  /** Whether somebody will look at the outbox. */
  busy = false;
  /** Whether it waits for the uplink. */
  queued = false;
  /** Bytes that left at `burstAt`, in no time at all. */
  burst = 0;
  burstAt = -1;

  constructor(connection: Connection, from: Endpoint, to: Endpoint, link: Link) {
    this.connection = connection;
    this.from = from;
    this.to = to;
    this.link = link;
    this.line = new Line(link.options.bandwidth);
  }

  get urgency(): number {
    return this.outbox.urgency;
  }
}

/** Two nodes that know each other, until both have let go. */
export class Connection {
  readonly lanes: readonly [Lane, Lane];
  /** Whether it will be dropped because of a cut. */
  doomed = false;

  constructor(a: Endpoint, b: Endpoint, there: Link, back: Link) {
    this.lanes = [new Lane(this, a, b, there), new Lane(this, b, a, back)];
  }

  /** The direction against `lane`. */
  against(lane: Lane): Lane {
    const [there, back] = this.lanes;
    return lane === there ? back : there;
  }
}
