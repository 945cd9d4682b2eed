import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encryptKey } from '@quorate/crypto';
import { type Digest, type Genesis, type SecretKey, toHex, ValidatorSet } from '@quorate/kernel';
import { addressOf, DEFAULT_PARAMETERS, encodeLedgerGenesis, signTransaction } from '@quorate/ledger';
import { afterEach, describe, expect, test } from 'vitest';
import { loadConfig } from './config.ts';
import { writeGenesis, writeKeyText } from './home.ts';
import { createNodeHash } from './native/node-hash.ts';
import { createNativeSuites } from './native/suites.ts';
import { createNode, type NodeOverrides, type QuorateNode } from './node.ts';
import { attachRpc } from './rpc/index.ts';
import { EXIT, exitCodeOf, failureLine, runNode } from './run.ts';

const hash = createNodeHash();
const suites = createNativeSuites();
const ed25519 = suites.get('ed25519');
const alice = ed25519.secretFromSeed(new Uint8Array(32).fill(200));
const bob = ed25519.secretFromSeed(new Uint8Array(32).fill(201));
const folders: string[] = [];
const nodes = new Set<QuorateNode>();

afterEach(async () => {
  await Promise.all([...nodes].map((node) => node.stop()));
  nodes.clear();
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(address !== null && typeof address === 'object' ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface Network {
  readonly genesis: Genesis;
  readonly homes: readonly string[];
  readonly listen: readonly string[];
  readonly lines: string[];
}

/** Home folders of a chain with `count` validators, and one observer at the end. */
async function network(count: number, change: Partial<Genesis['consensus']> = {}): Promise<Network> {
  const ports = await freePorts(count + 1);
  const listen = ports.map((port) => `127.0.0.1:${port}`);
  const keys = ports.map((_, i): readonly [node: SecretKey, voting: SecretKey] => [
    ed25519.secretFromSeed(new Uint8Array(32).fill(i + 1)),
    ed25519.secretFromSeed(new Uint8Array(32).fill(i + 101)),
  ]);
  const members = keys.slice(0, count).map(([node, voting], i) => ({
    publicKey: voting.publicKey,
    weight: 1,
    proof: voting.prove(),
    peer: toHex(node.publicKey),
    address: listen[i] ?? '',
  }));
  const genesis: Genesis = {
    chainId: 'node-test',
    time: Date.now() - 1000,
    suite: 'ed25519',
    consensus: {
      mechanism: 'simplex',
      delta: 1000,
      maxTimeout: 60_000,
      epochLength: 1000,
      maxBlockBytes: 1 << 20,
      evidenceWindow: 1000,
      upgradeHeight: 0,
      ...change,
    },
    validators: new ValidatorSet(members),
    application: 'ledger',
    appState: encodeLedgerGenesis(hash, {
      ...DEFAULT_PARAMETERS,
      accounts: [{ address: addressOf(hash, alice.publicKey), balance: 1_000_000_000n }],
      stakes: members.map(({ publicKey }) => ({
        publicKey,
        owner: addressOf(hash, alice.publicKey),
        amount: DEFAULT_PARAMETERS.stakeUnit,
      })),
    }),
  };
  const homes: string[] = [];
  for (const [i, [node, voting]] of keys.entries()) {
    const home = await mkdtemp(join(tmpdir(), `quorate-node-${i}-`));
    folders.push(home);
    homes.push(home);
    await writeGenesis(home, genesis);
    await writeKeyText(home, 'node', encryptKey(node, 'node', { plain: true }));
    if (i < count) await writeKeyText(home, 'validator', encryptKey(voting, 'validator', { plain: true }));
  }
  return { genesis, homes, listen, lines: [] };
}

async function boot(net: Network, index: number, overrides: NodeOverrides = {}): Promise<QuorateNode> {
  const flags = { 'p2p-listen': net.listen[index] ?? '' };
  const log: NodeOverrides['log'] = (level, message, fields) => {
    if (level !== 'debug') net.lines.push(`${index} ${level} ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const node = await createNode(
    { home: net.homes[index] ?? '', config: loadConfig({ flags }).config },
    { freshGate: 'genesis', log, ...overrides },
  );
  nodes.add(node);
  return node;
}

async function until(net: Network, what: () => boolean, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!what()) {
    if (performance.now() > deadline)
      throw new Error(`not within ${ms} ms: ${what}\n${net.lines.slice(-40).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A module whose application is complete but for one part. */
function applicationWithout(part = ''): string {
  const methods = 'initChain checkTx prepareProposal processProposal finalizeBlock commit query close'.split(' ');
  const parts = {
    capabilities: '{ speculative: false, rollback: false, snapshots: false, extensions: false }',
    info: `async () => ({ name: 'counter' })`,
    ...Object.fromEntries(methods.map((name) => [name, 'async () => {}'])),
  };
  const source = Object.entries(parts).flatMap(([name, text]) => (name === part ? [] : [`${name}: ${text}`]));
  return `export const createApplication = () => ({ ${source.join(', ')} });`;
}

const heightOf = (node: QuorateNode): number => node.replica.status().height;

function transfer(nonce: number, amount: bigint): Uint8Array {
  const action = { kind: 'transfer', to: addressOf(hash, bob.publicKey), amount } as const;
  return signTransaction(hash, alice, { chainId: 'node-test', nonce, fee: 10_000n, expiry: 0, action });
}

function sameRoots(all: readonly QuorateNode[], height: number): Digest {
  const roots = new Set(all.map((node) => node.replica.block(height)?.header.stateRoot));
  expect(roots.size).toBe(1);
  const [root] = roots;
  return root ?? '';
}

describe('four validators and an observer in one process, on real ports', () => {
  test('finalize blocks and transactions, survive a restart and agree', async () => {
    const net = await network(4);
    const started = performance.now();
    const all = await Promise.all([0, 1, 2, 3].map((i) => boot(net, i)));
    await Promise.all(all.map((node) => node.start()));
    await until(net, () => all.every((node) => heightOf(node) >= 1));
    expect(performance.now() - started).toBeLessThan(20_000);

    const [first, second, third, fourth] = all;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new Error();
    const result = await first.replica.submit(transfer(0, 5n));
    expect(result.kind).toBe('accepted');
    const settled = await first.replica.settled(result.id);
    expect(settled).toMatchObject({ kind: 'final', receipt: { code: 0 } });
    expect(first.ready()).toMatchObject({ ready: true, phase: 'running', peers: 3, silent: null });

    await fourth.stop();
    expect(fourth.ready()).toMatchObject({ ready: false, phase: 'stopped' });
    nodes.delete(fourth);
    const next = await second.replica.submit(transfer(1, 6n));
    expect(await second.replica.settled(next.id)).toMatchObject({ kind: 'final', receipt: { code: 0 } });

    const again = await boot(net, 3);
    await again.start();
    const observer = await boot(net, 4);
    await observer.start();
    const everyone = [first, second, third, again, observer];
    const last = await again.replica.submit(transfer(2, 7n));
    expect(last.kind).toBe('accepted');
    const final = await again.replica.settled(last.id);
    expect(final).toMatchObject({ kind: 'final', receipt: { code: 0 } });
    const height = final.kind === 'final' ? final.height + 1 : 0;
    await until(net, () => everyone.every((node) => node.replica.block(height) !== null));
    expect(sameRoots(everyone, height)).toMatch(/^[0-9a-f]{64}$/);
    expect(observer.replica.status().role).toBe('observer');
    expect(Object.keys(first.counters())).toContain('transport.received.votes.bytes');
    expect(net.lines.filter((line) => line.includes(' error '))).toEqual([]);
  });

  test('a second process in the same home is refused', async () => {
    const net = await network(1);
    const node = await boot(net, 0);
    await expect(boot(net, 0)).rejects.toMatchObject({ code: 'gate/locked' });
    await node.stop();
    await boot(net, 0);
  });
});

test('catching up over many short epochs fills no log', async () => {
  const net = await network(1, { epochLength: 4, delta: 100 });
  const validator = await boot(net, 0);
  await validator.start();
  await until(net, () => heightOf(validator) >= 120);
  const from = net.lines.length;
  const late = await boot(net, 1);
  await late.start();
  await until(net, () => heightOf(late) >= 120);
  const own = net.lines.slice(from).filter((line) => line.startsWith('1 '));
  // Two seconds of them are not thirty epochs' worth.
  expect(own.filter((line) => line.includes('entered an epoch')).length, own.join('\n')).toBeLessThan(10);
});

describe('a node that stands alone', () => {
  test('is not ready and says whom it dials, in the log too, until somebody is there', async () => {
    const net = await network(4);
    const first = await boot(net, 0);
    await first.start();
    expect(first.ready()).toMatchObject({ ready: false, peers: 0 });
    const others = net.listen.slice(1, 4);
    expect(first.ready().reasons[0]).toMatch(/^no peer connected: dialling /);
    for (const address of others) expect(first.ready().reasons[0]).toContain(address);
    await until(net, () => net.lines.some((line) => /^0 warn no peer connected: .*ECONNREFUSED/.test(line)));
    await (await boot(net, 1)).start();
    await until(net, () => first.ready().peers === 1);
    expect(first.ready().reasons.join()).not.toMatch(/no peer/);
  });

  test('says while it starts that nobody is there to sync a state from', async () => {
    const net = await network(1);
    const flags = { 'p2p-listen': net.listen[1] ?? '', 'state-sync-height': '9', 'state-sync-digest': 'ab'.repeat(32) };
    const log: NodeOverrides['log'] = (level, message) => void net.lines.push(`${level} ${message}`);
    const node = await createNode({ home: net.homes[1] ?? '', config: loadConfig({ flags }).config }, { log });
    nodes.add(node);
    const started = node.start().catch((error: unknown) => error);
    await until(net, () => net.lines.some((line) => /^warn no peer connected: dialling /.test(line)));
    expect(node.ready()).toMatchObject({ ready: false, phase: 'starting' });
    expect(node.ready().reasons).toEqual([
      'the node is starting',
      expect.stringMatching(/^no peer connected: dialling /),
    ]);
    await node.stop();
    await started;
  });

  test('says while it starts that its checkpoint is not on the chain, and keeps its peer', async () => {
    const net = await network(1);
    const validator = await boot(net, 0);
    await validator.start();
    await until(net, () => heightOf(validator) >= 3);
    const digest = 'ab'.repeat(32);
    const flags = { 'p2p-listen': net.listen[1] ?? '', 'state-sync-height': '2', 'state-sync-digest': digest };
    const log: NodeOverrides['log'] = (level, _message, fields) => {
      if (level === 'warn') net.lines.push(`joiner ${JSON.stringify(fields)}`);
    };
    const node = await createNode({ home: net.homes[1] ?? '', config: loadConfig({ flags }).config }, { log });
    nodes.add(node);
    const started = node.start().catch((error: unknown) => error);
    const reason = `no peer proves the checkpoint at height 2 with digest ${digest}: check it with somebody you trust`;
    await until(net, () => node.ready().reasons[1]?.endsWith(reason) === true);
    const { counters } = node.replica.status();
    expect([node.ready().peers, counters['blamed.invalid'] ?? 0]).toEqual([1, 0]);
    expect(net.lines.filter((line) => line.includes('no peer proves'))).toHaveLength(1);
    await node.stop();
    await started;
  });

  test('is well when it is the whole validator set', async () => {
    const net = await network(1);
    const node = await boot(net, 0);
    await node.start();
    await until(net, () => heightOf(node) >= 1);
    expect(node.ready()).toMatchObject({ ready: true, reasons: [], peers: 0 });
  });
});

test('a node whose chain lost its quorum is not ready and says what is missing, until blocks come again', async () => {
  const net = await network(4, { delta: 200 });
  let later = 0;
  const [first, , third, fourth] = await Promise.all([
    boot(net, 0, { monotonic: () => performance.now() + later }),
    boot(net, 1),
    boot(net, 2),
    boot(net, 3),
  ]);
  await Promise.all([...nodes].map((node) => node.start()));
  await until(net, () => heightOf(first) >= 3 && first.ready().ready);
  await Promise.all([third.stop(), fourth.stop()]);
  await until(net, () => first.ready().peers === 1);
  const height = heightOf(first);
  expect(first.ready().reasons.join()).not.toMatch(/no block became final/);
  later = 57_000;
  await until(net, () => !first.ready().ready);
  expect(first.ready().reasons.join()).toMatch(
    /no block became final for \d\d s; connected validators hold 2 of 4 weight, this node's own included, 3 are needed/,
  );
  const lines = (what: RegExp): number => net.lines.filter((line) => what.test(line)).length;
  await until(net, () => lines(/^0 warn no block became final/) === 1);
  await (await boot(net, 2)).start();
  await until(net, () => heightOf(first) > height + 2 && first.ready().ready);
  await until(net, () => lines(/^0 info the chain no longer stands still/) === 1);
  expect(lines(/^0 warn no block became final/)).toBe(1);
});

test('a voting key without a record says so before it is in any set, and until when it will be silent', async () => {
  const net = await network(1);
  const validator = await boot(net, 0);
  await validator.start();
  const voting = ed25519.secretFromSeed(new Uint8Array(32).fill(150));
  await writeKeyText(net.homes[1] ?? '', 'validator', encryptKey(voting, 'validator', { plain: true }));
  const candidate = await boot(net, 1, { freshGate: false });
  await candidate.start();
  const says =
    /record of what this key signed is missing: silent through the first epoch that it runs in the validator set/;
  await until(net, () => net.lines.some((line) => /^1 warn this voting key signs nothing yet/.test(line)));
  expect(net.lines.join('\n')).toMatch(says);
  expect(candidate.replica.status().silent).toMatch(/^this key is not in the validator set; the record/);
  expect(candidate.replica.status().silent).toMatch(says);
});

describe('what createNode refuses, with everything closed again', () => {
  test('a home without genesis, a missing node key, another suite, an unknown application', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'quorate-node-'));
    folders.push(empty);
    const { config } = loadConfig({ flags: { 'p2p-listen': '127.0.0.1:0' } });
    await expect(createNode({ home: empty, config })).rejects.toMatchObject({ code: 'genesis/invalid' });
    const net = await network(1);
    await writeGenesis(empty, net.genesis);
    await expect(createNode({ home: empty, config })).rejects.toMatchObject({ code: 'key/invalid' });

    const home = net.homes[0] ?? '';
    await writeGenesis(home, { ...net.genesis, application: 'unknown' });
    await expect(boot(net, 0)).rejects.toMatchObject({
      code: 'config/invalid',
      message: expect.stringContaining('--app'),
    });
    await writeGenesis(home, net.genesis);
    await boot(net, 0);
  });

  test('a checkpoint that may be as old as stake stays locked, by the genesis of the chain', async () => {
    const net = await network(1);
    const home = net.homes[0] ?? '';
    const at = { 'p2p-listen': '127.0.0.1:0', 'state-sync-height': '9', 'state-sync-digest': 'ab'.repeat(32) };
    const makes = (trustingHours: string): Promise<QuorateNode> =>
      createNode({ home, config: loadConfig({ flags: { ...at, 'state-sync-trusting-hours': trustingHours } }).config });
    await expect(makes('504')).rejects.toMatchObject({
      code: 'config/invalid',
      message: expect.stringMatching(/period of 504 hours is not below the 504 hours/),
    });
    await (await makes('503')).stop();
  });

  test('an application that is not the one of the chain', async () => {
    const net = await network(1);
    const other = await network(1);
    const module = join(other.homes[0] ?? '', 'app.mjs');
    await writeFile(module, 'export const createApplication = 3;');
    const config = loadConfig({ flags: { 'p2p-listen': '127.0.0.1:0', app: module } }).config;
    const home = net.homes[0] ?? '';
    await expect(createNode({ home, config }, { log: () => {} })).rejects.toMatchObject({ code: 'config/invalid' });
    await writeFile(`${module}.mjs`, applicationWithout());
    await expect(
      createNode({ home, config: { ...config, app: `${module}.mjs` } }, { log: () => {} }),
    ).rejects.toMatchObject({ code: 'config/invalid', message: expect.stringContaining('counter') });
  });
});

describe('a module that is no application', () => {
  const module = async (source: string | null): Promise<{ node: Promise<QuorateNode>; path: string }> => {
    const net = await network(1);
    const home = net.homes[0] ?? '';
    const path = join(home, 'app.mjs');
    if (source !== null) await writeFile(path, source);
    const config = loadConfig({ flags: { 'p2p-listen': '127.0.0.1:0', app: path } }).config;
    return { node: createNode({ home, config }, { log: () => {} }), path };
  };

  const wrong: Record<string, readonly [string | null, string]> = {
    'none at all': [null, 'app: cannot load PATH: there is no such module'],
    'a factory that throws': [
      `export const createApplication = () => { throw new TypeError('no tea\\nnor milk'); };`,
      'app: createApplication of PATH failed: no tea',
    ],
    nothing: [
      'export const createApplication = () => {};',
      'app: what createApplication of PATH returns is undefined, not an application',
    ],
    'no finalizeBlock': [
      applicationWithout('finalizeBlock'),
      'app: what createApplication of PATH returns has no method finalizeBlock',
    ],
    'no info': [applicationWithout('info'), 'app: what createApplication of PATH returns has no method info'],
    'no capabilities': [
      applicationWithout('capabilities'),
      'app: what createApplication of PATH returns has no capabilities',
    ],
    'no snapshots': [
      applicationWithout().replace('snapshots: false', 'snapshots: true'),
      'app: what createApplication of PATH returns has no method snapshots.list, although capabilities.snapshots is true',
    ],
  };
  for (const [name, [source, message]] of Object.entries(wrong)) {
    test(`${name}: one line that names it`, async () => {
      const { node, path } = await module(source);
      const error = await node.then(
        () => null,
        (failure: unknown) => failure,
      );
      expect(failureLine(error)).toBe(`quorate: config/invalid: ${message.replace('PATH', path)}`);
      expect(exitCodeOf(error)).toBe(EXIT.config);
    });
  }
});

describe('the process around a node', () => {
  test('a busy RPC port ends it with one line that names the setting, and no word of having stopped', async () => {
    const busy = createServer();
    const port = await new Promise<number>((resolve) => {
      busy.listen(0, '127.0.0.1', () => {
        const address = busy.address();
        resolve(address !== null && typeof address === 'object' ? address.port : 0);
      });
    });
    const net = await network(1);
    const flags = { 'p2p-listen': '127.0.0.1:0', 'rpc-port': `${port}` };
    const log: NodeOverrides['log'] = (level, message) => void net.lines.push(`${level} ${message}`);
    const node = await createNode({ home: net.homes[0] ?? '', config: loadConfig({ flags }).config }, { log });
    nodes.add(node);
    void attachRpc(node, { version: '0' });
    const complaints: string[] = [];
    expect(await runNode(node, { complain: (line) => complaints.push(line) })).toBe(EXIT.config);
    expect(complaints).toEqual([
      `quorate: config/invalid: rpc.port: another process listens on 127.0.0.1:${port}: stop it, or choose another port with --rpc-port`,
    ]);
    expect(net.lines.filter((line) => line.includes('stopped'))).toEqual([]);
    await new Promise((resolve) => busy.close(resolve));
  });

  test('SIGTERM is a clean shutdown; services start before the replica and stop before it', async () => {
    const net = await network(1);
    const node = await boot(net, 0);
    const order: string[] = [];
    node.attach({
      start: async () => {
        order.push(`start ${node.ready().phase}`);
      },
      stop: async () => {
        order.push(`stop ${node.phase}`);
      },
    });
    const listeners = new Map<string, () => void>();
    const signals = {
      on: (signal: string, listener: () => void) => listeners.set(signal, listener),
      off: (signal: string) => listeners.delete(signal),
    };
    const code = runNode(node, { signals });
    await until(net, () => node.phase === 'running');
    listeners.get('SIGTERM')?.();
    expect(await code).toBe(EXIT.clean);
    expect(order).toEqual(['start starting', 'stop stopping']);
    expect(listeners.size).toBe(0);
  });

  test('a node that cannot go on ends with one line and a code', async () => {
    const net = await network(1);
    const node = await boot(net, 0);
    const complaints: string[] = [];
    node.attach({ start: () => Promise.reject(new Error('no room')), stop: async () => {} });
    const code = await runNode(node, { complain: (line) => complaints.push(line) });
    expect(code).toBe(EXIT.failed);
    expect(complaints).toHaveLength(1);
    expect(exitCodeOf(Object.assign(new Error(), { code: 'disk/full' }))).toBe(EXIT.failed);
  });
});
