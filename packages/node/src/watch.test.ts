import { expect, test } from 'vitest';
import { loneliness, quietAfter, type Sight, Watch } from './watch.ts';

const well: Sight = {
  connected: 3,
  dialled: ['a:1', 'b:2', 'c:3'],
  dialFailure: null,
  sufficesAlone: false,
  syncing: false,
  height: 7,
  silent: null,
  running: true,
  weight: { connected: 4, total: 4, needed: 3 },
};

function watching(): { lines: string[]; watch: Watch; see: (change: Partial<Sight>, now: number) => void } {
  const lines: string[] = [];
  let sight = well;
  const watch = new Watch(
    { quietMs: quietAfter(1000) },
    {
      look: () => sight,
      log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
    },
  );
  const see = (change: Partial<Sight>, now: number): void => {
    sight = { ...well, ...change };
    watch.tick(now);
  };
  return { lines, watch, see };
}

test('who is alone is told whom the node dials and what came of it, or what it lacks', () => {
  expect(loneliness(well)).toBeNull();
  expect(loneliness({ ...well, connected: 0, sufficesAlone: true })).toBeNull();
  expect(loneliness({ ...well, connected: 0, dialFailure: 'c:3: ECONNREFUSED' })).toBe(
    'no peer connected: dialling a:1, b:2, c:3; the latest attempt failed: c:3: ECONNREFUSED',
  );
  const many = Array.from({ length: 9 }, (_, i) => `h:${i}`);
  expect(loneliness({ ...well, connected: 0, dialled: many })).toMatch(/h:3 and 5 more$/);
  expect(loneliness({ ...well, connected: 0, dialled: [] })).toMatch(/none to dial.*set p2p\.peers/);
});

test('the log says so after a moment and then now and then, and forgets it when somebody comes', () => {
  const { lines, see } = watching();
  for (let now = 0; now <= 62_000; now += 1000) see({ connected: 0, running: false }, now);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^warn no peer connected: dialling a:1/);
  see({}, 63_000);
  see({ connected: 0 }, 64_000);
  see({ connected: 0 }, 66_000);
  expect(lines).toHaveLength(2);
  see({ connected: 0 }, 67_000);
  expect(lines).toHaveLength(3);
});

test('catching up is a line every few seconds, however many blocks go by', () => {
  const { lines, see } = watching();
  for (let tick = 0; tick <= 120; tick++) see({ syncing: true, height: 300 * tick }, 100 * tick);
  expect(lines).toEqual(
    [5, 10].map((s) => expect.stringContaining(`catching up {"height":${3000 * s},"blocksPerSecond":3000`)),
  );
});

test('a chain that stands still is a line when it begins and one when it ends, with what is missing', () => {
  expect([quietAfter(100), quietAfter(3000)]).toEqual([10_000, 30_000]);
  const { lines, watch, see } = watching();
  const lost = { weight: { connected: 2, total: 4, needed: 3 } };
  for (let now = 0; now < 10_000; now += 1000) see(lost, now);
  expect([watch.stalled(9999), lines]).toEqual([null, []]);
  for (let now = 10_000; now <= 57_000; now += 1000) see(lost, now);
  const weights = "connected validators hold 2 of 4 weight, this node's own included, 3 are needed";
  expect(watch.stalled(57_000)).toBe(`no block became final for 57 s; ${weights}`);
  see({ height: 8 }, 58_000);
  expect(watch.stalled(58_000)).toBeNull();
  expect(lines).toEqual([
    `warn no block became final for 10 s; ${weights} {"height":7}`,
    'info the chain no longer stands still {"height":8,"seconds":58}',
  ]);
});

test('who starts or catches up does not count as standing still, and has the whole time afterwards', () => {
  for (const busy of [{ running: false }, { syncing: true }]) {
    const { lines, watch, see } = watching();
    for (let now = 0; now <= 60_000; now += 1000) see(busy, now);
    expect(watch.stalled(60_000)).toBeNull();
    see({}, 61_000);
    expect([watch.stalled(70_999), watch.stalled(71_000)]).toEqual([null, expect.stringMatching(/^no block/)]);
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  }
});

test('why the gate is silent is said once, and again when it changes', () => {
  const { lines, see } = watching();
  for (let now = 0; now < 9000; now += 1000) see({ silent: now < 5000 ? 'until then' : 'until later' }, now);
  see({}, 9000);
  expect(lines).toEqual([
    expect.stringMatching(/^warn this voting key signs nothing yet.*until then/),
    expect.stringMatching(/^warn this voting key signs nothing yet.*until later/),
  ]);
});
