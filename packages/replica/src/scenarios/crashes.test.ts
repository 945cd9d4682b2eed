import { Cluster, codeOf } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

describe('unclean shutdowns', () => {
  it.each([1, 2, 3])('of one: it comes back and votes, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(10);
    cluster.member(2).machine.crash();
    expect(await cluster.advances(8)).toBe(true);
    cluster.start(2);
    expect(await cluster.advances(5)).toBe(true);
    // With another one gone, nothing moves without the one that came back.
    cluster.member(0).machine.crash();
    expect(await cluster.advances(5)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3])('of all at once, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(30);
    for (let round = 0; round < 4; round++) {
      expect(await cluster.advances(6)).toBe(true);
      for (const { machine } of cluster.members) machine.crash();
      cluster.start();
    }
    expect(await cluster.advances(6)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2, 3, 4, 5, 6])('at random moments, of anybody, dark or not, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, network: { link: { jitter: 15, loss: 0.02 } } });
    cluster.start();
    cluster.load(40);
    const stream = cluster.world.stream('crashes');
    for (let round = 0; round < 25; round++) {
      await cluster.world.run({ maxEvents: stream.between(1, 1500) });
      const { machine } = stream.pick(cluster.members);
      if (machine.alive) machine.crash({ power: stream.chance(0.7) });
      await cluster.world.run({ maxEvents: stream.between(1, 400) });
      cluster.members.forEach((member, index) => {
        if (!member.machine.alive) cluster.start(index);
      });
    }
    expect(await cluster.advances(10, 120_000)).toBe(true);
    expect(cluster.checkers.acknowledged).toBeGreaterThan(3);
    cluster.inspect();
  });
});

describe('damaged disks', () => {
  it.each([1, 2, 3, 4])('a torn journal tail is cut, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, disk: { tears: ['sectors', 'prefix'] } });
    cluster.start();
    cluster.load(40);
    for (let round = 0; round < 6; round++) {
      expect(await cluster.advances(4)).toBe(true);
      const { machine } = cluster.member(round % 4);
      machine.crash();
      for (const name of machine.disk
        .fileNames()
        .filter((file) => file.startsWith('journal/'))
        .slice(-1)) {
        const whole = machine.disk.peek(name) ?? new Uint8Array();
        machine.disk.plant(name, Uint8Array.from([...whole, 0, 0, 0, 9, 7, 5]));
      }
      cluster.start(round % 4);
    }
    expect(await cluster.advances(8)).toBe(true);
    cluster.inspect();
  });

  it('a flipped bit in the middle of the journal stops the start with a typed error', async () => {
    const cluster = await Cluster.create({ seed: 3, weights: FOUR });
    cluster.start();
    cluster.load(40);
    await cluster.reaches(20);
    const { machine } = cluster.member(1);
    machine.crash();
    const [journal] = machine.disk.fileNames().filter((file) => file.startsWith('journal/'));
    if (journal === undefined) throw new Error('no journal');
    machine.disk.flip(journal, Math.floor((machine.disk.peek(journal)?.length ?? 0) / 3), 3);
    cluster.start(1);
    expect(await cluster.world.runUntil(() => machine.failure !== null, 5000)).toBe(true);
    expect(codeOf(machine.failure)).toBe('journal/corrupt');
    expect(await cluster.advances(5)).toBe(true);
    cluster.inspect();
  });

  it.each(['disk/full', 'disk/failed'])(
    '%s stops the node with that error; it comes back once the disk works',
    async (code) => {
      const cluster = await Cluster.create({ seed: 5, weights: FOUR });
      cluster.start();
      cluster.load(40);
      await cluster.reaches(10);
      const { machine } = cluster.member(3);
      if (code === 'disk/full') machine.disk.capacity = machine.disk.used + 2000;
      else machine.disk.failingSyncs = 1;
      expect(await cluster.world.runUntil(() => (machine.program?.halted ?? null) !== null, 30_000)).toBe(true);
      expect(codeOf(machine.program?.halted ?? null)).toBe(code);
      expect(await cluster.advances(5, 60_000, [0, 1, 2])).toBe(true);
      machine.crash();
      machine.disk.capacity = Number.MAX_SAFE_INTEGER;
      cluster.start(3);
      expect(await cluster.advances(5)).toBe(true);
      cluster.inspect();
    },
  );
});

describe('clocks', () => {
  it.each([1, 2])('may differ, drift and be set back, seed %i', async (seed) => {
    const cluster = await Cluster.create({
      seed,
      weights: FOUR,
      clock: (index) => ({ offset: 150 * index - 200, drift: 0.005 * (index - 1) }),
    });
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(10)).toBe(true);
    cluster.member(1).machine.clock.jump(-3_600_000);
    expect(await cluster.advances(15, 120_000)).toBe(true);
    cluster.member(1).machine.crash();
    cluster.start(1);
    expect(await cluster.advances(10, 120_000)).toBe(true);
    cluster.inspect();
  });

  it('set an hour ahead on one validator do not stop the others', async () => {
    const cluster = await Cluster.create({ seed: 9, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(10);
    cluster.member(1).machine.clock.jump(3_600_000);
    expect(await cluster.advances(20, 120_000, [0, 2, 3])).toBe(true);
    cluster.inspect();
  });
});

describe('the signing gate', () => {
  it.each([1, 2])('lost: the validator observes until the next epoch boundary, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, consensus: { epochLength: 30 } });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(12);
    const { machine } = cluster.member(0);
    machine.crash();
    machine.disk.lose('gate/');
    cluster.start(0);
    expect(await cluster.reaches(20)).toBe(true);
    cluster.member(1).machine.crash(); // now the silent one is missed
    expect(await cluster.advances(3, 10_000)).toBe(false);
    cluster.start(1);
    expect(await cluster.reaches(65, 120_000)).toBe(true);
    cluster.member(1).machine.crash();
    expect(await cluster.advances(5)).toBe(true);
    cluster.inspect();
  });

  it.each([true, false])('copied to a second home does not sign twice (same node key: %s)', async (samePeer) => {
    const cluster = await Cluster.create({ seed: 4, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(10);
    const copy = cluster.duplicate(2, { samePeer });
    await cluster.advances(3);
    cluster.start(copy);
    expect(await cluster.advances(20, 60_000, [0, 1, 3])).toBe(true);
    expect(cluster.member(copy).machine.program?.replica.status().silent).not.toBeNull();
    cluster.inspect();
  });
});
