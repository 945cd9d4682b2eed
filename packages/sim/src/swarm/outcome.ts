import type { Millis } from '@quorate/kernel';
import type { Cluster } from '../cluster.ts';
import type { Decision } from '../decisions.ts';

/** Whole families of faults: a seed of a swarm has each of them on or off. */
export const FAULT_FAMILIES = [
  /** Processes die, with or without power, and come back. */
  'crash',
  /** Processes stop for a while and go on as if nothing had been. */
  'pause',
  'loss',
  'duplicate',
  /** Messages are late, and those of their class behind them too. */
  'delay',
  /** Messages are late, and others of their class overtake them. */
  'reorder',
  /** Groups, rings, or majorities of which no two are the same. */
  'partition',
  /** One direction of a link loses everything. */
  'asymmetric',
  /** A link holds its messages back and lets them go at once, or many do, one after the other. */
  'clog',
  /** All messages of one kind are kept back until the network has moved on. */
  'hold',
  /** Whoever leads is cut off, or whoever would make progress is starved. */
  'leader-cut',
  /** A power cut tears what was not synced. */
  'disk-tear',
  'disk-stall',
  'disk-full',
  'fsync-error',
  /** A bit of a file inverts while its machine is off, or of a file or store while it runs. */
  'bit-flip',
  /** Reads give what was there before the last change. */
  'disk-stale',
  /** Writes land elsewhere, reads give what is elsewhere. */
  'disk-misdirect',
  /** A machine loses its whole disk but for its signing gate. */
  'data-loss',
  'clock',
  'byzantine',
  /** The validator set changes under load. */
  'membership',
  /** A machine without a past joins from a snapshot. */
  'state-sync',
] as const;

export type FaultFamily = (typeof FAULT_FAMILIES)[number];

/** What one run is. Whatever is left out follows from the seed. */
export interface SeedOptions {
  readonly seed: number;
  readonly mechanism: 'simplex';
  readonly validators?: number;
  /** Validators that break the rules, and how; `null` for none. */
  readonly byzantine?: { readonly count: number; readonly strategy: string } | null;
  /** `swarm`, the default: a random choice of families. */
  readonly families?: readonly FaultFamily[] | 'all' | 'swarm';
  /** Length of the safety phase in virtual ms. */
  readonly until?: Millis;
  /** Replays exactly these faults instead of drawing any. */
  readonly decisions?: readonly Decision[];
  /** Ends soon after the first violation: for whoever only asks whether a run fails, and how. */
  readonly brief?: boolean;
  readonly log?: (line: string) => void;
  /** Called once, before any machine starts: a transcript watches the cluster from here on. It must change nothing. */
  readonly observe?: (cluster: Cluster) => void;
}

/** What became of one run. Equal for equal options and equal code. */
export interface Outcome {
  readonly seed: number;
  /** What must never happen, and did: `checker: sentence`. */
  readonly violations: readonly string[];
  /** Why the healed core made no progress in time, or null. */
  readonly stall: string | null;
  /** Heights finalized by anybody. */
  readonly finalized: number;
  /** Views entered, of the busiest node, over all epochs. */
  readonly views: number;
  /** Messages delivered. */
  readonly messages: number;
  readonly events: number;
  readonly virtualMs: number;
  /** Hash of every event of the run. */
  readonly hash: string;
  /** Families of which at least one fault happened. */
  readonly families: readonly FaultFamily[];
  /** Crash-restarts of validators. */
  readonly restarts: number;
  /** Why the run does not count, or null. */
  readonly wasted: string | null;
  /** Every fault of the run, in order: what replays and shrinks it. */
  readonly decisions: readonly Decision[];
  /** How often a rule took a kind of message under a family of faults: `fault/message/rule`. */
  readonly coverage: Readonly<Record<string, number>>;
}

/** Whether a run shows that something is wrong. */
export function isFailure({ violations, stall }: Pick<Outcome, 'violations' | 'stall'>): boolean {
  return violations.length > 0 || stall !== null;
}
