import { describe, expect, it } from 'vitest';
import { Cluster } from '../cluster.ts';
import { FAULT_FAMILIES } from './outcome.ts';
import { includes, keeps, Views } from './phases.ts';
import { runSeed } from './run-seed.ts';

const SIMPLEX = { mechanism: 'simplex' } as const;

describe('one seed', () => {
  it('gives the same run twice, and the same again from the list of its faults', async () => {
    const first = await runSeed({ ...SIMPLEX, seed: 4, until: 2500 });
    expect(await runSeed({ ...SIMPLEX, seed: 4, until: 2500 })).toEqual(first);
    const listed = JSON.parse(JSON.stringify(first.decisions));
    expect(await runSeed({ ...SIMPLEX, seed: 4, until: 2500, decisions: listed })).toEqual(first);
    expect(first).toMatchObject({ violations: [], stall: null });
    expect(first.decisions.length).toBeGreaterThan(4);
  });

  it('differs from another', async () => {
    const hashes = [5, 6].map(async (seed) => (await runSeed({ ...SIMPLEX, seed, until: 800 })).hash);
    expect(new Set(await Promise.all(hashes)).size).toBe(2);
  });

  it('without faults is quiet, makes progress, and does not count', async () => {
    const outcome = await runSeed({ ...SIMPLEX, seed: 7, decisions: [] });
    expect(outcome).toMatchObject({ violations: [], stall: null, families: [], restarts: 0, decisions: [] });
    expect(outcome.wasted).toBe('0 families of faults');
    expect(outcome.finalized).toBeGreaterThanOrEqual(30);
  });

  it('with every family of faults is clean and counts', async () => {
    const outcome = await runSeed({ ...SIMPLEX, seed: 9, families: 'all' });
    expect(outcome).toMatchObject({ violations: [], stall: null, wasted: null });
    expect(outcome.families.length).toBeGreaterThan(10);
    expect(outcome.families.every((family) => FAULT_FAMILIES.includes(family))).toBe(true);
    expect(Object.keys(outcome.coverage).length).toBeGreaterThan(100);
  });

  it.each([
    [{ domain: 'crash', index: 0, choice: { kind: 'explode', at: 5 } }],
    [{ domain: 'crash', index: 0, choice: { kind: 'crash', node: 'one', at: 5, down: 1 } }],
    [{ domain: 'pause', index: 0, choice: { kind: 'pause', node: 1, at: -5, for: 1 } }],
    [{ domain: 'byzantine', index: 0, choice: { kind: 'polite', node: 1 } }],
  ])('refuses a fault that nobody understands: %j', async (decision) => {
    await expect(runSeed({ ...SIMPLEX, seed: 1, decisions: [decision] })).rejects.toMatchObject({
      code: 'config/invalid',
    });
  });
});

describe('the promise of a healed core', () => {
  it('is broken by a network that is stuck, and by one that changes views for ever', async () => {
    const cluster = await Cluster.create({ seed: 1, weights: [1, 1, 1, 1], consensus: { delta: 100 } });
    const views = new Views(cluster);
    const core = [0, 1, 2, 3];
    cluster.start();
    const promise = { core, target: 5, within: 20_000, heat: 30 };
    expect(await keeps(promise, { cluster, views })).toBeNull();
    // Bodies never arrive: every view is given up, and nothing becomes final.
    cluster.network.wire = (_from, _to, traffic, bytes) => (traffic === 'bodies' ? null : bytes);
    const { height } = cluster.checkers;
    expect(await keeps({ core, target: height + 9, within: 5000, heat: 30 }, { cluster, views })).toMatch(
      /^no progress/,
    );
    expect(await keeps({ core, target: height + 9, within: 600_000, heat: 12 }, { cluster, views })).toMatch(
      /^livelock/,
    );
  });

  it('holds for what is submitted, and not when nobody takes anything in', async () => {
    const cluster = await Cluster.create({ seed: 1, weights: [1, 1, 1, 1], consensus: { delta: 100 } });
    const views = new Views(cluster);
    const promise = { core: [0, 1, 2, 3], inclusion: 5000 };
    cluster.start();
    expect(await keeps({ core: promise.core, target: 3, within: 20_000, heat: 30 }, { cluster, views })).toBeNull();
    expect(await includes(promise, { cluster, views })).toBeNull();
    for (const { machine } of cluster.members) {
      const replica = machine.program?.replica;
      if (replica !== undefined) replica.submit = async () => ({ kind: 'accepted', id: 'aa' });
    }
    expect(await includes(promise, { cluster, views })).toMatch(
      /^not included within 5000 ms .*: n0 says unknown, n1 says unknown/,
    );
    cluster.member(2).machine.crash();
    expect(await includes(promise, { cluster, views })).toMatch(/n2 says nothing/);
  });
});
