import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { World } from '../world.ts';
import { blockOn, checkedSuite, genesis } from './chain.fixture.ts';
import { Checkers } from './checkers.ts';
import { ClockLeads, mostLead } from './clock-leads.ts';

describe('the lead of a clock', () => {
  it('is the sum of all that it gained: a replica does not follow it back', async () => {
    const world = new World({ seed: 1 });
    const leads = new ClockLeads();
    const clock = new SimulatedClock(world);
    leads.watch('n0', clock);
    expect(leads.leadOf('n0')).toBe(0);
    clock.jump(100);
    clock.jump(-250);
    expect(leads.leadOf('n0')).toBe(100);
    clock.jump(50);
    expect(leads.leadOf('n0')).toBe(150);
    clock.mend(); // forward again, from 100 ms behind
    expect(leads.leadOf('n0')).toBe(250);
    clock.runFast(0.1);
    await world.runFor(1000);
    expect(leads.leadOf('n0')).toBeCloseTo(350);
    clock.runFast(-0.1);
    await world.runFor(1000);
    expect(leads.leadOf('n0')).toBeCloseTo(350);
    expect(leads.leadOf('n1')).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the lead of a block', () => {
  const far = Number.POSITIVE_INFINITY;

  it.each<[string, readonly (readonly [weight: number, lead: number])[], number]>([
    [
      'all clocks right',
      [
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 0],
      ],
      500,
    ],
    [
      'one of four that lies, or whose clock is far ahead',
      [
        [1, far],
        [1, 30],
        [1, 20],
        [1, 10],
      ],
      520,
    ],
    [
      'weights',
      [
        [2, far],
        [5, 40],
        [3, 10],
      ],
      540,
    ],
    [
      'a third that lies',
      [
        [1, far],
        [1, 40],
        [1, 10],
      ],
      510,
    ],
    [
      'a quorum that lies',
      [
        [3, far],
        [1, 0],
      ],
      far,
    ],
  ])('%s', (_name, voters, expected) => {
    expect(mostLead(voters.map(([weight, lead]) => ({ weight, lead })))).toBe(expected);
  });

  it('that no clock explains is a violation', () => {
    const memory = { mempoolBytes: 1, mempoolTransactions: 1, samples: 1, counters: 1 };
    const all = new Checkers();
    all.watchChain({ genesis, suite: checkedSuite, offeredOnly: true, memory, latestTime: () => 2000 });
    const first = blockOn(null, [], { time: 2000 });
    all.observe('n0', first);
    expect(all.violations).toEqual([]);
    all.observe('n0', blockOn(first, [], { time: 2600 }));
    expect(all.violations).toEqual(['time: n0: height 2 is 600 ms later than any clock allows']);
  });
});
