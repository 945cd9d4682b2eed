import { describe, expect, it } from 'vitest';
import { isThird } from '../checkers/sets.ts';
import { Stream } from '../random.ts';
import { runSeed } from '../swarm/run-seed.ts';
import { forkSeed, lightestCoalition } from './fork.ts';
import { strategyNames } from './strategies.ts';

describe('a validator that breaks the rules', () => {
  it.each(strategyNames)('%s: the others agree and make progress', async (strategy) => {
    const outcome = await runSeed({
      seed: 40,
      mechanism: 'simplex',
      validators: 4,
      families: ['crash', 'loss'],
      until: 2500,
      byzantine: { count: 1, strategy },
    });
    expect(outcome.decisions.filter(({ domain }) => domain === 'byzantine')).toHaveLength(1);
    expect(outcome).toMatchObject({ violations: [], stall: null });
  });
});

describe('more than a third of the weight', () => {
  it.each([1, 2, 3])('forks agreement, is convicted and nobody else is, seed %i', async (seed) => {
    const outcome = await forkSeed(seed);
    expect(outcome.forked).not.toBeNull();
    expect(outcome.unaccounted).toBeNull();
    expect(isThird(outcome.convicted, outcome.total)).toBe(true);
    expect(outcome.reports.length).toBeGreaterThan(0);
    for (const report of outcome.reports) {
      expect(report).toMatchObject({ code: 'consensus/fork', honestNamed: [], enough: true });
    }
  });

  it.each([
    [[1, 1, 1, 1], 2],
    [[1, 1, 1, 1, 1, 1, 1], 3],
    [[3, 1, 1, 1], 4],
  ])('of %j weighs %i at least', (weights, least) => {
    const split = lightestCoalition(weights, Stream.named(1, 'test'));
    expect(split?.coalition.reduce((sum, index) => sum + (weights[index] ?? 0), 0)).toBe(least);
  });
});
