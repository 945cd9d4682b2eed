import { describe, expect, it } from 'vitest';
import { strategyNames } from '../byzantine/strategies.ts';
import { configurationOf, weightsFor } from './configuration.ts';

const SIMPLEX = { mechanism: 'simplex' } as const;
const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

describe('the configuration of a seed', () => {
  it('stays as it is when the number of validators is fixed', () => {
    for (const seed of seeds) {
      const { weights, ...drawn } = configurationOf({ seed, ...SIMPLEX }, strategyNames);
      for (const validators of [4, 5, 7, 9]) {
        const fixed = configurationOf({ seed, ...SIMPLEX, validators }, strategyNames);
        const { weights: others, ...rest } = fixed;
        expect(rest).toEqual(drawn);
        expect(others).toHaveLength(validators);
        const shared = Math.min(validators, weights.length);
        expect(others.slice(0, shared)).toEqual(weights.slice(0, shared));
      }
      expect(weightsFor({ seed })).toEqual(weights);
    }
  });

  it('draws every strategy, and keeps it when later ones come', () => {
    const drawn = (names: readonly string[]) =>
      seeds.map((seed) => configurationOf({ seed, ...SIMPLEX, families: 'all' }, names).byzantine?.strategy);
    const now = drawn(strategyNames);
    expect(new Set(now)).toEqual(new Set(strategyNames));
    const before = drawn(strategyNames.filter((name) => name !== 'frame' && name !== 'underweight'));
    now.forEach((name, index) => {
      if (name !== 'frame' && name !== 'underweight') expect(name).toBe(before[index]);
    });
  });
});
