import { Cluster } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

describe('unreliable networks', () => {
  it.each([1, 2, 3])('go on without one validator, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start(0, 1, 2);
    cluster.load(60);
    expect(await cluster.reaches(25, 120_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3, 4])('bear loss, jitter and duplicates, seed %i', async (seed) => {
    const cluster = await Cluster.create({
      seed,
      weights: FOUR,
      network: { link: { latency: 30, jitter: 80, loss: 0.1, duplicate: 0.05 } },
    });
    cluster.start();
    cluster.load(80);
    expect(await cluster.reaches(20, 300_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3])('bear messages that overtake each other, seed %i', async (seed) => {
    const link = { latency: 5, jitter: 120, reorder: true };
    const cluster = await Cluster.create({ seed, weights: FOUR, network: { link } });
    cluster.start();
    cluster.load(80);
    expect(await cluster.reaches(20, 300_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2])('bear one slow validator, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    const slow = cluster.member(0);
    slow.machine.disk.slowness = 50;
    for (const { peer } of cluster.members) {
      cluster.network.setLink(slow.peer, peer, { latency: 350, jitter: 100 });
      cluster.network.setLink(peer, slow.peer, { latency: 350, jitter: 100 });
    }
    cluster.start();
    cluster.load(80);
    expect(await cluster.reaches(15, 300_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3])('bear connections that break again and again, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(60);
    const stream = cluster.world.stream('resets');
    for (let round = 0; round < 60; round++) {
      await cluster.world.runFor(stream.between(10, 200));
      const [a, b] = stream.shuffled(cluster.members);
      if (a !== undefined && b !== undefined) cluster.network.reset(a.peer, b.peer);
    }
    expect(await cluster.advances(10)).toBe(true);
    cluster.inspect();
  });
});

describe('partitions', () => {
  it.each([1, 2, 3])('stop a network cut in half, which goes on when healed, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    const stop = cluster.load(60);
    await cluster.reaches(8);
    const peers = cluster.members.map(({ peer }) => peer);
    cluster.network.partition(peers.slice(0, 2), peers.slice(2));
    await cluster.world.runFor(1000);
    const during = cluster.checkers.height;
    await cluster.world.runFor(20_000);
    expect(cluster.checkers.height).toBeLessThanOrEqual(during + 1);
    cluster.network.heal();
    expect(await cluster.advances(10, 120_000)).toBe(true);
    stop();
    cluster.inspect();
  });

  it.each([1, 2, 3])('leave the larger part running and bring the smaller back, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(60);
    await cluster.reaches(5);
    const peers = cluster.members.map(({ peer }) => peer);
    cluster.network.partition(peers.slice(0, 1), peers.slice(1));
    expect(await cluster.advances(15, 120_000, [1, 2, 3])).toBe(true);
    cluster.network.heal();
    expect(await cluster.advances(5)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3])('of single directions are borne, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(60);
    await cluster.reaches(5);
    const [a, b, c] = cluster.members.map(({ peer }) => peer);
    if (a === undefined || b === undefined || c === undefined) throw new Error('no members');
    cluster.network.block(a, b);
    cluster.network.block(b, c);
    expect(await cluster.advances(15, 120_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2])('that move every second never break agreement, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: [1, 1, 1, 1, 1, 1, 1] });
    cluster.start();
    cluster.load(80);
    const stream = cluster.world.stream('partitions');
    for (let round = 0; round < 25; round++) {
      const peers = stream.shuffled(cluster.members.map(({ peer }) => peer));
      const cut = stream.between(1, 4);
      cluster.network.partition(peers.slice(0, cut), peers.slice(cut));
      await cluster.world.runFor(stream.between(100, 2000));
    }
    cluster.network.heal();
    expect(await cluster.advances(10, 120_000)).toBe(true);
    cluster.inspect();
  });
});
