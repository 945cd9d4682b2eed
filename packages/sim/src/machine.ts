import type { Disk, PeerId, Ports, Signer } from '@quorate/kernel';
import { type ClockOptions, SimulatedClock } from './clock.ts';
import { type DiskOptions, SimulatedDisk } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import type { SimulatedNetwork } from './network.ts';
import type { World } from './world.ts';

/** What runs on a machine. */
export interface Program {
  stop(): Promise<void>;
}

/** What a program gets to begin with. All of it dies with this life of the machine. */
export interface Boot {
  /** The machine's disk, for what the program needs before it has a signer: its signing gate. */
  readonly disk: Disk;
  /** The five ports. */
  ports(signer: Signer): Ports;
}

export interface MachineOptions {
  readonly name: string;
  readonly peer: PeerId;
  readonly clock?: ClockOptions;
  readonly disk?: DiskOptions;
}

/** A simulated computer: it keeps its disk and its clock, and runs one program at a time, which may crash at any event. */
export class Machine<P extends Program> {
  readonly name: string;
  readonly peer: PeerId;
  readonly disk: SimulatedDisk;
  readonly clock: SimulatedClock;
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  #life: Incarnation | null = null;
  #factory: ((boot: Boot) => Promise<P>) | null = null;
  #program: P | null = null;
  #failure: unknown = null;
  #lives = 0;

  constructor(world: World, network: SimulatedNetwork, { name, peer, clock, disk }: MachineOptions) {
    this.name = name;
    this.peer = peer;
    this.disk = new SimulatedDisk(world, name, disk);
    this.clock = new SimulatedClock(world, clock);
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

  /** Begins a life: `factory` makes the program and resolves when it runs. Resolves with it; watch {@link failure} for a start that failed. */
  start(factory: (boot: Boot) => Promise<P>): void {
    if (this.#life !== null) throw new Error(`${this.name} is running`);
    const life = new Incarnation(this.#world, this.name);
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
  crash({ power = true }: { readonly power?: boolean } = {}): void {
    if (this.#life === null) return;
    this.#world.note('crash', this.name);
    this.#end();
    this.disk.crash({ power });
  }

  /** Starts the last program again, with the disk as it is. */
  restart(): void {
    if (this.#factory === null) throw new Error(`${this.name} never ran`);
    this.start(this.#factory);
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
      ports: (signer) => ({
        clock: this.clock.port(life),
        transport: this.#network.port(life, this.peer),
        disk,
        random: { bytes: (count) => stream.bytes(count) },
        signer, // its answers come through the disk of this life
      }),
    };
  }
}
