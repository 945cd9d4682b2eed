import { type PeerId, QuorateError } from '@quorate/kernel';
import type { LinkOptions } from '../link.ts';
import { modelRoundTrips } from './model.ts';

/** Most regions of one table. */
const MOST = 2000;
/** Longest round trip that is believed, ms. */
const LONGEST = 60_000;
/** By how much of itself a round trip is longer at the 90th percentile than in the median, where nothing is known. */
const SPREAD = 0.04;
/**
 * Distance from the median to the 90th percentile of the sum of two delays, each uniform in [0, 1): 1 − √0.2. A round trip has
 * two such delays.
 */
const TWO_WAYS = 1 - Math.sqrt(0.2);

/** How long messages take between places. Times are whole µs inside, so that they are the same on every machine. */
export class Regions {
  readonly names: readonly string[];
  readonly #index: ReadonlyMap<string, number>;
  /** Half a round trip in µs, by row and column. */
  readonly #median: Float64Array;
  readonly #jitter: Float64Array;

  /** Round trips in ms, row by row: in the median and, if known, at the 90th percentile. Throws `config/invalid` for what is no table. */
  constructor(names: readonly string[], roundTrips: readonly number[], slower: readonly number[] | null = null) {
    const n = names.length;
    this.names = names;
    this.#index = new Map(names.map((name, index) => [name, index]));
    if (n === 0 || n > MOST) throw new QuorateError('config/invalid', `a table of ${n} regions: 1 to ${MOST}`);
    if (this.#index.size < n || names.includes('')) {
      throw new QuorateError('config/invalid', 'every region of a table has a name of its own');
    }
    for (const table of slower === null ? [roundTrips] : [roundTrips, slower]) {
      if (table.length !== n * n) {
        throw new QuorateError('config/invalid', `${n} regions have ${n * n} round trips, not ${table.length}`);
      }
      const wrong = table.findIndex((ms) => !(ms >= 0 && ms <= LONGEST));
      if (wrong >= 0) {
        const [from, to] = [names[Math.floor(wrong / n)], names[wrong % n]];
        throw new QuorateError(
          'config/invalid',
          `the round trip from ${from} to ${to} is ${table[wrong]}, no time in ms`,
        );
      }
    }
    this.#median = Float64Array.from(roundTrips, (ms) => Math.round(ms * 500));
    this.#jitter = Float64Array.from(roundTrips, (ms, index) => {
      const spread = slower === null ? ms * SPREAD : Math.max(0, (slower[index] ?? ms) - ms);
      return Math.round(Math.min(1, spread / ms / TWO_WAYS || 0) * ms * 1000);
    });
  }

  get size(): number {
    return this.names.length;
  }

  /** One way from `a` to `b` in the median, ms: half a round trip. Throws `config/invalid` for a region that is not in the table. */
  latencyOf(a: string, b: string): number {
    return (this.#median[this.#cell(a, b)] ?? 0) / 1000;
  }

  /** A link whose median is {@link latencyOf} and whose round trips spread as measured. */
  linkOf(a: string, b: string): Pick<LinkOptions, 'latency' | 'jitter'> {
    const cell = this.#cell(a, b);
    const jitter = this.#jitter[cell] ?? 0;
    return { latency: ((this.#median[cell] ?? 0) - jitter / 2) / 1000, jitter: jitter / 1000 };
  }

  #cell(a: string, b: string): number {
    const [row, column] = [this.#index.get(a), this.#index.get(b)];
    if (row === undefined || column === undefined) {
      throw new QuorateError('config/invalid', `no region is called ${row === undefined ? a : b}`);
    }
    return row * this.size + column;
  }
}

/** The regions of our own geographic model: no measurement is needed to run it, and `model.test.ts` says how far it is from some. */
export function builtInRegions(): Regions {
  const { names, roundTrips } = modelRoundTrips();
  return new Regions(names, roundTrips);
}

/** A region for each of `count` nodes: evenly among `among`, all regions unless told otherwise. Throws `config/invalid` for unknown ones. */
export function assignRegions(count: number, regions: Regions, among: readonly string[] = regions.names): string[] {
  for (const name of among) regions.latencyOf(name, name);
  return Array.from({ length: count }, (_, node) => {
    const place = count < among.length ? Math.floor((node * among.length) / count) : node % among.length;
    return among[place] ?? '';
  });
}

/** For `NetworkOptions.paths`: the links between nodes whose places are known. Others keep the usual link. */
export function regionPaths(
  regions: Regions,
  placeOf: ReadonlyMap<PeerId, string>,
): (from: PeerId, to: PeerId) => Partial<LinkOptions> {
  return (from, to) => {
    const [a, b] = [placeOf.get(from), placeOf.get(to)];
    return a === undefined || b === undefined ? {} : regions.linkOf(a, b);
  };
}
