import { describe, expect, it } from 'vitest';
import { physicalBound } from './bound.ts';
import { type LatencyOptions, latency } from './latency.ts';
import { lightSimplex } from './simplex.ts';

const ones = (size: number): number[] => Array.from({ length: size }, () => 1);
const everybody = (size: number): boolean[] => Array.from({ length: size }, () => true);

/** `size` validators in five places on a line, `apart` ms from one to the next. */
function onALine(size: number, apart: number): number[][] {
  const places = ones(size).map((_, at) => at % 5);
  return places.map((from, i) => places.map((to, j) => (i === j ? 0 : 2 + apart * Math.abs(from - to))));
}

function uniform(size: number, ms: number): number[][] {
  return ones(size).map((_, i) => ones(size).map((_, j) => (i === j ? 0 : ms)));
}

describe('the physical bound', () => {
  it('is one delay for the proposal and one for each quorum when all links are alike', () => {
    const bound = physicalBound({ weights: ones(7), delays: uniform(7, 40), alive: everybody(7), phases: 2 }, 3);
    expect(bound).toEqual(ones(7).map(() => 120));
  });

  it('follows the fastest quorum by weight', () => {
    // Reckoned by hand: 0 weighs more than two thirds, so its own vote is its quorum, and the others only hear of it.
    const heavy = physicalBound({ weights: [7, 1, 1], delays: uniform(3, 10), alive: everybody(3), phases: 2 }, 0);
    expect(heavy).toEqual([0, 10, 10]);
    // Four equals, two near and two far from the leader: the quorum of three needs one of the far ones.
    const delays = [
      [0, 1, 100, 100],
      [1, 0, 100, 100],
      [100, 100, 0, 1],
      [100, 100, 1, 0],
    ];
    const bound = physicalBound({ weights: ones(4), delays, alive: everybody(4), phases: 1 }, 0);
    // 0: proposal at 2 after 100, its vote back after 200. 2: the proposal at 100, then the vote of 0 (sent at 0), its own and 3's.
    expect(bound).toEqual([200, 200, 101, 101]);
  });

  it('needs more than two thirds', () => {
    const delays = [
      [0, 1, 50],
      [1, 0, 50],
      [50, 50, 0],
    ];
    const bound = physicalBound({ weights: ones(3), delays, alive: everybody(3), phases: 1 }, 0);
    // Two of three are two thirds and no more: everybody waits for the far one.
    expect(bound).toEqual([100, 100, 51]);
  });

  it('lets those who hold a quorum pass it on when that is faster than the votes', () => {
    const delays = [
      [0, 1, 1, 1],
      [1, 0, 1, 90],
      [1, 1, 0, 90],
      [1, 90, 90, 0],
    ];
    const bound = physicalBound({ weights: ones(4), delays, alive: everybody(4), phases: 1 }, 0);
    expect(bound).toEqual([2, 2, 2, 3]);
  });

  it('is infinite without a quorum of the living, and waits for nobody else', () => {
    const delays = uniform(4, 10);
    const three = physicalBound({ weights: ones(4), delays, alive: [true, true, true, false], phases: 2 }, 0);
    expect(three).toEqual([30, 30, 30, Number.POSITIVE_INFINITY]);
    const two = physicalBound({ weights: ones(4), delays, alive: [true, true, false, false], phases: 2 }, 0);
    expect(two.every((ms) => ms === Number.POSITIVE_INFINITY)).toBe(true);
  });
});

describe('latency', () => {
  const measure = (options: Partial<LatencyOptions<never, never>>): ReturnType<typeof latency> =>
    latency({ protocol: lightSimplex(), seed: 1, delays: onALine(15, 30), blocks: 30, ...(options as object) });

  it('is the bound itself when nothing but links takes time', () => {
    const report = measure({ jitter: 0, disk: 0, application: 0 });
    expect(report.finality).toEqual(report.bound);
    expect([report.ratio, report.messageDelays.p50, report.messageDelays.p99]).toEqual([1, 3, 3]);
    expect(report.violations).toEqual([]);
    expect(report.blocks).toBe(30);
  });

  it('is within a tenth of the bound in the good case, never below, and equal for equal seeds', () => {
    const report = measure({});
    expect(report.ratio).toBeGreaterThan(1);
    expect(report.ratio).toBeLessThan(1.1);
    expect(report.finality.p99).toBeLessThan(1.1 * report.bound.p99);
    expect(report.messageDelays.p50).toBeGreaterThan(3);
    expect(report.transaction.p50).toBeGreaterThan(report.finality.p50);
    expect(measure({})).toEqual(report);
    expect(measure({ seed: 2 }).hash).not.toBe(report.hash);
  });

  it('shows what crashed leaders, silent validators and loss cost', () => {
    const good = measure({});
    const crashed = measure({ crashed: 1 });
    expect(crashed.transaction.p99).toBeGreaterThan(good.transaction.p99);
    const silent = measure({ silent: 4 });
    expect(silent.bound.p50).toBeGreaterThanOrEqual(good.bound.p50);
    expect(silent.interval).toBeGreaterThan(good.interval);
    const lossy = measure({ loss: 0.05 });
    expect(lossy.finality.p99).toBeGreaterThan(good.finality.p99);
    for (const { violations, blocks } of [crashed, silent, lossy]) {
      expect(violations).toEqual([]);
      expect(blocks).toBe(30);
    }
  });

  it('refuses what cannot be measured', () => {
    expect(() => measure({ delays: [[0, 1], [1]] })).toThrow(/square/);
    expect(() => measure({ weights: [1, 2] })).toThrow(/2 weights for 15 validators/);
    expect(() => measure({ crashed: 8, until: 5000 })).toThrow(/nothing became final/);
  });
});
