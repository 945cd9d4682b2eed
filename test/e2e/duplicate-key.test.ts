import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createPureSuites, encryptKey } from '@quorate/crypto';
import { writeKeyText } from '@quorate/node';
import { describe, expect, it } from 'vitest';
import { audit, noConflicts } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { NodeProcess, until } from './process.ts';

describe('two processes with one key', () => {
  it('in one home: the second is refused', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const first = network.node(2);
    const second = new NodeProcess({
      name: 'second',
      home: first.home,
      rpc: first.rpc,
      listen: first.listen,
      peer: first.peer,
      logFile: join(network.logs, 'second.log'),
    });
    second.start();
    expect(await second.exited()).toEqual({ code: 75, signal: null });
    expect(second.log().trim().split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^quorate: gate/locked: .*in use by process ${first.pid} `)),
    ]);
    await network.progress(3);
    // The lock of a killed process does not keep its successor out.
    await network.kill([first]);
    first.start();
    await network.progress(3, network.nodes);
    await audit(network);
  });

  it('in two homes with one node key: their peers keep the second out', { timeout: 240_000 }, async () => {
    const { network, payments, genuine, first, second } = await copied();
    second.start();
    await until('its peers to refuse the second', () =>
      Promise.resolve(
        /the latest attempt failed: .*another process with this node key is connected/.test(second.log()),
      ),
    );
    await network.progress(10, genuine);
    expect((await second.client.status()).silent).toMatch(/^listening for another process/);
    expect((await first.client.status()).silent).toBeNull();
    await noConflicts(network);
    await second.stop();
    await payments.more(5);
    await audit(network, { payments, nodes: genuine });
  });

  it('in two homes with two node keys: the second sees a live vote and refuses to sign', {
    timeout: 240_000,
  }, async () => {
    const { network, payments, genuine, first, second } = await copied();
    await rm(join(second.home, 'keys', 'node.json'));
    const key = createPureSuites()
      .get('ed25519')
      .secretFromSeed(new Uint8Array(randomBytes(32)));
    await writeKeyText(second.home, 'node', encryptKey(key, 'node', { plain: true }));
    second.start();
    // One of the two ends or falls silent. Whichever it is: never do both sign one view differently.
    await until(
      'one of the two to notice',
      async () => {
        if (!first.isRunning || !second.isRunning) return true;
        const silent = await second.client.status().then(
          (status) => status.silent,
          () => null,
        );
        return silent?.includes('another process signs with this key') === true;
      },
      90_000,
    );
    for (const node of [first, second]) {
      if (node.isRunning) continue;
      expect(await node.exited(), node.name).toEqual({ code: 77, signal: null });
      expect(node.log()).toMatch(/^quorate: gate\/duplicate-key: /m);
    }
    await pause(2000);
    await noConflicts(network);
    await second.stop();
    if (!first.isRunning) first.start();
    await network.progress(5, genuine);
    await payments.more(5);
    await audit(network, { payments, nodes: genuine });
  });
});

/** A running network with payments, and a copy of the home of its fourth validator, not started. */
async function copied() {
  const network = await Network.create();
  await network.run();
  const payments = await Payments.open(network);
  const genuine = network.nodes.slice(0, 4);
  payments.start(() => genuine);
  await payments.more(3);
  const first = network.node(3);
  await network.kill([first]);
  const second = await network.copy(first, 'copied-home');
  first.start();
  await network.progress(5, genuine);
  await until('the first to vote', async () => (await first.client.status()).silent === null);
  return { network, payments, genuine, first, second };
}
