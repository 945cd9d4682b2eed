import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { vectorsFolder } from '../../../../test/conformance/suite.ts';
import { digestBytes } from '../random.ts';
import { REGIONS } from './geography.ts';
import { loadRegions, parseRegions } from './load.ts';
import { assignRegions, builtInRegions, type Regions, regionPaths } from './regions.ts';
import { greatCircle, place } from './sphere.ts';

/** Where published measurements lie: beside the published vectors. */
const MEASURED = join(dirname(vectorsFolder()), 'data', 'latency');

const codeOf = (run: () => unknown): string | null => {
  try {
    run();
    return null;
  } catch (error) {
    return error instanceof QuorateError ? error.code : String(error);
  }
};

describe('great circles', () => {
  it('are those of trigonometry', () => {
    const radian = Math.PI / 180;
    const sites = [...Object.values(REGIONS), [0, 0], [0, 180], [90, 0], [-90, 0], [10, -170]] as const;
    for (const [north, east] of sites) {
      for (const [north2, east2] of sites) {
        const half =
          Math.sin(((north2 - north) * radian) / 2) ** 2 +
          Math.cos(north * radian) * Math.cos(north2 * radian) * Math.sin(((east2 - east) * radian) / 2) ** 2;
        const expected = 2 * 6371.0088 * Math.asin(Math.min(1, Math.sqrt(half)));
        expect(Math.abs(greatCircle(place(north, east), place(north2, east2)) - expected)).toBeLessThan(1e-4);
      }
    }
  });
});

describe('built-in regions', () => {
  const regions = builtInRegions();

  it('are the same to the µs on every machine', () => {
    const table = Int32Array.from(
      regions.names.flatMap((a) => regions.names.map((b) => Math.round(regions.latencyOf(a, b) * 1000))),
    );
    expect(regions.size).toBe(33);
    expect(digestBytes(new Uint8Array(table.buffer))).toBe(2_561_650_633);
  });

  it('are symmetric, obey the triangle inequality up to the fixed part, and are no faster than light in glass', () => {
    const { names } = regions;
    const places = new Map(Object.entries(REGIONS).map(([name, [north, east]]) => [name, place(north, east)]));
    for (const a of names) {
      for (const b of names) {
        expect(regions.latencyOf(a, b)).toBe(regions.latencyOf(b, a));
        const [from, to] = [places.get(a), places.get(b)];
        if (from === undefined || to === undefined) throw new Error('a region has a place');
        expect(regions.latencyOf(a, b)).toBeGreaterThan(greatCircle(from, to) / 204);
        for (const c of names) {
          expect(regions.latencyOf(a, c)).toBeLessThan(regions.latencyOf(a, b) + regions.latencyOf(b, c));
        }
      }
    }
  });

  it('lie where nodes are put', () => {
    expect(new Set(assignRegions(33, regions)).size).toBe(33);
    expect(assignRegions(50, regions).filter((name) => name === regions.names[0])).toHaveLength(2);
    expect(assignRegions(4, regions, ['eu-west-1', 'us-east-1'])).toEqual([
      'eu-west-1',
      'us-east-1',
      'eu-west-1',
      'us-east-1',
    ]);
    expect(new Set(assignRegions(4, regions).map((name) => name.slice(0, 2))).size).toBe(4);
    expect(codeOf(() => assignRegions(1, regions, ['mars-1']))).toBe('config/invalid');
    const paths = regionPaths(regions, new Map([['aa', 'eu-west-1'], ['bb', 'us-east-1']])); // biome-ignore format: pairs
    const { latency = 0, jitter = 0 } = paths('aa', 'bb');
    expect(latency + jitter / 2).toBeCloseTo(regions.latencyOf('eu-west-1', 'us-east-1'), 2);
    expect(paths('aa', 'cc')).toEqual({});
  });
});

describe('measured regions', () => {
  it('are read from JSON and CSV, with jitter from the slower table', () => {
    const json = parseRegions('{"data":{"b":{"a":30,"b":1},"a":{"a":2,"b":40}}}');
    expect([json.names, json.latencyOf('a', 'b'), json.latencyOf('b', 'a')]).toEqual([['a', 'b'], 20, 15]);
    const csv = parseRegions(',"Here, or so","There us-east-1",\r\n"Here, or so",0,40.5,\n"There us-east-1",41,1\n');
    expect(csv.latencyOf('Here, or so', 'us-east-1')).toBe(20.25);
  });

  it('keep the median, and the way to the 90th percentile of a round trip', () => {
    const regions = parseRegions(
      '{"a":{"a":0,"b":100},"b":{"a":100,"b":0}}',
      '{"b":{"a":120,"b":0},"a":{"b":120,"a":0}}',
    );
    const { latency, jitter } = regions.linkOf('a', 'b');
    expect(latency + jitter / 2).toBeCloseTo(50, 6);
    const sums = Array.from(
      { length: 40_000 },
      (_, i) => 2 * latency + jitter * (((i % 200) + 0.5) / 200 + (Math.floor(i / 200) + 0.5) / 200),
    );
    sums.sort((a, b) => a - b);
    expect(sums[20_000]).toBeCloseTo(100, 0);
    expect(sums[36_000]).toBeCloseTo(120, 0);
    expect(regions.linkOf('a', 'a')).toEqual({ latency: 0, jitter: 0 });
  });

  it.each([
    ['nothing', ''],
    ['broken JSON', '{"data":{'],
    ['a gap', '{"data":{"a":{"a":0,"b":1},"b":{"b":0}}}'],
    ['a list', '{"data":[1,2]}'],
    ['a text for a time', '{"data":{"a":{"a":"0"}}}'],
    ['a negative time', '{"data":{"a":{"a":-1}}}'],
    ['an endless time', ',a\na,Infinity'],
    ['an empty cell', ',a,b\na,0,\nb,1,0'],
    ['a short table', ',a,b\na,0,1'],
    ['a long table', ',a\na,0\nb,1'],
    ['rows in another order', ',a,b\nb,0,1\na,1,0'],
    ['a name twice', ',a,a\na,0,1\na,1,0'],
    ['words', 'latency is low'],
  ])('refuses %s', (_what, text) => {
    expect(codeOf(() => parseRegions(text))).toBe('config/invalid');
  });

  it('refuses tables of other places, and files that are not there', async () => {
    expect(codeOf(() => parseRegions(',a\na,0', ',b\nb,0'))).toBe('config/invalid');
    await expect(loadRegions(join(MEASURED, 'none.json'))).rejects.toMatchObject({ code: 'config/invalid' });
  });
});

/** Relative errors of a model over all pairs of places that both know. */
function errors(
  measured: Regions,
  nameOf: (name: string) => string | undefined,
): { median: number; p90: number; pairs: number } {
  const model = builtInRegions();
  const all: number[] = [];
  for (const a of measured.names) {
    for (const b of measured.names) {
      const [from, to] = [nameOf(a), nameOf(b)];
      const truth = measured.latencyOf(a, b);
      if (a === b || from === undefined || to === undefined || truth === 0) continue;
      all.push(Math.abs(model.latencyOf(from, to) - truth) / truth);
    }
  }
  all.sort((a, b) => a - b);
  return { median: all[all.length >> 1] ?? 1, p90: all[Math.floor(all.length * 0.9)] ?? 1, pairs: all.length };
}

/** Where the cities of a measurement that was not used for the fit lie in ours. */
const CITIES: Readonly<Record<string, string>> = {
  CapeTown: 'af-south-1',
  HongKong: 'ap-east-1',
  Taipei: 'ap-east-2',
  Tokyo: 'ap-northeast-1',
  Seoul: 'ap-northeast-2',
  Osaka: 'ap-northeast-3',
  Hyderabad: 'ap-south-2',
  Singapore: 'ap-southeast-1',
  Sydney: 'ap-southeast-2',
  Jakarta: 'ap-southeast-3',
  Melbourne: 'ap-southeast-4',
  Malaysia: 'ap-southeast-5',
  Bangkok: 'ap-southeast-7',
  Montreal: 'ca-central-1',
  Frankfurt: 'eu-central-1',
  Zurich: 'eu-central-2',
  Stockholm: 'eu-north-1',
  Milan: 'eu-south-1',
  Dublin: 'eu-west-1',
  London: 'eu-west-2',
  Paris: 'eu-west-3',
  TelAviv: 'il-central-1',
  Dubai: 'me-central-1',
  SaoPaulo: 'sa-east-1',
  Washington: 'us-east-1',
  Columbus: 'us-east-2',
  SanJose: 'us-west-1',
};

const missing = existsSync(MEASURED) ? '' : ' (skipped: no ../shared/data/latency)';

describe.skipIf(missing !== '')(`the geographic model beside measurements${missing}`, () => {
  it.each([
    ['33 cloud regions, used for the fit', 'aws-p50.json', 1056, 0.07, 0.17],
    ['21 cloud regions of another year', 'aws-21.csv', 420, 0.06, 0.17],
    ['27 cities measured by others', 'cities.csv', 702, 0.1, 0.35],
  ])('is near those of %s', async (what, file, pairs, median, p90) => {
    const found = errors(
      await loadRegions(join(MEASURED, file)),
      (name) => CITIES[name] ?? (name in REGIONS ? name : undefined),
    );
    process.stdout.write(
      `${what}: ${found.pairs} pairs, relative error ${(100 * found.median).toFixed(1)} % median, ${(100 * found.p90).toFixed(1)} % p90\n`,
    );
    expect(found.pairs).toBe(pairs);
    expect(found.median).toBeLessThan(median);
    expect(found.p90).toBeLessThan(p90);
  });

  it('is read whole: places, medians and jitter', async () => {
    const regions = await loadRegions(join(MEASURED, 'aws-p50.json'), join(MEASURED, 'aws-p90.json'));
    expect([regions.size, regions.names.every((name) => name in REGIONS)]).toEqual([33, true]);
    expect(regions.linkOf('eu-west-1', 'us-east-1').jitter).toBeGreaterThan(0);
    expect((await loadRegions(join(MEASURED, 'cities.csv'))).size).toBe(217);
  });
});
