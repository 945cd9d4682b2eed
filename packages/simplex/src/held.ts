import type { State } from './state.ts';

/** How much an engine holds, for whoever checks its bounds. */
export interface Held {
  /** Rounds. */
  readonly rounds: number;
  /** Views by which the farthest votes are ahead of the own view; 0 when none are. */
  readonly votesAhead: number;
  /** Blocks of the tree, above the floor. */
  readonly blocks: number;
  /** Blocks that are asked for. */
  readonly fetches: number;
  /** Questions to the replica without an answer. */
  readonly requests: number;
  /** Rounds, fetches and questions at or below the floor, for which nobody has any use (S8); certificates and offences are checked there too. */
  readonly stale: number;
}

/** Counts what an engine holds. Walks over its rounds: not for every step. */
export function heldBy({ view: own, floor, rounds, tree, fetching, requests }: State): Held {
  let votesAhead = 0;
  let stale = 0;
  for (const round of rounds.values()) {
    if (round.view <= floor.view) stale++;
    else if (round.view - own > votesAhead && round.tally.votes().length > 0) votesAhead = round.view - own;
  }
  for (const { ref } of fetching.values()) if (ref.view <= floor.view) stale++;
  for (const { kind, view } of requests.values()) {
    if (view <= floor.view && kind !== 'certificate' && kind !== 'conflict') stale++;
  }
  const blocks = tree.entries().length;
  return { rounds: rounds.size, votesAhead, blocks, fetches: fetching.size, requests: requests.size, stale };
}
