import type { PeerId } from '@quorate/kernel';
import type { Passage } from './channel.ts';

/** Something between nodes: which directions it stops, and what becomes of what is sent there. */
export interface Barrier {
  /** `cut`: lost, and the two notice unless one direction still works. `clogged`: held, and released when the barrier falls. */
  readonly how: Exclude<Passage, 'open'>;
  /** May change its mind only when the network is told so with `reconsider`. */
  stops(from: PeerId, to: PeerId): boolean;
}

/** Which of the directions of a node: what it sends, what it gets, or both. */
export type Way = 'out' | 'in' | 'both';

/** Whether the direction touches one of `nodes` and is none between two of them. */
function borders(nodes: ReadonlySet<PeerId>, way: Way, from: PeerId, to: PeerId): boolean {
  const [leaves, enters] = [nodes.has(from), nodes.has(to)];
  if (leaves === enters) return false;
  return way === 'both' || (way === 'out') === leaves;
}

/** Groups that do not reach each other. Whoever is in none of them reaches everybody: a bridge between them. */
export function groups(members: readonly (readonly PeerId[])[], how: Barrier['how'] = 'cut'): Barrier {
  const groupOf = new Map(members.flatMap((group, index) => group.map((peer) => [peer, index] as const)));
  return {
    how,
    stops: (from, to) => {
      const [a, b] = [groupOf.get(from), groupOf.get(to)];
      return a !== undefined && b !== undefined && a !== b;
    },
  };
}

/** Nodes apart from all others, known or not; both ways or one. They still reach each other. */
export function isolated(nodes: readonly PeerId[], way: Way = 'both', how: Barrier['how'] = 'cut'): Barrier {
  const set = new Set(nodes);
  return { how, stops: (from, to) => borders(set, way, from, to) };
}

/** One direction of one link. */
export function oneWay(from: PeerId, to: PeerId, how: Barrier['how'] = 'cut'): Barrier {
  return { how, stops: (a, b) => a === from && b === to };
}

/** Nodes in a ring: each reaches its two neighbours only. */
export function ring(nodes: readonly PeerId[], how: Barrier['how'] = 'cut'): Barrier {
  const place = new Map(nodes.map((peer, index) => [peer, index]));
  return {
    how,
    stops: (from, to) => {
      const [a, b] = [place.get(from), place.get(to)];
      if (a === undefined || b === undefined) return false;
      const apart = Math.abs(a - b);
      return apart > 1 && apart < nodes.length - 1;
    },
  };
}

/** Every node hears only those of a majority of its own: node `i` of n the ⌊n/2⌋ + 1 that begin with itself, cyclically. No two hear the same. */
export function majorities(nodes: readonly PeerId[], how: Barrier['how'] = 'cut'): Barrier {
  const place = new Map(nodes.map((peer, index) => [peer, index]));
  const heard = Math.floor(nodes.length / 2) + 1;
  return {
    how,
    stops: (from, to) => {
      const [a, b] = [place.get(from), place.get(to)];
      return a !== undefined && b !== undefined && (a - b + nodes.length) % nodes.length >= heard;
    },
  };
}

/** Directions that can be stopped and restored one by one: for swizzling and for healing little by little. */
export class Sluices implements Barrier {
  readonly how: Barrier['how'];
  readonly #shut = new Set<string>();

  constructor(how: Barrier['how'], shut: Iterable<readonly [PeerId, PeerId]> = []) {
    this.how = how;
    for (const [from, to] of shut) this.shut(from, to);
  }

  /** Directions that are stopped. */
  get size(): number {
    return this.#shut.size;
  }

  shut(from: PeerId, to: PeerId): void {
    this.#shut.add(`${from}>${to}`);
  }

  open(from: PeerId, to: PeerId): void {
    this.#shut.delete(`${from}>${to}`);
  }

  stops(from: PeerId, to: PeerId): boolean {
    return this.#shut.has(`${from}>${to}`);
  }
}
