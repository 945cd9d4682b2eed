import { connect } from 'node:net';
import { accountKeyFromSeed, Client, MAX_BATCH_CALLS } from '@quorate/client';
import { createEd25519Suite, sha256 } from '@quorate/crypto';
import { QuorateError } from '@quorate/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { RPC_DEFAULTS } from './config.ts';
import { ByteBudget, Ceiling, RateLimit } from './limits.ts';
import { newSamples } from './metrics.ts';
import { readinessOf } from './readiness.ts';
import { createRpc, type Rpc } from './rpc.ts';

const ed25519 = createEd25519Suite();
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

let one: OneNode;
const open: Rpc[] = [];
beforeAll(async () => {
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(53)),
    nodeKey: ed25519.secretFromSeed(seed(63)),
    accounts: [accountKeyFromSeed(seed(1))],
    time: Date.now() - 1000,
  });
});
afterAll(async () => {
  await Promise.all(open.map((rpc) => rpc.close()));
  await one.stop();
});

async function server(
  changes: object,
  now?: () => number,
): Promise<{ url: string; port: number; post: (body: string, headers?: object) => Promise<Response> }> {
  const config = { ...RPC_DEFAULTS, port: 0, ...changes };
  const rpc = createRpc({
    replica: one.node.replica,
    genesis: one.genesis,
    hash: sha256,
    log: () => {},
    version: '1',
    config,
    ...(now === undefined ? {} : { now }),
  });
  open.push(rpc);
  const { url, port } = await rpc.listen();
  const post = (body: string, headers: object = {}): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { url, port, post };
}

const checkpoint = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'checkpoint' });

describe('limits', () => {
  it('of a body', async () => {
    const { post, url } = await server({ maxBodyBytes: 1000 });
    const answer = await post(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'checkpoint', params: {}, pad: 'x'.repeat(1000) }),
    );
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ error: { data: { code: 'rpc/limited' } } });
    // Without a length in the header, too.
    const chunks = new ReadableStream({
      start: (controller) => {
        for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(100).fill(32));
        controller.close();
      },
    });
    const headers = { 'content-type': 'application/json' };
    const streamed = { method: 'POST', headers, body: chunks, duplex: 'half' };
    expect((await fetch(url, streamed as RequestInit)).status).toBe(429);
    expect((await post(checkpoint)).status).toBe(200);
  });

  it('of all bodies together', async () => {
    const { post } = await server({ maxInflightBytes: 100 });
    expect((await post(`${checkpoint}${' '.repeat(200)}`)).status).toBe(503);
    expect((await post(checkpoint)).status).toBe(200);
  });

  it('of requests per second, where each call of a batch counts', async () => {
    let now = 0;
    const { url, post } = await server({ requestsPerSecond: MAX_BATCH_CALLS / 2 }, () => now);
    const eager = new Client({ url, retries: 0 });
    const batch = Array.from({ length: MAX_BATCH_CALLS }, (_, id) => ({ jsonrpc: '2.0', id, method: 'checkpoint' }));
    const replies = (await (await post(JSON.stringify(batch))).json()) as { result?: object }[];
    expect(replies.filter(({ result }) => result !== undefined)).toHaveLength(MAX_BATCH_CALLS);
    // The burst is used up to the last call, and no time passes.
    await expect(eager.checkpoint()).rejects.toMatchObject({ code: 'rpc/limited' });
    now += 500;
    const calls = Array.from({ length: MAX_BATCH_CALLS / 2 }, () => eager.checkpoint());
    const answered = (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled');
    expect(answered).toHaveLength(MAX_BATCH_CALLS / 4);
    let attempts = 0;
    const patient = new Client({
      url,
      retries: 2,
      fetch: async (...request) => {
        const response = await fetch(...request);
        if (++attempts === 2) now += 1000;
        return response;
      },
    });
    expect((await patient.checkpoint()).height).toBeGreaterThanOrEqual(0);
    expect(attempts).toBe(3);
  });

  it('of evidence to check: a call is as dear as many others', async () => {
    let now = 0;
    const { url } = await server({ requestsPerSecond: 1000 }, () => now);
    const eager = new Client({ url, retries: 0 });
    const offer = async (): Promise<unknown> =>
      eager.call('submitEvidence', { evidence: 'AAAA' }).catch((reason: { code?: string }) => reason.code);
    const rounds = Array.from({ length: 6 }, () => offer());
    expect((await Promise.all(rounds)).filter((code) => code === 'rpc/invalid')).toHaveLength(4);
    expect(await offer()).toBe('rpc/limited');
    now += 500;
    expect([await offer(), await offer()]).toEqual(['rpc/invalid', 'rpc/limited']);
  });

  it('of connections, in all and per address', async () => {
    for (const changes of [{ maxConnections: 2 }, { maxConnectionsPerIp: 2 }]) {
      const { port } = await server(changes);
      const sockets = Array.from({ length: 5 }, () => connect(port, '127.0.0.1'));
      const states = await Promise.all(
        sockets.map(
          (socket) =>
            new Promise<string>((resolve) => {
              socket.once('error', () => resolve('closed'));
              socket.once('close', () => resolve('closed'));
              socket.once('connect', () => setTimeout(() => resolve('open'), 300));
            }),
        ),
      );
      expect(states.filter((state) => state === 'open').length).toBe(2);
      for (const socket of sockets) socket.destroy();
    }
  });

  it('of the time that a request may take to arrive', async () => {
    const { port } = await server({ requestTimeoutMs: 500 });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    await new Promise((resolve) => socket.once('close', resolve));
  });

  it('refuse an upgrade of a path that is none, and hang up, whatever the other end does', async () => {
    const { port, post } = await server({ maxConnectionsPerIp: 2 });
    const upgrade = (path: string): string =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`;
    for (const path of ['//', '//a:99999', '/other']) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(upgrade(path));
      const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
      expect(answer).toContain('404');
    }
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(upgrade('/other'), () => socket.resetAndDestroy());
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect((await post(checkpoint)).status).toBe(200);
  });

  it('allow the origins that are named, and only those', async () => {
    const { post } = await server({ allowedOrigins: ['https://wallet.example'] });
    const named = await post(checkpoint, { origin: 'https://wallet.example' });
    expect(named.headers.get('access-control-allow-origin')).toBe('https://wallet.example');
    expect(
      (await post(checkpoint, { origin: 'https://other.example' })).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });

  it('turn metrics off', async () => {
    const { url } = await server({ metrics: false });
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  it('are told apart from an address that is taken', async () => {
    const { port } = await server({});
    await expect(server({ port })).rejects.toMatchObject({ code: 'config/invalid' });
  });
});

describe('their arithmetic', () => {
  it('a bucket fills with time, up to a burst, per address', () => {
    let now = 0;
    const rate = new RateLimit({ perSecond: 10 }, { now: () => now });
    const passed = (address: string): number => {
      let count = 0;
      while (rate.admit(address)) count++;
      return count;
    };
    expect([passed('a'), passed('a'), passed('b')]).toEqual([20, 0, 20]);
    now += 500;
    expect(passed('a')).toBe(5);
    now += 60_000;
    expect(passed('a')).toBe(20);
    now += 60_000;
    expect([rate.admit('a', 1000), rate.admit('a')]).toEqual([true, false]);
    now += 1000;
    expect(passed('a')).toBe(10);
    expect(new RateLimit({ perSecond: 0 }, { now: () => 0 }).admit('a', 1e9)).toBe(true);
  });

  it('a flood of addresses forgets the quiet ones, not the loud one', () => {
    const rate = new RateLimit({ perSecond: 1 }, { now: () => 0 });
    for (let i = 0; i < 30_000; i++) {
      rate.admit(`address-${i}`);
      if (i % 1000 === 0) rate.admit('loud');
    }
    expect(rate.admit('loud')).toBe(false);
  });

  it('take a /64 of IPv6 for one address, and IPv4 for itself however it is written', () => {
    const rate = new RateLimit({ perSecond: 1 }, { now: () => 0 });
    const admitted = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::', '2001:db8:0:1::1'].map((address) =>
      rate.admit(address),
    );
    expect(admitted).toEqual([true, true, false, true]);
    expect(['10.0.0.1', '::ffff:10.0.0.1', '::ffff:a00:1', '::ffff:10.0.0.2'].map((ip) => rate.admit(ip))).toEqual([
      true,
      true,
      false,
      true,
    ]);
    const ceiling = new Ceiling(1);
    expect([ceiling.enter('fd00::1'), ceiling.enter('fd00::2'), ceiling.enter('::ffff:10.0.0.1')]).toEqual([
      true,
      false,
      true,
    ]);
    ceiling.leave('fd00::1');
    expect(ceiling.enter('fd00::3')).toBe(true);
    expect(ceiling.enter('10.0.0.1')).toBe(false);
  });

  it('ceilings and budgets come back to where they were', () => {
    const ceiling = new Ceiling(2);
    expect([ceiling.enter('a'), ceiling.enter('a'), ceiling.enter('a'), ceiling.enter('b')]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    ceiling.leave('a');
    expect(ceiling.enter('a')).toBe(true);
    const budget = new ByteBudget(10);
    expect([budget.take(6), budget.take(5), budget.take(4)]).toEqual([true, false, true]);
    budget.give(10);
    expect(budget.take(10)).toBe(true);
  });

  it('new samples of a sliding window are seen once', () => {
    const all = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 1009);
    const seen: number[] = [];
    let before: readonly number[] = [];
    for (const end of [3, 5, 5, 500, 1024, 1500, 2400, 3000]) {
      const window = all.slice(Math.max(0, end - 1024), end);
      seen.push(...newSamples(before, window));
      before = window;
    }
    expect(seen).toEqual(all);
  });
});

describe('readiness', () => {
  const well = { syncing: false, height: 20, executedHeight: 4, silent: null };
  const at = (changes: object): ReturnType<typeof readinessOf> =>
    readinessOf({ status: () => ({ ...one.node.replica.status(), ...well, ...changes }) }, null);

  it('names each reason', () => {
    expect(at({})).toEqual({ ready: true, reasons: [] });
    expect(at({ executedHeight: 3 }).reasons).toEqual([expect.stringMatching(/lag: 17/)]);
    expect(at({ syncing: true }).reasons).toEqual([expect.stringMatching(/syncing/)]);
    expect(at({ silent: 'no gate', syncing: true }).reasons).toHaveLength(2);
    const broken = {
      status: () => {
        throw new QuorateError('rpc/unavailable', 'not started');
      },
    };
    expect(readinessOf(broken, null)).toEqual({ ready: false, reasons: ['not started'] });
    expect(readinessOf(broken, new QuorateError('disk/full', 'no room')).reasons).toEqual(['halted: no room']);
  });
});
