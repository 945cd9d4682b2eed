import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountAddress, bondOf, generateAccountKey, parseOffer, Sender } from '@quorate/client';
import { sha256 } from '@quorate/crypto';
import { parseAddress } from '@quorate/ledger';
import { HOME } from '@quorate/node';
import { expect, it } from 'vitest';
import { audit } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { quorate, until } from './process.ts';

const EPOCH = 25;
const STAKE = 1_000_000_000n;

it('replaces the current leader by a fifth validator at an epoch boundary, under load', {
  timeout: 240_000,
}, async () => {
  const network = await Network.create({ epochLength: EPOCH });
  await network.run();
  const payments = await Payments.open(network);
  const { faucet } = network;
  if (faucet === null) throw new Error('no faucet');

  const fifth = await network.addObserver('validator-4');
  const keyFile = join(fifth.home, HOME.validatorKey);
  const made = await quorate(['keys', 'new', keyFile, '--kind', 'validator', '--plain', '--json']);
  expect(made.code, made.stderr).toBe(0);
  const { publicKey }: { publicKey: string } = JSON.parse(made.stdout);
  fifth.start();
  payments.start();
  await payments.more(3);
  await network.progress(2);

  const sender = await Sender.open({}, { client: network.node(0).client, key: faucet });
  const offer = join(network.folder, 'offer.json');
  const offered = await quorate(['keys', 'offer', '--home', fifth.home, '--owner', sender.address, offer, '--json']);
  expect(offered.code, offered.stderr).toBe(0);
  expect(JSON.parse(offered.stdout)).toMatchObject({ peer: fifth.peer, address: fifth.listen });
  // Who saw the offer cannot take the keys: they consent to one owner.
  const thief = await Sender.open({}, { client: network.node(0).client, key: generateAccountKey() });
  await sender.send({ kind: 'transfer', to: parseAddress(sha256, thief.address), amount: 10n * STAKE });
  expect(await thief.send(bondOf(parseOffer(await readFile(offer, 'utf8')), STAKE))).toMatchObject({
    status: 'rejected',
    reason: expect.stringContaining('does not consent'),
  });
  const bonded = await quorate([
    ...['tx', 'bond', '--offer', offer, '--amount', STAKE.toString(), '--json'],
    ...['--key', join(network.folder, 'homes', 'faucet.json'), '--url', network.node(0).rpc],
  ]);
  expect(bonded.code, bonded.stderr).toBe(0);
  expect(JSON.parse(bonded.stdout)).toMatchObject({ status: 'final', receipt: { code: 0 } });

  // Its key is new and its gate says so: it votes in the first epoch it is in.
  const member = await until('the new validator to be in the set', async () => {
    const status = await fifth.client.status();
    return status.role === 'validator' ? status : null;
  });
  const voter = await until('the new validator to vote', async () => {
    const status = await fifth.client.status();
    return status.silent === null ? status : null;
  });
  expect(voter.epoch).toBe(member.epoch);

  const leader = await until('a leader other than the new one', async () => {
    const { engine, epoch } = await network.node(0).client.status();
    const { members } = await network.node(0).client.validators(epoch);
    const found = engine.leader === null ? undefined : members[engine.leader];
    return found?.peer === fifth.peer ? null : found;
  });
  const removed = network.nodes.find(({ peer }) => peer === leader.peer);
  if (removed === undefined) throw new Error('the leader is none of the nodes');
  const unbonded = await quorate([
    ...['tx', 'unbond', '--validator', leader.publicKey, '--amount', STAKE.toString(), '--json'],
    ...['--key', join(network.folder, 'homes', 'faucet.json'), '--url', network.node(0).rpc],
  ]);
  expect(unbonded.code, unbonded.stderr).toBe(0);
  expect(JSON.parse(unbonded.stdout)).toMatchObject({ status: 'final', receipt: { code: 0 } });

  const next = await until('the set without the leader', async () => {
    const { epoch: now } = await network.node(0).client.status();
    const set = await network.node(0).client.validators(now);
    return set.members.some(({ publicKey }) => publicKey === leader.publicKey) ? null : set;
  });
  expect(next.members).toHaveLength(4);
  expect(next.members.map(({ publicKey }) => publicKey)).toContain(publicKey);
  // Through the whole next epoch and beyond, everybody: the removed one follows, the new one votes.
  await network.reach(EPOCH * (next.epoch + 1) + 5, network.nodes, 120_000);
  expect((await removed.client.status()).role).toBe('observer');
  expect(await fifth.client.status()).toMatchObject({ role: 'validator', silent: null });
  expect(removed.log()).not.toMatch(/^quorate: /m);
  // The new set has its quorum without the removed one.
  await removed.stop();
  await network.progress(5);
  await payments.more(5);

  const address = accountAddress(faucet.publicKey);
  const file = join(network.node(0).home, 'genesis.json');
  const ask = ['--genesis', file, '--url', fifth.rpc, '--json'];
  const proven = await quorate(['verify', address, ...ask]);
  expect(proven.code, proven.stderr).toBe(0);
  const answer: { balance: string; certifiedBy: { epoch: number } } = JSON.parse(proven.stdout);
  expect(answer.certifiedBy.epoch).toBeGreaterThan(next.epoch);
  const nobody = await quorate(['verify', accountAddress(generateAccountKey().publicKey), ...ask]);
  expect(JSON.parse(nobody.stdout)).toMatchObject({ balance: null });

  removed.start();
  await network.progress(3, network.nodes);
  await audit(network, { payments });
});
