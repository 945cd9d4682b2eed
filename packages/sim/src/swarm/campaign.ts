import { digestText } from '../random.ts';
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
  readonly failures: readonly Outcome[];
  readonly finalized: number;
  readonly views: number;
  readonly messages: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly restarts: number;
  /** Digest of the hashes of all runs, in order: 8 hexadecimal characters. */
  readonly hash: string;
  readonly coverage: Readonly<Record<string, number>>;
}

/** Share of wasted seeds from which on a campaign proves too little to pass. */
const MOST_WASTED = 0.2;

/** Runs a range of seeds. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { first, count, untilFailure = false, progress = () => {} } = options;
  const outcomes = await runSeeds({
    runs: Array.from({ length: count }, (_, index) => ({ ...options.options, seed: first + index })),
    workers: options.workers,
    ...(options.worker === undefined ? {} : { worker: options.worker }),
    onOutcome: (outcome, index) => progress(index + 1, outcome),
    enough: (outcome) => untilFailure && isFailure(outcome),
  });
  return summaryOf(outcomes);
}

/** The sums over outcomes, in their order. */
export function summaryOf(outcomes: readonly Outcome[]): Campaign {
  const wasted: Record<string, number> = {};
  const coverage: Record<string, number> = {};
  for (const outcome of outcomes) {
    const reason = outcome.wasted?.replace(/^\d+ /, 'too few ');
    if (reason !== undefined) wasted[reason] = (wasted[reason] ?? 0) + 1;
    for (const [name, times] of Object.entries(outcome.coverage)) coverage[name] = (coverage[name] ?? 0) + times;
  }
  const sum = (field: 'finalized' | 'views' | 'messages' | 'events' | 'virtualMs' | 'restarts'): number =>
    outcomes.reduce((total, outcome) => total + outcome[field], 0);
  return {
    seeds: outcomes.length,
    counted: outcomes.filter((outcome) => outcome.wasted === null).length,
    wasted,
    failures: outcomes.filter(isFailure),
    finalized: sum('finalized'),
    views: sum('views'),
    messages: sum('messages'),
    events: sum('events'),
    virtualMs: sum('virtualMs'),
    restarts: sum('restarts'),
    hash: digestText(outcomes.map(({ hash }) => hash).join())
      .toString(16)
      .padStart(8, '0'),
    coverage,
  };
}

/** Why a campaign does not pass, or null: a failure, or too many seeds that prove nothing. */
export function campaignFault({ seeds, counted, failures, wasted }: Campaign): string | null {
  const [first] = failures;
  if (first !== undefined) {
    return `${failures.length} of ${seeds} seeds fail; seed ${first.seed}: ${first.violations[0] ?? first.stall}`;
  }
  if (seeds - counted <= MOST_WASTED * seeds) return null;
  return `${seeds - counted} of ${seeds} seeds do not count: ${JSON.stringify(wasted)}`;
}
