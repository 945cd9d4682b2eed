import { Cluster } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

describe('a validator that is a quorum by itself', () => {
  it.each([1, 2, 3, 4])('goes on after it lost its journal at a random moment, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: [1], observers: 1 });
    cluster.start();
    cluster.load(40);
    const stream = cluster.world.stream('losses');
    const { machine } = cluster.member(0);
    for (let round = 0; round < 12; round++) {
      expect(await cluster.advances(2, 60_000), `round ${round}`).toBe(true);
      await cluster.world.run({ maxEvents: stream.between(1, 60) });
      machine.crash({ power: stream.chance(0.5) });
      machine.disk.lose('journal/');
      cluster.start(0);
    }
    expect(await cluster.advances(5, 60_000)).toBe(true);
    cluster.inspect();
  });

  it('that lost its blocks too says so, votes past none of them, and goes on once a full node brings them', async () => {
    const cluster = await Cluster.create({ seed: 1, weights: [1], observers: 1 });
    cluster.start();
    cluster.load(40);
    await cluster.reaches(10);
    for (const index of [0, 1]) cluster.member(index).machine.crash();
    const { machine, name } = cluster.member(0);
    for (const prefix of ['journal/', 'blocks', 'evidence', 'application']) machine.disk.lose(prefix);
    cluster.checkers.forget(name);
    cluster.start(0);
    await cluster.world.runFor(60_000);
    const lone = () => machine.program?.replica.status();
    expect(lone()).toMatchObject({ height: 0, silent: expect.stringMatching(/this key alone is a quorum.*full node/) });
    cluster.start(1);
    expect(await cluster.advances(5, 300_000)).toBe(true);
    expect(lone()?.silent).toBeNull();
    cluster.inspect();
  });
});

describe('validators that all lose their journals at once', () => {
  it.each([1, 2, 3, 4])('take up what their gates remember, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: [1, 1, 1, 1] });
    cluster.start();
    cluster.load(40);
    const stream = cluster.world.stream('losses');
    for (let round = 0; round < 8; round++) {
      expect(await cluster.advances(2, 60_000), `round ${round}`).toBe(true);
      await cluster.world.run({ maxEvents: stream.between(1, 400) });
      for (const { machine } of cluster.members) {
        machine.crash({ power: stream.chance(0.5) });
        machine.disk.lose('journal/');
      }
      cluster.start();
    }
    expect(await cluster.advances(5, 60_000)).toBe(true);
    cluster.inspect();
  });
});
