import { connect } from 'node:net';
import { accountKeyFromSeed, Client, type Notification, Sender } from '@quorate/client';
import { createEd25519Suite, sha256 } from '@quorate/crypto';
import { addressOf } from '@quorate/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { RPC_DEFAULTS } from './config.ts';
import { createRpc, type Rpc } from './rpc.ts';

const ed25519 = createEd25519Suite();
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const alice = accountKeyFromSeed(seed(1));

let one: OneNode;
let client: Client;
beforeAll(async () => {
  one = await oneNode({
    voting: ed25519.secretFromSeed(seed(51)),
    nodeKey: ed25519.secretFromSeed(seed(61)),
    accounts: [alice],
    time: Date.now() - 1000,
  });
  client = new Client({ url: one.addresses.url, WebSocket });
});
afterAll(() => one.stop());

function second(changes: object = {}): Rpc {
  const config = { ...RPC_DEFAULTS, port: 0, ...changes };
  return createRpc({
    replica: one.node.replica,
    genesis: one.genesis,
    hash: sha256,
    log: () => {},
    version: '1',
    config,
  });
}

async function take<T>(feed: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of feed) if (taken.push(item) === count) break;
  return taken;
}

async function portOf(server: WebSocketServer): Promise<number> {
  if (server.address() === null) await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const upTo = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe('subscriptions', () => {
  it('deliver each height once, past ones first, then as they come', async () => {
    const blocks = await take(client.follow('blocks', { from: 1 }), 8);
    expect(blocks.map(({ height }) => height)).toEqual(upTo(1, 8));
    const whole = await take(client.follow('blocks', { from: 3, filter: { bodies: true } }), 2);
    expect(whole[0]?.block).toEqual(await client.block(3));
    const { height } = await client.status();
    const [live] = await take(client.follow('blocks'), 1);
    expect(live?.height).toBeGreaterThan(height);
  });

  it('filter transactions and events, and still show each height', async () => {
    const from = (await client.status()).height + 1;
    const sender = await Sender.open({}, { client, key: alice });
    const to = addressOf(sha256, accountKeyFromSeed(seed(2)).publicKey);
    const sent = await sender.sendAll([1n, 2n, 3n].map((amount) => ({ kind: 'transfer', to, amount })));
    const heights = sent.map((result) => (result.status === 'final' ? result.height : 0));
    const count = Math.max(...heights) - from + 1;
    const ids = sent.map(({ id }) => id);
    const all = await take(client.follow('transactions', { from }), count);
    expect(all.map(({ height }) => height)).toEqual(upTo(from, count));
    expect(all.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(ids);
    const wanted = await take(client.follow('transactions', { from, filter: { ids: ids.slice(1, 2) } }), count);
    expect(wanted.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(ids.slice(1, 2));
    const failed = await take(client.follow('transactions', { from, filter: { failed: true } }), count);
    expect(failed.flatMap(({ items }) => items)).toEqual([]);
    const events = await take(client.follow('events', { from }), count);
    const [event] = events.flatMap(({ items }) => items);
    expect(event?.transaction).toBe(ids[0]);
    const typed = await take(
      client.follow('events', { from, filter: { type: event?.type ?? '', attributes: event?.attributes ?? {} } }),
      count,
    );
    expect(typed.flatMap(({ items }) => items)).toContainEqual(event);
    const none = await take(client.follow('events', { from, filter: { type: 'no-such-event' } }), count);
    expect(none.flatMap(({ items }) => items)).toEqual([]);
  });

  it('survive a server that goes away and comes back: no gap, nothing twice', async () => {
    let server = second();
    const { port, url } = await server.listen();
    const follower = new Client({ url, WebSocket });
    const seen: number[] = [];
    for await (const { height } of follower.follow('blocks', { from: 1 })) {
      seen.push(height);
      if (seen.length === 4 || seen.length === 9) {
        await server.close();
        server = second({ port });
        await server.listen();
      }
      if (seen.length === 16) break;
    }
    await server.close();
    expect(seen).toEqual(upTo(1, 16));
  });

  it('end with the reason when the node stays away, and by the signal', async () => {
    const server = second();
    const { url } = await server.listen();
    const follower = new Client({ url, WebSocket });
    const lost = follower.follow('blocks', { from: 1, maxAttempts: 1 });
    await lost.next();
    await server.close();
    await expect(take(lost, 1000)).rejects.toMatchObject({ code: 'rpc/unavailable' });
    const stop = new AbortController();
    const feed = client.follow('blocks', { from: 1, signal: stop.signal });
    await feed.next();
    stop.abort(new Error('enough'));
    await expect(take(feed, 1000)).rejects.toThrow('enough');
  });

  it('hold so many blocks for a slow reader and fetch the rest later', async () => {
    await take(client.follow('blocks', { from: 1 }), 20);
    const feed = client.follow('blocks', { from: 1 });
    const seen: number[] = [];
    for await (const { height } of feed) {
      seen.push(height);
      if (seen.length < 5) await new Promise((resolve) => setTimeout(resolve, 100));
      if (seen.length === 20) break;
    }
    expect(seen).toEqual(upTo(1, 20));
  });
});

describe('a follower', () => {
  it('takes duplicates, gaps, noise and broken connections from a bad server, and delivers each height once', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    const froms: (number | undefined)[] = [];
    const item = (height: number): string =>
      JSON.stringify({
        jsonrpc: '2.0',
        method: 'subscription',
        params: { kind: 'events', subscription: 1, height, items: [] },
      });
    const ended = (from: number): string =>
      JSON.stringify({
        jsonrpc: '2.0',
        method: 'subscription',
        params: { kind: 'ended', subscription: 1, code: 'subscription/slow', message: 'slow', from },
      });
    const scripts: string[][] = [
      [item(5), item(6), item(5), item(6), item(7), item(9)], // twice, then a gap
      [item(8), 'noise'],
      [item(9), ended(10)],
      [
        item(10),
        JSON.stringify({
          jsonrpc: '2.0',
          method: 'subscription',
          params: { kind: 'blocks', subscription: 1, height: 11 },
        }),
      ],
      [item(11), item(12)],
    ];
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        const { params } = JSON.parse(String(data)) as { params: { from?: number } };
        froms.push(params.from);
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { subscription: 1, from: params.from ?? 5 } }));
        for (const text of scripts[froms.length - 1] ?? []) socket.send(text);
      });
    });
    const port = await portOf(server);
    const follower = new Client({ url: `http://127.0.0.1:${port}`, WebSocket });
    const updates = await take(follower.follow('events'), 8);
    expect(updates.map(({ height }) => height)).toEqual(upTo(5, 8));
    expect(froms).toEqual([undefined, 8, 9, 10, 11]);
    server.close();
  });

  it('gives up on what will not pass: a height that was pruned', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket) => {
      socket.on('message', () => {
        const error = { code: 1006, message: 'pruned', data: { code: 'subscription/pruned' } };
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, error }));
      });
    });
    const port = await portOf(server);
    const follower = new Client({ url: `http://127.0.0.1:${port}`, WebSocket });
    await expect(take(follower.follow('events'), 1)).rejects.toMatchObject({ code: 'subscription/pruned' });
    server.close();
  });

  it('says what is missing where there is no WebSocket', () => {
    const bare = new Client({ url: 'http://127.0.0.1:1' });
    if (Reflect.get(globalThis, 'WebSocket') === undefined) expect(() => bare.follow('blocks')).toThrow(/WebSocket/);
  });
});

describe('a WebSocket connection', () => {
  const open = async (
    url: string,
  ): Promise<{
    socket: WebSocket;
    call: (method: string, params: object) => Promise<unknown>;
    notes: Notification[];
  }> => {
    const socket = new WebSocket(url.replace('http', 'ws'));
    const notes: Notification[] = [];
    const waiting = new Map<number, (reply: unknown) => void>();
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { id?: number; params?: Notification };
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      else if (message.params !== undefined) notes.push(message.params);
    });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    let id = 0;
    const call = (method: string, params: object): Promise<unknown> =>
      new Promise((resolve) => {
        waiting.set(++id, resolve);
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      });
    return { socket, call, notes };
  };

  it('answers every method, bounds its subscriptions, and ends them', async () => {
    const server = second({ maxSubscriptionsPerConnection: 2 });
    const { url } = await server.listen();
    const { socket, call, notes } = await open(url);
    expect(await call('checkpoint', {})).toMatchObject({ result: { height: expect.any(Number) } });
    expect(await call('subscribe', { kind: 'blocks', from: 1 })).toMatchObject({
      result: { subscription: 1, from: 1 },
    });
    expect(await call('subscribe', { kind: 'events' })).toMatchObject({ result: { subscription: 2 } });
    expect(await call('subscribe', { kind: 'blocks' })).toMatchObject({ error: { data: { code: 'rpc/unavailable' } } });
    expect(await call('subscribe', { kind: 'nothing' })).toMatchObject({ error: { code: -32602 } });
    expect(await call('unsubscribe', { subscription: 1 })).toMatchObject({ result: { ended: true } });
    expect(await call('unsubscribe', { subscription: 1 })).toMatchObject({ result: { ended: false } });
    expect(await call('subscribe', { kind: 'blocks' })).toMatchObject({ result: { subscription: 3 } });
    const before = notes.filter(({ subscription }) => subscription === 1).length;
    await take(client.follow('blocks'), 2);
    expect(notes.filter(({ subscription }) => subscription === 1).length).toBe(before);
    socket.close();
    await server.close();
  });

  it('that does not read is dropped with the height to resume from, and nothing was skipped', async () => {
    const server = second({ maxBufferedBytes: 1000, slowReaderMs: 300 });
    const { port } = await server.listen();
    // A peer that completes the handshake, asks for whole blocks again and again, and reads nothing.
    const raw = connect(port, '127.0.0.1');
    await new Promise((resolve) => raw.once('connect', resolve));
    raw.write(
      'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    const frame = (text: string): Buffer => {
      const payload = Buffer.from(text);
      const length =
        payload.length < 126
          ? Buffer.of(0x81, 0x80 | payload.length)
          : Buffer.of(0x81, 0xfe, payload.length >> 8, payload.length & 255);
      return Buffer.concat([length, Buffer.alloc(4), payload]);
    };
    await new Promise((resolve) => raw.once('data', resolve));
    raw.pause();
    for (let id = 1; id <= 16; id++) raw.write(frame(JSON.stringify({ jsonrpc: '2.0', id, method: 'rpc.discover' })));
    for (let round = 0; round < 60; round++) {
      const batch = Array.from({ length: 60 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'rpc.discover' }));
      const text = Buffer.from(JSON.stringify(batch));
      const header = Buffer.alloc(4);
      header[0] = 0x81;
      header[1] = 0xfe;
      header.writeUInt16BE(text.length, 2);
      raw.write(Buffer.concat([header, Buffer.alloc(4), text]));
    }
    raw.write(
      frame(JSON.stringify({ jsonrpc: '2.0', id: 'sub', method: 'subscribe', params: { kind: 'blocks', from: 1 } })),
    );
    await take(client.follow('blocks'), 6);
    const text: string = await new Promise((resolve) => {
      const chunks: Buffer[] = [];
      raw.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (chunk.includes('"kind":"ended"')) resolve(Buffer.concat(chunks).toString('latin1'));
      });
      raw.resume();
    });
    const heights = [...text.matchAll(/"subscription":1,"height":(\d+)/g)].map(([, height]) => Number(height));
    const ended = /"kind":"ended","subscription":1,"code":"subscription\/slow","message":"[^"]*","from":(\d+)/.exec(
      text,
    );
    expect(heights).toEqual(upTo(1, heights.length));
    expect(Number(ended?.[1])).toBe(heights.length + 1);
    raw.destroy();
    await server.close();
  });

  it('that sends binary, too much, or to another path is closed', async () => {
    const server = second({ maxBodyBytes: 4096 });
    const { url } = await server.listen();
    const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.once('close', resolve));
    const first = await open(url);
    first.socket.send(Buffer.of(1));
    expect(await closed(first.socket)).toBe(1003);
    const other = await open(url);
    other.socket.send('x'.repeat(5000));
    expect(await closed(other.socket)).toBe(1009);
    await expect(open(`${url}/elsewhere`)).rejects.toThrow(/404/);
    await server.close();
  });

  it('that no longer answers pings is closed', async () => {
    const server = second({ pingMs: 100 });
    const { url } = await server.listen();
    const deaf = new WebSocket(url.replace('http', 'ws'), { autoPong: false });
    const healthy = await open(url);
    await new Promise((resolve) => deaf.once('close', resolve));
    expect(healthy.socket.readyState).toBe(WebSocket.OPEN);
    healthy.socket.close();
    await server.close();
  });
});
