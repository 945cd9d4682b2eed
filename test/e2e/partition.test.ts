import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { audit } from './audit.ts';
import { Namespaces } from './namespaces.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';

/** Whether the system lets us build networks at all. */
const mayBuild = ((): boolean => {
  const probe = Namespaces.create(1);
  probe?.close();
  return probe !== null;
})();

describe('a network that is cut in half', () => {
  it.each(['silent', 'refused'] as const)(
    'stands still, and goes on when it is whole again (wires %s)',
    { timeout: 240_000 },
    async (how) => {
      const network = await Network.create({ proxied: true });
      await network.run();
      const payments = await Payments.open(network);
      payments.start();
      await payments.more(5);
      for (const half of [
        ['validator-0', 'validator-1'],
        ['validator-1', 'validator-3'],
      ]) {
        network.links?.split(half, how);
        await pause(500); // what was under way arrives
        const before = await network.heights();
        await pause(3000);
        const after = await network.heights();
        // A certificate that was complete when the wires broke may still finalize a block; more than that nobody may.
        expect(Math.max(...after)).toBeLessThanOrEqual(Math.max(...before) + 1);
        network.links?.heal();
        await network.progress(5, network.nodes, 120_000);
      }
      await payments.more(5);
      await audit(network, { payments });
    },
  );

  it('goes on in the part that has a quorum, and the other catches up', { timeout: 240_000 }, async () => {
    const network = await Network.create({ proxied: true });
    await network.run();
    const payments = await Payments.open(network);
    const most = network.nodes.slice(0, 3);
    payments.start(() => most);
    network.links?.split(['validator-3'], 'silent');
    await network.progress(10, most);
    const alone = await network.node(3).height();
    await pause(1000);
    expect(await network.node(3).height()).toBe(alone);
    network.links?.heal();
    await network.progress(5, network.nodes, 120_000);
    await payments.more(5);
    await audit(network, { payments });
  });

  it.runIf(mayBuild)(
    'stands still and goes on, over network namespaces and a pulled cable',
    { timeout: 240_000 },
    async () => {
      const namespaces = Namespaces.create(4);
      if (namespaces === null) throw new Error('namespaces were permitted a moment ago');
      onTestFinished(() => namespaces.close());
      const network = await Network.create({ namespaces });
      for (const [index, node] of network.nodes.entries()) node.start({ wrapper: namespaces.inside(index) });
      await network.reach(1);
      const payments = await Payments.open(network);
      payments.start();
      await payments.more(5);
      expect(namespaces.cut()).toBe(true);
      await pause(500);
      const before = await network.heights();
      await pause(3000);
      expect(Math.max(...(await network.heights()))).toBeLessThanOrEqual(Math.max(...before) + 1);
      expect(namespaces.join()).toBe(true);
      await network.progress(5, network.nodes, 120_000);
      await payments.more(5);
      await audit(network, { payments });
    },
  );
});
