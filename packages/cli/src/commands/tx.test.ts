import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountAddress, accountKeyFromSeed, formatOffer, offerValidator, Sender } from '@quorate/client';
import { createPureSuites, encryptKey, sha256 } from '@quorate/crypto';
import { DEFAULT_PARAMETERS, parseAddress } from '@quorate/ledger';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { connect, DEFAULT_URL } from '../connection.ts';
import { txCommand, unsettled } from './tx.ts';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payer = accountKeyFromSeed(seed(1));

let folder: string;
let one: OneNode;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-tx-'));
  const ed25519 = createPureSuites().get('ed25519');
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(2)),
    nodeKey: ed25519.secretFromSeed(seed(3)),
    accounts: [payer],
    time: Date.now() - 1000,
  });
  const terms = {
    chainId: one.genesis.chainId,
    owner: parseAddress(sha256, accountAddress(payer.publicKey)),
    address: '127.0.0.1:1',
  };
  const keys = { voting: ed25519.secretFromSeed(seed(4)), node: ed25519.secretFromSeed(seed(5)) };
  await writeFile(join(folder, 'offer.json'), formatOffer(offerValidator(terms, keys)));
  await writeFile(join(folder, 'account.json'), encryptKey(payer, 'account', { plain: true }));
});

afterAll(async () => {
  await one.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What `quorate tx bond` prints. */
function bond(...args: readonly string[]): Promise<string> {
  const common = ['--offer', join(folder, 'offer.json'), '--key', join(folder, 'account.json')];
  return saidBy(['bond', ...common, '--url', one.addresses.url, ...args]);
}

async function saidBy(args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  try {
    await txCommand().parseAsync(args, { from: 'user' });
  } finally {
    spy.mockRestore();
    process.exitCode = before;
  }
  return said.join('');
}

it('says in which unit a bond counts and how much is the least, when it was too small', async () => {
  const { stakeUnit } = DEFAULT_PARAMETERS;
  const least = `--amount 5 counts in the token's smallest unit; a validator has ${stakeUnit} of it behind it at least`;
  expect(await bond('--amount', '5')).toMatch(new RegExp(`^failed .*^reason +${least}$`, 'ms'));
  expect(JSON.parse(await bond('--amount', '5', '--json'))).toMatchObject({ receipt: { code: 6 }, hint: least });
  expect(JSON.parse(await bond('--amount', String(stakeUnit), '--json'))).not.toHaveProperty('hint');
});

it('says where to see when a bond counts', async () => {
  const text = await bond('--amount', String(DEFAULT_PARAMETERS.stakeUnit));
  expect(text).toMatch(/^when it counts +quorate account q[0-9a-f]{72} --url http/m);
});

it('says how to ask again for what was not final in time', () => {
  const result = { status: 'accepted', id: 'ab' } as const;
  expect(unsettled(result, { url: DEFAULT_URL })).toBe('not final within 30 s; ask again: quorate tx status ab');
  expect(unsettled(result, { url: 'http://b' })).toMatch(/ab --url http:\/\/b$/);
});

it('says that the same bytes were final already, and at which height', async () => {
  const sender = await Sender.open({}, { client: connect(one.addresses.url), key: payer });
  const file = join(folder, 'payment');
  await writeFile(file, sender.builder.transfer(accountAddress(payer.publicKey), 1n));
  const submit = (...args: string[]) => saidBy(['submit', `@${file}`, '--url', one.addresses.url, ...args]);
  const first = JSON.parse(await submit('--json'));
  expect(first).toMatchObject({ status: 'final' });
  expect(first).not.toHaveProperty('before');
  expect(JSON.parse(await submit('--json'))).toEqual({ ...first, before: true });
  expect(await submit()).toMatch(new RegExp(`^final  ${first.id} at height ${first.height} already, .*count once`));
});
