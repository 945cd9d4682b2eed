import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { audit } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import type { StartOptions } from './process.ts';

const HOUR = 3_600_000;
const CLOCK = pathToFileURL(join(import.meta.dirname, 'fixtures', 'clock.mjs')).href;

/** A node whose clock is off by so much. */
function shifted(ms: number): StartOptions {
  return { execArgv: ['--import', CLOCK], env: { TEST_CLOCK_SHIFT_MS: String(ms) } };
}

async function blockTimes(network: Network): Promise<number[]> {
  const node = network.node(0);
  const top = await node.height();
  return Promise.all(Array.from({ length: top }, async (_, i) => (await node.client.header(i + 1)).header.time));
}

function expectIncreasing(times: readonly number[]): void {
  for (let i = 1; i < times.length; i++) expect(times[i]).toBeGreaterThan(times[i - 1] ?? 0);
}

describe('a clock that is wrong', () => {
  it('goes on when one validator restarts an hour back', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    const node = network.node(3);
    await network.kill([node]);
    node.start(shifted(-HOUR));
    await network.progress(20, network.nodes);
    expect(await node.client.status()).toMatchObject({ role: 'validator', silent: null });
    await audit(network, { payments });
    expectIncreasing(await blockTimes(network));
  });

  it('goes on when every clock is set back by an hour while the network runs', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    await network.run(shifted(0));
    const payments = await Payments.open(network);
    payments.start();
    for (const node of network.nodes) process.kill(node.pid, 'SIGUSR2');
    await network.progress(20);
    await payments.more(5);
    await network.kill(network.nodes);
    network.startAll(shifted(-HOUR)); // and after a power cut
    await network.progress(10);
    await payments.more(5);
    await audit(network, { payments });
    const times = await blockTimes(network);
    expectIncreasing(times);
    expect(times[times.length - 1]).toBeLessThan(Date.now() + 2000);
  });

  it('lets nobody carry the chain into the future', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    const [ahead, ...others] = network.nodes;
    ahead?.start(shifted(HOUR));
    for (const node of others) node.start();
    await network.reach(1);
    const payments = await Payments.open(network);
    payments.start(() => others);
    await network.progress(15, network.nodes, 120_000);
    await audit(network, { payments });
    const times = await blockTimes(network);
    expectIncreasing(times);
    expect(times[times.length - 1]).toBeLessThan(Date.now() + 2000);
  });
});
