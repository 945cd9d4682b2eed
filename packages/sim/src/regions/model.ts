import { LAND, REGIONS, SEA, type Site, WAYPOINTS } from './geography.ts';
import { greatCircle, type Point, place } from './sphere.ts';

/** What turns kilometres into milliseconds. */
export interface Fit {
  /** Light in glass, km per ms. */
  readonly fibre: number;
  /** How much longer a cable is than the great circle: on land, under the sea. */
  readonly land: number;
  readonly sea: number;
  /** Ms of a round trip that no distance explains. */
  readonly fixed: number;
}

/** Light in glass has 1/1.468 of its speed in vacuum. The rest was fitted to public measurements between cloud regions; a test says how well. */
const FIT: Fit = { fibre: 204, land: 1.6, sea: 1.3, fixed: 5 };

/** Round trips between the built-in regions in ms, row by row in the order of `names`: the shortest way along the cables. */
export function modelRoundTrips(fit: Fit = FIT): {
  readonly names: readonly string[];
  readonly roundTrips: readonly number[];
} {
  const names = Object.keys(REGIONS);
  const sites: [string, Site][] = [...Object.entries(REGIONS), ...Object.entries(WAYPOINTS)];
  const index = new Map(sites.map(([name], position) => [name, position]));
  const points: Point[] = sites.map(([, [north, east]]) => place(north, east));
  const n = sites.length;
  const way = new Float64Array(n * n).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < n; i++) way[i * n + i] = 0;
  const lay = (cables: typeof LAND, factor: number): void => {
    for (const [from, to] of cables) {
      const [a, b] = [index.get(from) ?? -1, index.get(to) ?? -1];
      const [start, end] = [points[a], points[b]];
      if (start === undefined || end === undefined) continue;
      const length = factor * greatCircle(start, end);
      way[a * n + b] = length;
      way[b * n + a] = length;
    }
  };
  lay(LAND, fit.land);
  lay(SEA, fit.sea);
  // Floyd and Warshall, 1962.
  for (let via = 0; via < n; via++) {
    for (let a = 0; a < n; a++) {
      const first = way[a * n + via] ?? 0;
      if (first === Number.POSITIVE_INFINITY) continue;
      for (let b = 0; b < n; b++) {
        const both = first + (way[via * n + b] ?? 0);
        if (both < (way[a * n + b] ?? 0)) way[a * n + b] = both;
      }
    }
  }
  const roundTrips = names.flatMap((_, a) => names.map((_, b) => fit.fixed + (2 * (way[a * n + b] ?? 0)) / fit.fibre));
  return { names, roundTrips };
}
