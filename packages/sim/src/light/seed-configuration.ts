import { type Millis, QuorateError } from '@quorate/kernel';
import type { Decision } from '../decisions.ts';
import { Draws } from '../random.ts';
import type { LightFaults } from './faults.ts';
import { LATER_ATTACKS } from './seed-attacks.ts';

/** Families of faults of engines alone: a seed has each of them on or off. */
export const LIGHT_FAMILIES = ['crash', 'loss', 'duplicate', 'slow', 'partition'] as const;

export type LightFamily = (typeof LIGHT_FAMILIES)[number];

/** What one run of engines alone is. Whatever is left out follows from the seed. */
export interface LightSeedOptions {
  readonly seed: number;
  /** From 4 to 1024. */
  readonly validators?: number;
  readonly weights?: 'equal' | 'mixed';
  /** What the one validator does that breaks the rules: an attack of light mode, or `twins`; null for none. */
  readonly byzantine?: string | null;
  /** Default: each of them on or off. */
  readonly families?: readonly LightFamily[] | 'all';
  /** The height that ends the epoch, 1 or more; null for none that is ever reached. */
  readonly lastHeight?: number | null;
  /** Virtual ms after which nothing goes wrong any more: from 1 to 3,600,000, whole. */
  readonly until?: Millis;
  /** Replays exactly these faults instead of drawing any. */
  readonly decisions?: readonly Decision[];
  /** Ends at the first violation. */
  readonly brief?: boolean;
  /** Gets a line for everything that happens. It changes nothing. */
  readonly log?: (line: string) => void;
}

/** A run of engines alone, complete. Durations are ms. */
export interface LightConfiguration {
  readonly weights: readonly number[];
  readonly delta: Millis;
  /** One-way delays, `[from][to]`, and the fraction that a message may take longer. */
  readonly delays: readonly (readonly number[])[];
  readonly jitter: number;
  readonly disk: Millis;
  readonly application: Millis;
  readonly faults: LightFaults;
  readonly stableAt: Millis;
  readonly lastHeight: number | null;
  readonly byzantine: { readonly signer: number; readonly attack: string } | null;
}

/** Δ in ms. */
const LEAST_DELTA = 40;
const DELTAS = 60;
/** A link takes at most this part of Δ, jitter included; a write and a block take less. */
const LINK = 0.5;
/** Most virtual ms of faults: an hour, in which four engines take some million steps. */
const LONGEST = 3_600_000;

/** What a seed is when nobody says otherwise. Every number is drawn by a name of its own: fixing one moves no other. */
export function lightConfiguration(options: LightSeedOptions, attacks: readonly string[]): LightConfiguration {
  const { seed } = options;
  demand('a seed', seed, 0, 0xffff_ffff);
  if (options.until !== undefined) demand('until, in ms,', options.until, 1, LONGEST);
  if (typeof options.lastHeight === 'number') demand('lastHeight', options.lastHeight, 1, 2 ** 40);
  const stranger = Array.isArray(options.families) ? options.families.find((name) => !isFamily(name)) : undefined;
  if (stranger !== undefined) {
    throw new QuorateError('config/invalid', `${String(stranger)} is none of ${LIGHT_FAMILIES.join(', ')}`);
  }
  const draw = (name: string): number => new Draws(seed, `light/${name}`).next();
  const whole = (name: string, from: number, to: number): number => from + Math.floor(draw(name) * (to - from + 1));
  const size = options.validators ?? sizeOf(draw('size'), whole);
  if (!Number.isInteger(size) || size < 4 || size > 1024) {
    throw new QuorateError('config/invalid', `a run has from 4 to 1024 validators, not ${size}`);
  }
  const delta = whole('delta', LEAST_DELTA, LEAST_DELTA + DELTAS);
  const jitter = draw('jitter') < 0.5 ? 0 : 0.5 * draw('how jittery');
  const links = new Draws(seed, 'light/links');
  const uneven = draw('uneven') < 0.5;
  const near = 1 + ((LINK * delta) / (1 + jitter) - 1) * draw('near');
  const delays = Array.from({ length: size }, () =>
    Array.from({ length: size }, () => (uneven ? near * (0.2 + 0.8 * links.next()) : near)),
  );
  const weights = weightsOf(options, size, draw);
  return {
    weights,
    delta,
    delays,
    jitter,
    disk: draw('disk') < 0.3 ? 0 : 1 + 0.15 * delta * draw('how slow a disk'),
    application: draw('application') < 0.5 ? 0 : 0.1 * delta * draw('how slow an application'),
    faults: faultsOf(options, delta, draw),
    stableAt: options.until ?? whole('until', 4 * delta, 14 * delta),
    lastHeight:
      options.lastHeight === undefined ? (draw('epoch') < 0.4 ? whole('last', 2, 8) : null) : options.lastHeight,
    byzantine: byzantineOf(options, weights, attacks, draw),
  };
}

function demand(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new QuorateError('config/invalid', `${what} is a whole number from ${least} to ${most}, not ${value}`);
}

function isFamily(name: string): boolean {
  return LIGHT_FAMILIES.some((family) => family === name);
}

type Draw = (name: string) => number;

/** Four most often, since that is where a fault matters most and costs least; seldom more than seven. */
function sizeOf(drawn: number, whole: (name: string, from: number, to: number) => number): number {
  if (drawn < 0.65) return 4;
  return drawn < 0.99 ? whole('more', 5, 7) : whole('many', 8, 11);
}

function weightsOf({ seed, weights }: LightSeedOptions, size: number, draw: Draw): number[] {
  const mixed = weights === undefined ? draw('weights') < 0.35 : weights === 'mixed';
  const each = new Draws(seed, 'light/weight');
  return Array.from({ length: size }, () => (mixed ? 1 + Math.floor(4 * each.next()) : 1));
}

function faultsOf({ families }: LightSeedOptions, delta: Millis, draw: Draw): LightFaults {
  const isOn = (family: LightFamily): boolean =>
    families === undefined ? draw(family) < 0.6 : families === 'all' || families.includes(family);
  const up = (name: string, most: number): number => most * draw(name);
  return {
    ...(isOn('loss') ? { loss: up('how lossy', 0.15) } : {}),
    ...(isOn('duplicate') ? { duplicate: up('how doubled', 0.1) } : {}),
    ...(isOn('slow') ? { slow: up('how slow', 0.25), slowest: 1 + Math.floor(up('slowest', 6 * delta)) } : {}),
    ...(isOn('crash')
      ? { crashes: 1 + Math.floor(up('crashes', 7)), downtime: 1 + Math.floor(up('downtime', 8 * delta)) }
      : {}),
    ...(isOn('partition')
      ? { partitions: 1 + Math.floor(up('partitions', 4)), cut: 1 + Math.floor(up('cut', 8 * delta)) }
      : {}),
  };
}

/** One validator of less than a third of the weight. */
function byzantineOf(
  { byzantine }: LightSeedOptions,
  weights: readonly number[],
  attacks: readonly string[],
  draw: Draw,
): LightConfiguration['byzantine'] {
  if (byzantine === null || (byzantine === undefined && draw('byzantine') >= 0.35)) return null;
  const known = [...attacks, 'twins'];
  const attack = byzantine ?? attackOf(known, draw);
  if (!known.includes(attack)) {
    throw new QuorateError('config/invalid', `engines alone know no attack called ${attack}, only ${known.join(', ')}`);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const light = weights.flatMap((weight, signer) => (3 * weight < total ? [signer] : []));
  const signer = light[Math.floor(draw('who') * light.length)];
  return signer === undefined ? null : { signer, attack };
}

/** The part of the runs with a liar that draws one of {@link LATER_ATTACKS}. */
const LATER_PART = 0.2;

function attackOf(known: readonly string[], draw: Draw): string {
  const isLater = (name: string): boolean => LATER_ATTACKS.includes(name);
  const later = known.filter(isLater);
  const from = later.length > 0 && draw('later attack') < LATER_PART ? later : known.filter((name) => !isLater(name));
  return from[Math.floor(draw('attack') * from.length)] as string;
}
