import type { World } from './world.ts';

/**
 * One life of a simulated process, from start to crash. All that its ports promised ends with it: callbacks of a dead
 * incarnation never run and its pending promises never settle, exactly as for a process that was killed.
 */
export class Incarnation {
  readonly world: World;
  /** Name of the machine, for the running hash. */
  readonly name: string;
  #alive = true;
  readonly #endings: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Runs once, `delay` ms from now, if this life lasts that long. */
  schedule(delay: number, kind: string, run: () => void, digest = 0): () => void {
    if (!this.#alive) return () => {};
    return this.world.schedule(
      delay,
      `${this.name}/${kind}`,
      () => {
        if (this.#alive) run();
      },
      digest,
    );
  }

  /** Called when this life ends. */
  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const ending of this.#endings.splice(0)) ending();
  }
}

/** What a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
