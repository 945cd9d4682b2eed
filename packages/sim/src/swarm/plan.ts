import { type Millis, QuorateError } from '@quorate/kernel';
import type { Choice, Decision, Decisions } from '../decisions.ts';
import { Stream } from '../random.ts';
import { numberIn } from './choice.ts';
import type { Configuration } from './configuration.ts';
import { DRAWS, type PlannedFamily } from './draws.ts';
import { FAULT_FAMILIES, type FaultFamily } from './outcome.ts';

/** One planned fault: the choice of a decision, read. Times in virtual ms. */
export interface PlannedFault {
  readonly family: PlannedFamily;
  readonly index: number;
  readonly at: Millis;
  readonly choice: Choice;
}

/** Most faults of one family in one run. */
const MOST = 16;

/** Least faults of a family; 1 where nothing is said. A disk that may do wrong often does not. */
const LEAST: Partial<Record<FaultFamily, number>> = { crash: 2, 'disk-stale': 2, 'disk-misdirect': 2 };

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  crash: ['node', 'down'],
  'crash-all': ['down'],
  'crash-at': ['node', 'effect'],
  rings: ['for'],
  swizzle: ['for', 'salt'],
  hold: ['from', 'to', 'for'],
  rot: ['node', 'for', 'perMille'],
  stale: ['node', 'for', 'perMille'],
  misdirect: ['node', 'for', 'perMille'],
  drift: ['node', 'percent'],
  pause: ['node', 'for'],
  partition: ['for'],
  block: ['from', 'to', 'for'],
  clog: ['from', 'to', 'for'],
  cut: ['for'],
  starve: ['for'],
  stall: ['node', 'for', 'factor'],
  full: ['node', 'room', 'for'],
  fsync: ['node', 'count'],
  flip: ['node', 'file', 'place', 'bit'],
  lose: ['node', 'down'],
  jump: ['node', 'ms'],
  weight: ['node', 'weight'],
  join: [],
};

/**
 * Asks `decisions` for every planned fault of the run, in a fixed order, and gives them by time. Throws `config/invalid` for a
 * choice of a list that nobody understands.
 */
export function planFaults(
  configuration: Configuration,
  decisions: Decisions,
  frail: readonly number[],
): PlannedFault[] {
  const planned: PlannedFault[] = [];
  for (const family of FAULT_FAMILIES) {
    if (!isPlanned(family) || family === 'byzantine') continue;
    const stream = Stream.named(configuration.seed, `plan/${family}`);
    const least = LEAST[family] ?? 1;
    const single = family === 'state-sync' || family === 'leader-cut';
    const count = single ? 1 : Math.min(MOST, stream.between(least, least + configuration.intensity));
    const { safety, weights } = configuration;
    for (let index = 0; index < MOST; index++) {
      const choice = decisions.decide(family, () => {
        if (index >= count || !configuration.families.has(family)) return null;
        const at = stream.between(3, Math.max(4, Math.floor((safety * 0.9) / 100))) * 100;
        return DRAWS[family](stream, { configuration, at, nodes: weights.length, frail });
      });
      if (choice !== null) planned.push({ family, index, at: timeOf(family, choice), choice });
    }
  }
  return planned.sort((a, b) => a.at - b.at);
}

function isPlanned(family: FaultFamily): family is PlannedFamily {
  return Object.hasOwn(DRAWS, family);
}

function timeOf(family: string, choice: Choice): Millis {
  const fields = Object.hasOwn(FIELDS, choice.kind) ? FIELDS[choice.kind] : undefined;
  if (fields === undefined) throw new QuorateError('config/invalid', `${family}: no fault is called ${choice.kind}`);
  for (const field of fields) numberIn(choice, field);
  const at = numberIn(choice, 'at');
  if (at < 0) throw new QuorateError('config/invalid', `${family}: ${choice.kind} at ${at} is before the beginning`);
  return at;
}

/** The family of a decision: the name of its domain, or of the kind of choice where a domain has several. */
export function familyOf({ domain, choice }: Decision): FaultFamily | null {
  const byDomain = FAULT_FAMILIES.find((family) => family === domain);
  if (byDomain !== undefined) return WINDOWS.has(choice.kind) ? null : byDomain;
  return Object.hasOwn(KINDS, choice.kind) ? (KINDS[choice.kind] ?? null) : null;
}

/** These only say when a disk may do wrong: what it then does are decisions of its own. */
const WINDOWS: ReadonlySet<string> = new Set(['rot', 'stale', 'misdirect']);

const KINDS: Readonly<Record<string, FaultFamily>> = {
  lose: 'loss',
  duplicate: 'duplicate',
  replay: 'duplicate',
  delay: 'delay',
  reorder: 'reorder',
  corrupt: 'loss',
  cut: 'disk-tear',
  stall: 'disk-stall',
  fail: 'fsync-error',
  full: 'disk-full',
  flip: 'bit-flip',
  stale: 'disk-stale',
  misdirect: 'disk-misdirect',
};
