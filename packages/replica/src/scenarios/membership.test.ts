import { Cluster } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

describe('joining', () => {
  it.each([1, 2])('late by block sync, as validator and as observer, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, observers: 1, consensus: { epochLength: 20 } });
    cluster.start(0, 1, 2);
    cluster.load(40);
    expect(await cluster.reaches(110, 120_000)).toBe(true);
    cluster.start(3, 4);
    expect(await cluster.advances(10, 60_000)).toBe(true);
    cluster.member(0).machine.crash(); // the late one's vote is needed
    expect(await cluster.advances(10, 60_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2])('again after losing every disk but the gate, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, consensus: { epochLength: 20 } });
    cluster.start();
    cluster.load(40);
    expect(await cluster.reaches(50, 120_000)).toBe(true);
    const { machine, name } = cluster.member(1);
    machine.crash();
    const gate = machine.disk.fileNames().filter((name) => name.startsWith('gate/'));
    const kept = gate.map((name) => [name, machine.disk.peek(name) ?? new Uint8Array()] as const);
    machine.disk.lose('');
    cluster.checkers.forget(name);
    for (const [name, bytes] of kept) machine.disk.plant(name, bytes);
    cluster.start(1);
    expect(await cluster.advances(10, 60_000)).toBe(true);
    cluster.inspect();
  });
});

describe('validator sets', () => {
  const signerOf = (cluster: Cluster, index: number): number | null =>
    cluster.member(index).machine.program?.replica.status().signer ?? null;

  it.each([1, 2, 3])(
    'change at an epoch boundary under load: one joins, then everybody old leaves in turn, seed %i',
    async (seed) => {
      const cluster = await Cluster.create({ seed, weights: FOUR, candidates: 2, consensus: { epochLength: 10 } });
      cluster.start();
      cluster.load(50);
      expect(await cluster.reaches(5)).toBe(true);
      expect(signerOf(cluster, 4)).toBeNull();
      const joining = [4, 5].flatMap((index) => cluster.member(index).validator ?? []);
      cluster.submit(0, 'governance', { validators: joining });
      expect(
        await cluster.world.runUntil(() => [4, 5].every((index) => signerOf(cluster, index) !== null), 60_000),
      ).toBe(true);
      for (const leaving of [0, 1]) {
        const { validator } = cluster.member(leaving);
        if (validator === null) throw new Error('no validator');
        cluster.submit(3, 'governance', { validators: [{ ...validator, weight: 0 }] });
        expect(await cluster.world.runUntil(() => signerOf(cluster, leaving) === null, 60_000)).toBe(true);
        expect(await cluster.advances(12)).toBe(true);
      }
      for (const gone of [0, 1]) cluster.member(gone).machine.crash();
      expect(await cluster.advances(12)).toBe(true);
      cluster.inspect();
    },
  );

  it.each([1, 2])('can lose the leader of the moment, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: [1, 1, 1, 1, 1], consensus: { epochLength: 10 } });
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(23)).toBe(true);
    const status = cluster.member(0).machine.program?.replica.status();
    const set = cluster.member(0).machine.program?.replica.validators(status?.epoch ?? 0);
    const leader = set?.at(status?.engine.leader ?? -1);
    if (leader === undefined) throw new Error('no leader');
    const index = cluster.members.findIndex(({ peer }) => peer === leader.peer);
    cluster.submit(index, 'governance', { validators: [{ ...leader, weight: 0 }] });
    expect(await cluster.world.runUntil(() => signerOf(cluster, index) === null, 60_000)).toBe(true);
    expect(await cluster.advances(20)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2])('change while a validator sleeps through several epochs, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, candidates: 1, consensus: { epochLength: 8 } });
    cluster.start(0, 1, 2, 4);
    cluster.load(50);
    await cluster.reaches(3);
    const { validator } = cluster.member(4);
    cluster.submit(0, 'governance', { validators: validator === null ? [] : [validator] });
    expect(await cluster.reaches(50, 120_000)).toBe(true);
    cluster.start(3);
    expect(await cluster.advances(20, 60_000)).toBe(true);
    cluster.member(2).machine.crash();
    expect(await cluster.advances(10, 60_000)).toBe(true);
    cluster.inspect();
  });

  it.each([1, 2])('survive crashes of all around the boundaries, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR, consensus: { epochLength: 5 } });
    cluster.start();
    cluster.load(40);
    const stream = cluster.world.stream('crashes');
    for (let round = 0; round < 15; round++) {
      await cluster.world.runFor(stream.between(20, 400));
      for (const { machine } of cluster.members) if (stream.chance(0.5)) machine.crash();
      await cluster.world.runFor(stream.between(0, 100));
      cluster.members.forEach(({ machine }, index) => {
        if (!machine.alive) cluster.start(index);
      });
    }
    expect(await cluster.advances(15, 120_000)).toBe(true);
    cluster.inspect();
  });
});
