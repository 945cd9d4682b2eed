import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountAddress, accountKeyFromSeed } from '@quorate/client';
import { createPureSuites, encryptKey } from '@quorate/crypto';
import { type ErrorCode, isQuorateError } from '@quorate/kernel';
import { failureLine } from '@quorate/node';
import type { Command } from 'commander';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { smallTestnet } from '../../../../test/fixtures/small-testnet.ts';
import { blockCommand, queryCommand, statusCommand, validatorsCommand } from './ask.ts';
import { devnetCommand } from './devnet.ts';
import { evidenceCommand } from './evidence.ts';
import { keysCommand } from './keys.ts';
import { loadCommand } from './load.ts';
import { snapshotCommand } from './snapshot.ts';
import { startCommand } from './start.ts';
import { testnetCommand } from './testnet.ts';
import { txCommand } from './tx.ts';
import { accountCommand, verifyCommand } from './verify.ts';

const COMMANDS: Readonly<Record<string, () => Command>> = {
  keys: keysCommand,
  tx: txCommand,
  status: statusCommand,
  account: accountCommand,
  verify: verifyCommand,
  validators: validatorsCommand,
  block: blockCommand,
  query: queryCommand,
  evidence: evidenceCommand,
  load: loadCommand,
  snapshot: snapshotCommand,
  start: startCommand,
  testnet: testnetCommand,
  devnet: devnetCommand,
};

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payer = accountKeyFromSeed(seed(1));
const ADDRESS = accountAddress(payer.publicKey);
/** Nobody listens there. */
const DEAD = 'http://127.0.0.1:1';
const DIGEST = 'ab'.repeat(32);

let folder: string;
let one: OneNode;
let stranger: Server;

/** `{dir}` is the folder below, `{url}` the API of a running node. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-refusals-'));
  const ed25519 = createPureSuites().get('ed25519');
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(2)),
    nodeKey: ed25519.secretFromSeed(seed(3)),
    accounts: [payer],
    time: Date.now() - 1000,
  });
  const { homes } = await smallTestnet({ folder: join(folder, 'net'), chainId: 'refusals' });
  const home = homes[0]?.home ?? '';
  await writeFile(join(folder, 'account.json'), encryptKey(payer, 'account', { plain: true }));
  await writeFile(join(folder, 'text'), 'not what is wanted here');
  await writeFile(join(folder, 'fork.json'), '{"evidence":[],"unattributable":"of different views"}');
  await writeFile(join(folder, 'genesis.json'), await readFile(join(one.home, 'genesis.json')));
  for (const name of ['empty', 'unset', 'old']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'unset', 'genesis.json'), await readFile(join(home, 'genesis.json')));
  await writeFile(join(folder, 'unset', 'config.json'), '{');
  await cp(home, join(folder, 'everywhere'), { recursive: true });
  await writeFile(join(folder, 'everywhere', 'config.json'), '{"p2p":{"listen":"0.0.0.0:26600"}}');
  // Something that is not a node answers on the admin socket of this home.
  await writeFile(join(folder, 'old', 'config.json'), '{}');
  stranger = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => stranger.listen(join(folder, 'old', 'admin.sock'), resolve));
});

afterAll(async () => {
  await new Promise((resolve) => stranger.close(resolve));
  await one.stop();
  await rm(folder, { recursive: true, force: true });
});

const HOME = ['--home', '{dir}/net/validator-0'];
const PAY = ['--amount', '1', '--key', '{dir}/account.json', '--url', '{url}'];

it.each<readonly [why: string, args: readonly string[], code: ErrorCode, says: RegExp]>([
  ['no such key file', ['keys', 'show', '{dir}/none'], 'config/invalid', /^[^:]*none: there is no such file[^/]*$/],
  ['a folder for a key file', ['keys', 'show', '{dir}'], 'config/invalid', /it is a folder: name a file/],
  ['no key file', ['keys', 'show', '{dir}/text'], 'key/invalid', /not JSON/],
  ['a key file that is there', ['keys', 'new', '{dir}/text', '--plain'], 'key/invalid', /text: it exists already/],
  [
    'no folder for a key file',
    ['keys', 'new', '{dir}/none/key', '--plain'],
    'key/invalid',
    /none\/key: its folder is not there/,
  ],
  [
    'no passphrase file',
    ['keys', 'new', '{dir}/key', '--passphrase-file', '{dir}/none'],
    'config/invalid',
    /--passphrase-file: .*none: there is no such file/,
  ],
  [
    'an offer that is there',
    ['keys', 'offer', ...HOME, '--owner', ADDRESS, '{dir}/text'],
    'config/invalid',
    /text: it exists already/,
  ],
  [
    'an offer of no home',
    ['keys', 'offer', '--home', '{dir}/none', '--owner', ADDRESS, '{dir}/o'],
    'genesis/invalid',
    /missing/,
  ],
  ['an offer to nobody', ['keys', 'offer', ...HOME, '--owner', 'me', '{dir}/o'], 'address/invalid', /^--owner: /],
  [
    'an export that is there',
    ['keys', 'export-gate', ...HOME, '{dir}/text'],
    'config/invalid',
    /text: it exists already/,
  ],
  [
    'no folder for an export',
    ['keys', 'export-gate', ...HOME, '{dir}/none/gate'],
    'config/invalid',
    /none\/gate: its folder is not there/,
  ],
  ['an export of no home', ['keys', 'export-gate', '--home', '{dir}/none', '{dir}/gate'], 'genesis/invalid', /missing/],
  ['no export', ['keys', 'import-gate', ...HOME, '{dir}/none'], 'config/invalid', /none: there is no such file/],
  ['an export that is none', ['keys', 'import-gate', ...HOME, '{dir}/text'], 'gate/corrupt', /./],
  [
    'no offer',
    ['tx', 'bond', '--offer', '{dir}/none', ...PAY],
    'config/invalid',
    /--offer: .*none: there is no such file/,
  ],
  ['an offer that is none', ['tx', 'bond', '--offer', '{dir}/text', ...PAY], 'config/invalid', /--offer: .*not JSON/],
  ['no voting key', ['tx', 'unbond', '--validator', '', ...PAY], 'config/invalid', /--validator/],
  ['a voting key that is none', ['tx', 'unbond', '--validator', 'xy', ...PAY], 'config/invalid', /--validator/],
  ['a voting key too long', ['tx', 'unbond', '--validator', 'ab'.repeat(5000), ...PAY], 'codec/limit', /5000 bytes/],
  ['nobody to pay', ['tx', 'send', '--to', 'me', ...PAY], 'address/invalid', /^--to: address "me"/],
  [
    'an amount that is none',
    ['tx', 'send', '--to', ADDRESS, ...PAY, '--amount', '1.5'],
    'config/invalid',
    /--amount: "1\.5" is not a whole number of the token's smallest unit, from 1 to/,
  ],
  [
    'an amount too large',
    ['tx', 'send', '--to', ADDRESS, ...PAY, '--amount', '9'.repeat(20)],
    'config/invalid',
    /--amount/,
  ],
  [
    'no key',
    ['tx', 'send', '--to', ADDRESS, ...PAY, '--key', '{dir}/none'],
    'config/invalid',
    /none: there is no such file: name .* with --key$/,
  ],
  ['a key that is none', ['tx', 'send', '--to', ADDRESS, ...PAY, '--key', '{dir}/text'], 'key/invalid', /not JSON/],
  [
    'a key of another kind',
    ['tx', 'send', '--to', ADDRESS, ...PAY, '--key', '{dir}/net/validator-0/keys/node.json'],
    'key/invalid',
    /it holds a node key, an account key is wanted here/,
  ],
  [
    'no transaction',
    ['tx', 'submit', '@{dir}/none', '--url', '{url}'],
    'config/invalid',
    /none: there is no such file/,
  ],
  ['an id that is none', ['tx', 'status', 'me', '--url', '{url}'], 'rpc/invalid', /./],
  ['nobody answers', ['status', '--url', DEAD], 'rpc/unavailable', /127\.0\.0\.1:1 cannot be reached/],
  ['a URL that is none', ['status', '--url', 'nonsense'], 'config/invalid', /--url: "nonsense" is no URL/],
  ['a height that is none', ['block', 'top', '--url', '{url}'], 'config/invalid', /height/],
  ['the height of genesis', ['block', '0', '--url', '{url}'], 'config/invalid', /heights begin at 1/],
  ['a height not reached', ['block', '100000000', '--url', '{url}'], 'rpc/not-found', /./],
  ['an epoch that is none', ['validators', '--epoch', 'now', '--url', '{url}'], 'config/invalid', /--epoch/],
  ['data that are none', ['query', 'x', '--data', 'xy', '--url', '{url}'], 'config/invalid', /--data/],
  [
    'no key to send with',
    ['load', '--key', '{dir}/none', '--url', DEAD],
    'config/invalid',
    /none: there is no such file: name .* with --key$/,
  ],
  ['no node in a home', ['snapshot', 'take', ...HOME], 'rpc/unavailable', /no node answers/],
  ['a stranger in a home', ['snapshot', 'take', '--home', '{dir}/old'], 'rpc/failed', /admin\.sock/],
  ['a rate of nothing', ['load', '--rate', '0', '--key', '{dir}/none', '--url', DEAD], 'config/invalid', /--rate: "0"/],
  ['a home that is none', ['start', '--home', '{dir}/empty'], 'genesis/invalid', /missing/],
  ['settings that are none', ['start', '--home', '{dir}/unset'], 'config/invalid', /not JSON/],
  ['a file for a home', ['start', '--home', '{dir}/text'], 'disk/failed', /text/],
  ['a file for a network', ['testnet', '{dir}/text', '--plain'], 'config/invalid', /text/],
  ['a network in a file', ['testnet', '{dir}/text/net', '--plain'], 'config/invalid', /ENOTDIR/],
  ['a folder in use', ['testnet', '{dir}', '--plain'], 'config/invalid', /is not empty/],
  [
    'ports beyond the last',
    ['testnet', '{dir}/new', '--plain', '--p2p-port', '65530', '--validators', '2'],
    'config/invalid',
    /65540/,
  ],
  [
    'no passphrase for a network',
    ['testnet', '{dir}/new', '--passphrase-file', '{dir}/none'],
    'config/invalid',
    /--passphrase-file: .*none: there is no such file/,
  ],
  [
    'hosts that nobody can dial',
    ['testnet', '{dir}/new', '--plain', '--hosts', '0.0.0.0'],
    'config/invalid',
    /--hosts: 0\.0\.0\.0 .*--listen/,
  ],
  [
    'a host with a port',
    ['testnet', '{dir}/new', '--plain', '--hosts', '10.0.0.1:26600'],
    'config/invalid',
    /--hosts: "10\.0\.0\.1:26600" is no host/,
  ],
  [
    'a place to listen that is none',
    ['testnet', '{dir}/new', '--plain', '--listen', 'a b'],
    'config/invalid',
    /--listen: "a b" is no host/,
  ],
  [
    'more hosts than validators',
    ['testnet', '{dir}/new', '--plain', '--validators', '2', '--hosts', 'a', 'b', 'c'],
    'config/invalid',
    /--hosts: 3 hosts are named for --validators 2/,
  ],
  [
    'no chain id',
    ['testnet', '{dir}/new', '--plain', '--chain-id', 'My Chain'],
    'config/invalid',
    /--chain-id: "My Chain" is/,
  ],
  ['no id for a devnet', ['devnet', '--dir', '{dir}/net', '--chain-id', ''], 'config/invalid', /--chain-id: ""/],
  [
    'an offer of a home that listens everywhere',
    ['keys', 'offer', '--home', '{dir}/everywhere', '--owner', ADDRESS, '{dir}/o'],
    'config/invalid',
    /0\.0\.0\.0:26600 is where the home listens .* give --address HOST:PORT/,
  ],
  [
    'an offer of a home without a voting key',
    ['keys', 'offer', '--home', '{dir}/unset', '--owner', ADDRESS, '{dir}/o'],
    'config/invalid',
    /validator\.json: there is no such file: make one with: quorate keys new .*validator\.json --kind validator/,
  ],
  ['a file for a devnet', ['devnet', '--dir', '{dir}/text'], 'config/invalid', /text/],
  ['a devnet in a folder in use', ['devnet', '--dir', '{dir}'], 'config/invalid', /something else/],
  ...(
    [
      ['--validators', '4', /--validators: 4 is asked for, the network in .* has 1/],
      ['--suite', 'bls12-381', /--suite: bls12-381 is asked for, the network in .* has ed25519/],
      ['--chain-id', 'other', /--chain-id: other is asked for, the network in .* has refusals/],
      ['--delta', '50', /--delta: 50 is asked for, the network in .* has 1000/],
      ['--epoch-length', '7', /--epoch-length: 7 is asked for, the network in .* has 100:/],
      ['--upgrade-height', '7', /--upgrade-height: 7 is asked for, the network in .* has 0:/],
      ['--p2p-port', '999', /--p2p-port: 999 is asked for, the network in .* has 1000:/],
      ['--rpc-port', '1002', /--rpc-port: 1002 is asked for, the network in .* has 1001:/],
      ['--app', '/counter.mjs', /--app: \/counter\.mjs is asked for, the network in .* has the ledger/],
    ] as const
  ).map(
    ([flag, value, says]) =>
      [
        `a kept devnet with another ${flag}`,
        ['devnet', '--keep', '--dir', '{dir}/net', flag, value],
        'config/invalid',
        says,
      ] as const,
  ),
  ['no devnet to go on with', ['devnet', '--keep', '--dir', '{dir}/empty'], 'config/invalid', /holds no network/],
  [
    'a devnet on ports beyond the last',
    ['devnet', '--dir', '{dir}/new', '--rpc-port', '65530'],
    'config/invalid',
    /ports/,
  ],
  ['no application', ['devnet', '--dir', '{dir}/new', '--app', '{dir}/none'], 'config/invalid', /app: cannot load/],
  [
    'no genesis',
    ['verify', ADDRESS, '--genesis', '{dir}/none', '--url', '{url}'],
    'config/invalid',
    /--genesis: .*none: there is no such file: name what to trust/,
  ],
  [
    'a genesis that is none',
    ['verify', ADDRESS, '--genesis', '{dir}/text', '--url', '{url}'],
    'genesis/invalid',
    /not JSON/,
  ],
  [
    'a checkpoint that is none',
    ['verify', ADDRESS, '--checkpoint', 'top', '--url', '{url}'],
    'config/invalid',
    /--checkpoint/,
  ],
  [
    'a checkpoint of nothing',
    ['account', ADDRESS, '--checkpoint', `1:${DIGEST}`, '--chain-id', 'x', '--epoch-length', '2', '--suite', 'rsa'],
    'config/invalid',
    /--suite/,
  ],
  ['nobody to verify', ['verify', 'me', '--genesis', '{dir}/genesis.json', '--url', '{url}'], 'address/invalid', /./],
  [
    'trust that is none',
    ['verify', ADDRESS, '--genesis', '{dir}/genesis.json', '--url', '{url}', '--trust-file', '{dir}/text'],
    'light/untrusted',
    /stored trust is not JSON/,
  ],
  [
    'evidence of one server',
    ['verify', ADDRESS, '--genesis', '{dir}/genesis.json', '--evidence', '{dir}/fork'],
    'config/invalid',
    /--evidence needs --compare/,
  ],
  [
    'no evidence',
    ['evidence', 'submit', '{dir}/none', '--url', '{url}'],
    'config/invalid',
    /none: there is no such file/,
  ],
  ['evidence that is none', ['evidence', 'submit', '{dir}/text', '--url', '{url}'], 'config/invalid', /not JSON/],
  [
    'a file without evidence',
    ['evidence', 'submit', '{dir}/genesis.json', '--url', '{url}'],
    'config/invalid',
    /genesis\.json: it holds no evidence/,
  ],
  [
    'a fork that convicts nobody',
    ['evidence', 'submit', '{dir}/fork.json', '--url', '{url}'],
    'config/invalid',
    /convicts anybody: of different views/,
  ],
  ['no limit', ['evidence', 'list', '--limit', '0', '--url', '{url}'], 'config/invalid', /--limit/],
  [
    'trust for as long as stake is locked',
    ['verify', ADDRESS, '--genesis', '{dir}/genesis.json', '--url', '{url}', '--trusting-hours', '504'],
    'config/invalid',
    /the trusting period of 504 hours is not below the 504 hours/,
  ],
  [
    'no folder for trust',
    ['verify', ADDRESS, '--genesis', '{dir}/genesis.json', '--url', '{url}', '--trust-file', '{dir}/none/trust'],
    'config/invalid',
    /--trust-file: ENOENT/,
  ],
])('%s is refused in words', async (_why, args, code, says) => {
  const [name = '', ...rest] = args.map((arg) => arg.replace('{dir}', folder).replace('{url}', one.addresses.url));
  const command = COMMANDS[name]?.();
  const error: unknown = await command?.parseAsync(rest, { from: 'user' }).then(
    () => null,
    (refusal: unknown) => refusal,
  );
  expect(isQuorateError(error), failureLine(error)).toBe(true);
  expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
});
