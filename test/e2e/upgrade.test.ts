import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { audit } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';

const VERSION_1 = { script: join(import.meta.dirname, 'fixtures', 'start-version-1.mjs') };

describe('upgrades', () => {
  it('restarts one validator after the other under load, and nothing stops', { timeout: 240_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    for (const node of network.nodes) {
      const others = network.nodes.filter((other) => other !== node);
      expect(await node.stop(), node.name).toEqual({ code: 0, signal: null });
      await network.progress(2, others);
      node.start();
      await network.progress(2, network.nodes);
    }
    await payments.more(10);
    await audit(network, { payments });
  });

  it('turns to the new rules at a height: old software stops there, new software goes on', {
    timeout: 240_000,
  }, async () => {
    const upgradeHeight = 30;
    const network = await Network.create({ upgradeHeight });
    const old = network.node(3);
    old.start(VERSION_1);
    network.startAll();
    await network.reach(1);
    const payments = await Payments.open(network);
    const upgraded = network.nodes.slice(0, 3);
    payments.start(() => upgraded);
    await network.reach(upgradeHeight + 5, upgraded);
    expect(await old.exited()).toEqual({ code: 70, signal: null });
    expect(old.log()).toMatch(/^quorate: upgrade\/required: /m);
    // It comes back with the new software, and with the old one it stops again.
    const from = old.logEnd;
    old.start(VERSION_1);
    expect(await old.exited()).toMatchObject({ code: 70 });
    expect(old.log(from)).toMatch(/^quorate: upgrade\/required: /m);
    old.start();
    await network.progress(5, network.nodes);
    await payments.more(5);
    await audit(network, { payments });
    const versionAt = async (height: number): Promise<number> =>
      (await old.client.header(height)).header.protocolVersion;
    expect(await versionAt(upgradeHeight - 1)).toBe(1);
    expect(await versionAt(upgradeHeight)).toBe(2);
    expect(await versionAt(upgradeHeight + 1)).toBe(2);
  });

  it('rolls the whole network from old software to new, one by one, before the height', {
    timeout: 240_000,
  }, async () => {
    const upgradeHeight = 100;
    // Slow while nobody pays, so that the height is still far when the last one has its new software.
    const network = await Network.create({ upgradeHeight, delta: 600 });
    await network.run(VERSION_1);
    const payments = await Payments.open(network);
    for (const node of network.nodes) {
      expect(await node.stop(), node.name).toEqual({ code: 0, signal: null });
      node.start();
      await network.progress(1, network.nodes);
    }
    expect(await network.node(0).height()).toBeLessThan(upgradeHeight);
    payments.start();
    await network.reach(upgradeHeight + 5, network.nodes, 90_000);
    await payments.more(5);
    await audit(network, { payments });
  });
});
