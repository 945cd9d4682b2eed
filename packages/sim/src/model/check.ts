import { explain } from './explain.ts';
import { type Move, Moves } from './moves.ts';
import { Network } from './network.ts';
import { isCrash, Nodes } from './nodes.ts';
import { isOverFault, type Model, type ModelOptions, modelOf } from './options.ts';
import { Rows, Visited } from './visited.ts';
import { type Name, Vocabulary } from './vocabulary.ts';

/** What a model checker found. */
export interface ModelReport {
  readonly mechanism: 'simplex';
  /** Different global states that were found. */
  readonly states: number;
  /** Successors that were computed, known ones included, those that are the same state excluded. */
  readonly transitions: number;
  /** Steps of the longest shortest history. */
  readonly depth: number;
  /** Whether every state within the bounds was seen. */
  readonly complete: boolean;
  /** Different sets of statements, proposals and final blocks, by validator; names of those that lead no view aside. */
  readonly outcomes: number;
  /** States of single validators, and steps that the real engine took to find how they lead to each other. */
  readonly localStates: number;
  readonly engineSteps: number;
  /** Upper bound on the probability that a state was missed because two had one digest. */
  readonly collisionOdds: number;
  /** What happened somewhere, so that a model in which nothing happens cannot pass. */
  readonly activity: {
    readonly highest: number;
    readonly finalizing: number;
    readonly nullifying: number;
    readonly ended: number;
  };
  /** The first broken rule with a history of least length that leads to it; null when there is none. */
  readonly violation: { readonly rule: string; readonly history: readonly string[] } | null;
  /** What was bounded, one sentence each. */
  readonly bounds: readonly string[];
}

const PROGRESS_EVERY = 50_000;

/** Where a state came from: its predecessor, the position of the validator that moved, and the move. */
const ORIGIN = 4;

/**
 * Tries every order of events of a small network of real Simplex engines, breadth first: deliveries, timers, crash-restarts, and
 * whatever the Byzantine validators may sign. The invariants are checked in every state. Memory: about 4 · (validators + 3) + 16
 * bytes a state. Throws `config/invalid` for options that make no sense.
 */
export function checkModel(options: ModelOptions): ModelReport {
  const model = modelOf(options);
  return new Search(model, options.onProgress).run();
}

class Search {
  readonly #model: Model;
  readonly #onProgress: ModelOptions['onProgress'];
  readonly #nodes: Nodes;
  readonly #network: Network;
  readonly #moves: Moves;
  readonly #width: number;
  readonly #states: Rows;
  readonly #origins = new Rows(ORIGIN);
  readonly #visited = new Visited();
  /** Positions of the honest validators that are interchangeable. */
  readonly #followers: readonly number[];
  readonly #scratch: Int32Array;
  readonly #origin = new Int32Array(ORIGIN);
  readonly #said = new Map<string, Said>();
  readonly #saying: Int32Array;
  /** Positions of validators that lead no view, whether or not they are taken as interchangeable. */
  readonly #silent: readonly number[];
  #transitions = 0;
  #depth = 0;
  #highest = 0;
  #finalizing = 0;
  #nullifying = 0;
  #ended = 0;

  constructor(model: Model, onProgress: ModelOptions['onProgress']) {
    this.#model = model;
    this.#onProgress = onProgress;
    this.#nodes = new Nodes(new Vocabulary(model));
    this.#network = new Network(this.#nodes);
    this.#moves = new Moves(this.#nodes, this.#network, model.joined);
    this.#width = model.honest.length + 1;
    this.#states = new Rows(this.#width);
    this.#saying = new Int32Array(model.honest.length);
    this.#silent = model.honest.flatMap((index, position) => (index >= model.views ? [position] : []));
    this.#scratch = new Int32Array(this.#width);
    this.#followers = model.honest.flatMap((index, position) =>
      this.#nodes.roleOf(index) === 'follower' ? [position] : [],
    );
  }

  run(): ModelReport {
    const first = new Int32Array(this.#width);
    this.#model.honest.forEach((index, position) => {
      first[position] = this.#nodes.start(index);
    });
    this.#add(first, -1, 0, { before: 0, happening: 0 });
    const state = new Int32Array(this.#width);
    let levelEnd = this.#states.length;
    for (let at = 0; at < this.#states.length; at++) {
      if (at === levelEnd) {
        this.#depth++;
        levelEnd = this.#states.length;
      }
      if (at > 0 && at % PROGRESS_EVERY === 0) this.#report(at);
      this.#states.read(at, state);
      const said = this.#look(state);
      if (said.fault !== null) return this.#end(at + 1, { at, rule: said.fault });
      this.#count(said);
      if (this.#states.length >= this.#model.maxStates) return this.#end(at, null);
      const crashes = state[this.#width - 1] as number;
      for (let position = 0; position < this.#model.honest.length; position++) {
        for (const move of this.#moves.of(state, position, crashes < this.#model.crashes)) {
          if (move.after < 0)
            return this.#end(at + 1, { at, rule: this.#nodes.brokenRule(move.after), position, move });
          this.#follow(at, state, position, move);
        }
      }
    }
    return this.#end(this.#states.length, null);
  }

  #follow(at: number, state: Int32Array, position: number, move: Move): void {
    this.#transitions++;
    const to = this.#scratch;
    to.set(state);
    to[position] = move.after;
    if (isCrash(this.#nodes.happening(move.happening))) to[this.#width - 1] = (state[this.#width - 1] as number) + 1;
    sortAt(to, this.#followers);
    this.#add(to, at, position, move);
  }

  #add(state: Int32Array, from: number, position: number, move: Omit<Move, 'after'>): void {
    if (!this.#visited.add(state)) return;
    this.#states.push(state);
    this.#origin[0] = from;
    this.#origin[1] = position;
    this.#origin[2] = move.before;
    this.#origin[3] = move.happening;
    this.#origins.push(this.#origin);
  }

  /** What is to be said of a state, which depends on what its validators say. */
  #look(state: Int32Array): Said {
    for (let position = 0; position < this.#width - 1; position++) {
      this.#saying[position] = this.#nodes.says[state[position] as number] as number;
    }
    sortAt(this.#saying, this.#silent);
    const key = this.#saying.join('/');
    let said = this.#said.get(key);
    if (said === undefined) {
      this.#network.read(state);
      const chains = this.#model.honest.map((_, position) => this.#nodes.chains[state[position] as number] ?? []);
      said = {
        fault: this.#network.fault(state),
        height: Math.max(0, ...chains.map((chain) => chain.length)),
        nullified: this.#network.certified.some((name) => this.#nodes.words.statement(name).kind === 'nullify'),
      };
      this.#said.set(key, said);
    }
    return said;
  }

  #count({ height, nullified }: Said): void {
    this.#highest = Math.max(this.#highest, height);
    if (height > 0) this.#finalizing++;
    if (height === this.#model.heights) this.#ended++;
    if (nullified) this.#nullifying++;
  }

  #report(done: number): void {
    this.#onProgress?.({
      states: this.#states.length,
      transitions: this.#transitions,
      depth: this.#depth,
      waiting: this.#states.length - done,
    });
  }

  #end(done: number, found: Found | null): ModelReport {
    return {
      mechanism: 'simplex',
      states: this.#states.length,
      transitions: this.#transitions,
      depth: this.#depth,
      complete: found === null && done === this.#states.length,
      outcomes: this.#said.size,
      localStates: this.#nodes.locals.length,
      engineSteps: this.#nodes.steps,
      collisionOdds: this.#visited.collisionOdds,
      activity: {
        highest: this.#highest,
        finalizing: this.#finalizing,
        nullifying: this.#nullifying,
        ended: this.#ended,
      },
      violation: found === null ? null : { rule: found.rule, history: this.#history(found) },
      bounds: boundsOf(this.#model),
    };
  }

  #history(found: Found): string[] {
    const steps: Step[] = [];
    if (found.position !== undefined && found.move !== undefined) {
      steps.push({
        at: found.at,
        position: found.position,
        before: found.move.before,
        happening: found.move.happening,
      });
    }
    for (let at = found.at; at > 0; ) {
      this.#origins.read(at, this.#origin);
      const [from, position, before, happening] = this.#origin as unknown as [number, number, number, number];
      steps.unshift({ at: from, position, before, happening });
      at = from;
    }
    const state = new Int32Array(this.#width);
    const happened = steps.flatMap(({ at, position, before, happening }) => {
      this.#states.read(at, state);
      return [{ position, happenings: [...this.#moves.way(state, position, before), happening] }];
    });
    return explain(this.#nodes, this.#followers, happened);
  }
}

interface Said {
  readonly fault: string | null;
  readonly height: number;
  readonly nullified: boolean;
}

interface Found {
  readonly at: number;
  readonly rule: string;
  readonly position?: number;
  readonly move?: Move;
}

interface Step {
  readonly at: number;
  readonly position: number;
  readonly before: Name;
  readonly happening: Name;
}

/** Puts the values at these positions in ascending order: they are interchangeable. */
function sortAt(state: Int32Array, positions: readonly number[]): void {
  for (let i = 1; i < positions.length; i++) {
    for (let j = i; j > 0; j--) {
      const [low, high] = [positions[j - 1] as number, positions[j] as number];
      if ((state[low] as number) <= (state[high] as number)) break;
      const moved = state[low] as number;
      state[low] = state[high] as number;
      state[high] = moved;
    }
  }
}

function boundsOf(model: Model): string[] {
  const who = [...new Set(model.byzantine)].map((index) => `the leader of view ${index + 1}`).join(', ');
  return [
    `${model.validators} validators of weight 1, quorum ${model.threshold}; Byzantine: ${who || 'none'}${isOverFault(model) ? ', more than the protocol bears' : ''}`,
    `nobody acts in views above ${model.views}; the epoch ends at height ${model.heights}`,
    `at most ${model.crashes} crash-restarts in one history, between records too, from the last floor or from genesis`,
    model.lateAnswers
      ? 'built blocks, judgements and bodies come at any later time; signatures and their checks at once'
      : 'the replica answers at once: blocks, judgements, bodies, signatures and their checks',
    'Byzantine validators sign every vote and make any certificate that has a quorum; a Byzantine leader proposes on genesis and on every notarized block, two justified blocks or one that lacks a Nullification',
    `every application finds every block valid; no certification; time stands still, timers ${model.timers ? 'ring in any order' : 'never ring'}`,
  ];
}
