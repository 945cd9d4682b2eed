import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPureSuites, decryptKey, sha256 } from '@quorate/crypto';
import {
  bytes,
  concatBytes,
  defineApplication,
  epochOf,
  genesisDigest,
  isQuorateError,
  lastHeightOf,
  type SecretKey,
  toHex,
} from '@quorate/kernel';
import {
  type Action,
  accountKey,
  addressOf,
  createLedger,
  formatAddress,
  signTransaction,
  transactionId,
} from '@quorate/ledger';
import { createNode, loadConfig, NodeDisk, type QuorateNode, readGenesis } from '@quorate/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { smallTestnet } from '../../../../test/fixtures/small-testnet.ts';
import type { Testnet } from '../testnet.ts';
import { doctorCommand } from './doctor.ts';

type Block = NonNullable<ReturnType<QuorateNode['replica']['block']>>;

const suites = createPureSuites();
const ed25519 = suites.get('ed25519');
const receiver = addressOf(sha256, ed25519.secretFromSeed(new Uint8Array(32).fill(9)).publicKey);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-against-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function testnet(name: string, application: string): Promise<Testnet> {
  return smallTestnet({ folder: join(folder, name), chainId: name, delta: 200, application });
}

const { config } = loadConfig({ flags: { 'p2p-listen': '127.0.0.1:0' } });

/** Has the node of a home finalize transactions, one after the other, and stops it. Gives the blocks that it executed. */
async function live(
  home: string,
  transactions: readonly Uint8Array[],
  overrides: Parameters<typeof createNode>[1] = {},
): Promise<Block[]> {
  const node = await createNode({ home, config }, { log: () => {}, ...overrides });
  try {
    await node.start();
    for (const tx of transactions) {
      await node.replica.submit(tx);
      expect(await node.replica.settled(toHex(sha256(tx)))).toMatchObject({ kind: 'final' });
    }
    const blocks: Block[] = [];
    for (let height = 1; ; height++) {
      const block = node.replica.block(height);
      if (block === null) return blocks;
      blocks.push(block);
    }
  } finally {
    await node.stop();
  }
}

/** Makes the ledger of a home anew from blocks, in one of which a transaction is another. */
async function execute(
  home: string,
  blocks: readonly Block[],
  instead: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await rm(join(home, 'application'), { recursive: true });
  const genesis = await readGenesis(home);
  const { chainId, time, consensus, appState, validators } = genesis;
  const digest = genesisDigest(sha256, genesis);
  const disk = await NodeDisk.open(home);
  try {
    const ledger = await createLedger(
      {},
      {
        store: await disk.openStore('application'),
        hash: sha256,
        verifySignatures: (items) => ed25519.findInvalid(items),
        votingSuite: ed25519,
      },
    );
    await ledger.initChain({ chainId, time, digest, consensus, validators: validators.members, appState });
    let parent = { epoch: 0, view: 0, digest };
    for (const { header, digest, body } of blocks) {
      const { epoch, view, height } = header;
      const block = { epoch, view, digest };
      await ledger.finalizeBlock({
        height,
        epoch,
        time: header.time,
        parent,
        proposer: validators.at(0)?.publicKey ?? new Uint8Array(),
        evidence: [],
        nextEpochStart: lastHeightOf(consensus, epochOf(consensus, height + 1)) + 1,
        block,
        transactions: body.transactions.map((tx) => instead.get(toHex(sha256(tx))) ?? tx),
      });
      await ledger.commit(block);
      parent = block;
    }
    await ledger.close();
  } finally {
    await disk.close();
  }
}

/** What the command says, and with which exit code; the error's code and words when it refuses. */
async function doctor(...flags: string[]): Promise<{ readonly said: string; readonly exit: unknown }> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await doctorCommand().parseAsync(flags, { from: 'user' });
    return { said: said.join(''), exit: process.exitCode };
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return { said: error.message, exit: error.code };
  } finally {
    spy.mockRestore();
    process.exitCode = before;
  }
}

describe('two homes of a chain of the ledger', () => {
  let home: string;
  let wrong: string;
  let faucet: SecretKey;
  let spoiled: number;
  let last: number;

  const copyOf = async (from: string, name: string): Promise<string> => {
    const to = join(folder, name);
    await cp(from, to, { recursive: true });
    return to;
  };

  beforeAll(async () => {
    const net = await testnet('ledger', 'ledger');
    home = net.homes[0]?.home ?? '';
    faucet = decryptKey(await readFile(net.faucet?.file ?? '', 'utf8'), 'account', null, suites);
    const sign = (nonce: number, action: Action): Uint8Array =>
      signTransaction(sha256, faucet, { chainId: net.genesis.chainId, nonce, fee: 10_000n, expiry: 0, action });
    const right = sign(1, { kind: 'transfer', to: receiver, amount: 5n });
    const blocks = await live(home, [
      sign(0, { kind: 'record', namespace: 'notes', data: Uint8Array.of(1) }),
      right,
      sign(2, { kind: 'record', namespace: 'notes', data: Uint8Array.of(2) }),
      sign(3, { kind: 'record', namespace: 'notes', data: Uint8Array.of(3) }),
    ]);
    last = blocks.length;
    const id = transactionId(sha256, right);
    spoiled = 1 + blocks.findIndex(({ body }) => body.transactions.some((tx) => toHex(sha256(tx)) === id));
    wrong = await copyOf(home, 'wrong');
    const other = sign(1, { kind: 'transfer', to: receiver, amount: 7n });
    await execute(wrong, blocks, new Map([[id, other]]));
  }, 60_000);

  it('are compared key by key: which entries differ, what both hold, and exit code 65', async () => {
    const { said, exit } = await doctor('--home', wrong, '--against', home, '--json');
    expect(exit).toBe(65);
    const told = JSON.parse(said);
    expect(told).toMatchObject({ equal: false, application: 'ledger', height: last });
    expect(told.roots.home).not.toBe(told.roots.against);
    expect(told.state).toMatchObject({ complete: true, mine: { from: 0, to: last }, theirs: { from: 0, to: last } });
    const { differences } = told.state;
    const balances = new Map(
      differences.map((each: { subject: { name: string }; mine: { balance: string }; theirs: { balance: string } }) => [
        each.subject.name,
        [each.mine.balance, each.theirs.balance],
      ]),
    );
    expect(differences).toHaveLength(2);
    expect(balances.get(formatAddress(sha256, receiver))).toEqual(['7', '5']);
    const payer = balances.get(formatAddress(sha256, addressOf(sha256, faucet.publicKey)));
    expect(payer).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/)]);
    expect(differences.map(({ key }: { key: string }) => key)).toEqual(
      differences.map(({ key }: { key: string }) => key).sort(),
    );
  });

  it('are told apart by the root that the next header certifies, at any height that both still have', async () => {
    const height = String(spoiled);
    const { said, exit } = await doctor('--home', wrong, '--against', home, '--height', height);
    expect(exit).toBe(65);
    expect(said).toContain(`the states after height ${spoiled}`);
    expect(said).toContain('as the other one has it: the state of --home is the wrong one');
    expect(said).toMatch(/differing keys 2\nfirst {10}account q[0-9a-f]{72}\n/);
    expect(said).toMatch(/--home {7}\{"balance":"\d+","nonce":\d\}\n {2}against {6}\{"balance":"\d+","nonce":\d\}\n/);
    const turned = await doctor('--home', home, '--against', wrong, '--height', height);
    expect(turned.said).toContain('as --home has it: the other state is the wrong one');
    const before = await doctor('--home', wrong, '--against', home, '--height', String(spoiled - 1));
    expect(before.exit).toBe(0);
    expect(before.said).toContain('The states are equal.');
    const never = await doctor('--home', wrong, '--against', home, '--height', String(last + 1));
    expect(never).toEqual({ exit: 'config/invalid', said: expect.stringContaining(`0 to ${last}`) });
  });

  it('are equal when one is a copy of the other, and then the exit code is 0', async () => {
    const same = await copyOf(home, 'same');
    const { said, exit } = await doctor('--home', home, '--against', same);
    expect(exit).toBe(0);
    expect(said).toContain(`the states after height ${last}, the last of both`);
    expect(said).toContain('The states are equal.');
  });

  it('names an account that only its state knows by what it is, and no more', async () => {
    const bare = await copyOf(wrong, 'bare');
    const other = await copyOf(home, 'bare-other');
    for (const each of [bare, other]) await rm(join(each, 'blocks'), { recursive: true });
    const { said, exit } = await doctor('--home', bare, '--against', other);
    expect(exit).toBe(65);
    expect(said).toContain('account that neither state nor recent blocks name');
    expect(said).toContain('certified      unknown');
    expect(await readdir(bare)).not.toContain('blocks'); // and none is begun
  });

  it('refuses a home that is absent, damaged, in use, of another chain, or the same', async () => {
    const absent = join(folder, 'absent');
    expect(await doctor('--home', home, '--against', absent)).toEqual({
      exit: 'config/invalid',
      said: expect.stringMatching(/^--against: .*absent.*genesis\.json is missing/),
    });
    await expect(stat(absent)).rejects.toMatchObject({ code: 'ENOENT' });
    const stateless = await copyOf(home, 'stateless');
    await rm(join(stateless, 'application'), { recursive: true });
    expect(await doctor('--home', home, '--against', stateless)).toEqual({
      exit: 'config/invalid',
      said: expect.stringContaining(`${stateless} has no state`),
    });
    expect(await doctor('--home', home, '--against', home)).toMatchObject({ exit: 'config/invalid' });
    expect(await doctor('--home', home, '--height', '1')).toMatchObject({ exit: 'config/invalid' });
    const stranger = (await testnet('stranger', 'ledger')).homes[0]?.home ?? '';
    expect(await doctor('--home', home, '--against', stranger)).toMatchObject({ exit: 'genesis/mismatch' });
    const inUse = await copyOf(home, 'in-use');
    const disk = await NodeDisk.open(inUse);
    expect(await doctor('--home', home, '--against', inUse)).toEqual({
      exit: 'gate/locked',
      said: expect.stringContaining(inUse),
    });
    await disk.close();
  });

  it('says which home is damaged', async () => {
    const damaged = await copyOf(home, 'damaged');
    const path = join(damaged, 'application', 'data.mdb');
    const content = await readFile(path);
    const key = sha256(accountKey(receiver));
    let hits = 0;
    for (let at = content.indexOf(key); at >= 0; at = content.indexOf(key, at + 1), hits++) content[at + 7] = 0;
    expect(hits).toBeGreaterThan(0);
    await writeFile(path, content);
    const found = await doctor('--home', wrong, '--against', damaged);
    expect(found).toEqual({ exit: 'store/corrupt', said: expect.stringContaining(damaged) });
    for (const store of ['application', 'blocks']) {
      const cut = await copyOf(home, `cut-${store}`);
      await truncate(join(cut, store, 'data.mdb'), 4096);
      expect(await doctor('--home', wrong, '--against', cut)).toEqual({
        exit: 'store/corrupt',
        said: expect.stringContaining(cut),
      });
    }
  });
});

describe('two homes of a chain with an application of its own', () => {
  it('are compared by their roots only, and it says so', async () => {
    const net = await testnet('notes', 'notes');
    const home = net.homes[0]?.home ?? '';
    const other = join(folder, 'notes-other');
    await cp(home, other, { recursive: true });
    const application: NonNullable<Parameters<typeof createNode>[1]>['application'] = (parts) =>
      defineApplication<Uint8Array>(
        {
          name: 'notes',
          version: '1',
          codec: bytes(1000),
          initial: () => new Uint8Array(),
          apply: (state, tx) => ({ kind: 'applied', state: concatBytes(state, tx) }),
          query: () => null,
        },
        parts,
      );
    expect(await doctor('--home', home, '--against', other)).toEqual({
      exit: 'config/invalid',
      said: expect.stringContaining('no executed block on record'),
    });
    await live(home, [Uint8Array.of(1)], { application });
    await live(other, [Uint8Array.of(2)], { application });
    const { said, exit } = await doctor('--home', home, '--against', other);
    expect(exit).toBe(65);
    expect(said).toContain('This chain runs the application notes: Quorate knows the roots of its state only');
    const same = join(folder, 'notes-same');
    await cp(home, same, { recursive: true });
    const equal = await doctor('--home', home, '--against', same, '--json');
    expect(equal.exit).toBe(0);
    expect(JSON.parse(equal.said)).toMatchObject({ equal: true, application: 'notes', state: null });
  }, 30_000);
});
