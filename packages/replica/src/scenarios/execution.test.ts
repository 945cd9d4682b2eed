import { Cluster } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

describe('an application that is not speculative', () => {
  it.each([1, 2])('runs, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, speculative: false });
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(30)).toBe(true);
    expect(cluster.checkers.acknowledged).toBeGreaterThan(5);
    cluster.inspect();
  });

  it.each([1, 2, 3, 4])('does not stall under message loss, seed %i', async (seed) => {
    const cluster = await Cluster.create({
      seed,
      weights: FOUR,
      speculative: false,
      network: { link: { latency: 20, jitter: 30, loss: 0.15 } },
    });
    cluster.start();
    cluster.load(60);
    expect(await cluster.reaches(20, 300_000)).toBe(true);
    expect(cluster.checkers.acknowledged).toBeGreaterThan(2);
    cluster.inspect();
  });

  it.each([1, 2])('crosses epochs and crashes, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, speculative: false, consensus: { epochLength: 6 } });
    cluster.start();
    cluster.load(50);
    for (let round = 0; round < 5; round++) {
      expect(await cluster.advances(5)).toBe(true);
      cluster.member(round % 4).machine.crash();
      expect(await cluster.advances(2)).toBe(true);
      cluster.start(round % 4);
    }
    expect(await cluster.advances(8)).toBe(true);
    cluster.inspect();
  });
});
