import { describe, expect, it } from 'vitest';
import { campaignFault, runCampaign, summaryOf } from './campaign.ts';
import type { Outcome } from './outcome.ts';
import { runSeeds } from './pool.ts';

/** A worker that answers later the lower the seed, and breaks at 13: what a pool must put in order. */
const stub = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ index, options: { seed } }) => {
      const answer = seed === 13 ? { index, failure: 'it broke' } : { index, outcome: { seed, hash: String(seed * 7) } };
      setTimeout(() => parentPort.postMessage(answer), (7 * (100 - seed)) % 23);
    });`)}`,
);

const runs = (count: number, first = 20) => {
  return Array.from({ length: count }, (_, index) => ({ seed: first + index, mechanism: 'simplex' }) as const);
};

describe('the pool of workers', () => {
  it.each([1, 2, 3])('gives outcomes in the order of the seeds, with %i workers', async (workers) => {
    const told: number[] = [];
    const outcomes = await runSeeds({
      runs: runs(20),
      workers,
      worker: stub,
      onOutcome: ({ seed }) => told.push(seed),
    });
    expect(outcomes.map(({ seed }) => seed)).toEqual(runs(20).map(({ seed }) => seed));
    expect(told).toEqual(outcomes.map(({ seed }) => seed));
  });

  it('stops after the first that is enough, in order, whatever came earlier', async () => {
    const enough = ({ seed }: Outcome): boolean => seed >= 25;
    const outcomes = await runSeeds({ runs: runs(40), workers: 3, worker: stub, enough });
    expect(outcomes.map(({ seed }) => seed)).toEqual([20, 21, 22, 23, 24, 25]);
  });

  it('names the seed whose run broke', async () => {
    await expect(runSeeds({ runs: runs(5, 10), workers: 2, worker: stub })).rejects.toThrow('seed 13: it broke');
  });
});

describe('a campaign', () => {
  it('is clean, wastes little, and is the same twice', async () => {
    const options = { first: 100, count: 3, workers: 0, options: { mechanism: 'simplex' } } as const;
    const seen: number[] = [];
    const campaign = await runCampaign({ ...options, progress: (done) => seen.push(done) });
    expect(campaignFault(campaign)).toBeNull();
    expect(seen).toEqual([1, 2, 3]);
    expect(await runCampaign(options)).toEqual(campaign);
    expect(campaign.restarts).toBeGreaterThan(2);
  });

  const outcome = (change: Partial<Outcome>): Outcome => ({
    seed: 1,
    violations: [],
    stall: null,
    finalized: 31,
    views: 40,
    messages: 10,
    events: 20,
    virtualMs: 30,
    hash: 'aa',
    families: ['crash'],
    restarts: 1,
    wasted: null,
    decisions: [],
    coverage: { 'crash/push/bodies': 2 },
    ...change,
  });

  it('fails with a violation, with a stall, and when more than a fifth of its seeds prove nothing', () => {
    const four = [outcome({}), outcome({}), outcome({}), outcome({})];
    const idle = outcome({ wasted: '12 heights' });
    expect(campaignFault(summaryOf([...four, idle]))).toBeNull();
    expect(campaignFault(summaryOf([...four, idle, idle]))).toMatch(/2 of 6 seeds do not count/);
    expect(campaignFault(summaryOf([outcome({ seed: 8, violations: ['agreement: two blocks'] })]))).toMatch(
      /seed 8: agreement/,
    );
    expect(campaignFault(summaryOf([outcome({ stall: 'livelock' })]))).toMatch(/livelock/);
    expect(summaryOf(four).coverage).toEqual({ 'crash/push/bodies': 8 });
  });
});
