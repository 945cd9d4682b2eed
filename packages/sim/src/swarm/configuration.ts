import type { Height, Millis } from '@quorate/kernel';
import { Stream } from '../random.ts';
import { FAULT_FAMILIES, type FaultFamily, type SeedOptions } from './outcome.ts';

/** What a run is made of, faults aside: all of it follows from the seed, whatever faults a replay keeps. */
export interface Configuration {
  readonly seed: number;
  /** Weights of the genesis validators. */
  readonly weights: readonly number[];
  /** Machines with a key outside the genesis set. */
  readonly candidates: number;
  /** Machines without a key: who joins from a snapshot is one of them. */
  readonly observers: number;
  readonly speculative: boolean;
  readonly delta: Millis;
  readonly epochLength: number;
  readonly maxBlockBytes: number;
  /** Blocks whose bodies are kept; 0 for all. */
  readonly retainBlocks: number;
  /** Heights between snapshots; 0 for none. */
  readonly snapshotInterval: number;
  /** From this size of the journal on a checkpoint replaces it. */
  readonly journalBytes: number;
  /** One way between two machines, in ms. */
  readonly latency: Millis;
  readonly jitter: Millis;
  /** Time between two transactions. */
  readonly interval: Millis;
  /** Bytes that make some transactions large. */
  readonly padding: number;
  /** Families of faults that are switched on. */
  readonly families: ReadonlySet<FaultFamily>;
  /** How hard the families strike: faults of each kind in the safety phase, at most. */
  readonly intensity: number;
  /** Length of the safety phase. */
  readonly safety: Millis;
  /** Heights that the run goes on for. */
  readonly heights: Height;
  /** How many validators break the rules and how, while their family is on. */
  readonly byzantine: { readonly count: number; readonly strategy: string } | null;
}

/** Chance of a family to be on in a swarm; a half where nothing is said. Runs without a crash do not count. */
const CHANCES: Partial<Record<FaultFamily, number>> = {
  crash: 0.98,
  loss: 0.6,
  'disk-tear': 0.7,
  'bit-flip': 0.25,
  'data-loss': 0.25,
  'disk-full': 0.3,
  'fsync-error': 0.35,
  'state-sync': 0.35,
  reorder: 0.4,
  hold: 0.4,
  'disk-stale': 0.25,
  'disk-misdirect': 0.25,
};

/** Families that came later are drawn by their own names: a seed keeps its other families. */
const LATER: ReadonlySet<FaultFamily> = new Set(['reorder', 'hold', 'disk-stale', 'disk-misdirect']);

/** Ways to break the rules that came later, and the part of the runs with breakers that draws one of them. */
const LATER_STRATEGIES: ReadonlySet<string> = new Set(['frame', 'underweight']);
const LATER_PART = 0.15;

/** Least heights of a run that counts. */
export const LEAST_HEIGHTS = 30;
const LEAST_FAMILIES = 4;

/** Draws a configuration from the seed. */
export function configurationOf(options: SeedOptions, strategies: readonly string[]): Configuration {
  const stream = Stream.named(options.seed, 'configuration');
  const weights = weightsOf(options, stream);
  const families = familiesOf(options, stream);
  const drawn = { count: stream.between(1, 2), strategy: strategyOf(options.seed, strategies, stream) };
  const delta = stream.between(12, 22) * 10;
  const latency = stream.pick([8, 15, 25, 40]);
  return {
    seed: options.seed,
    weights,
    candidates: families.has('membership') ? stream.between(1, 2) : 0,
    observers: families.has('state-sync') ? 1 : 0,
    speculative: stream.chance(0.6),
    delta,
    epochLength: stream.pick([5, 8, 12, 20]),
    maxBlockBytes: stream.pick([8 << 10, 64 << 10, 1 << 20]),
    retainBlocks: stream.pick([0, 0, 15]),
    snapshotInterval: families.has('state-sync') ? stream.between(4, 7) : 0,
    journalBytes: stream.pick([4 << 10, 32 << 10, 4 << 20]),
    latency,
    jitter: stream.pick([0, 2, latency >> 1]),
    interval: stream.pick([80, 160, 320]),
    padding: stream.pick([0, 0, 1000, 3000]),
    families,
    intensity: stream.between(1, 4),
    safety: options.until ?? stream.between(30, 60) * 100,
    heights: LEAST_HEIGHTS + 2,
    byzantine: options.byzantine === undefined ? (families.has('byzantine') ? drawn : null) : options.byzantine,
  };
}

/** Weights of the genesis validators of a run with these options. */
export function weightsFor(options: Pick<SeedOptions, 'seed' | 'validators'>): readonly number[] {
  return weightsOf(options, Stream.named(options.seed, 'configuration'));
}

/** Draws as many as the seed has, whatever number is asked for: the rest of the configuration stays as it is. */
function weightsOf({ seed, validators }: Pick<SeedOptions, 'seed' | 'validators'>, stream: Stream): number[] {
  const size = stream.pick([4, 4, 4, 5, 5, 6, 7]);
  const equal = stream.chance(0.5);
  const draw = (from: Stream) => (): number => (equal ? 1 : from.between(2, 4));
  const drawn = Array.from({ length: size }, draw(stream));
  const more = Math.max(0, (validators ?? size) - size);
  return [...drawn, ...Array.from({ length: more }, draw(Stream.named(seed, 'more weights')))].slice(0, validators);
}

/** Strategies that came later are drawn by their own name too: a seed that draws none of them keeps what it had. */
function strategyOf(seed: number, strategies: readonly string[], stream: Stream): string {
  const earlier = strategies.filter((name) => !LATER_STRATEGIES.has(name));
  const later = strategies.filter((name) => LATER_STRATEGIES.has(name));
  const drawn = earlier.length === 0 ? 'silent' : stream.pick(earlier);
  const own = Stream.named(seed, 'strategy');
  return later.length > 0 && own.chance(LATER_PART) ? own.pick(later) : drawn;
}

function familiesOf({ seed, families = 'swarm', byzantine }: SeedOptions, stream: Stream): Set<FaultFamily> {
  // The draws of a swarm are made whatever is asked for: the rest of the configuration stays as it is.
  const drawn = stream.shuffled(FAULT_FAMILIES.filter((family) => !LATER.has(family)));
  const on = new Set(drawn.filter((family) => stream.chance(CHANCES[family] ?? 0.5)));
  for (const family of LATER) if (Stream.named(seed, `family/${family}`).chance(CHANCES[family] ?? 0.5)) on.add(family);
  for (const family of drawn) if (on.size < LEAST_FAMILIES) on.add(family);
  const chosen = families === 'swarm' ? on : new Set(families === 'all' ? FAULT_FAMILIES : families);
  if (byzantine === null) chosen.delete('byzantine');
  else if (byzantine !== undefined) chosen.add('byzantine');
  return chosen;
}
