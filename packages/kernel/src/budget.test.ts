import { expect, test } from 'vitest';
import { Budget } from './index.ts';

test('gives a burst, then one at a time as time goes on, and never more than the burst', () => {
  const budget = new Budget({ burst: 3, refillMs: 100 });
  const taken = (now: number): number => {
    let count = 0;
    while (budget.take(now)) count++;
    return count;
  };
  expect(taken(1000)).toBe(3);
  expect(taken(1099)).toBe(0);
  expect(taken(1100)).toBe(1);
  expect(taken(900)).toBe(0); // a clock that is set back gives nothing
  expect(taken(1_000_000)).toBe(3);
});
