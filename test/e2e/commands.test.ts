import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@quorate/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { quorate, until } from './process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const ASKS = ['--url', '--json'];
const TRUSTS = ['--genesis', '--checkpoint', '--chain-id', '--epoch-length', '--suite', '--trusting-hours'];
const STORES_TRUST = ['--trust-file', '--allow-expired'];
const SPENDS = [...ASKS, '--amount', '--key', '--passphrase-file'];
const SHAPES = [
  '--validators',
  '--suite',
  '--mechanism',
  '--chain-id',
  '--delta',
  '--epoch-length',
  '--upgrade-height',
];
const RUNS = ['--mechanism', '--validators', '--byzantine', '--strategy', '--faults', '--until'];
const PORTS = ['--p2p-port', '--rpc-port'];

/** Every command that there is, with the flags by which people know it; a group has subcommands instead. */
const COMMANDS: Readonly<Record<string, readonly string[] | 'group'>> = {
  devnet: [...SHAPES, ...PORTS, '--dir', '--keep', '--app', '--for', '--scenario', '--json'],
  testnet: [...SHAPES, ...PORTS, '--hosts', '--listen', '--plain', '--passphrase-file', '--application', '--json'],
  start: ['--home', '--i-know-this-key-never-signed', '--p2p-listen', '--rpc-port', '--state-sync-height', '--app'],
  keys: 'group',
  'keys new': ['--kind', '--suite', '--plain', '--passphrase-file', '--json'],
  'keys show': ['--json'],
  'keys offer': ['--home', '--owner', '--address', '--passphrase-file', '--json'],
  'keys export-gate': ['--home', '--passphrase-file'],
  'keys import-gate': ['--home', '--passphrase-file'],
  tx: 'group',
  'tx send': [...SPENDS, '--to'],
  'tx bond': [...SPENDS, '--offer'],
  'tx unbond': [...SPENDS, '--validator'],
  'tx submit': ASKS,
  'tx status': ASKS,
  status: ASKS,
  account: [...ASKS, ...TRUSTS, ...STORES_TRUST],
  verify: [...ASKS, ...TRUSTS, ...STORES_TRUST, '--compare', '--evidence'],
  validators: [...ASKS, '--epoch'],
  evidence: 'group',
  'evidence submit': ASKS,
  'evidence list': [...ASKS, '--limit'],
  block: ASKS,
  query: [...ASKS, '--data'],
  load: [
    ...ASKS,
    '--scenario',
    '--rate',
    '--size',
    '--seconds',
    '--warmup',
    '--accounts',
    '--processes',
    '--key',
    '--also',
  ],
  snapshot: 'group',
  'snapshot take': ['--home', '--json'],
  'snapshot trust': ASKS,
  doctor: ['--home', '--against', '--height', '--json'],
  sim: 'group',
  'sim run': [...RUNS, '--seeds', '--scenario', '--workers', '--json'],
  'sim replay': [...RUNS, '--seed', '--last', '--json'],
  'sim shrink': [...RUNS, '--seed', '--out', '--seconds', '--json'],
  'sim fork': ['--seeds', '--json'],
  'sim latency': ['--mechanism', '--validators', '--regions', '--among', '--crashed', '--silent', '--loss', '--json'],
  'sim compare': ['--json'],
  'sim check': ['--mechanism', '--validators', '--byzantine', '--views', '--heights', '--crashes', '--json'],
};

/** A `quorate devnet` that runs beside the test, and what it has printed so far. */
class RunningDevnet {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #rest = '';
  errors = '';

  constructor(args: readonly string[]) {
    const bin = join(ROOT, 'packages', 'cli', 'bin', 'quorate.js');
    this.#child = spawn(process.execPath, [bin, 'devnet', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
    });
    this.#child.stdout?.on('data', (chunk) => {
      const pieces = `${this.#rest}${chunk}`.split('\n');
      this.#rest = pieces.pop() ?? '';
      this.lines.push(...pieces);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.errors += chunk;
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  get blocks(): Record<string, number>[] {
    return this.lines.map((line) => JSON.parse(line)).filter((line) => !('summary' in line));
  }

  get summary(): Record<string, unknown> {
    return JSON.parse(this.lines.at(-1) ?? '{}').summary;
  }

  /** Asks it to stop, as Ctrl-C or a service manager does; its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }

  kill(): void {
    this.#child.kill('SIGTERM'); // it takes its validators along
  }
}

/** Ports of this file's networks, out of the range from which the others take theirs. */
const P2P_PORT = 31_200;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The answer of a command that must succeed, as `--json` gives it. */
async function answer<T = Record<string, unknown>>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await quorate([...args, '--json']);
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
  expect(stdout.endsWith('\n') && stdout.trimEnd().split('\n').length, stdout).toBe(1);
  const value: T = JSON.parse(stdout);
  return value;
}

/** What a command that must succeed says to people. */
async function said(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await quorate(args);
  expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

describe('the command line', () => {
  it('explains every command with --help', { timeout: 120_000 }, async () => {
    const listed = (help: string): string[] =>
      [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '');
    const found: string[] = [];
    const explain = async (path: readonly string[]): Promise<void> => {
      const { code, stdout, stderr } = await quorate([...path, '--help']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Usage: quorate ${path.join(' ')}`);
      const flags = COMMANDS[path.join(' ')] ?? [];
      // One line each, with words behind it.
      if (flags !== 'group') for (const flag of flags) expect(stdout).toMatch(new RegExp(`^ {2}${flag} .*[a-z]`, 'm'));
      const names = listed(stdout).filter((name) => name !== 'help');
      found.push(...names.map((name) => [...path, name].join(' ')));
      for (let at = 0; at < names.length; at += 2)
        await Promise.all(names.slice(at, at + 2).map((name) => explain([...path, name])));
    };
    await explain([]);
    expect(found.sort()).toEqual(Object.keys(COMMANDS).sort());
  });

  it('runs a state machine of one’s own, and sums up', { timeout: 120_000 }, async () => {
    const ports = ['--p2p-port', String(P2P_PORT), '--rpc-port', String(P2P_PORT + 1)];
    const app = ['--app', join(ROOT, 'examples', 'counter'), '--validators', '1', '--dir', join(folder, 'counter')];
    const devnet = new RunningDevnet([...app, ...ports, '--json']);
    try {
      await until('a first block', () => devnet.lines.length > 0);
      const url = await urlOf(join(folder, 'counter'));
      const added = await answer('tx', 'submit', 'add 5', '--url', url);
      expect(added).toMatchObject({ status: 'final', receipt: { code: 0 } });
      const { value } = await answer<{ value: string }>('query', 'counter', '--url', url);
      expect(JSON.parse(Buffer.from(value, 'base64').toString())).toEqual({ total: 5, additions: 1 });
      const refused = await quorate(['tx', 'submit', 'add nothing', '--url', url, '--json']);
      expect(refused.code).toBe(1);
      expect(JSON.parse(refused.stdout)).toMatchObject({ reason: expect.stringContaining('add N') });
      expect(await devnet.end('SIGTERM'), devnet.errors).toBe(0);
      checkRun(devnet);
      expect(devnet.summary).toMatchObject({ transactions: 1, crashes: 0 });
      expect(devnet.blocks.find(({ height }) => height === added.height)).toMatchObject({ txs: 1 });
    } finally {
      devnet.kill();
    }
  });

  it('does all that it names on one network', { timeout: 240_000 }, async () => {
    const dir = join(folder, 'net');
    const ports = ['--p2p-port', String(P2P_PORT + 100), '--rpc-port', String(P2P_PORT + 101)];
    const devnet = new RunningDevnet(['--dir', dir, ...ports, '--json']);
    try {
      await until('a first block', () => devnet.lines.length > 0);
      const url = await urlOf(dir);
      const client = new Client({ url, WebSocket });
      const genesis = join(dir, 'validator-0', 'genesis.json');

      // Keys, and a payment to one.
      const file = join(folder, 'me.json');
      const key = await answer<{ publicKey: string; address: string }>('keys', 'new', file, '--plain');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const shown = { kind: 'account', suite: 'ed25519', publicKey: key.publicKey, address: key.address };
      expect(await answer('keys', 'show', file)).toEqual({ ...shown, encrypted: false });
      const secret = join(folder, 'secret.json');
      const sealed = await quorate(['keys', 'new', secret, '--json'], { env: { QUORATE_PASSPHRASE: 'open' } });
      expect(sealed.code, sealed.stderr).toBe(0);
      expect(await answer('keys', 'show', secret)).toMatchObject({ encrypted: true });
      const pay = ['tx', 'send', '--key', join(dir, 'faucet.json'), '--to', key.address, '--url', url];
      const paid = await answer<{ id: string; height: number }>(...pay, '--amount', '500000');
      expect(paid).toMatchObject({ status: 'final', receipt: { code: 0 } });
      const back = ['tx', 'send', '--key', file, '--to', key.address, '--url', url, '--amount', '1'];
      expect(await said(...back)).toMatch(/^transaction +[0-9a-f]{64}\nfinal +at height \d+/);
      const { id, height } = paid;
      expect(await answer('tx', 'status', id, '--url', url)).toMatchObject({ status: 'final', id, height });
      expect(await said('tx', 'status', id, '--url', url)).toContain(`final at height ${height}, place 0`);

      // Reads, proven and not.
      await until('a block above', async () => (await client.status()).height > height + 4);
      const trust = ['--genesis', genesis, '--url', url];
      const [account, verified, status] = await Promise.all([
        answer<{ balance: string }>('account', key.address, ...trust),
        answer('verify', key.address, ...trust),
        answer<{ height: number }>('status', '--url', url),
      ]);
      expect(account).toMatchObject({ address: key.address, nonce: 1, proven: true });
      expect(Number(account.balance)).toBeGreaterThan(490_000);
      expect(verified).toMatchObject({ address: key.address, balance: account.balance, nonce: 1, root: 'genesis' });
      expect(status).toMatchObject({ chainId: 'devnet', mechanism: 'simplex', role: 'validator', silent: null });
      expect(status.height).toBeGreaterThan(height);
      const [block, set, parameters, evidence] = await Promise.all([
        answer('block', String(height), '--url', url),
        answer<{ members: unknown[] }>('validators', '--epoch', '0', '--url', url),
        answer<{ value: string }>('query', 'parameters', '--url', url),
        answer('evidence', 'list', '--url', url),
      ]);
      expect(evidence).toMatchObject({ evidence: [] });
      expect(block).toMatchObject({ header: { height }, ids: [id], finality: { grade: 'final' } });
      expect(set).toMatchObject({ epoch: 0, total: 4000, quorum: 2667 });
      expect(set.members).toHaveLength(4);
      expect(parameters).toMatchObject({ code: 0 });
      expect(parameters.value.length).toBeGreaterThan(0);

      // Load, and snapshots.
      const load = ['load', '--rate', '60', '--seconds', '2', '--warmup', '0', '--accounts', '2', '--processes', '1'];
      const loaded = await answer<{ committedTps: number; latencyMs: Record<string, number> }>(
        ...[...load, '--key', join(dir, 'faucet.json'), '--url', url],
      );
      expect(loaded).toMatchObject({ scenario: 'transfer', failed: 0, reasons: [] });
      expect(loaded.committedTps).toBeGreaterThan(30);
      expect(loaded.latencyMs.p50).toBeGreaterThan(0);
      const home0 = ['--home', join(dir, 'validator-0')];
      const [taken, trusted, running] = await Promise.all([
        answer<{ height: number }>('snapshot', 'take', ...home0),
        answer<{ height: number; digest: string }>('snapshot', 'trust', '--url', url),
        answer<{ findings: unknown[] }>('doctor', ...home0),
      ]);
      expect(taken.height).toBeGreaterThan(height);
      expect((await client.header(trusted.height)).digest).toBe(trusted.digest);
      expect(running).toMatchObject({ healthy: true });
      expect(running.findings).toContainEqual(expect.objectContaining({ check: 'process', ok: true }));

      expect(await devnet.end('SIGINT'), devnet.errors).toBe(0);
      checkRun(devnet);
      expect(devnet.blocks.find((line) => line.height === height)).toMatchObject({ txs: 1 });
      expect(Number(devnet.summary.transactions)).toBeGreaterThan(60);

      // The record of what a key signed, from one home to another.
      const home = join(dir, 'validator-1');
      const moved = join(folder, 'moved');
      const record = join(folder, 'record');
      expect(await said('keys', 'export-gate', '--home', home, record)).toContain('Never start the old home again');
      await cp(home, moved, { recursive: true });
      await rm(join(moved, 'gate'), { recursive: true });
      const gateOf = ({ findings }: { findings: { check: string; detail: string }[] }): string | undefined =>
        findings.find(({ check }) => check === 'gate')?.detail;
      expect(gateOf(await answer('doctor', '--home', moved))).toMatch(/^no record of what this key signed/);
      expect(await said('keys', 'import-gate', '--home', moved, record)).toContain('merged');
      const healthy = await answer<{ findings: { check: string; detail: string }[] }>('doctor', '--home', home);
      expect(healthy).toMatchObject({ healthy: true });
      expect(gateOf(healthy)).toBe('ready');
      expect(gateOf(await answer('doctor', '--home', moved))).toBe('ready');
    } finally {
      devnet.kill();
    }
  });

  it('makes a network of homes, and goes on with a kept one for as long as it is told', {
    timeout: 60_000,
  }, async () => {
    const dir = join(folder, 'homes');
    const made = await answer<{ homes: { home: string }[]; faucet: { address: string } }>(
      ...['testnet', dir, '--plain', '--validators', '1', '--chain-id', 'kept'],
      ...['--p2p-port', String(P2P_PORT + 200), '--rpc-port', String(P2P_PORT + 201)],
    );
    expect(made.homes).toHaveLength(1);
    expect(made.faucet.address).toMatch(/^q/);
    expect(await answer('doctor', '--home', made.homes[0]?.home ?? '')).toMatchObject({ healthy: true });
    const began = performance.now();
    const { code, stdout, stderr } = await quorate(['devnet', '--keep', '--dir', dir, '--for', '15']);
    expect(code, stderr).toBe(0);
    expect(performance.now() - began).toBeGreaterThanOrEqual(15_000);
    expect(stdout).toMatch(/^block \d+ {2}view \d+ {2}0 txs {2}final after \d+ ms$/m);
    expect(stdout).toMatch(
      /^stopped after \d+(\.\d)? s: \d+ blocks, 0 transactions, finality p50 \d+ ms.*, 0 crashes$/m,
    );
  });

  it('measures a network, and prints a line with all figures', { timeout: 120_000 }, async () => {
    const bench = spawn(
      process.execPath,
      [
        join(ROOT, 'bench', 'network.mjs'),
        ...['--seconds', '2', '--warmup', '1', '--scenario', 'opaque-2000', '--port', String(P2P_PORT + 300)],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
    );
    let text = '';
    bench.stdout.on('data', (chunk) => {
      text += chunk;
    });
    try {
      expect(await new Promise((resolve) => bench.once('close', resolve))).toBe(0);
    } finally {
      bench.kill('SIGTERM');
    }
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    const figure = expect.any(Number);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      scenario: 'opaque-2000',
      mechanism: 'simplex',
      validators: 4,
      offeredTps: figure,
      committedTps: figure,
      latencyMs: { p50: figure, p90: figure, p99: figure },
      fsyncMs: { p50: figure },
      cpuSecondsPer1000Tx: figure,
      rssAnonMb: figure,
      bytesSent: figure,
      fsync: true,
    });
    const { committedTps, bytesSent, rssAnonMb } = JSON.parse(lines[0] ?? '');
    for (const value of [committedTps, bytesSent, rssAnonMb]) expect(value).toBeGreaterThan(0);
  });
});

/** What `--json` printed of a run that ended well: a line per block in order, and a summary that agrees with them. */
function checkRun({ blocks, summary }: RunningDevnet): void {
  expect(blocks.length).toBeGreaterThan(2);
  for (const [index, line] of blocks.entries()) {
    expect(Object.keys(line).sort()).toEqual(['epoch', 'height', 'latencyMs', 'time', 'txs', 'view']);
    expect(line.height).toBe(index + 1);
    expect(line.view).toBeGreaterThanOrEqual(index + 1);
    expect(line.time).toBeGreaterThan(Date.now() - 300_000);
    expect(line.time).toBeLessThan(Date.now());
    expect(line.latencyMs).toBeGreaterThanOrEqual(0);
    expect(line.latencyMs).toBeLessThan(10_000);
  }
  expect(summary).toMatchObject({
    blocks: blocks.length,
    height: blocks.at(-1)?.height,
    transactions: blocks.reduce((sum, { txs = 0 }) => sum + txs, 0),
    seconds: expect.any(Number),
    firstBlockMs: expect.any(Number),
    latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
    crashes: 0,
  });
}

/** Where the first validator of a devnet answers: its ports move up when others are taken. */
async function urlOf(dir: string): Promise<string> {
  const { rpc }: { rpc: { host: string; port: number } } = JSON.parse(
    await readFile(join(dir, 'validator-0', 'config.json'), 'utf8'),
  );
  return `http://${rpc.host}:${rpc.port}`;
}
