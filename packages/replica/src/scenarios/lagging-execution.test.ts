import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';

const utf8 = new TextEncoder();

it('a replica whose execution lags by more than 16 blocks proposes empty blocks, says so, and full ones once it caught up', async () => {
  const cluster = new Cluster({ seed: 71 });
  cluster.start();
  await cluster.reach(3);
  const application = cluster.applications.get(0);
  if (application === undefined) throw new Error('machine 0 has no application');
  const replica = cluster.replica(0);
  const built = (): number => replica.status().counters.built ?? 0;
  const lag = (): number => replica.status().height - replica.status().executedHeight;
  /** Lags of execution at which the application was asked what to propose. */
  const asked: number[] = [];
  const prepare = application.prepareProposal.bind(application);
  application.prepareProposal = (context, candidates) => {
    asked.push(lag());
    return prepare(context, candidates);
  };
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const commit = application.commit.bind(application);
  application.commit = async (block) => {
    await held;
    return commit(block);
  };
  let sent = 0;
  const reach = async (height: number): Promise<void> => {
    while (cluster.height(0) < height) {
      void cluster.replica(1).submit(utf8.encode(`tx ${sent++}`));
      await cluster.reach(cluster.height(0) + 1, [0]);
    }
  };
  await reach(20);
  expect(replica.status().silent).toBeNull();
  await reach(30);
  const before = built();
  asked.length = 0;
  await reach(50);
  expect(lag()).toBeGreaterThan(40);
  expect(replica.status().silent).toMatch(/^execution is \d+ blocks behind: proposing empty blocks$/);
  expect(built()).toBeGreaterThan(before);
  expect(asked).toEqual([]);
  // What the others propose meanwhile is full: the transactions get in.
  const { body } = cluster.replica(1).block(cluster.height(1) - 1) ?? {};
  expect(body).toBeDefined();
  release();
  await reach(70);
  expect(await cluster.world.runUntil(() => lag() < 3, 10_000)).toBe(true);
  await reach(80);
  expect(replica.status().silent).toBeNull();
  expect(asked.length).toBeGreaterThan(0);
});
