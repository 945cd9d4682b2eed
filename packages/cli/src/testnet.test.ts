import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock, createNode, loadConfig, readConfigFile, readGenesis } from '@quorate/node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestnet, type TestnetOptions } from './testnet.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-testnet-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const options = (change: Partial<TestnetOptions>): TestnetOptions => ({
  folder: join(folder, 'net'),
  chainId: 'testnet',
  validators: 3,
  suite: 'ed25519',
  mechanism: 'simplex',
  hosts: [],
  p2pPort: 26_600,
  rpcPort: 26_601,
  delta: 1000,
  epochLength: 100,
  upgradeHeight: 0,
  application: 'ledger',
  sealing: { plain: true },
  config: {},
  ...change,
});

/** Where genesis says that peers dial each validator, and where its node listens. */
async function placesOf(change: Partial<TestnetOptions>): Promise<{ dialled: string[]; listen: string[] }> {
  const { homes } = await createTestnet(options(change));
  const { validators } = await readGenesis(homes[0]?.home ?? '');
  const listen: string[] = [];
  for (const { home } of homes) listen.push(loadConfig({ file: await readConfigFile(home) }).config.p2p.listen);
  return { dialled: validators.members.map(({ address }) => address).sort(), listen };
}

it('dials and listens at the hosts', async () => {
  expect(await placesOf({ hosts: ['10.0.0.1', 'fe80::1', 'c.example'] })).toEqual({
    dialled: ['10.0.0.1:26600', '[fe80::1]:26600', 'c.example:26600'],
    listen: ['10.0.0.1:26600', '[fe80::1]:26600', 'c.example:26600'],
  });
});

it('listens elsewhere than where it is dialled: behind NAT, in a container', async () => {
  expect(await placesOf({ hosts: ['a.example', 'b.example'], listen: '0.0.0.0' })).toEqual({
    dialled: ['a.example:26600', 'a.example:26610', 'b.example:26600'],
    listen: ['0.0.0.0:26600', '0.0.0.0:26600', '0.0.0.0:26610'],
  });
});

it('starts on an address that its public name could not be bound to', async () => {
  const { homes } = await createTestnet(
    options({ validators: 1, hosts: ['203.0.113.7'], listen: '127.0.0.1', p2pPort: 0 }),
  );
  const home = homes[0]?.home ?? '';
  const config = loadConfig({ file: await readConfigFile(home) }).config;
  const node = await createNode({ home, config }, { log: () => {}, clock: createClock() });
  await node.stop();
  expect(node.genesis.validators.members[0]?.address).toBe('203.0.113.7:0');
});

it('gives a host that is named again the next ten ports', async () => {
  const { listen } = await placesOf({ hosts: ['127.0.0.1', '127.0.0.1', 'b.example'], validators: 3 });
  expect(listen).toEqual(['127.0.0.1:26600', '127.0.0.1:26610', 'b.example:26600']);
});

it('writes nothing for a chain that no node would start', async () => {
  await expect(createTestnet(options({ chainId: 'My Chain' }))).rejects.toMatchObject({ code: 'genesis/invalid' });
  await expect(createTestnet(options({ validators: 1, hosts: ['a', 'b'] }))).rejects.toMatchObject({
    code: 'config/invalid',
  });
  expect(await readdir(folder)).toEqual([]);
});
