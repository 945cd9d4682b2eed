import { accountAddress, generateAccountKey, Sender } from '@quorate/client';
import { expect, it } from 'vitest';
import { Network } from './network.ts';

it('answers final for a payment that was final before everybody lost power', async () => {
  const network = await Network.create();
  await network.run();
  const { client } = network.node(0);
  if (network.faucet === null) throw new Error('the network has no faucet');
  const { builder } = await Sender.open({}, { client, key: network.faucet });
  const payment = builder.transfer(accountAddress(generateAccountKey().publicKey), 7n);
  const first = await client.submit(payment, { wait: 'final', waitMs: 20_000 });
  expect(first.status).toBe('final');
  await network.progress(1, network.nodes);
  await network.kill(network.nodes);
  network.startAll();
  await network.progress(1, network.nodes);
  for (const node of network.nodes) {
    expect(await node.client.submit(payment, { wait: 'final', waitMs: 20_000 }), node.name).toEqual(first);
  }
});
