import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import {
  accountAddress,
  accountKeyFromSeed,
  Client,
  contract,
  MAX_BATCH_CALLS,
  Sender,
  toBase64,
} from '@quorate/client';
import { createEd25519Suite, sha256 } from '@quorate/crypto';
import { equalBytes, fromHex, genesisDigest, headerDigest, type SecretKey } from '@quorate/kernel';
import { addressOf } from '@quorate/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { RPC_DEFAULTS } from './config.ts';
import { createRpc } from './rpc.ts';

const ed25519 = createEd25519Suite();
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const alice = accountKeyFromSeed(seed(1));
const bob = accountAddress(accountKeyFromSeed(seed(2)).publicKey);

let one: OneNode;
let client: Client;
beforeAll(async () => {
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(50)),
    nodeKey: ed25519.secretFromSeed(seed(60)),
    accounts: [alice],
    time: Date.now() - 1000,
  });
  client = new Client({ url: one.addresses.url, WebSocket });
  for await (const { height } of client.follow('blocks', { from: 1 })) if (height === 3) break;
});
afterAll(() => one.stop());

const post = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${one.addresses.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
const rpc = async (body: unknown): Promise<unknown> => (await post('/', JSON.stringify(body))).json();

let turns: Promise<unknown> = Promise.resolve();
/** One account, one sender at a time. */
function asAlice<T>(use: (sender: Sender) => Promise<T>): Promise<T> {
  const turn = turns.then(async () => use(await Sender.open({}, { client, key: alice })));
  turns = turn.catch(() => {});
  return turn;
}

describe('reads', () => {
  it('answer as the contract says', async () => {
    const status = await client.status();
    expect(status).toMatchObject({
      chainId: 'rpc-test',
      mechanism: 'simplex',
      role: 'validator',
      silent: null,
      signer: 0,
    });
    const { genesis, digest } = await client.genesis();
    expect(digest).toBe(genesisDigest(sha256, one.genesis));
    expect(genesis.chainId).toBe('rpc-test');
    const { header, digest: name } = await client.header(1);
    expect(name).toBe(headerDigest(sha256, 'rpc-test', header));
    const block = await client.block(1);
    expect(block.digest).toBe(name);
    expect(block.finality).toMatchObject({ grade: 'final' });
    const set = await client.validators();
    expect(set).toMatchObject({ epoch: 0, total: 1, quorum: 1 });
    expect(await client.validators(0)).toEqual(set);
    expect((await client.finality(1)).headers[0]).toEqual(header);
    expect(await client.evidence()).toEqual({ evidence: [] });
    const checkpoint = await client.checkpoint();
    expect((await client.header(checkpoint.height)).digest).toBe(checkpoint.digest);
  });

  it('name what is not there', async () => {
    await expect(client.block(1_000_000)).rejects.toMatchObject({ code: 'rpc/not-found' });
    await expect(client.header(1_000_000)).rejects.toMatchObject({ code: 'rpc/not-found' });
    await expect(client.finality(1_000_000)).rejects.toMatchObject({ code: 'rpc/not-found' });
    await expect(client.epoch(7)).rejects.toMatchObject({ code: 'rpc/not-found' });
    await expect(client.validators(99)).rejects.toMatchObject({ code: 'rpc/not-found' });
    expect(await client.transaction('00'.repeat(32))).toEqual({ status: 'unknown', id: '00'.repeat(32) });
  });

  it('of the application: with and without proof', async () => {
    const address = accountAddress(alice.publicKey);
    const account = await client.account(address);
    expect(BigInt(account.account?.balance ?? '')).toBeGreaterThan(0n);
    expect((await client.account(bob.replace(/^q/, 'q'))).address).toBe(bob);
    await expect(client.account(`q${'0'.repeat(72)}`)).rejects.toMatchObject({ code: 'address/invalid' });
    const data = toBase64(addressOf(sha256, alice.publicKey));
    expect(await client.query({ path: 'account', data })).toMatchObject({ code: 0, proof: '', finality: null });
    expect((await client.query({ path: 'account', data, prove: true })).finality).not.toBeNull();
    expect(await client.query({ path: 'nowhere' })).toMatchObject({ code: 1 });
  });

  it('describe themselves: each method of the contract, with its schemas', async () => {
    const document = await client.call('rpc.discover', {});
    const methods = document.methods as { name: string; params: unknown[]; result: object; errors: object[] }[];
    expect(methods.map(({ name }) => name)).toEqual(Object.keys(contract));
    for (const { result, errors } of methods) expect([typeof result, errors.length > 0]).toEqual(['object', true]);
    expect(await (await fetch(`${one.addresses.url}/openrpc.json`)).json()).toEqual(document);
  });
});

describe('submitting', () => {
  it('answers when accepted or when final, one or many, with a receipt for each', async () => {
    await asAlice(async (sender) => {
      const to = addressOf(sha256, accountKeyFromSeed(seed(2)).publicKey);
      const first = await sender.send({ kind: 'transfer', to, amount: 5n });
      expect(first).toMatchObject({ status: 'final', receipt: { code: 0 } });
      const many = await sender.sendAll(
        Array.from({ length: 20 }, (_, i) => ({ kind: 'transfer', to, amount: BigInt(i + 1) })),
      );
      expect(many.map(({ status }) => status)).toEqual(new Array(20).fill('final'));
      expect(new Set(many.map(({ id }) => id)).size).toBe(20);
      const [last] = many.slice(-1);
      expect(await client.transaction(last?.id ?? '')).toEqual(last);
      expect((await client.account(bob)).account).toEqual({ balance: '215', nonce: 0 });
      const accepted = await sender.send({ kind: 'transfer', to, amount: 1n }, { wait: 'accepted' });
      expect(accepted).toEqual({ status: 'accepted', id: accepted.id });
    });
  });

  it('works the same through JSON-RPC', async () => {
    await asAlice(async ({ builder }) => {
      const [a, b, c] = [builder.transfer(bob, 1n), builder.transfer(bob, 2n), builder.transfer(bob, 3n)].map(toBase64);
      const single = await client.call('submit', { tx: a ?? '', wait: 'final' });
      expect(single).toMatchObject({ status: 'final', receipt: { code: 0 } });
      const { results } = await client.call('submitBatch', { txs: [b ?? '', c ?? ''], wait: 'final' });
      expect(results).toMatchObject([{ status: 'final' }, { status: 'final' }]);
    });
  });

  it('says why a transaction is refused, and takes the same one twice as one', async () => {
    const noise = await client.submit(Uint8Array.of(1, 2, 3));
    expect(noise).toMatchObject({ status: 'rejected', reason: expect.stringMatching(/./) });
    await asAlice(async ({ builder }) => {
      const tx = builder.transfer(bob, 1n);
      const [a, b] = await Promise.all([client.submit(tx, { wait: 'final' }), client.submit(tx, { wait: 'final' })]);
      expect([a.status, b.id]).toEqual(['final', a.id]);
      expect(b).toEqual(a);
      // Offered once more: it is taken in, not rejected, and whoever waits hears what became of it.
      expect(await client.submit(tx, { wait: 'final' })).toEqual(a);
      expect(await client.submit(tx)).toEqual({ status: 'accepted', id: a.id });
      expect(await client.transaction(a.id)).toEqual(a);
    });
    const poor = accountKeyFromSeed(seed(9));
    const sender = await Sender.open({}, { client, key: poor });
    expect(await sender.send({ kind: 'transfer', to: seed(3), amount: 1n })).toMatchObject({ status: 'rejected' });
    expect(sender.builder.nonce).toBe(0);
  });

  it('refuses a malformed binary batch and odd options whole', async () => {
    const octets = { 'content-type': 'application/octet-stream' };
    const bad: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
      ['/tx', new Uint8Array(), /no transaction/],
      ['/tx', Uint8Array.of(5, 0, 0, 0, 1), /ends early/],
      ['/tx', Uint8Array.of(0, 0, 0, 0), /0 bytes/],
      ['/tx', Uint8Array.of(1, 0), /ends early/],
      ['/tx?wait=soon', Uint8Array.of(1, 0, 0, 0, 7), /wait is/],
      ['/tx?timeoutMs=0', Uint8Array.of(1, 0, 0, 0, 7), /timeoutMs/],
      ['/tx?timeoutMs=x', Uint8Array.of(1, 0, 0, 0, 7), /timeoutMs/],
    ];
    for (const [path, body, reason] of bad) {
      const response = await post(path, body, octets);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { data: { code: 'rpc/invalid' }, message: expect.stringMatching(reason) },
      });
    }
  });

  it('answers accepted when the wait is over first', async () => {
    await asAlice(async ({ builder }) => {
      const [first, second] = [builder.transfer(bob, 1n), builder.transfer(bob, 1n)];
      const began = performance.now();
      // A gap in the nonces: it waits in the mempool until the one before it comes.
      const { id, status } = await client.submit(second, { wait: 'final', waitMs: 400 });
      const took = performance.now() - began;
      expect(status).toBe('accepted');
      expect(took).toBeGreaterThanOrEqual(399);
      expect(took).toBeLessThan(5000);
      expect(await client.transaction(id)).toMatchObject({ status: 'pending', id });
      const waiting = client.submit(second, { wait: 'final', waitMs: 30_000 });
      expect(await client.submit(first, { wait: 'final', waitMs: 30_000 })).toMatchObject({ status: 'final' });
      expect(await waiting).toMatchObject({ status: 'final', id, receipt: { code: 0 } });
    });
  });
});

describe('JSON-RPC', () => {
  const call = (method: string, params: unknown, id: unknown = 1): object => ({ jsonrpc: '2.0', id, method, params });

  it('answers protocol errors by the book', async () => {
    expect(await (await post('/', '{')).json()).toMatchObject({ id: null, error: { code: -32700 } });
    for (const body of [
      7,
      null,
      'x',
      {},
      { jsonrpc: '1.0', id: 1, method: 'status' },
      { jsonrpc: '2.0', id: {}, method: 'status' },
      [],
    ]) {
      expect(await rpc(body)).toMatchObject({ error: { code: -32600 } });
    }
    expect(await rpc(call('nothing', {}))).toMatchObject({ id: 1, error: { code: -32601 } });
    expect(await rpc(call('__proto__', {}))).toMatchObject({ id: 1, error: { code: -32601 } });
    expect(await rpc(call('subscribe', { kind: 'blocks' }))).toMatchObject({
      error: { code: -32601, message: expect.stringMatching(/WebSocket/) },
    });
    for (const [method, params, says] of [
      ['block', {}, 'height: is missing: it must be a number'],
      ['block', { height: -1 }, 'height: must be at least 0, not -1'],
      ['block', { height: 1.5 }, 'height: must be a whole number, not 1.5'],
      ['block', { height: 1, extra: 1 }, 'extra: there is no such parameter'],
      ['block', [1], 'all of them: must be an object, not [1]'],
      ['transaction', { id: 'AB' }, 'id: must be a digest of 64 lower-case hexadecimal characters, not "AB"'],
      ['submit', {}, ''],
      ['submit', { tx: 'a' }, ''],
      ['status', { x: 1 }, 'x: there is no such parameter'],
    ] as const) {
      expect(await rpc(call(method, params, 'a'))).toMatchObject({
        id: 'a',
        error: { code: -32602, message: expect.stringContaining(says), data: { code: 'rpc/invalid' } },
      });
    }
  });

  it('answers batches in order, notifications not at all', async () => {
    const answer = await rpc([call('checkpoint', {}, 1), { jsonrpc: '2.0', method: 'status' }, call('no', {}, 2), 5]);
    expect(answer).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32601 } },
      { id: null, error: { code: -32600 } },
    ]);
    expect((await post('/', JSON.stringify({ jsonrpc: '2.0', method: 'status' }))).status).toBe(204);
    const many = Array.from({ length: MAX_BATCH_CALLS + 1 }, (_, i) => call('checkpoint', {}, i));
    expect(await rpc(many)).toMatchObject({ error: { code: -32600 } });
    expect(await rpc(many.slice(1))).toHaveLength(MAX_BATCH_CALLS);
  });
});

describe('around the API', () => {
  it('serves health, readiness and metrics', async () => {
    const get = (path: string): Promise<Response> => fetch(`${one.addresses.url}${path}`);
    expect(await (await get('/health')).json()).toEqual({ alive: true });
    expect(await (await get('/ready')).json()).toEqual({ ready: true, reasons: [] });
    const text = await (await get('/metrics')).text();
    expect(text).toMatch(/^quorate_height [1-9]/m);
    for (const name of ['view', 'epoch', 'peers', 'mempool_bytes', 'finality_seconds_bucket', 'fsync_seconds_bucket']) {
      expect(text).toContain(`quorate_${name}`);
    }
    expect(text).toMatch(/quorate_nodejs_eventloop_lag_seconds/);
    expect(text).toMatch(/quorate_process_resident_memory_bytes/);
    expect(text).toMatch(/quorate_fsync_seconds_count [1-9]/);
    expect(text.match(/^(?!#)(?!quorate_)./m)).toBeNull();
    expect((await get('/elsewhere')).status).toBe(404);
  });

  it('lets no other origin in unless told to, and takes JSON only as JSON', async () => {
    const plain = await post('/', '{}', { 'content-type': 'text/plain' });
    expect(plain.status).toBe(400);
    const foreign = await post('/', '{}', { origin: 'https://elsewhere.example' });
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    const socket = new WebSocket(one.addresses.url.replace('http', 'ws'), { origin: 'https://elsewhere.example' });
    await expect(new Promise((_, reject) => socket.once('error', reject))).rejects.toThrow(/403/);
  });

  it('has an admin socket that only the owner can open', async () => {
    const path = one.addresses.admin ?? '';
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const admin = (method: string, params: object = {}): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ socketPath: path, method: 'POST' }, (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve(JSON.parse(text)));
        });
        request.on('error', reject);
        request.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
      });
    expect(await admin('status')).toMatchObject({ result: { chainId: 'rpc-test' } });
    expect(await admin('peers')).toMatchObject({ result: { connected: [] } });
    expect(await admin('diskUsage')).toMatchObject({ result: expect.any(Object) });
    expect(await admin('stop')).toMatchObject({ error: { data: { code: 'application/unsupported' } } });
    expect(await admin('logLevel', { level: 'loud' })).toMatchObject({ error: { code: -32602 } });
    expect(await admin('submit', {})).toMatchObject({ error: { code: -32601 } });
    // The public side has none of it.
    expect(await rpc({ jsonrpc: '2.0', id: 1, method: 'stop' })).toMatchObject({ error: { code: -32601 } });
  });

  it('calls the hooks of its owner; a second process cannot take a socket that answers', async () => {
    const called: unknown[] = [];
    const path = `${one.home}/second.sock`;
    const make = (): ReturnType<typeof createRpc> =>
      createRpc({
        replica: one.node.replica,
        genesis: one.genesis,
        hash: sha256,
        log: () => {},
        version: '1',
        config: { ...RPC_DEFAULTS, port: 0, adminSocket: path },
        admin: {
          stop: () => called.push('stop'),
          logLevel: (level) => level ?? 'info',
          snapshot: async () => ({ height: 7 }),
        },
      });
    const [first, second] = [make(), make()];
    await first.listen();
    await expect(second.listen()).rejects.toMatchObject({ code: 'config/invalid' });
    await second.close();
    const request = (method: string, params: object): Promise<string> =>
      new Promise((resolve) => {
        const sent = httpRequest({ socketPath: path, method: 'POST' }, (response) => {
          response.on('data', (chunk) => resolve(String(chunk)));
        });
        sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
      });
    expect(JSON.parse(await request('logLevel', { level: 'debug' }))).toMatchObject({ result: { level: 'debug' } });
    expect(JSON.parse(await request('snapshot', {}))).toMatchObject({ result: { height: 7 } });
    expect(JSON.parse(await request('stop', {}))).toMatchObject({ result: { stopping: true } });
    expect(called).toEqual(['stop']);
    await first.close();
  });
});

describe('keys and addresses', () => {
  it("are the ledger's", () => {
    const key: SecretKey = accountKeyFromSeed(seed(1));
    expect(equalBytes(key.publicKey, alice.publicKey)).toBe(true);
    expect(fromHex(bob.slice(1, 65))).toEqual(addressOf(sha256, accountKeyFromSeed(seed(2)).publicKey));
  });
});
