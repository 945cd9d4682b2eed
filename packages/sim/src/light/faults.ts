import { QuorateError } from '@quorate/kernel';
import { type Choice, Decisions } from '../decisions.ts';
import { digestText } from '../random.ts';
import { drawAt, mix } from './mixing.ts';

/** What may go wrong until the network is stable. Probabilities per message; counts per run. All are 0 when left out. */
export interface LightFaults {
  readonly loss?: number;
  readonly duplicate?: number;
  /** Probability of a further delay, uniform up to `slowest` ms. */
  readonly slow?: number;
  /** ms; default 400. */
  readonly slowest?: number;
  /** Times that a validator crashes and comes back. */
  readonly crashes?: number;
  /** Longest time that it is down, ms; default 800. */
  readonly downtime?: number;
  /** Cuts of the network in two; about a quarter of them one-way. */
  readonly partitions?: number;
  /** Longest cut, ms; default 1500. */
  readonly cut?: number;
}

export interface Crash {
  /** Which of the planned ones it is. */
  readonly index: number;
  readonly node: number;
  readonly at: number;
  readonly down: number;
}

/** From `at` on, for `ms`, nothing passes from a node on side 1 to one on side 0; nor back, unless it is one-way. */
export interface Cut {
  readonly at: number;
  readonly ms: number;
  readonly sides: string;
  readonly oneWay: boolean;
}

/** What happens to one message: nothing, or it is lost (-1), or late by so many ms, or comes again after so many ms. */
export interface Mishap {
  readonly kind: 'lose' | 'duplicate' | 'delay';
  readonly ms: number;
}

const KINDS = ['lose', 'duplicate', 'delay'] as const;

/** The faults of a run, drawn by counter from its seed, or those of a list. Everything is a decision. */
export class FaultPlan {
  readonly decisions: Decisions;
  readonly crashes: readonly Crash[];
  readonly cuts: readonly Cut[];
  /** Whether messages are asked about at all. */
  readonly perMessage: boolean;
  readonly #faults: LightFaults;
  readonly #seed: number;
  readonly #traffics: readonly string[];
  readonly #nodes: number;
  readonly #domains: string[] = [];
  readonly #words: number[] = [];
  readonly #asked: number[] = [];

  constructor(
    faults: LightFaults,
    world: {
      readonly seed: number;
      readonly nodes: number;
      readonly stableAt: number;
      readonly traffics: readonly string[];
    },
    decisions = Decisions.drawn(),
  ) {
    this.#faults = faults;
    this.#seed = world.seed;
    this.#nodes = world.nodes;
    this.#traffics = world.traffics;
    this.decisions = decisions;
    this.perMessage = (faults.loss ?? 0) > 0 || (faults.duplicate ?? 0) > 0 || (faults.slow ?? 0) > 0;
    const end = Number.isFinite(world.stableAt) ? world.stableAt : 60_000;
    this.crashes = planned(faults.crashes ?? 0, (index) => this.#crash(index, end));
    this.cuts = planned(faults.partitions ?? 0, (index) => this.#cut(index, end));
  }

  #crash(index: number, end: number): Crash | null {
    const draw = (what: number): number => drawAt(this.#seed, digestText('crash'), 4 * index + what);
    const choice = this.decisions.decide('crash', () => ({
      kind: 'crash',
      node: Math.floor(draw(0) * this.#nodes),
      at: Math.floor(draw(1) * end),
      down: 1 + Math.floor(draw(2) * (this.#faults.downtime ?? 800)),
    }));
    if (choice === null) return null;
    const node = integer(choice, 'node');
    if (choice.kind !== 'crash' || node >= this.#nodes) misunderstood('crash', choice);
    return { index, node, at: integer(choice, 'at'), down: integer(choice, 'down') };
  }

  #cut(index: number, end: number): Cut | null {
    const domain = digestText('partition');
    const draw = (what: number): number => drawAt(this.#seed, domain, index * (this.#nodes + 4) + what);
    const choice = this.decisions.decide('partition', () => ({
      kind: 'cut',
      at: Math.floor(draw(0) * end),
      ms: 1 + Math.floor(draw(1) * (this.#faults.cut ?? 1500)),
      sides: Array.from({ length: this.#nodes }, (_, node) => (draw(4 + node) < 0.5 ? '0' : '1')).join(''),
      oneWay: draw(2) < 0.25,
    }));
    if (choice === null) return null;
    const { sides } = choice;
    if (choice.kind !== 'cut' || typeof sides !== 'string' || sides.length !== this.#nodes) {
      return misunderstood('partition', choice);
    }
    return { at: integer(choice, 'at'), ms: integer(choice, 'ms'), sides, oneWay: choice.oneWay === true };
  }

  /** What happens to the next message of this link and kind, or null. */
  mishap(from: number, to: number, traffic: number): Mishap | null {
    const link = (from * this.#nodes + to) * this.#traffics.length + traffic;
    let domain = this.#domains[link];
    if (domain === undefined) {
      domain = `link/${from}>${to}/${this.#traffics[traffic] ?? traffic}`;
      this.#domains[link] = domain;
      this.#words[link] = digestText(domain);
      this.#asked[link] = 0;
    }
    const index = this.#asked[link] as number;
    this.#asked[link] = index + 1;
    const word = this.#words[link] as number;
    const choice = this.decisions.decide(domain, () => this.#draw(word, index));
    if (choice === null) return null;
    const kind = KINDS.find((known) => known === choice.kind);
    if (kind === undefined) return misunderstood(domain, choice);
    return { kind, ms: kind === 'lose' ? 0 : integer(choice, 'ms') };
  }

  #draw(domain: number, index: number): Choice | null {
    const { loss = 0, duplicate = 0, slow = 0, slowest = 400 } = this.#faults;
    const drawn = drawAt(this.#seed, domain, index);
    if (drawn >= loss + duplicate + slow) return null;
    if (drawn < loss) return { kind: 'lose' };
    const ms = 1 + Math.floor(drawAt(mix(this.#seed, 1), domain, index) * slowest);
    return { kind: drawn < loss + duplicate ? 'duplicate' : 'delay', ms };
  }
}

function planned<T>(count: number, plan: (index: number) => T | null): T[] {
  return Array.from({ length: count }, (_, index) => plan(index)).filter((one) => one !== null);
}

function integer(choice: Choice, name: string): number {
  const value = choice[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new QuorateError('config/invalid', `a decision of kind ${choice.kind} needs ${name}, an integer of at least 0`);
}

function misunderstood(domain: string, choice: Choice): never {
  throw new QuorateError('config/invalid', `the domain ${domain} knows no choice like ${JSON.stringify(choice)}`);
}
