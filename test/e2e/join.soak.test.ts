import { expect, it } from 'vitest';
import { joinLate } from './join.ts';

it('joins at height 10,000, by block sync and by state sync', async () => {
  expect(await joinLate({ height: 10_000, snapshotInterval: 1000 })).toBeGreaterThanOrEqual(10_000);
});
