import { describe, expect, it } from 'vitest';
import { joinLate } from './join.ts';

describe('joining late', () => {
  it('brings in a validator by block sync, and an observer by state sync', { timeout: 300_000 }, async () => {
    expect(await joinLate({ height: 300, snapshotInterval: 50 })).toBeGreaterThanOrEqual(300);
  });
});
