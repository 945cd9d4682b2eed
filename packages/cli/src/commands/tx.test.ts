import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountAddress, accountKeyFromSeed, formatOffer, offerValidator } from '@quorate/client';
import { createPureSuites, encryptKey, sha256 } from '@quorate/crypto';
import { DEFAULT_PARAMETERS, parseAddress } from '@quorate/ledger';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { txCommand } from './tx.ts';

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
async function bond(...args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  try {
    const common = ['--offer', join(folder, 'offer.json'), '--key', join(folder, 'account.json')];
    await txCommand().parseAsync(['bond', ...common, '--url', one.addresses.url, ...args], { from: 'user' });
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
