import type { FaultFamily, LightSeedOptions, SeedOptions } from '@quorate/sim';

/** One change of one file: `find` stands there exactly once. */
export interface Patch {
  /** Path from the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const FAMILIES = [
  'votes',
  'view entry',
  'parents',
  'certificates',
  'gate',
  'journal and recovery',
  'block sync',
  'state sync',
  'epochs',
  'executor and mempool',
] as const;

export type Family = (typeof FAMILIES)[number];

/** The settings of the swarm under which a bug is hunted; without any, those that every seed draws for itself. */
export interface Hunt extends Pick<SeedOptions, 'validators' | 'byzantine' | 'until'> {
  readonly families?: readonly FaultFamily[] | 'all' | 'swarm';
  /** Seeds of engines alone with these settings, instead of whole replicas: several hundred times as many in the same time. */
  readonly light?: Omit<LightSeedOptions, 'seed' | 'decisions' | 'brief' | 'log'>;
}

/** How often a bug shows, measured with `npm run campaign -- --only ID --rate SEEDS`. */
export interface Rate {
  readonly caught: number;
  readonly seeds: number;
}

/** A deliberate bug: what the code would be if somebody had got a rule wrong. */
export interface Mutant extends Patch {
  readonly id: string;
  readonly family: Family;
  /** The rule that it breaks: S1–S11 of the protocol, or words. */
  readonly rule: string;
  /** In one line, what is wrong with it. */
  readonly what: string;
  /** Defences in depth that hide the bug, taken away with it. */
  readonly and?: readonly Patch[];
  /** Fewer than one seed in a hundred shows it, under its settings; `measured` says how few. */
  readonly rare?: true;
  /** The first so many seeds under its settings. */
  readonly measured?: Rate;
  /** No campaign has caught it yet: not hunted unless it is named, and not counted. */
  readonly unproven?: true;
  readonly under?: Hunt;
}

/** Everything that has to change for a bug. */
export function patchesOf({ file, find, replace, and = [] }: Mutant): readonly Patch[] {
  return [{ file, find, replace }, ...and];
}

/** Engines alone, everything drawn: size, weights, links, faults, length of the epoch, and in a third of the seeds a liar. */
export const LIGHT: Hunt = { light: {} };

/** Engines alone, all of them honest. */
export const LIGHT_HONEST: Hunt = { light: { byzantine: null } };

/** Engines alone, one of which does this in every seed. */
export function lying(byzantine: string): Hunt {
  return { light: { byzantine } };
}

/** Engines alone, one of which says nothing for longer than usual. */
export const SILENT_LEADER: Hunt = { light: { byzantine: 'silent', until: 3_000 } };

/** Engines alone that run long enough to replace their journals, and crash. */
export const LONG_JOURNALS: Hunt = {
  light: { validators: 4, byzantine: null, families: ['crash', 'slow'], lastHeight: null, until: 4_000 },
};

/** Four validators on rough links that crash and come back: small runs, many of them. */
export const ROUGH: Hunt = {
  validators: 4,
  families: ['crash', 'pause', 'delay', 'loss', 'duplicate', 'partition', 'leader-cut'],
  byzantine: null,
};

/** The same with disks that tear, stall and hold back what was not synced. */
export const BAD_DISKS: Hunt = {
  validators: 4,
  families: ['crash', 'disk-tear', 'disk-stall', 'delay', 'loss', 'partition'],
  byzantine: null,
};

/** Machines lose their journal or their whole home, and keep their gate. */
export const LOST_HOMES: Hunt = {
  validators: 4,
  families: ['crash', 'data-loss', 'delay', 'loss', 'partition'],
  byzantine: null,
};

/** The validator set changes while machines crash. */
export const MEMBERSHIP: Hunt = {
  validators: 4,
  families: ['crash', 'membership', 'delay', 'loss', 'partition'],
  byzantine: null,
};

/** A machine joins from a snapshot while the set changes. */
export const JOINING: Hunt = {
  validators: 4,
  families: ['crash', 'membership', 'state-sync', 'delay', 'loss'],
  byzantine: null,
};

/** One validator of four breaks the rules in this way, on rough links. */
export function hostile(strategy: string, ...more: readonly FaultFamily[]): Hunt {
  return {
    validators: 4,
    families: ['crash', 'byzantine', 'delay', 'loss', 'partition', ...more],
    byzantine: { count: 1, strategy },
  };
}

/** A signing gate that signs whatever it is asked to, and says that it remembers nothing: a plain key in a file. */
export const WITHOUT_GATE: readonly Patch[] = [
  {
    file: 'packages/crypto/src/gate/gate.ts',
    find: 'const judgement = this.#closedFor(statement) ?? this.#marks.judge(statement);',
    replace:
      "const judgement = this.#closedFor(statement) ?? ({ kind: 'new' } as ReturnType<HighWaterMarks['judge']>);",
  },
  {
    file: 'packages/crypto/src/gate/gate.ts',
    find: 'return this.#marks.signed(epoch);',
    replace: 'return { floor: this.#marks.signed(epoch).floor * 0, statements: [] };',
  },
  {
    file: 'packages/crypto/src/gate/state.ts',
    find: "if (marks.judge(record.statement).kind !== 'new') return corrupt('it holds a signature that was never allowed');",
    replace: '',
  },
];
