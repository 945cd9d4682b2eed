import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fromBase64 } from '@quorate/client';
import { expect, it } from 'vitest';
import { audit } from './audit.ts';
import { seeded } from './kill.ts';
import { Network } from './network.ts';
import { until } from './process.ts';

const APPLICATION = join(import.meta.dirname, 'fixtures', 'register.mjs');

it('does not stall under an application that is not speculative, through lost messages', {
  timeout: 240_000,
}, async () => {
  const network = await Network.create({ proxied: true, app: { path: APPLICATION, name: 'register' } });
  await network.run();
  const { links } = network;
  const random = seeded(11);
  const acknowledged = new Map<string, number>();
  let over = false;
  const losing = (async () => {
    while (!over) {
      links?.drop(() => random() < 0.2);
      await pause(150 + 300 * random());
    }
  })();
  const writers = [0, 1, 2].map(async (writer) => {
    for (let i = 0; !over; i++) {
      const tx = new TextEncoder().encode(`put w${writer}x${i} v${i}`);
      for (let attempt = writer; ; attempt++) {
        try {
          const answer = await network.node(attempt % 4).client.submit(tx, { wait: 'final', waitMs: 3000 });
          if (answer.status === 'final') {
            acknowledged.set(answer.id, answer.height);
            break;
          }
        } catch {
          // busy or cut off: the next one
        }
        if (over) break;
        await pause(50);
      }
    }
  });
  const start = Math.max(...(await network.heights()));
  await network.reach(start + 30, network.nodes, 120_000);
  await until('payments through the storm', () => acknowledged.size >= 20, 90_000);
  await until('a storm worth the name', () => (links?.cuts ?? 0) > 20, 90_000);
  over = true;
  await Promise.all([losing, ...writers]);
  expect(links?.cuts ?? 0).toBeGreaterThan(20);
  await network.progress(3);
  for (const node of network.nodes) {
    for (const [id, height] of acknowledged) {
      expect(await node.client.transaction(id)).toMatchObject({ status: 'final', height });
    }
    const written = Number(Buffer.from(fromBase64((await node.client.query({ path: 'written' })).value)).toString());
    expect(written).toBeGreaterThanOrEqual(acknowledged.size);
    expect(written).toBeLessThanOrEqual(acknowledged.size + 3);
    expect(node.log()).not.toContain('not the committed one');
  }
  await audit(network);
});
