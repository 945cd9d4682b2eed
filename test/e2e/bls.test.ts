import { join } from 'node:path';
import { expect, it } from 'vitest';
import { audit, signersOf } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { quorate } from './process.ts';

/** An aggregate of BLS12-381 has one size, whoever signed. */
const AGGREGATE_BYTES = 96;

it('agrees, pays and proves with BLS12-381 votes, and survives kill -9', { timeout: 240_000 }, async () => {
  const network = await Network.create({ suite: 'bls12-381' });
  await network.run();
  expect(network.genesis.validators.members.map(({ publicKey }) => publicKey.length)).toEqual([48, 48, 48, 48]);
  const payments = await Payments.open(network);
  payments.start();
  await payments.more(3);

  const [killed, ...others] = network.nodes;
  if (killed === undefined) throw new Error('nobody to kill');
  await network.kill([killed]);
  await network.progress(3, others);
  await payments.more(3);
  killed.start();
  await network.progress(5);
  // It votes again: without another one, nothing is final any more.
  await network.kill([network.node(1)]);
  await network.progress(3);
  network.node(1).start();
  await network.progress(3);

  const block = await network.node(2).client.block(await network.node(2).height());
  if (block.finality.grade !== 'final') throw new Error(`it is ${block.finality.grade}`);
  expect(Buffer.from(block.finality.certificate.signature, 'base64')).toHaveLength(AGGREGATE_BYTES);
  expect((await signersOf(network.node(2), block.header.height)).length).toBeGreaterThanOrEqual(3);

  await payments.stop();
  await network.progress(3); // the last payment lies below a certified root by then
  const [payer] = payments.payers;
  const trust = ['--genesis', join(killed.home, 'genesis.json'), '--url', network.node(3).rpc, '--json'];
  const proven = await quorate(['verify', payer?.receiver ?? '', ...trust]);
  expect(proven.code, proven.stderr).toBe(0);
  const { balance, root }: { balance: string; root: string } = JSON.parse(proven.stdout);
  expect(root).toBe('genesis');
  expect([payer?.paid, (payer?.paid ?? 0n) + (payer?.doubtful ?? 0n)]).toContain(BigInt(balance));
  await audit(network, { payments });
});
