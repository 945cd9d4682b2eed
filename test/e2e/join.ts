import { expect } from 'vitest';
import { audit, sameChain, signersOf } from './audit.ts';
import { changeConfig, Network } from './network.ts';
import { Payments } from './payments.ts';
import { quorate, until } from './process.ts';

/** Of eleven units of weight eight decide: the first three together, but also any two of them with both who join late. */
const WEIGHTS = [3, 3, 3, 1, 1];

/**
 * Three of five validators make so many blocks; then the fourth, which has never run, joins by block sync, and the fifth by a
 * snapshot that it proves against a block somebody vouched for. Both vote. Returns the height at which they joined.
 */
export async function joinLate(options: {
  readonly height: number;
  readonly snapshotInterval: number;
}): Promise<number> {
  const network = await Network.create({
    delta: 60,
    weights: WEIGHTS,
    config: { snapshots: { interval: options.snapshotInterval, keep: 2 } },
  });
  const first = network.nodes.slice(0, 3);
  const [byBlocks, byState] = [network.node(3), network.node(4)];
  for (const node of first) node.start();
  await network.reach(1, first);
  const payments = await Payments.open(network);
  payments.start(() => first);
  await network.reach(options.height, first, 60_000 + 200 * options.height);
  const joined = await network.node(0).height();

  const catchUp = 60_000 + 30 * options.height;
  const began = performance.now();
  byBlocks.start();
  await network.reach(joined, [byBlocks], catchUp);
  const took = performance.now() - began;

  const trust = await quorate(['snapshot', 'trust', '--url', network.node(1).rpc, '--json']);
  expect(trust.code, trust.stderr).toBe(0);
  const { height, digest }: { height: number; digest: string } = JSON.parse(trust.stdout);
  await changeConfig(byState.home, { stateSync: { height, digest } });
  byState.start();
  await network.reach(joined, [byState]);
  // It began at a snapshot: of what lies below it has no blocks.
  const restored = Number(/"height":(\d+),[^\n]*"msg":"restored a snapshot"/.exec(byState.log())?.[1]);
  expect(restored).toBeGreaterThan(joined - 3 * options.snapshotInterval);
  for (const old of [1, Math.floor(restored / 2), restored - 1])
    await expect(byState.client.block(old)).rejects.toMatchObject({ code: 'rpc/not-found' });
  for (const node of [network.node(0), byBlocks]) expect((await node.client.block(1)).header.height).toBe(1);

  for (const late of [byBlocks, byState]) {
    await until(
      `${late.name} to vote`,
      async () => {
        await network.witness.look(late.home, network.genesis);
        const { silent, role, signer, syncing, height: top } = await late.client.status();
        if (signer === null || syncing || silent !== null || role !== 'validator') return false;
        return (await signersOf(network.node(1), top).catch((): number[] => [])).includes(signer);
      },
      catchUp,
    );
  }
  // The votes of both are needed from here on: without either, nothing is final any more.
  await network.kill([network.node(0)]);
  await network.progress(5);
  network.node(0).start();
  await network.progress(3);
  await payments.more(3);
  await audit(network, { payments, nodes: network.nodes.slice(0, 4) });
  const top = await network.node(0).height();
  await network.reach(top, [byState]);
  await sameChain([network.node(0), byState], restored, top);
  process.stderr.write(`joined at height ${joined}: by blocks in ${Math.round(took)} ms\n`);
  return joined;
}
