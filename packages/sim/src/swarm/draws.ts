import type { Millis } from '@quorate/kernel';
import type { Choice } from '../decisions.ts';
import type { Stream } from '../random.ts';
import type { Configuration } from './configuration.ts';
import type { FaultFamily } from './outcome.ts';

/** Families whose faults have a time and are planned before the run begins: the domain of their decisions is their name. */
export type PlannedFamily = Exclude<FaultFamily, 'loss' | 'duplicate' | 'delay' | 'reorder' | 'disk-tear'>;

/** Draws one fault of a family between `from` and `to`, among nodes `0…nodes−1`. */
type Draw = (stream: Stream, context: DrawContext) => Choice | null;

/** One direction between two of the nodes. */
function linkAmong(stream: Stream, nodes: number): { readonly from: number; readonly to: number } {
  const from = stream.below(nodes);
  return { from, to: (from + 1 + stream.below(nodes - 1)) % nodes };
}

interface DrawContext {
  readonly configuration: Configuration;
  readonly at: Millis;
  /** Validators of genesis. */
  readonly nodes: number;
  /** Those that harsh faults may strike: together below a third of the weight. */
  readonly frail: readonly number[];
}

/** Effects at which it matters whether a process lives to see them; see `Boundaries`. */
const BOUNDARIES = [
  'append gate',
  'sync gate',
  'append journal',
  'sync journal',
  'replace journal',
  'remove journal',
  'batch blocks',
  'batch application',
  'send votes',
  'send bodies',
  'send sync',
] as const;

/** Messages without which a network does not come far. */
const HELD = [
  'proposal',
  'push',
  'vote notarize',
  'vote nullify',
  'vote finalize',
  'certificate notarize',
  'certificate nullify',
  'certificate finalize',
] as const;

/** How each family draws one fault. */
export const DRAWS: Readonly<Record<PlannedFamily, Draw>> = {
  crash: (stream, { at, nodes }) => {
    const power = stream.chance(0.7);
    if (stream.chance(0.35)) {
      // At the very effect, of any kind or of one: an append, a sync, a batch, a send.
      const how = { kind: 'crash-at', node: stream.below(nodes), at, after: stream.chance(0.5), power };
      if (stream.chance(0.5)) return { ...how, effect: stream.between(1, 120) };
      return { ...how, effect: stream.between(1, 8), of: stream.pick(BOUNDARIES) };
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
    if (stream.chance(0.25)) {
      return { kind: 'rings', majorities: stream.chance(0.5), at, for: stream.between(2, 15) * 100 };
    }
    const lonely = stream.chance(0.4) ? stream.below(nodes) : null;
    const side = Array.from({ length: nodes }, (_, node) =>
      lonely === null ? stream.below(2) : Number(node === lonely),
    );
    return { kind: 'partition', sides: side.join(''), at, for: stream.between(2, 15) * 100 };
  },
  asymmetric: (stream, { at, nodes }) => {
    return { kind: 'block', ...linkAmong(stream, nodes), at, for: stream.between(3, 20) * 100 };
  },
  clog: (stream, { at, nodes }) => {
    if (stream.chance(0.3)) return { kind: 'swizzle', at, for: stream.between(4, 16) * 100, salt: stream.u32() };
    return { kind: 'clog', ...linkAmong(stream, nodes), at, for: stream.between(2, 12) * 100 };
  },
  'leader-cut': (stream, { at }) => ({
    kind: stream.chance(0.6) ? 'cut' : 'starve',
    at,
    for: stream.between(3, 12) * 100,
  }),
  hold: (stream, { at, nodes }) => {
    const from = stream.chance(0.4) ? stream.below(nodes) : -1;
    const to = stream.chance(0.4) ? stream.below(nodes) : -1;
    const until = stream.pick(['view', 'final', 'over']);
    return { kind: 'hold', what: stream.pick(HELD), from, to, at, until, for: stream.between(2, 12) * 100 };
  },
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
    if (stream.chance(0.4)) {
      // Where the journal is spared its owner lives on, with stores that are damaged.
      const stores = stream.chance(0.6);
      const perMille = stream.pick(stores ? [30, 100, 300] : [3, 10, 30]);
      return { kind: 'rot', node: stream.pick(frail), at, for: stream.between(2, 10) * 100, perMille, stores };
    }
    return {
      kind: 'flip',
      node: stream.pick(frail),
      at,
      file: stream.below(64),
      place: stream.below(10_000),
      bit: stream.below(8),
    };
  },
  'disk-stale': (stream, { at, frail }) => {
    if (frail.length === 0) return null;
    const perMille = stream.pick([200, 500, 1000]);
    // Most of what is read has been written over before the process started.
    const restart = stream.chance(0.85);
    return { kind: 'stale', node: stream.pick(frail), at, for: stream.between(3, 15) * 100, perMille, restart };
  },
  'disk-misdirect': (stream, { at, frail }) => {
    if (frail.length === 0) return null;
    const writes = stream.chance(0.5);
    const perMille = stream.pick(writes ? [50, 150, 400] : [300, 600, 1000]);
    // A file is read as a whole when its process starts, and hardly ever after that.
    const restart = !writes || stream.chance(0.5);
    return {
      kind: 'misdirect',
      node: stream.pick(frail),
      at,
      for: stream.between(3, 15) * 100,
      perMille,
      writes,
      restart,
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
