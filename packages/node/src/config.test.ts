import { describe, expect, test } from 'vitest';
import { configTable, describeConfig, loadConfig } from './config.ts';
import { parsePeer } from './settings.ts';

const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'config/invalid', message: expect.stringMatching(message) });

describe('configuration', () => {
  test('has defaults for everything, and the public API stays on this machine', () => {
    const { config } = loadConfig({});
    expect(config.rpc.host).toBe('127.0.0.1');
    expect(config.stateSync).toEqual({ height: 0, digest: '', trustingHours: 336 });
    expect(config.log).toEqual({ level: 'info', format: 'auto' });
  });

  test('file, environment and flags in this order', () => {
    const file = {
      name: 'config.json',
      value: { rpc: { port: 1, host: '::1' }, mempool: { maxBytes: 5 }, log: { level: 'warn' } },
    };
    const environment = { QUORATE_RPC_PORT: '2', QUORATE_MEMPOOL_MAX_BYTES: '6' };
    const { config } = loadConfig({ file, environment, flags: { 'rpc-port': '3' } });
    expect(config.rpc).toMatchObject({ port: 3, host: '::1' });
    expect(config.mempool).toMatchObject({ maxBytes: 6, maxTransactions: 50_000 });
    expect(config.log.level).toBe('warn');
    expect(file.value.rpc.port).toBe(1);
  });

  test('texts become what the setting is', () => {
    const peers = [`${'ab'.repeat(32)}@10.0.0.1:26600`, `${'cd'.repeat(32)}@[::1]:1`];
    const { config } = loadConfig({
      environment: { QUORATE_P2P_PEERS: peers.join(', '), QUORATE_METRICS_ENABLED: 'false', QUORATE_APP: '' },
      flags: { 'log-format': 'json' },
    });
    expect(config.p2p.peers).toEqual(peers);
    expect(config.metrics.enabled).toBe(false);
    expect(config.app).toBeNull();
    expect(config.log.format).toBe('json');
  });

  test.each([
    [
      'a wrong type in the file',
      { file: { name: '/home/q/config.json', value: { rpc: { port: 'x' } } } },
      /rpc\.port \(\/home\/q\/config\.json\): must be a number, not "x"$/,
    ],
    [
      'a wrong variable',
      { environment: { QUORATE_RPC_PORT: '70000' } },
      /rpc\.port \(environment variable QUORATE_RPC_PORT\): must be at most 65535, not 70000$/,
    ],
    [
      'a wrong flag',
      { flags: { 'log-level': 'loud' } },
      /log\.level \(flag --log-level\): must be "debug" or "info" or "warn" or "error", not "loud"$/,
    ],
    ['half a number', { flags: { 'rpc-port': '1.5' } }, /must be a whole number, not 1\.5$/],
    [
      'a wrong list item',
      { flags: { 'p2p-peers': 'nobody' } },
      /p2p\.peers\.0 \(flag --p2p-peers\): must be KEY@host:port .*, not "nobody"/,
    ],
    [
      'an unknown key in the file',
      { file: { name: 'c.json', value: { rcp: {} } } },
      /rcp \(c\.json\): there is no such setting/,
    ],
    [
      'an unknown inner key',
      { file: { name: 'c.json', value: { rpc: { prt: 1 } } } },
      /rpc\.prt \(c\.json\): there is no such setting/,
    ],
    ['an unknown flag', { flags: { 'rpc-prt': '1' } }, /--rpc-prt: there is no such flag/],
    ['a file that is not an object', { file: { name: 'c.json', value: [] } }, /c\.json: must be a JSON object/],
    ['several at once', { flags: { 'log-level': 'loud', 'rpc-port': '-1' } }, /rpc\.port.*log\.level/],
  ])('%s is named with its source', (_, sources, message) => {
    expect(() => loadConfig(sources)).toThrow(invalid(message));
  });

  test('variables that mean nothing are reported, ours that are no settings are not', () => {
    const environment = { QUORATE_RPC_PROT: '1', QUORATE_PASSPHRASE: 'x', HOME: '/' };
    expect(loadConfig({ environment }).unknown).toEqual(['QUORATE_RPC_PROT']);
  });

  test('every setting is described, and its default satisfies it', () => {
    const all = describeConfig();
    expect(all.length).toBeGreaterThan(20);
    for (const { key, description, fallback } of all) {
      expect(description, key).not.toBe('');
      expect(fallback, key).not.toBeUndefined();
    }
    expect(all.find(({ key }) => key === 'p2p.maxObserversPerAddress')).toEqual({
      key: 'p2p.maxObserversPerAddress',
      environment: 'QUORATE_P2P_MAX_OBSERVERS_PER_ADDRESS',
      flag: '--p2p-max-observers-per-address',
      type: 'number',
      fallback: 8,
      description: 'The same, from one IPv4 address or IPv6 /64',
    });
    expect(configTable().split('\n')).toHaveLength(all.length + 2);
  });

  test('peers', () => {
    expect(parsePeer(`${'ab'.repeat(32)}@h:1`)).toEqual({ peer: 'ab'.repeat(32), address: 'h:1' });
    for (const text of ['', '@h:1', `${'ab'.repeat(31)}@h:1`, `${'ab'.repeat(32)}@h`, `${'AB'.repeat(32)}@h:1`]) {
      expect(parsePeer(text)).toBeNull();
    }
  });
});
