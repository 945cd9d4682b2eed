import type { Barrier } from './barrier.ts';
import type { Link, Passage } from './channel.ts';

/** The barriers of a network, and what they make of each direction: found once per change of theirs. */
export class Passages {
  readonly #barriers = new Set<Barrier>();
  #version = 0;

  add(barrier: Barrier): void {
    this.#barriers.add(barrier);
    this.forget();
  }

  /** Whether it was there. */
  remove(barrier: Barrier): boolean {
    this.forget();
    return this.#barriers.delete(barrier);
  }

  clear(): void {
    this.#barriers.clear();
    this.forget();
  }

  /** Every barrier is asked again. */
  forget(): void {
    this.#version++;
  }

  of(link: Link): Passage {
    if (link.version === this.#version) return link.passage;
    link.version = this.#version;
    link.passage = 'open';
    if (link.stable) return link.passage;
    for (const barrier of this.#barriers) {
      if (!barrier.stops(link.from, link.to)) continue;
      link.passage = barrier.how;
      if (barrier.how === 'cut') break;
    }
    return link.passage;
  }
}
