import { audit, signersOf } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { until } from './process.ts';

/**
 * Kills a validator that has so many blocks behind it, starts it again, and returns the milliseconds until its signature stands in
 * the certificate of a later block.
 */
export async function restartAfter(options: {
  readonly height: number;
  readonly validators: 1 | 4;
  /** Decides for how long the others wait for the killed one when it leads; that of a real network unless told otherwise. */
  readonly delta?: number;
}): Promise<number> {
  const { height, validators, delta = 1000 } = options;
  const network = await Network.create({ validators, delta });
  await network.run();
  const node = network.node(0);
  const others = network.nodes.slice(1);
  const payments = await Payments.open(network, validators === 1 ? 32 : 3);
  payments.start(() => (validators === 1 ? [node] : others));
  await network.reach(height, [node], 60_000 + 150 * height);
  await network.kill([node]);
  const began = performance.now();
  const stopped = Math.max(height, ...(await Promise.all(others.map((other) => other.height()))));
  node.start();
  await until('the validator to vote again', async () => {
    const { height: top, signer } = await node.client.status().catch(() => ({ height: 0, signer: null }));
    if (signer === null || top <= stopped) return false;
    return (await signersOf(node, top).catch((): number[] => [])).includes(signer); // final, but not executed yet
  });
  const took = performance.now() - began;
  process.stderr.write(`after ${height} blocks of ${validators}: voting again in ${Math.round(took)} ms\n`);
  await payments.stop();
  await audit(network, { nodes: network.nodes, from: height - 100 });
  return took;
}
