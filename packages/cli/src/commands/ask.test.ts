import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountAddress, accountKeyFromSeed, bondOf, offerValidator, Sender } from '@quorate/client';
import { createPureSuites, sha256 } from '@quorate/crypto';
import { toHex } from '@quorate/kernel';
import { DEFAULT_PARAMETERS, parseAddress } from '@quorate/ledger';
import { renderGenesis } from '@quorate/node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { connect } from '../connection.ts';
import { run } from '../program.ts';
import { payoutText } from '../stake-text.ts';
import { validatorName, validatorsCommand } from './ask.ts';

const ed25519 = createPureSuites().get('ed25519');
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payer = accountKeyFromSeed(seed(1));
const owner = accountAddress(payer.publicKey);
const key = toHex(ed25519.secretFromSeed(seed(4)).publicKey);
const { stakeUnit, unbondingDelay, unbondingHours } = DEFAULT_PARAMETERS;

let folder: string;
let one: OneNode;
/** The height of the unbond. */
let unbonded: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-stake-'));
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(2)),
    nodeKey: ed25519.secretFromSeed(seed(3)),
    accounts: [payer],
    time: Date.now() - 1000,
  });
  await writeFile(join(folder, 'genesis.json'), renderGenesis(one.genesis));
  const terms = { chainId: one.genesis.chainId, owner: parseAddress(sha256, owner), address: '127.0.0.1:1' };
  const offer = offerValidator(terms, {
    voting: ed25519.secretFromSeed(seed(4)),
    node: ed25519.secretFromSeed(seed(5)),
  });
  const sender = await Sender.open({}, { client: connect(one.addresses.url), key: payer });
  await sender.send(bondOf(offer, 5n * stakeUnit), { wait: 'final' });
  const publicKey = ed25519.secretFromSeed(seed(4)).publicKey;
  const out = await sender.send({ kind: 'unbond', publicKey, amount: 2n * stakeUnit }, { wait: 'final' });
  unbonded = out.status === 'final' ? out.height : 0;
});

afterAll(async () => {
  await one.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What `quorate` prints. */
async function said(...args: readonly string[]): Promise<string> {
  const texts: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => texts.push(String(text)) > 0);
  try {
    expect(await run([...args, '--url', one.addresses.url], (text) => texts.push(text))).toBeNull();
  } finally {
    spy.mockRestore();
  }
  return texts.join('');
}

const trust = (): string[] => ['--genesis', join(folder, 'genesis.json')];

it('shows an account what it has bonded, from when on that counts, and when the rest is paid out', async () => {
  const text = await said('account', owner, ...trust());
  expect(text).toMatch(/^balance \d+, nonce 2 after height \d+, proven\nstake after height \d+, as the node says/);
  expect(text).toContain(
    `  ${3n * stakeUnit} bonded behind ${key}, weight 0 now, 3 from epoch 1 on (height 1001)\n` +
      `  ${2n * stakeUnit} unbonding from ${key}, paid out ${unbondingHours} hours by the times of blocks after height ${unbonded + unbondingDelay}\n`,
  );
  expect(JSON.parse(await said('account', owner, ...trust(), '--json')).staking).toMatchObject({
    proven: false,
    next: { epoch: 1, height: 1001 },
    bonded: String(3n * stakeUnit),
    unbonding: String(2n * stakeUnit),
    unlisted: '0',
    stakes: [{ publicKey: key, owner, amount: String(3n * stakeUnit), weight: 0, nextWeight: 3, jailed: false }],
    leaving: [{ publicKey: key, height: unbonded + unbondingDelay, hours: unbondingHours, until: null }],
  });
});

it('shows whose stake makes the set and what waits, for the current set only', async () => {
  const text = await said('validators');
  expect(text).toMatch(/^epoch 0: 1 validators, total weight 1/);
  expect(text).toContain(`${4n * stakeUnit} bonded, ${2n * stakeUnit} unbonding\n`);
  expect(text).toMatch(new RegExp(`${stakeUnit} bonded behind [0-9a-f]{64}, weight 1, of q`));
  expect(text).toContain(`weight 0 now, 3 from epoch 1 on (height 1001), of ${owner}\n`);
  expect(text).toMatch(new RegExp(`unbonding from ${key}, .*, to ${owner}\n$`));
  expect(await said('validators', '--epoch', '0')).not.toContain('bonded');
});

it('says of stake whose delay is over by which time it comes', () => {
  expect(payoutText({ height: null, hours: 504, until: 0 })).toBe(
    'paid out with the first block dated 1970-01-01T00:00:00.000Z or later',
  );
  expect(payoutText({ height: 7, hours: 0, until: null })).toBe('paid out at height 7');
});

it('says that trust came from the file, how old it is and when it ends', async () => {
  const file = join(folder, 'trust.json');
  const verify = (...more: string[]) =>
    said('verify', owner, ...trust(), '--trust-file', file, '--trusting-hours', '2', ...more);
  const first = await verify();
  expect(first).toMatch(/^trust from +genesis$/m);
  expect(first).toMatch(/^trust kept +in .*trust\.json: block \d+; it ends \S+Z unless a run renews it before$/m);
  expect(await verify()).toMatch(/^trust from +.*trust\.json: block \d+, \d+ s old; it would have ended \S+Z$/m);
  const { root, trust: report } = JSON.parse(await verify('--json'));
  expect(root).toBe('genesis');
  expect(report).toMatchObject({ from: 'file', file });
  expect(report.stored.ends - report.stored.time).toBe(2 * 3_600_000);
  expect(report.now.height).toBeGreaterThanOrEqual(report.stored.height);
});

it('shows a value that is no text in hexadecimal, and leaves the JSON as it was', async () => {
  expect(await said('query', 'supply')).toMatch(/^0x[0-9a-f]{64}, 32 bytes {3}\(after height \d+\)\n$/);
  expect(Buffer.from(JSON.parse(await said('query', 'supply', '--json')).value, 'base64')).toHaveLength(32);
});

it('says why the block to trust is older than the snapshot', async () => {
  expect(await said('snapshot', 'trust')).toMatch(/^height +1$.*^why so old +the snapshot is proven from here on/ms);
});

it('names a validator by its number and its address, by which people know its home', async () => {
  expect(validatorName([{ address: 'a:1' }, { address: 'b:2' }], 1)).toBe('validator 1 (b:2)');
  expect(validatorName([], 3)).toBe('validator 3');
  expect(await said('status')).toMatch(/^role +validator 0$/m);
  expect(validatorsCommand().description()).toContain('not as home folders are: the address tells');
});
