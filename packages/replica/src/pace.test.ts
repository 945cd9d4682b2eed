import { MAX_TRANSACTION_BYTES } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

const MOST = 4 << 20;
/** A body of the largest transaction. */
const LEAST = MAX_TRANSACTION_BYTES + 4;
const fresh = (): Pace => new Pace({ most: MOST, target: 500 });

it('grows while full blocks become final in time, up to the limit of the chain', () => {
  const pace = fresh();
  for (let n = 0; n < 10; n++) {
    pace.proposed(`block ${n}`, pace.limit, 1000 * n);
    pace.finalized(`block ${n}`, 1000 * n + 100);
  }
  expect(pace.limit).toBe(MOST);
});

it('does not grow on blocks that were far from full', () => {
  const pace = fresh();
  const before = pace.limit;
  pace.proposed('small', 1000, 0);
  pace.finalized('small', 10);
  expect(pace.limit).toBe(before);
});

it('shrinks in proportion when a block took too long, and never so far that the largest transaction finds no room', () => {
  const pace = new Pace({ most: MOST, target: 500 });
  for (let n = 0; n < 10; n++) {
    pace.proposed(`block ${n}`, pace.limit, 1000 * n);
    pace.finalized(`block ${n}`, 1000 * n + 100);
  }
  pace.proposed('slow', MOST, 20_000);
  pace.finalized('slow', 22_000);
  expect(pace.limit).toBe(MOST / 4);
  pace.proposed('slower', 1 << 20, 30_000);
  pace.finalized('slower', 300_000);
  expect(pace.limit).toBe(LEAST);
});

it('halves when a block of ours was given up', () => {
  const pace = fresh();
  for (let n = 0; n < 3; n++) {
    pace.proposed(`block ${n}`, pace.limit, 100 * n);
    pace.finalized(`block ${n}`, 100 * n + 50);
  }
  pace.proposed('lost', 6 * LEAST, 1000);
  pace.proposed('next', 1000, 5000);
  expect(pace.limit).toBe(3 * LEAST);
});

it('does not take a block for given up while it may still become final', () => {
  const pace = fresh();
  const before = pace.limit;
  pace.proposed('first', before, 0);
  pace.proposed('second', before, 30); // a leader of two views in a row
  expect(pace.limit).toBe(before);
});

it('ignores the blocks of others, and obeys a chain with small blocks', () => {
  const pace = new Pace({ most: 2048, target: 500 });
  expect(pace.limit).toBe(2048);
  pace.proposed('ours', 2048, 0);
  pace.finalized('theirs', 10_000);
  pace.finalized('ours', 10_000);
  expect(pace.limit).toBe(2048);
});
