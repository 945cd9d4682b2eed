import { BroadcastChannel } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Campaign, campaignFault, runCampaign, Tally } from './campaign.ts';
import type { Outcome } from './outcome.ts';
import { type PoolOptions, runSeeds } from './pool.ts';

/** A worker that answers later the lower the seed, and breaks at 13: what a pool must put in order. */
const stub = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ index, options: { seed } }) => {
      const answer = seed === 13 ? { index, failure: 'it broke' } : { index, outcome: { seed, hash: String(seed * 7) } };
      setTimeout(() => parentPort.postMessage(answer), (7 * (100 - seed)) % 23);
    });`)}`,
);

/** The outcomes of so many seeds, as they are told. */
async function outcomesOf(
  seeds: { readonly first: number; readonly count: number },
  options: Pick<PoolOptions, 'workers' | 'enough' | 'worker' | 'hangMs'>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await runSeeds({
    count: seeds.count,
    runAt: (index) => ({ seed: seeds.first + index, mechanism: 'simplex' }),
    worker: stub,
    onOutcome: (outcome, index) => {
      expect(index).toBe(outcomes.length);
      outcomes.push(outcome);
    },
    ...options,
  });
  return outcomes;
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);

describe('the pool of workers', () => {
  it.each([1, 2, 3])('gives outcomes in the order of the seeds, with %i workers', async (workers) => {
    const outcomes = await outcomesOf({ first: 20, count: 20 }, { workers });
    expect(outcomes.map(({ seed }) => seed)).toEqual(from(20, 20));
  });

  it('stops after the first that is enough, in order, whatever came earlier', async () => {
    const outcomes = await outcomesOf({ first: 20, count: 40 }, { workers: 3, enough: ({ seed }) => seed >= 25 });
    expect(outcomes.map(({ seed }) => seed)).toEqual(from(20, 6));
  });

  it('names the seed whose run broke', async () => {
    await expect(outcomesOf({ first: 10, count: 5 }, { workers: 2 })).rejects.toThrow('seed 13: it broke');
  });

  it('ends every worker when one run breaks, and says so when a worker dies', async () => {
    const told: number[] = [];
    const counting = (how: string): URL =>
      new URL(
        `data:text/javascript,${encodeURIComponent(`
          import { BroadcastChannel, parentPort } from 'node:worker_threads';
          const channel = new BroadcastChannel('runs');
          parentPort.on('message', ({ index, options: { seed } }) => {
            channel.postMessage(seed);
            if (seed === 3) ${how};
            else setTimeout(() => parentPort.postMessage({ index, outcome: { seed, hash: 'a' } }), 20);
          });`)}`,
      );
    const channel = new BroadcastChannel('runs');
    channel.onmessage = ({ data }) => told.push(Number(data));
    onTestFinished(() => channel.close());
    const run = (worker: URL): Promise<void> =>
      runSeeds({
        count: 1_000,
        runAt: (index) => ({ seed: 1 + index, mechanism: 'simplex' }),
        workers: 2,
        worker,
        onOutcome: () => {},
      });
    await expect(run(counting("parentPort.postMessage({ index, failure: 'it broke' })"))).rejects.toThrow('seed 3');
    await expect(run(counting('process.exit(7)'))).rejects.toThrow('ended by itself with code 7');
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    await pause(100); // what was said before the end has arrived
    const begun = told.length;
    await pause(200);
    expect(told.length).toBe(begun);
  });

  it('names the seed whose run has no end', async () => {
    const endless = new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { parentPort } from 'node:worker_threads';
        parentPort.on('message', ({ index, options: { seed } }) => {
          while (seed === 3);
          parentPort.postMessage({ index, outcome: { seed, hash: 'a' } });
        });`)}`,
    );
    const run = outcomesOf({ first: 1, count: 9 }, { workers: 2, worker: endless, hangMs: 3_000 });
    await expect(run).rejects.toThrow('seed 3: no end after 3 s');
  });

  it('holds no more than a bound of what waits for a slow run, and loses nothing by it', async () => {
    // The first run answers when the other worker has got nothing to do for a while.
    const slow = new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { BroadcastChannel, parentPort } from 'node:worker_threads';
        const others = new BroadcastChannel('busy');
        parentPort.on('message', ({ index, options: { seed } }) => {
          const answer = () => parentPort.postMessage({ index, outcome: { seed, hash: 'a' } });
          if (seed > 1) {
            others.postMessage(seed);
            answer();
            return;
          }
          let quiet = setTimeout(answer, 2_000);
          others.onmessage = () => {
            clearTimeout(quiet);
            quiet = setTimeout(answer, 500);
          };
        });`)}`,
    );
    const seen: number[] = [];
    let handed = 0;
    let beforeTheFirst = 0;
    await runSeeds({
      count: 2_000,
      runAt: (index) => {
        if (seen.length === 0) beforeTheFirst = ++handed;
        return { seed: 1 + index, mechanism: 'simplex' };
      },
      workers: 2,
      worker: slow,
      onOutcome: ({ seed }) => seen.push(seed),
    });
    expect(seen).toEqual(from(1, 2_000));
    expect(beforeTheFirst).toBe(512);
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

  const summaryOf = (outcomes: readonly Outcome[]): Campaign => {
    const tally = new Tally();
    for (const one of outcomes) tally.add(one);
    return tally.campaign;
  };

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

  it('keeps the first hundred failures and counts all', () => {
    const failing = from(1, 250).map((seed) =>
      outcome({ seed, ...(seed % 2 === 0 ? { stall: 'livelock' } : { violations: ['x: y'] }) }),
    );
    const campaign = summaryOf(failing);
    expect([campaign.failures.length, campaign.violations, campaign.stalls]).toEqual([100, 125, 125]);
    expect(campaignFault(campaign)).toMatch(/^250 of 250 seeds fail; seed 1: x: y/);
  });

  it('has a hash of every run and their order', () => {
    const [a, b] = [outcome({ hash: 'aa' }), outcome({ hash: 'ab' })];
    expect(summaryOf([a, b]).hash).toBe(summaryOf([a, b]).hash);
    expect(new Set([[a, b], [b, a], [a, a], [a], []].map((outcomes) => summaryOf(outcomes).hash)).size).toBe(5);
  });
});
