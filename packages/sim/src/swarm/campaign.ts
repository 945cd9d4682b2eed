import { toHex } from '@quorate/kernel';
import { sha256 } from '../hash.ts';
import { isFailure, type Outcome, type SeedOptions } from './outcome.ts';
import { type PoolOptions, runSeeds } from './pool.ts';

export interface CampaignOptions extends Pick<PoolOptions, 'workers' | 'worker'> {
  readonly first: number;
  readonly count: number;
  /** What every seed is run with. */
  readonly options: Omit<SeedOptions, 'seed'>;
  /** Ends with the first failure. */
  readonly untilFailure?: boolean;
  readonly progress?: (done: number, outcome: Outcome) => void;
}

/** What a campaign came to. Equal for equal options, whatever the number of workers. */
export interface Campaign {
  readonly seeds: number;
  /** Seeds that count: see {@link Outcome.wasted}. */
  readonly counted: number;
  /** Reasons of the others, with their numbers. */
  readonly wasted: Readonly<Record<string, number>>;
  /** Runs in which something happened that never must, and runs that came to a halt. */
  readonly violations: number;
  readonly stalls: number;
  /** The first of them, a hundred at most. */
  readonly failures: readonly Outcome[];
  readonly finalized: number;
  readonly views: number;
  readonly messages: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly restarts: number;
  /** Digest of the hashes of all runs, in order: 16 hexadecimal characters. */
  readonly hash: string;
  readonly coverage: Readonly<Record<string, number>>;
}

/** Share of wasted seeds from which on a campaign proves too little to pass. */
const MOST_WASTED = 0.2;
const KEPT_FAILURES = 100;
const SUMS = ['finalized', 'views', 'messages', 'events', 'virtualMs', 'restarts'] as const;

/** Runs a range of seeds. What it holds does not grow with their number. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { first, count, untilFailure = false, progress = () => {} } = options;
  const tally = new Tally();
  await runSeeds({
    count,
    runAt: (index) => ({ ...options.options, seed: first + index }),
    workers: options.workers,
    ...(options.worker === undefined ? {} : { worker: options.worker }),
    onOutcome: (outcome, index) => {
      tally.add(outcome);
      progress(index + 1, outcome);
    },
    enough: (outcome) => untilFailure && isFailure(outcome),
  });
  return tally.campaign;
}

/** The sums over outcomes, in their order. */
export class Tally {
  readonly #sums = Object.fromEntries(SUMS.map((name) => [name, 0])) as Record<(typeof SUMS)[number], number>;
  readonly #wasted: Record<string, number> = {};
  readonly #coverage: Record<string, number> = {};
  readonly #failures: Outcome[] = [];
  #seeds = 0;
  #counted = 0;
  #violations = 0;
  #stalls = 0;
  #hash = '';

  add(outcome: Outcome): void {
    this.#seeds++;
    if (outcome.violations.length > 0) this.#violations++;
    if (outcome.stall !== null) this.#stalls++;
    if (isFailure(outcome) && this.#failures.length < KEPT_FAILURES) this.#failures.push(outcome);
    if (outcome.wasted === null) this.#counted++;
    else increase(this.#wasted, outcome.wasted.replace(/^\d+ /, 'too few '), 1);
    for (const [name, times] of Object.entries(outcome.coverage)) increase(this.#coverage, name, times);
    for (const name of SUMS) this.#sums[name] += outcome[name];
    this.#hash = toHex(sha256(new TextEncoder().encode(this.#hash + outcome.hash))).slice(0, 16);
  }

  get campaign(): Campaign {
    return {
      seeds: this.#seeds,
      counted: this.#counted,
      wasted: { ...this.#wasted },
      violations: this.#violations,
      stalls: this.#stalls,
      failures: [...this.#failures],
      ...this.#sums,
      hash: this.#hash,
      coverage: { ...this.#coverage },
    };
  }
}

function increase(counts: Record<string, number>, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/** Why a campaign does not pass, or null: a failure, or too many seeds that prove nothing. */
export function campaignFault({ seeds, counted, violations, stalls, failures, wasted }: Campaign): string | null {
  const [first] = failures;
  if (first !== undefined) {
    const failed = failures.length < KEPT_FAILURES ? failures.length : violations + stalls;
    return `${failed} of ${seeds} seeds fail; seed ${first.seed}: ${first.violations[0] ?? first.stall}`;
  }
  if (seeds - counted <= MOST_WASTED * seeds) return null;
  return `${seeds - counted} of ${seeds} seeds do not count: ${JSON.stringify(wasted)}`;
}
