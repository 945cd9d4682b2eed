import { Cluster } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

describe('all online', () => {
  it.each([1, 2, 3])('finalizes and acknowledges transactions on every node, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(40)).toBe(true);
    expect(cluster.checkers.acknowledged).toBeGreaterThan(10);
    cluster.inspect();
  });

  it.each([4, 5])('counts by weight, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: [40, 1, 25, 10, 24] });
    cluster.start();
    expect(await cluster.reaches(20)).toBe(true);
    // 40 + 25 of 100 are not more than two thirds; with 10 more they are.
    for (const index of [1, 3, 4]) cluster.member(index).machine.crash();
    expect(await cluster.advances(3, 5000)).toBe(false);
    cluster.start(3);
    expect(await cluster.advances(10)).toBe(true);
    cluster.inspect();
  });

  it('runs alone', async () => {
    const cluster = await Cluster.create({ seed: 6, weights: [7] });
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(20)).toBe(true);
    cluster.inspect();
  });

  it('nullifies no view of an idle network in two minutes', async () => {
    const cluster = await Cluster.create({ seed: 7, weights: FOUR, consensus: { delta: 1000 } });
    cluster.start();
    await cluster.world.runFor(120_000);
    cluster.checkers.demand('idle');
    expect(cluster.checkers.height).toBeGreaterThan(100);
    for (const { machine } of cluster.alive) {
      expect(machine.program?.replica.status().engine.nullifiedViews).toBe(0);
    }
  });

  it('stays idle while all that waits lies behind a gap between nonces', async () => {
    const blocks = async (nonce: number | null): Promise<number> => {
      const cluster = await Cluster.create({ seed: 9, weights: FOUR, consensus: { delta: 1000 } });
      cluster.start();
      await cluster.reaches(2, 20_000);
      if (nonce !== null) cluster.submit(2, 'somebody', { nonce });
      const before = cluster.checkers.height;
      await cluster.world.runFor(20_000);
      return cluster.checkers.height - before;
    };
    const idle = await blocks(null);
    expect(idle).toBeGreaterThan(10);
    expect(await blocks(2)).toBeLessThanOrEqual(idle + 2);
  });

  it('takes a transaction in without waiting for the idle delay', async () => {
    const cluster = await Cluster.create({ seed: 8, weights: FOUR, consensus: { delta: 20_000 } });
    cluster.start();
    await cluster.reaches(2, 200_000);
    const before = cluster.world.elapsed;
    cluster.submit(2, 'somebody');
    expect(await cluster.world.runUntil(() => cluster.checkers.acknowledged === 1)).toBe(true);
    expect(cluster.world.elapsed - before).toBeLessThan(200);
  });
});

describe('observers', () => {
  it.each([1, 2])('follow, serve transactions and vote for nothing, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, observers: 2 });
    cluster.start();
    expect(await cluster.reaches(10)).toBe(true);
    cluster.submit(4, 'through an observer');
    expect(await cluster.world.runUntil(() => cluster.checkers.acknowledged === 1)).toBe(true);
    const status = cluster.member(5).machine.program?.replica.status();
    expect([status?.role, status?.signer]).toEqual(['observer', null]);
    cluster.inspect();
  });
});

describe('determinism', () => {
  const hashOf = async (seed: number): Promise<string> => {
    const cluster = await Cluster.create({ seed, weights: FOUR, network: { link: { loss: 0.05, jitter: 20 } } });
    cluster.start();
    cluster.load(40);
    await cluster.world.runFor(3000);
    cluster.member(1).machine.crash();
    await cluster.world.runFor(1000);
    cluster.start(1);
    await cluster.world.runFor(3000);
    expect(cluster.checkers.height).toBeGreaterThan(5);
    return cluster.world.hash;
  };

  it('gives the same hash for the same seed, and another for every other', async () => {
    const hashes = [await hashOf(1), await hashOf(2), await hashOf(3)];
    expect([await hashOf(1), await hashOf(2), await hashOf(3)]).toEqual(hashes);
    expect(new Set(hashes).size).toBe(3);
  });
});
