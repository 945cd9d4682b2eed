import { type Digest, type Millis, Recent } from '@quorate/kernel';

/** Blocks whose arrival is remembered, at most. */
const MAX_SEEN = 4096;
/** Longest time that a leader leaves between its parent and its own proposal when there is something to propose. */
const MAX_GATHER_MS = 100;
/** Weight of the newest sample in the running mean. */
const NEWEST = 1 / 8;

/**
 * How long blocks take from their proposal to finality, and what follows for a leader: proposals closer together than that would
 * not make transactions final sooner on busy machines, they would share the same time among more blocks. On idle machines
 * finality takes about as long as a view, and nobody waits.
 */
export class Rhythm {
  readonly #seen = new Recent<Digest, Millis>({ capacity: MAX_SEEN });
  #mean: Millis = 0;

  /** A block was proposed, by us or by another. */
  saw(block: Digest, now: Millis): void {
    if (!this.#seen.has(block)) this.#seen.set(block, now);
  }

  /** A block became final: how long that took, or null when it was not seen before. */
  finalized(block: Digest, now: Millis): Millis | null {
    const at = this.#seen.get(block);
    if (at === undefined) return null;
    this.#mean += (now - at - this.#mean) * NEWEST;
    return now - at;
  }

  /** When to build on `parent`, if there is something to propose and room for more. */
  gatherUntil(parent: Digest): Millis {
    return (this.#seen.get(parent) ?? 0) + Math.min(MAX_GATHER_MS, this.#mean);
  }
}
