import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';

it('a transaction that is final is answered as final for ever, also by a node that started since', async () => {
  const cluster = new Cluster({ seed: 5 });
  cluster.start();
  await cluster.reach(1);
  const tx = new TextEncoder().encode('pay once');
  const { id } = await cluster.replica(0).submit(tx);
  await cluster.reach(4);
  const outcome = await cluster.replica(0).settled(id);
  expect(outcome.kind).toBe('final');

  cluster.machines[0]?.crash();
  await cluster.world.runFor(100);
  cluster.start(0);
  await cluster.reach(8);
  const application = cluster.applications.get(0);
  if (application === undefined) throw new Error('machine 0 has no application');
  application.checkTx = () => Promise.resolve({ kind: 'rejected', reason: 'it is bad' } as const);
  expect(await cluster.replica(0).submit(tx)).toEqual({ kind: 'accepted', id });
  expect(await cluster.replica(0).settled(id)).toEqual(outcome);
  expect(await cluster.replica(0).submit(new TextEncoder().encode('another'))).toMatchObject({ kind: 'rejected' });
});
