import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPureSuites, encryptKey, sha256 } from '@quorate/crypto';
import { type Genesis, genesisDigest, ValidatorSet } from '@quorate/kernel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson, parseGenesis, renderGenesis } from './genesis-file.ts';
import { HOME, readConfigFile, readGenesis, readKey, writeConfigFile, writeGenesis, writeKeyText } from './home.ts';
import { createLogging } from './logging.ts';

const suites = createPureSuites();
const text = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value));

const genesis: Genesis = {
  chainId: 'test',
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  suite: 'ed25519',
  consensus: {
    mechanism: 'simplex',
    delta: 1000,
    maxTimeout: 60_000,
    epochLength: 100,
    maxBlockBytes: 1 << 20,
    evidenceWindow: 1000,
    upgradeHeight: 0,
  },
  validators: new ValidatorSet(
    [1, 2].map((n) => ({
      publicKey: suites.get('ed25519').secretFromSeed(new Uint8Array(32).fill(n)).publicKey,
      weight: n,
      proof: new Uint8Array(),
      peer: `${n}`.repeat(64),
      address: `127.0.0.1:${n}`,
    })),
  ),
  application: 'ledger',
  appState: text({ b: [1, { z: null, a: 'ü' }], a: true }),
};

describe('the genesis file', () => {
  test('gives back the same genesis, and so the same digest', () => {
    const again = parseGenesis(renderGenesis(genesis));
    expect(again.appState).toEqual(genesis.appState);
    expect(genesisDigest(sha256, again)).toBe(genesisDigest(sha256, genesis));
  });

  test('the order and the spacing of its JSON do not matter', () => {
    const value = JSON.parse(renderGenesis(genesis));
    const shuffled = Object.fromEntries(Object.entries(value).reverse());
    const again = parseGenesis(JSON.stringify({ ...shuffled, appState: { a: true, b: [1, { a: 'ü', z: null }] } }));
    expect(genesisDigest(sha256, again)).toBe(genesisDigest(sha256, genesis));
  });

  test.each<[string, (value: Record<string, unknown>) => void, RegExp]>([
    ['a missing field', (value) => delete value.chainId, /chainId/],
    ['an unknown field', (value) => Object.assign(value, { extra: 1 }), /extra/],
    [
      'a wrong key',
      (value) => Object.assign(value, { validators: [{ ...first(value), publicKey: 'XY' }] }),
      /validators\.0\.publicKey/,
    ],
    [
      'a zero weight',
      (value) => Object.assign(value, { validators: [{ ...first(value), weight: 0 }] }),
      /validators\.0\.weight/,
    ],
    [
      'two equal validators',
      (value) => Object.assign(value, { validators: [first(value), first(value)] }),
      /validators: .*twice/,
    ],
    ['nobody', (value) => Object.assign(value, { validators: [] }), /validators/],
    ['the simulated suite', (value) => Object.assign(value, { suite: 'simulated' }), /suite/],
    ['a time that is none', (value) => Object.assign(value, { time: 'yesterday' }), /time/],
  ])('refuses %s by name', (_, change, message) => {
    const value = JSON.parse(renderGenesis(genesis));
    change(value);
    expect(() => parseGenesis(JSON.stringify(value))).toThrow(
      expect.objectContaining({ code: 'genesis/invalid', message: expect.stringMatching(message) }),
    );
  });

  test('refuses what is not JSON', () => {
    expect(() => parseGenesis('{')).toThrow(expect.objectContaining({ code: 'genesis/invalid' }));
  });
});

function first(value: Record<string, unknown>): object {
  const { validators } = value;
  return Array.isArray(validators) ? validators[0] : {};
}

describe('the home folder', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'quorate-home-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  test('keeps genesis and configuration', async () => {
    await expect(readGenesis(home)).rejects.toMatchObject({
      code: 'genesis/invalid',
      message: expect.stringMatching(/genesis\.json is missing/),
    });
    await writeGenesis(home, genesis);
    expect(genesisDigest(sha256, await readGenesis(home))).toBe(genesisDigest(sha256, genesis));
    expect(await readConfigFile(home)).toBeNull();
    await writeConfigFile(home, { log: { level: 'warn' } });
    expect((await readConfigFile(home))?.value).toEqual({ log: { level: 'warn' } });
    await writeFile(join(home, HOME.config), '{');
    await expect(readConfigFile(home)).rejects.toMatchObject({ code: 'config/invalid' });
  });

  test('keeps keys to the owner, never overwrites one, and names the file in errors', async () => {
    const secret = suites.get('ed25519').secretFromSeed(new Uint8Array(32).fill(7));
    expect(await readKey(home, 'node', null, suites)).toBeNull();
    await writeKeyText(home, 'node', encryptKey(secret, 'node', { plain: true }));
    expect(((await stat(join(home, HOME.nodeKey))).mode & 0o777).toString(8)).toBe('600');
    expect(((await stat(join(home, 'keys'))).mode & 0o777).toString(8)).toBe('700');
    expect((await readKey(home, 'node', null, suites))?.publicKey).toEqual(secret.publicKey);
    await expect(writeKeyText(home, 'node', 'x')).rejects.toMatchObject({
      code: 'key/invalid',
      message: expect.stringMatching(/never overwritten/),
    });
    await chmod(join(home, HOME.nodeKey), 0o600);
    await writeFile(join(home, HOME.nodeKey), '{}');
    await expect(readKey(home, 'node', null, suites)).rejects.toMatchObject({
      code: 'key/invalid',
      message: expect.stringContaining(join(home, HOME.nodeKey)),
    });
  });
});

describe('log lines', () => {
  const lines = (format: 'json' | 'pretty' | 'auto', isTerminal = false) => {
    const written: string[] = [];
    const { log } = createLogging({ level: 'info', format }, { write: (line) => written.push(line) }, isTerminal);
    log('debug', 'not this');
    log('warn', 'refused', { peer: 'ab'.repeat(32), secret: 'hunter2', inner: { passphrase: 'hunter2' } });
    return written;
  };

  test('are JSON objects without secrets', () => {
    const [line = '', ...more] = lines('auto');
    expect(more).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      msg: 'refused',
      peer: 'ab'.repeat(32),
      secret: '[secret]',
    });
    expect(line).not.toContain('hunter2');
  });

  test('are short on a terminal', () => {
    expect(lines('auto', true)[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}refused {2}peer=abababab… {2}secret=\[secret\]/,
    );
    expect(lines('pretty')[0]).not.toContain('hunter2');
  });
});
