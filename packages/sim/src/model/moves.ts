import type { Network } from './network.ts';
import type { Nodes } from './nodes.ts';
import type { Name } from './vocabulary.ts';

/** One way for a validator to do something that others can see. */
export interface Move {
  /** Its state just before, after things happened to it of which nobody else notices. */
  readonly before: Name;
  readonly happening: Name;
  /** Its state after, or a broken rule. */
  readonly after: Name;
}

const REMEMBERED = 400_000;
const FLOORS = ['floor', 'genesis'] as const;

/**
 * What one validator can do next. Nothing that was said is ever unsaid, so whatever happens to a validator without making it say
 * or finalize anything can as well happen to it later, just before it does: whoever follows only histories in which it does so
 * sees every set of statements and final blocks that there is. A move is such a delay: any number of unseen steps, then one seen.
 */
export class Moves {
  readonly #nodes: Nodes;
  readonly #network: Network;
  readonly #joined: boolean;
  readonly #known = new Map<string, readonly Move[]>();
  readonly #happenings: Name[] = [];

  /** `joined`: unseen steps are joined to the seen one after them; else each is a move of its own. */
  constructor(nodes: Nodes, network: Network, joined: boolean) {
    this.#nodes = nodes;
    this.#network = network;
    this.#joined = joined;
  }

  /** Every move of the validator at a position: they depend on its own state and on what the others say. */
  of(state: Int32Array, position: number, mayCrash: boolean): readonly Move[] {
    const from = state[position] as number;
    const { says } = this.#nodes;
    let key = `${position}/${from}/${mayCrash ? 1 : 0}`;
    for (let other = 0; other < state.length - 1; other++) {
      if (other !== position) key += `/${says[state[other] as number]}`;
    }
    let moves = this.#known.get(key);
    if (moves === undefined) {
      moves = this.#find(from, this.#read(state, position), mayCrash);
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      this.#known.set(key, moves);
    }
    return moves;
  }

  #read(state: Int32Array, position: number): readonly Name[] {
    this.#happenings.length = 0;
    this.#network.read(state);
    this.#network.happenings(state, position, this.#happenings);
    return this.#happenings;
  }

  #find(from: Name, happenings: readonly Name[], mayCrash: boolean): Move[] {
    const nodes = this.#nodes;
    const moves: Move[] = [];
    const reached = new Set([from]);
    const done = new Set<Name>();
    const found = (before: Name, happening: Name, after: Name): void => {
      // Crashes count, so a crash is seen; of several ways to the same state the first is the shortest.
      if (done.has(after)) return;
      done.add(after);
      moves.push({ before, happening, after });
    };
    for (const before of reached) {
      for (const happening of [...(nodes.own[before] ?? []), ...happenings]) {
        const after = nodes.next(before, happening);
        if (after === before) continue;
        if (after >= 0 && this.#joined && nodes.says[after] === nodes.says[before]) reached.add(after);
        else found(before, happening, after);
      }
    }
    if (!mayCrash) return moves;
    const crashed = new Set<Name>();
    for (const before of reached) {
      for (const happening of this.#crashes(before, happenings)) {
        const after = nodes.next(before, happening);
        if (crashed.has(after)) continue;
        crashed.add(after);
        moves.push({ before, happening, after });
      }
    }
    return moves;
  }

  #crashes(before: Name, happenings: readonly Name[]): Name[] {
    const nodes = this.#nodes;
    const crashes = FLOORS.map((from) => nodes.nameOf({ kind: 'restart', from }));
    for (const of of [...(nodes.own[before] ?? []), ...happenings]) {
      for (let after = 1; after < nodes.recordsOf(before, of); after++) {
        for (const from of FLOORS) crashes.push(nodes.nameOf({ kind: 'cut', of, after, from }));
      }
    }
    return crashes;
  }

  /** What happens to a validator, in order, from its state until it is in the state before a move: as little as possible. */
  way(state: Int32Array, position: number, before: Name): Name[] {
    const happenings = this.#read(state, position);
    const from = state[position] as number;
    const ways = new Map<Name, Name[]>([[from, []]]);
    for (const [at, way] of ways) {
      if (at === before) return way;
      for (const happening of [...(this.#nodes.own[at] ?? []), ...happenings]) {
        const next = this.#nodes.next(at, happening);
        if (next >= 0 && !ways.has(next) && this.#nodes.says[next] === this.#nodes.says[at]) {
          ways.set(next, [...way, happening]);
        }
      }
    }
    return [];
  }
}
