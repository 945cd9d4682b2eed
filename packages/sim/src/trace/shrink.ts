import { isQuorateError, QuorateError } from '@quorate/kernel';
import type { Choice, Decision } from '../decisions.ts';
import { weightsFor } from '../swarm/configuration.ts';
import { isFailure, type Outcome, type SeedOptions } from '../swarm/outcome.ts';

/** What a run must let itself be asked for to be made small. */
export interface Shrinkable extends Pick<SeedOptions, 'seed' | 'validators' | 'until' | 'decisions' | 'brief'> {
  readonly byzantine?: SeedOptions['byzantine'] | string;
}

/** What must be known of a run: whether it failed, through which faults, and how long it was. */
export type Failing = Pick<Outcome, 'violations' | 'stall' | 'decisions' | 'virtualMs'>;

export interface ShrinkOptions<O extends Shrinkable = SeedOptions> {
  /** What fails: a seed, or the decisions of a trace. */
  readonly options: O;
  /** Stops after so many runs, and begins none after so many seconds. Default 2,000 and 60. */
  readonly maxRuns?: number;
  readonly maxSeconds?: number;
}

export interface ShrinkParts<O extends Shrinkable = SeedOptions, R extends Failing = Outcome> {
  readonly run: (options: O) => R | Promise<R>;
  /** Wall clock in ms; it bounds the work and decides nothing else. */
  readonly now: () => number;
  /** Gets a line whenever the trace became smaller. */
  readonly log?: (line: string) => void;
}

/** A failing run made small. */
export interface Shrunk<O extends Shrinkable = SeedOptions, R extends Failing = Outcome> {
  /** With `decisions`: what runs it. */
  readonly options: Listed<O>;
  readonly outcome: R;
  /** What fails: `agreement`, `stall` …; see {@link failureClass}. */
  readonly failure: string;
  /** Decisions at the beginning and at the end. */
  readonly before: number;
  readonly after: number;
  readonly runs: number;
  readonly seconds: number;
  /** Nothing smaller was left to try: else the bound of runs or seconds came first. */
  readonly minimal: boolean;
}

type Listed<O extends Shrinkable> = O & { readonly decisions: readonly Decision[] };

/** No safety phase that a seed draws lasts longer, in virtual ms. */
const LONGEST = 8_000;

/** No seed has fewer validators, and none draws more. */
const FEWEST = 4;
const MOST_DRAWN = 11;

/** Groups of decisions that are tried one after the other. */
const MOST_GROUPS = 12;

/** What a failing run shows, without the particulars: the name of the checker that fired first, or `stall`. Null for a clean run. */
export function failureClass({ violations, stall }: Pick<Outcome, 'violations' | 'stall'>): string | null {
  const [first] = violations;
  if (first !== undefined) return /^[\w -]+(?=:)/.exec(first)?.[0] ?? first;
  return stall === null ? null : 'stall';
}

/**
 * Makes a failing run small: fewer faults first (delta debugging, after Zeller and Hildebrandt), then fewer validators, plainer faults and
 * a shorter run. A candidate counts only when it fails with the same {@link failureClass}. Throws `config/invalid` when
 * the run does not fail at all.
 */
export async function shrink<O extends Shrinkable = SeedOptions, R extends Failing = Outcome>(
  given: ShrinkOptions<O>,
  parts: ShrinkParts<O, R>,
): Promise<Shrunk<O, R>> {
  return new Shrinking(given, parts).run();
}

class Shrinking<O extends Shrinkable, R extends Failing> {
  readonly #given: Required<ShrinkOptions<O>>;
  readonly #parts: ShrinkParts<O, R>;
  readonly #began: number;
  #best: { readonly options: Listed<O>; readonly outcome: R } | null = null;
  #failure = '';
  #runs = 0;
  #seen = new Set<string>();

  constructor(given: ShrinkOptions<O>, parts: ShrinkParts<O, R>) {
    this.#given = { maxRuns: 2_000, maxSeconds: 60, ...given };
    this.#parts = parts;
    this.#began = parts.now();
  }

  async run(): Promise<Shrunk<O, R>> {
    const { options } = this.#given;
    const first = await this.#parts.run({ ...options, brief: true });
    this.#runs++;
    const failure = failureClass(first);
    if (!isFailure(first) || failure === null) {
      throw new QuorateError('config/invalid', `seed ${options.seed} does not fail: there is nothing to shrink`);
    }
    this.#failure = failure;
    const before = first.decisions.length;
    // Drawn and listed runs of the same decisions are the same; if a source of faults broke that, the first attempt says so.
    if (!(await this.#fails({ ...options, decisions: first.decisions }))) {
      throw new QuorateError(
        'config/invalid',
        `seed ${options.seed} fails when its faults are drawn but not when they are listed: a fault is drawn that is no decision`,
      );
    }
    await this.#fewer();
    await this.#fewerValidators(); // a smaller network takes less time for all that follows
    await this.#plainer();
    await this.#shorter();
    await this.#fewer();
    const minimal = !this.#isOver;
    const { outcome, options: best } = this.#held;
    return {
      options: best,
      outcome,
      failure,
      before,
      after: best.decisions.length,
      runs: this.#runs,
      seconds: this.#seconds,
      minimal,
    };
  }

  get #held(): { readonly options: Listed<O>; readonly outcome: R } {
    if (this.#best === null) throw new Error('nothing failed yet');
    return this.#best;
  }

  get #decisions(): readonly Decision[] {
    return this.#held.options.decisions;
  }

  get #seconds(): number {
    return (this.#parts.now() - this.#began) / 1000;
  }

  get #isOver(): boolean {
    return this.#runs >= this.#given.maxRuns || this.#seconds >= this.#given.maxSeconds;
  }

  /** Runs a candidate; keeps it when it fails in the same way. */
  async #fails(options: Listed<O>): Promise<boolean> {
    if (this.#isOver) return false;
    const key = JSON.stringify(options);
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    // What failed with too many breakers from the beginning is made small as it is.
    if (this.#best !== null && isOverFault(options) && !isOverFault(this.#best.options)) return false;
    this.#runs++;
    let outcome: R;
    try {
      outcome = await this.#parts.run({ ...options, brief: true });
    } catch (error) {
      // A choice that its source does not understand, or a network that cannot be.
      if (isQuorateError(error) || error instanceof RangeError) return false;
      throw error;
    }
    if (failureClass(outcome) !== this.#failure) return false;
    const before = this.#best?.options.decisions.length;
    // What was never asked for did nothing.
    this.#best = { options: { ...options, decisions: outcome.decisions }, outcome };
    const after = outcome.decisions.length;
    if (before !== after) {
      this.#parts.log?.(`${after} decisions after ${this.#runs} runs and ${this.#seconds.toFixed(1)} s`);
    }
    return true;
  }

  #with(decisions: readonly Decision[]): Promise<boolean> {
    return this.#fails({ ...this.#held.options, decisions });
  }

  /** Leaves decisions out: all of them, whole groups, ever smaller stretches. */
  async #fewer(): Promise<void> {
    if (this.#decisions.length === 0 || (await this.#with([]))) return;
    for (const group of [headOf, kindOf, domainOf]) {
      const names = new Set(this.#decisions.map(group));
      if (names.size > MOST_GROUPS) continue; // halves of the list leave out more at once
      for (const name of names) {
        const rest = this.#decisions.filter((decision) => group(decision) !== name);
        if (rest.length < this.#decisions.length && rest.length > 0) await this.#with(rest);
      }
    }
    for (let size = this.#decisions.length >> 1; size >= 1 && !this.#isOver; ) {
      let removed = false;
      // From the end: what came last follows from what came first more often than the other way round.
      for (let end = this.#decisions.length; end > 0 && !this.#isOver; end -= size) {
        const held = this.#decisions;
        const at = Math.min(end, held.length);
        const rest = [...held.slice(0, Math.max(0, at - size)), ...held.slice(at)];
        if (rest.length < held.length && (await this.#with(rest))) removed = true;
      }
      if (size > 1) size = Math.min(size >> 1, Math.max(1, this.#decisions.length >> 1));
      else if (!removed) return;
    }
  }

  /** Makes the numbers of each decision smaller or rounder, and turns off what is on. */
  async #plainer(): Promise<void> {
    for (let place = 0; place < this.#decisions.length; place++) {
      const fields = Object.keys(this.#decisions[place]?.choice ?? {});
      for (const field of fields) {
        for (const value of plainerValues(this.#decisions[place]?.choice[field])) {
          if (await this.#with(replaced(this.#decisions, place, field, value))) break;
        }
      }
    }
  }

  /** Ends the safety phase sooner. */
  async #shorter(): Promise<void> {
    const { outcome, options } = this.#held;
    for (let until = Math.min(outcome.virtualMs, options.until ?? LONGEST); until >= 500 && !this.#isOver; until /= 2) {
      const rounded = Math.ceil(until / 500) * 500;
      const { until: now = Number.POSITIVE_INFINITY } = this.#held.options;
      if (rounded < now && !(await this.#fails({ ...this.#held.options, until: rounded }))) return;
    }
  }

  /** A number that was drawn is found from below, since the same number again is the same run; one that was given goes down. */
  async #fewerValidators(): Promise<void> {
    const { validators } = this.#held.options;
    if (validators === undefined) {
      for (let size = FEWEST; size <= MOST_DRAWN && !this.#isOver; size++) if (await this.#withValidators(size)) return;
      return;
    }
    for (let size = validators - 1; size >= FEWEST; size--) if (!(await this.#withValidators(size))) return;
  }

  #withValidators(size: number): Promise<boolean> {
    const { options } = this.#held;
    const { byzantine } = options;
    const most = Math.floor((size - 1) / 3);
    const isCounted = typeof byzantine === 'object' && byzantine !== null;
    const count = isCounted ? Math.max(1, Math.min(byzantine.count, most)) : 0;
    const fewer = isCounted ? { byzantine: { ...byzantine, count } } : {};
    const decisions = options.decisions.filter(
      ({ domain, choice }) => !isBreaker(domain) || Number(choice.node) < size,
    );
    return this.#fails({ ...options, ...fewer, decisions, validators: size });
  }
}

function isBreaker(domain: string): boolean {
  return domain === 'byzantine';
}

/** Whether a list of whole replicas makes more than a third of the weight break the rules: such a run fails for no reason of its own. */
function isOverFault({ seed, validators, decisions }: Listed<Shrinkable>): boolean {
  const breakers = new Set(decisions.flatMap(({ domain, choice }) => (isBreaker(domain) ? Number(choice.node) : [])));
  if (breakers.size === 0) return false;
  const weights = weightsFor({ seed, ...(validators === undefined ? {} : { validators }) });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return 3 * weights.reduce((sum, weight, node) => sum + (breakers.has(node) ? weight : 0), 0) >= total;
}

/** The source of a decision: the first word of its domain. */
function headOf({ domain }: Decision): string {
  return domain.split('/', 1)[0] ?? domain;
}

function kindOf({ choice }: Decision): string {
  return choice.kind;
}

function domainOf({ domain }: Decision): string {
  return domain;
}

function replaced(decisions: readonly Decision[], place: number, field: string, value: Choice[string]): Decision[] {
  return decisions.map((decision, index) =>
    index === place ? { ...decision, choice: { ...decision.choice, [field]: value } } : decision,
  );
}

/** Plainer values than this one, plainest first: at most five. */
function plainerValues(value: unknown): (string | number | boolean)[] {
  if (value === true) return [false];
  if (typeof value !== 'number' || value === 0) return [];
  const candidates = [0, 1, ...[1, 2].map((digits) => Number(value.toPrecision(digits))), Math.round(value)];
  return [...new Set(candidates)].filter((one) => Math.abs(one) < Math.abs(value) || isRounder(one, value));
}

/** Whether a number takes fewer characters to write: 300 and 310 do not differ in that, 300 and 310.52 do. */
function isRounder(one: number, other: number): boolean {
  return significant(one) < significant(other);
}

function significant(value: number): number {
  return String(value).replace('.', '').replace(/0+$/, '').length;
}
