import type { Disk, PeerId, Ports, Signer, Transport } from '@quorate/kernel';
import type { Counted, Side } from './boundaries.ts';
import { type ClockOptions, SimulatedClock } from './clock.ts';
import type { DiskCrash, DiskOptions } from './disk/options.ts';
import { SimulatedDisk } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import type { SimulatedNetwork } from './network.ts';
import type { Tear } from './platter.ts';
import { digestText } from './random.ts';
import type { World } from './world.ts';

/** What runs on a machine. */
export interface Program {
  stop(): Promise<void>;
}

/** What a program gets to begin with. All of it dies with this life of the machine. */
export interface Boot {
  /** The machine's disk, for what the program needs before it has a signer: its signing gate. */
  readonly disk: Disk;
  /** The protocol version of the software that is installed, where a scenario changed it; else `null`. */
  readonly protocolVersion: number | null;
  /** The five ports. */
  ports(signer: Signer): Ports;
}

export interface MachineOptions {
  readonly name: string;
  readonly peer: PeerId;
  readonly clock?: ClockOptions;
  readonly disk?: DiskOptions;
  /** Ms of processor time that each event takes; none unless told otherwise. */
  readonly eventCost?: number;
}

/** A crash at a boundary; see {@link Machine.crashAt}. */
export interface BoundaryCrash {
  /** Before the effect, or after it and before the process hears of it. */
  readonly side?: Side;
  /** Whether reads of the disk are counted too, which a start mostly consists of. */
  readonly counted?: Counted;
  /** Counts only effects of this name, see {@link Boundaries}: `sync journal`, `send votes`. */
  readonly named?: string;
  readonly power?: boolean;
  /** What happens to unsynced bytes; drawn when absent. */
  readonly tear?: Tear;
  /** Ms after which it starts again; never when absent. */
  readonly down?: number;
}

/** A simulated computer: it keeps its disk and its clock, and runs one program at a time, which may crash at any event. */
export class Machine<P extends Program> {
  readonly name: string;
  readonly peer: PeerId;
  readonly disk: SimulatedDisk;
  readonly clock: SimulatedClock;
  /** Protocol version of the software that the next start finds; `null`: whatever the program was made with. */
  protocolVersion: number | null = null;
  /** Ms of processor time that each event of the next life takes. {@link slow} changes it for this one too. */
  #eventCost: number;
  /** Keeps the order of what happens on this machine within one instant: that of {@link Incarnation}. */
  readonly #lane: number;
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  #life: Incarnation | null = null;
  #factory: ((boot: Boot) => Promise<P>) | null = null;
  #program: P | null = null;
  #failure: unknown = null;
  #lives = 0;
  #crashes = 0;

  constructor(world: World, network: SimulatedNetwork, { name, peer, clock, disk, eventCost = 0 }: MachineOptions) {
    this.name = name;
    this.peer = peer;
    this.disk = new SimulatedDisk(world, name, disk);
    this.clock = new SimulatedClock(world, clock);
    this.#eventCost = eventCost;
    this.#lane = digestText(name);
    this.#world = world;
    this.#network = network;
  }

  /** Whether a process lives here; its program may still be starting. */
  get alive(): boolean {
    return this.#life !== null;
  }

  /** The program, once it has started and while it lives. */
  get program(): P | null {
    return this.#program;
  }

  /** Why the last start failed, or `null`. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Lives begun so far. */
  get lives(): number {
    return this.#lives;
  }

  /** Crashes so far. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Effects of this machine so far: appends, syncs, batches, replacements, removals, truncations, sends. */
  get effects(): number {
    return this.disk.boundaries.effects;
  }

  /** Begins a life: `factory` makes the program and resolves when it runs. Watch {@link program}, and {@link failure} for a start that failed. */
  start(factory: (boot: Boot) => Promise<P>): void {
    if (this.#life !== null) throw new Error(`${this.name} is running`);
    const life = new Incarnation(this.#world, this.name);
    life.eventCost = this.#eventCost;
    this.#life = life;
    this.#factory = factory;
    this.#failure = null;
    this.#lives++;
    life.schedule(0, 'start', () => {
      factory(this.#boot(life)).then(
        (program) => {
          if (life.alive) this.#program = program;
        },
        (error: unknown) => {
          if (life.alive) this.#fail(error);
        },
      );
    });
  }

  /** Ends the process at once. With `power` (the default) the machine goes dark and loses what was not synced; without, only the process dies. */
  crash({ power = true, ...how }: Partial<DiskCrash> = {}): void {
    if (this.#life === null) return;
    this.#world.note('crash', this.name);
    this.#crashes++;
    this.#end();
    this.disk.crash({ power, ...how });
  }

  /**
   * Arms a crash at the `nth` boundary from now, counted from 1 and across lives: before or after that effect, which is the
   * last thing that happened on this machine. It is sprung once; {@link disarm} takes it back.
   */
  crashAt(
    nth: number,
    { side = 'before', counted = 'effects', named, power = true, tear, down }: BoundaryCrash = {},
  ): void {
    const spring = (): void => {
      this.crash({ power, happened: 0, ...(tear === undefined ? {} : { tear }) });
      if (down !== undefined) this.restartAfter(down);
    };
    this.disk.boundaries.arm(nth, { counted, side, spring, ...(named === undefined ? {} : { named }) });
  }

  disarm(): void {
    this.disk.boundaries.disarm();
  }

  /** Starts the last program again, with the disk as it is. */
  restart(): void {
    if (this.#factory === null) throw new Error(`${this.name} never ran`);
    this.start(this.#factory);
  }

  /** Starts the last program again in `ms`, unless something runs here by then. */
  restartAfter(ms: number): void {
    const start = (): void => {
      if (this.#life === null && this.#factory !== null) this.restart();
    };
    this.#world.schedule(ms, `${this.name}/restart`, start, 0, this.#lane);
  }

  /** The process does nothing for `ms`: what is due, what arrives and what the disk completes waits, in order. Its clock runs on. */
  pause(ms: number): void {
    this.#world.note('pause', this.name);
    this.#life?.pause(ms);
  }

  /** From now on each event of the process takes so many ms of its processor; 0: none. */
  slow(eventCost: number): void {
    if (!(eventCost >= 0)) throw new RangeError(`an event cannot take ${eventCost} ms`);
    this.#eventCost = eventCost;
    if (this.#life !== null) this.#life.eventCost = eventCost;
  }

  /** Stops the program in order and ends the process. */
  async stop(): Promise<void> {
    const life = this.#life;
    await this.#program?.stop();
    if (this.#life === life) this.#end();
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#end();
  }

  #end(): void {
    this.#life?.end();
    this.#life = null;
    this.#program = null;
  }

  #boot(life: Incarnation): Boot {
    const disk = this.disk.port(life);
    const stream = this.#world.stream(`random/${this.name}`);
    return {
      disk,
      protocolVersion: this.protocolVersion,
      ports: (signer) => ({
        clock: this.clock.port(life),
        transport: this.#counted(this.#network.port(life, this.peer)),
        disk,
        random: { bytes: (count) => stream.bytes(count) },
        signer, // its answers come through the disk of this life
      }),
    };
  }

  /** A transport whose sends are boundaries. */
  #counted(transport: Transport): Transport {
    const { boundaries } = this.disk;
    const send: Transport['send'] = (to, traffic, bytes) => {
      if (!boundaries.begin('send', true, traffic)) return false;
      const sent = transport.send(to, traffic, bytes);
      const spring = boundaries.takeAfter();
      // The message leaves at the end of this event: a crash one tick later finds it on the wire.
      if (spring !== null) this.#world.schedule(0.001, `${this.name}/boundary`, spring, 0, this.#lane);
      return sent;
    };
    return {
      self: transport.self,
      start: (events) => transport.start(events),
      send,
      queued: (to, traffic) => transport.queued(to, traffic),
      expel: (peer, reason, banMs) => transport.expel(peer, reason, banMs),
      setMembers: (members) => transport.setMembers(members),
      stop: () => transport.stop(),
    };
  }
}
