import { expect } from 'vitest';
import { audit, sameChain } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { quorate, until } from './process.ts';

/**
 * Three of four validators make so many blocks; then the fourth, which has never run, joins by block sync and votes, and an
 * observer joins by a snapshot that it proves against a block somebody vouched for. Returns the height at which they joined.
 */
export async function joinLate(options: {
  readonly height: number;
  readonly snapshotInterval: number;
}): Promise<number> {
  const network = await Network.create({
    delta: 60,
    config: { snapshots: { interval: options.snapshotInterval, keep: 2 } },
  });
  const first = network.nodes.slice(0, 3);
  for (const node of first) node.start();
  await network.reach(1, first);
  const payments = await Payments.open(network);
  payments.start(() => first);
  await network.reach(options.height, first, 60_000 + 200 * options.height);
  const joined = await network.node(0).height();

  const late = network.node(3);
  const began = performance.now();
  late.start();
  await network.reach(joined, [late], 60_000 + 20 * options.height);
  const byBlocks = performance.now() - began;
  await until('the late validator to vote', async () => {
    await network.witness.look(late.home, network.genesis);
    const { silent, role, syncing } = await late.client.status();
    return silent === null && role === 'validator' && !syncing;
  });
  // Its votes are needed from here on: without another one, nothing is final any more.
  await network.kill([network.node(0)]);
  await network.progress(5, network.running);
  network.node(0).start();
  await network.progress(2);

  const trust = await quorate(['snapshot', 'trust', '--url', network.node(1).rpc, '--json']);
  expect(trust.code, trust.stderr).toBe(0);
  const { height, digest }: { height: number; digest: string } = JSON.parse(trust.stdout);
  const observer = await network.addObserver('observer', { stateSync: { height, digest } });
  observer.start();
  await until('the observer to hold a state', async () => (await observer.height()) > height);
  const status = await until('the observer to catch up', async () => {
    const found = await observer.client.status();
    return found.syncing || found.height < joined ? null : found;
  });
  expect(status.role).toBe('observer');
  // It began at a snapshot: of what lies below it has no blocks.
  const restored = Number(/"height":(\d+),[^\n]*"msg":"restored a snapshot"/.exec(observer.log())?.[1]);
  expect(restored).toBeGreaterThan(joined - 3 * options.snapshotInterval);
  for (const old of [1, Math.floor(restored / 2), restored - 1])
    await expect(observer.client.block(old)).rejects.toMatchObject({ code: 'rpc/not-found' });
  expect((await network.node(0).client.block(1)).header.height).toBe(1);

  await network.progress(3);
  await payments.more(3);
  await payments.stop();
  await audit(network, { payments, nodes: network.nodes.slice(0, 4) });
  const top = await network.node(0).height();
  await network.reach(top, [observer]);
  await sameChain([network.node(0), observer], restored, top);
  process.stderr.write(`joined at height ${joined}: by blocks in ${Math.round(byBlocks)} ms\n`);
  return joined;
}
