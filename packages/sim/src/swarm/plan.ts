import { type Millis, QuorateError } from '@quorate/kernel';
import type { Choice, Decision, Decisions } from '../decisions.ts';
import { Stream } from '../random.ts';
import type { Configuration } from './configuration.ts';
import { FAULT_FAMILIES, type FaultFamily } from './outcome.ts';

/** Families whose faults have a time and are planned before the run begins: the domain of their decisions is their name. */
export type PlannedFamily = Exclude<FaultFamily, 'loss' | 'duplicate' | 'delay' | 'disk-tear'>;

/** One planned fault: the choice of a decision, read. Times in virtual ms. */
export interface PlannedFault {
  readonly family: PlannedFamily;
  readonly index: number;
  readonly at: Millis;
  readonly choice: Choice;
}

/** Most faults of one family in one run. */
const MOST = 16;

/** Draws one fault of a family between `from` and `to`, among nodes `0…nodes−1`. */
type Draw = (stream: Stream, context: DrawContext) => Choice | null;

interface DrawContext {
  readonly configuration: Configuration;
  readonly at: Millis;
  /** Validators of genesis. */
  readonly nodes: number;
  /** Those that harsh faults may strike: together below a third of the weight. */
  readonly frail: readonly number[];
}

const DRAWS: Readonly<Record<PlannedFamily, Draw>> = {
  crash: (stream, { at, nodes }) => {
    const power = stream.chance(0.7);
    if (stream.chance(0.35)) {
      // At the very effect: an append, a sync, a batch, a send.
      const effect = stream.between(1, 120);
      return { kind: 'crash-at', node: stream.below(nodes), at, effect, after: stream.chance(0.5), power };
    }
    const all = stream.chance(0.08);
    return {
      kind: all ? 'crash-all' : 'crash',
      node: stream.below(nodes),
      at,
      down: stream.pick([0, 50, 200, 800, 1500]),
      power,
    };
  },
  pause: (stream, { at, nodes }) => ({
    kind: 'pause',
    node: stream.below(nodes),
    at,
    for: stream.between(1, 16) * 100,
  }),
  partition: (stream, { at, nodes }) => {
    const lonely = stream.chance(0.4) ? stream.below(nodes) : null;
    const side = Array.from({ length: nodes }, (_, node) =>
      lonely === null ? stream.below(2) : Number(node === lonely),
    );
    return { kind: 'partition', sides: side.join(''), at, for: stream.between(2, 15) * 100 };
  },
  asymmetric: (stream, { at, nodes }) => {
    const from = stream.below(nodes);
    return {
      kind: 'block',
      from,
      to: (from + 1 + stream.below(nodes - 1)) % nodes,
      at,
      for: stream.between(3, 20) * 100,
    };
  },
  clog: (stream, { at, nodes }) => {
    const from = stream.below(nodes);
    return {
      kind: 'clog',
      from,
      to: (from + 1 + stream.below(nodes - 1)) % nodes,
      at,
      for: stream.between(2, 12) * 100,
    };
  },
  'leader-cut': (stream, { at }) => ({
    kind: stream.chance(0.6) ? 'cut' : 'starve',
    at,
    for: stream.between(3, 12) * 100,
  }),
  'disk-stall': (stream, { at, nodes }) => {
    return {
      kind: 'stall',
      node: stream.below(nodes),
      at,
      for: stream.between(2, 15) * 100,
      factor: stream.pick([5, 20, 80]),
    };
  },
  'disk-full': (stream, { at, nodes }) => {
    return { kind: 'full', node: stream.below(nodes), at, room: stream.below(4000), for: stream.between(3, 12) * 100 };
  },
  'fsync-error': (stream, { at, nodes }) => ({
    kind: 'fsync',
    node: stream.below(nodes),
    at,
    count: stream.between(1, 2),
  }),
  'bit-flip': (stream, { at, frail }) => {
    if (frail.length === 0) return null;
    return {
      kind: 'flip',
      node: stream.pick(frail),
      at,
      file: stream.below(64),
      place: stream.below(10_000),
      bit: stream.below(8),
    };
  },
  'data-loss': (stream, { at, frail }) => {
    if (frail.length === 0) return null;
    return {
      kind: 'lose',
      node: stream.pick(frail),
      at,
      down: stream.pick([0, 100, 1000]),
      what: stream.pick(['journal', 'home']),
    };
  },
  clock: (stream, { at, nodes, frail }) => {
    if (stream.chance(0.3)) return { kind: 'drift', node: stream.below(nodes), at, percent: stream.between(-3, 3) };
    const far = frail.length > 0 && stream.chance(0.3);
    const ms = far ? stream.pick([-3_600_000, -5000, 5000, 3_600_000]) : stream.between(-15, 15) * 10;
    return { kind: 'jump', node: far ? stream.pick(frail) : stream.below(nodes), at, ms };
  },
  byzantine: () => null, // Assigned before the run: see `casting.ts`.
  membership: (stream, { at, configuration }) => {
    const node = configuration.weights.length + stream.below(Math.max(1, configuration.candidates));
    return { kind: 'weight', node, at, weight: stream.chance(0.35) ? 0 : stream.between(1, 2) };
  },
  'state-sync': (_stream, { at }) => ({ kind: 'join', at }),
};

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  crash: ['node', 'down'],
  'crash-all': ['down'],
  'crash-at': ['node', 'effect'],
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
    const least = family === 'crash' ? 2 : 1;
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

/** A field of a choice that is a number. Throws `config/invalid` when it is not. */
export function numberIn(choice: Choice, field: string): number {
  const value = choice[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new QuorateError('config/invalid', `${choice.kind}: ${field} must be a number, not ${String(value)}`);
  }
  return value;
}

/** The family of a decision: the name of its domain, or of the kind of choice where a domain has several. */
export function familyOf({ domain, choice }: Decision): FaultFamily | null {
  const byDomain = FAULT_FAMILIES.find((family) => family === domain);
  if (byDomain !== undefined) return byDomain;
  return KINDS[choice.kind] ?? null;
}

const KINDS: Readonly<Record<string, FaultFamily>> = {
  lose: 'loss',
  duplicate: 'duplicate',
  replay: 'duplicate',
  delay: 'delay',
  reorder: 'delay',
  corrupt: 'loss',
  cut: 'disk-tear',
  stall: 'disk-stall',
  fail: 'fsync-error',
  full: 'disk-full',
  flip: 'bit-flip',
};
