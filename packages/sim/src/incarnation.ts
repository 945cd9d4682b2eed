import { digestText } from './random.ts';
import type { World } from './world.ts';

/** Something that a process is about to do. */
interface Turn {
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * One life of a simulated process, from start to crash. All that its ports promised ends with it: callbacks of a dead
 * incarnation never run and its pending promises never settle, exactly as for a process that was killed. A process that is
 * paused, or whose processor is busy, does later what was due meanwhile, in the order in which it became due.
 */
export class Incarnation {
  readonly world: World;
  /** Name of the machine, for the running hash. */
  readonly name: string;
  /** Ms of processor time that each event of this process takes; 0: none. */
  eventCost = 0;
  #alive = true;
  /** Virtual ms at which the process can do something again. */
  #freeAt = 0;
  #held: Turn[] = [];
  #waking = false;
  readonly #lane: number;
  readonly #kinds = new Map<string, string>();
  readonly #endings: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.#lane = digestText(name);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** What is due and waits for the process. */
  get held(): number {
    return this.#held.length;
  }

  /** Runs once, `delay` ms from now, if this life lasts that long. */
  schedule(delay: number, kind: string, run: () => void, digest = 0): () => void {
    if (!this.#alive) return () => {};
    const turn: Turn = { run, cancelled: false };
    const cancel = this.world.schedule(delay, this.#kindOf(kind), () => this.#enter(turn), digest, this.#lane);
    return () => {
      turn.cancelled = true;
      cancel();
    };
  }

  /** Runs within the present event, or when the process can. */
  enter(run: () => void): void {
    this.#enter({ run, cancelled: false });
  }

  /** The process does nothing for this many ms: collected, swapped out, stopped. Its clock runs on. */
  pause(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a pause cannot last ${ms} ms`);
    this.#freeAt = Math.max(this.#freeAt, this.world.elapsed + ms);
  }

  /** Called when this life ends. */
  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = [];
    for (const ending of this.#endings.splice(0)) ending();
  }

  #enter(turn: Turn): void {
    if (!this.#alive || turn.cancelled) return;
    if (this.#held.length > 0 || this.world.elapsed < this.#freeAt) {
      this.#held.push(turn);
      this.#wake();
    } else this.#take(turn);
  }

  #take(turn: Turn): void {
    if (this.eventCost > 0) this.#freeAt = this.world.elapsed + this.eventCost;
    turn.run();
  }

  /** Each turn that waited is an event of its own, so that what it sets off is over before the next begins. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    const wait = Math.max(0, this.#freeAt - this.world.elapsed);
    this.world.schedule(
      wait,
      this.#kindOf('wake'),
      () => {
        this.#waking = false;
        if (!this.#alive) return;
        // Below the world's resolution of 1 µs there is nothing to wait for.
        if (this.#freeAt - this.world.elapsed < 0.001) {
          let turn = this.#held.shift();
          while (turn?.cancelled) turn = this.#held.shift();
          if (turn !== undefined) this.#take(turn);
        }
        if (this.#held.length > 0) this.#wake();
      },
      0,
      this.#lane,
    );
  }

  #kindOf(kind: string): string {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const full = `${this.name}/${kind}`;
    this.#kinds.set(kind, full);
    return full;
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
