import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { encode, type PeerId, TRAFFIC, TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress } from './address.ts';
import { createCredentials } from './certificate.ts';
import { controlFrame, FIRST, FRAME, FrameReader, MAX_FRAME_BYTES, trafficOf } from './frames.ts';
import { type Hello, helloCodec, readRefusal, WIRE_PROTOCOL } from './hello.ts';
import { createTlsMesh, type TlsMesh, type TlsMeshOptions } from './mesh.ts';

const CHAIN = 'mesh-test';
const GENESIS = '11'.repeat(32);

interface Node {
  readonly mesh: TlsMesh;
  readonly messages: [PeerId, Traffic, Uint8Array][];
  readonly peers: (readonly PeerId[])[];
  readonly log: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[];
}

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const keyOf = (n: number): PeerId => createCredentials(seedOf(n)).peer;

async function node(n: number, options: Partial<TlsMeshOptions> = {}): Promise<Node> {
  const log: Node['log'] = [];
  const mesh = await createTlsMesh(
    {
      listen: '127.0.0.1:0',
      chainId: CHAIN,
      genesis: GENESIS,
      protocol: { min: 1, max: 1 },
      software: 'test',
      ...options,
    },
    { nodeKey: seedOf(n), log: (level, message, fields = {}) => log.push({ level, message, fields }) },
  );
  const messages: Node['messages'] = [];
  const peers: Node['peers'] = [];
  mesh.start({ message: (...message) => messages.push(message), peers: (connected) => peers.push(connected) });
  open.push(() => mesh.stop());
  return { mesh, messages, peers, log };
}

async function until(what: () => boolean, ms = 8000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`not reached within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const member = ({ mesh }: Node): { peer: PeerId; address: string } => ({ peer: mesh.self, address: mesh.address });
const knows = (a: Node, b: Node): boolean => a.peers.at(-1)?.includes(b.mesh.self) ?? false;

async function pair(): Promise<[Node, Node]> {
  const [a, b] = [await node(1), await node(2)];
  for (const each of [a, b]) each.mesh.setMembers([member(a), member(b)]);
  await until(() => knows(a, b) && knows(b, a));
  return [a, b];
}

/** A peer that speaks the wire by hand. */
class Stranger {
  readonly socket: TLSSocket;
  readonly frames: { type: number; payload: Uint8Array }[] = [];
  isClosed = false;
  readonly #reader = new FrameReader();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk: Uint8Array) => {
      this.#reader.feed(chunk);
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
        this.frames.push({ type: frame.type, payload: new Uint8Array(frame.payload) });
      }
    });
  }

  static async dial(to: Node, n: number): Promise<Stranger> {
    const credentials = createCredentials(seedOf(n));
    const { host, port } = parseAddress(to.mesh.address) ?? { host: '', port: 0 };
    const socket = connectTls({
      host,
      port,
      key: credentials.key,
      cert: credentials.certificate,
      rejectUnauthorized: false,
      ALPNProtocols: ['quorate'],
    });
    open.push(() => {
      socket.destroy();
    });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new Stranger(socket);
  }

  hello(change: Partial<Hello> = {}): void {
    const hello = {
      protocol: WIRE_PROTOCOL,
      chainId: CHAIN,
      genesis: GENESIS,
      minProtocol: 1,
      maxProtocol: 1,
      software: 'stranger',
      session: 'ab'.repeat(8),
      ...change,
    };
    this.socket.write(controlFrame(FRAME.hello, encode(helloCodec, hello)));
  }

  message(traffic: Traffic, bytes: Uint8Array): Buffer {
    const payload = Buffer.alloc(4 + bytes.length);
    payload.writeUInt32LE(bytes.length);
    payload.set(bytes, 4);
    const frame = Buffer.from(controlFrame(TRAFFIC.indexOf(traffic), payload));
    frame[1] = FIRST;
    return frame;
  }

  get refusal(): string | undefined {
    const frame = this.frames.find(({ type }) => type === FRAME.refuse);
    return frame && readRefusal(frame.payload);
  }
}

describe('a mesh of TLS connections', () => {
  test('two members find each other at once and exchange messages of every class', async () => {
    const started = performance.now();
    const [a, b] = await pair();
    expect(performance.now() - started).toBeLessThan(3000); // under a second on an idle machine
    for (const traffic of TRAFFIC) {
      expect(a.mesh.send(b.mesh.self, traffic, new Uint8Array(TRAFFIC_LIMITS[traffic]).fill(7))).toBe(true);
      expect(a.mesh.send(b.mesh.self, traffic, new Uint8Array(TRAFFIC_LIMITS[traffic] + 1))).toBe(false);
    }
    await until(() => b.messages.length === TRAFFIC.length);
    for (const [from, traffic, bytes] of b.messages) {
      expect(from).toBe(a.mesh.self);
      expect(bytes.length).toBe(TRAFFIC_LIMITS[traffic]);
      expect(bytes.every((byte) => byte === 7)).toBe(true);
    }
    expect(a.mesh.report().total.dropped).toEqual({ votes: 1, bodies: 1, transactions: 1, sync: 1 });
    expect(b.mesh.report().peers[a.mesh.self]?.received.votes).toEqual({ bytes: 2 << 20, messages: 1 });
  });

  test('both dialling at once ends in one connection, and nothing queued is lost', async () => {
    const [a, b] = await pair();
    for (let i = 0; i < 100; i++) a.mesh.send(b.mesh.self, 'votes', Uint8Array.of(i));
    await until(() => b.messages.length === 100);
    expect(b.messages.map(([, , bytes]) => bytes[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(a.mesh.counters()['transport.connected']).toBe(1);
  });

  test('a vote overtakes a body that is under way: at most two frames stand before it', async () => {
    const a = await node(1);
    const stranger = await Stranger.dial(a, 9);
    stranger.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    a.mesh.send(keyOf(9), 'bodies', new Uint8Array(4 << 20));
    // No frame is acknowledged, as if the path were slow: the body stands still with what is under way.
    await until(() => stranger.frames.filter(({ type }) => trafficOf(type) === 'bodies').length === 2);
    a.mesh.send(keyOf(9), 'votes', Uint8Array.of(1));
    await until(() => stranger.frames.some(({ type }) => trafficOf(type) === 'votes'));
    const order = stranger.frames.map(({ type }) => trafficOf(type));
    expect(order.slice(0, order.indexOf('votes')).filter((traffic) => traffic === 'bodies')).toHaveLength(2);
    const bodies = (): number => stranger.frames.filter(({ type }) => trafficOf(type) === 'bodies').length;
    for (let acked = 0; bodies() < 65; ) {
      await until(() => bodies() > acked || bodies() === 65);
      for (; acked < Math.min(64, bodies()); acked++) stranger.socket.write(controlFrame(FRAME.ack));
    }
    const body = stranger.frames.filter(({ type }) => trafficOf(type) === 'bodies');
    expect(body.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(4 + (4 << 20));
    expect(Math.max(...body.map(({ payload }) => payload.length + 4))).toBeLessThanOrEqual(MAX_FRAME_BYTES);
  });

  test('a full queue refuses and counts, other classes go on', async () => {
    const a = await node(1);
    const stranger = await Stranger.dial(a, 9);
    stranger.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    let taken = 0;
    while (a.mesh.send(keyOf(9), 'bodies', new Uint8Array(1 << 20))) taken++;
    expect(taken).toBe(8);
    expect(a.mesh.queued(keyOf(9), 'bodies')).toBe(8 << 20);
    expect(a.mesh.report().peers[keyOf(9)]?.dropped.bodies).toBe(1);
    expect(a.mesh.send(keyOf(9), 'votes', Uint8Array.of(1))).toBe(true);
    await until(() => stranger.frames.some(({ type }) => trafficOf(type) === 'votes'));
  });

  test.each([
    ['chain', { chainId: 'other' }, /chain other is not mesh-test/],
    ['genesis', { genesis: '22'.repeat(32) }, /genesis 2222/],
    ['protocol range', { minProtocol: 2, maxProtocol: 3 }, /protocol versions 2 to 3 and 1 to 1 do not meet/],
    ['wire protocol', { protocol: 'something/9' }, /wire protocol something\/9/],
  ])('refuses another %s, and says why to the peer and in the log', async (_, change, reason) => {
    const a = await node(1);
    const stranger = await Stranger.dial(a, 9);
    stranger.hello(change);
    await until(() => stranger.isClosed);
    expect(stranger.refusal).toMatch(reason);
    const line = a.log.find(({ fields }) => fields.code === 'transport/refused');
    expect(line?.fields).toMatchObject({ peer: keyOf(9), reason: expect.stringMatching(reason) });
    expect(a.peers).toEqual([]);
  });

  test('dials members that were named before the start', async () => {
    const a = await node(1);
    a.mesh.setMembers([{ peer: keyOf(2), address: '' }]);
    const options = {
      listen: '127.0.0.1:0',
      chainId: CHAIN,
      genesis: GENESIS,
      protocol: { min: 1, max: 1 },
      software: 'test',
    };
    const early = await createTlsMesh(options, { nodeKey: seedOf(2), log: () => {} });
    open.push(() => early.stop());
    early.setMembers([member(a)]);
    let connected: readonly PeerId[] = [];
    early.start({
      message: () => {},
      peers: (peers) => {
        connected = peers;
      },
    });
    await until(() => connected.includes(a.mesh.self));
  });

  test('refuses a dialled peer that does not own the pinned key', async () => {
    const [a, b] = [await node(1), await node(2)];
    a.mesh.setMembers([{ peer: keyOf(3), address: b.mesh.address }]);
    await until(() => a.log.some(({ fields }) => fields.code === 'transport/refused'));
    const line = a.log.find(({ fields }) => fields.code === 'transport/refused');
    expect(line?.fields).toMatchObject({ peer: keyOf(3), reason: expect.stringContaining(b.mesh.self) });
    expect(a.peers).toEqual([]);
    expect(a.mesh.counters()['transport.refused.wrong-key']).toBeGreaterThan(0);
  });

  test('refuses a peer without a certificate, or with one of another algorithm', async () => {
    const a = await node(1);
    const { host, port } = parseAddress(a.mesh.address) ?? { host: '', port: 0 };
    const socket = connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ['quorate'] });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    expect(a.mesh.counters()['transport.refused.no-key']).toBe(1);
  });

  test.each<[string, (stranger: Stranger) => Uint8Array, RegExp]>([
    ['garbage', () => new Uint8Array(30_000).fill(0x5a), /malformed control frame of type 90/],
    ['an oversized frame', () => Uint8Array.of(0, FIRST, 0xff, 0xff), /exceeds/],
    [
      'an oversized message',
      () => Uint8Array.of(0, FIRST, 8, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4),
      /exceeds the limit/,
    ],
    ['a second hello', () => controlFrame(FRAME.hello, new Uint8Array(3)), /malformed/],
    ['an acknowledgement of nothing', () => controlFrame(FRAME.ack), /never sent/],
    ['an unknown frame', () => controlFrame(77), /unknown/],
  ])('drops a peer that sends %s', async (_, make, reason) => {
    const a = await node(1);
    const stranger = await Stranger.dial(a, 9);
    stranger.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    stranger.socket.write(make(stranger));
    await until(() => stranger.isClosed && a.peers.at(-1)?.length === 0);
    expect(stranger.refusal).toMatch(reason);
  });

  test('garbage instead of TLS, and instead of a hello, hurts nobody', async () => {
    const [a, b] = await pair();
    const { host, port } = parseAddress(a.mesh.address) ?? { host: '', port: 0 };
    const raw = connect({ host, port });
    raw.on('error', () => {});
    raw.write('GET / HTTP/1.1\r\n\r\n');
    const stranger = await Stranger.dial(a, 9);
    stranger.socket.write(new Uint8Array(4096).fill(3));
    await until(() => raw.destroyed && stranger.isClosed);
    a.mesh.send(b.mesh.self, 'votes', Uint8Array.of(1));
    await until(() => b.messages.length === 1);
  });

  test('half-open connections are given up: before TLS, before hello, and when silent', async () => {
    const a = await node(1, { limits: { handshakeMs: 200, pingMs: 100, idleMs: 400 } });
    const { host, port } = parseAddress(a.mesh.address) ?? { host: '', port: 0 };
    const raw = connect({ host, port });
    raw.on('error', () => {});
    const mute = await Stranger.dial(a, 8);
    const silent = await Stranger.dial(a, 9);
    silent.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    await until(() => raw.destroyed && mute.isClosed && silent.isClosed);
    expect(silent.frames.some(({ type }) => type === FRAME.ping)).toBe(true);
    expect(a.peers.at(-1)).toEqual([]);
  });

  test('a peer that is killed and comes back is connected again, as a new arrival', async () => {
    const [a, b] = await pair();
    await b.mesh.stop();
    await until(() => a.peers.at(-1)?.length === 0);
    const again = await node(2, { listen: b.mesh.address });
    again.mesh.setMembers([member(a), member(b)]);
    await until(() => knows(a, again) && knows(again, a));
    a.mesh.send(b.mesh.self, 'votes', Uint8Array.of(5));
    await until(() => again.messages.length === 1);
  });

  test('a second process with the same node key waits outside until the first is gone, and is told why', async () => {
    const [a, b] = await pair();
    const copy = await node(2);
    copy.mesh.setMembers([member(a)]);
    await until(() => a.log.some(({ fields }) => fields.code === 'transport/refused'));
    expect(a.log.find(({ fields }) => fields.code === 'transport/refused')?.fields).toMatchObject({
      peer: keyOf(2),
      reason: 'another process with this node key is connected',
    });
    await until(() => copy.mesh.reach().dialFailure?.includes('another process with this node key') ?? false);
    expect(copy.mesh.reach().dialFailure).toContain(a.mesh.address);
    // The first is heard and spoken to as before, on a connection that was never lost.
    a.mesh.send(b.mesh.self, 'votes', Uint8Array.of(1));
    b.mesh.send(a.mesh.self, 'votes', Uint8Array.of(2));
    await until(() => b.messages.length === 1 && a.messages.length === 1);
    expect(a.peers.filter((connected) => connected.length === 0)).toEqual([]);
    expect(copy.messages).toEqual([]);
    await b.mesh.stop();
    await until(() => knows(copy, a) && knows(a, copy));
    a.mesh.send(keyOf(2), 'votes', Uint8Array.of(3));
    await until(() => copy.messages.length === 1);
  });

  test('who holds the place of a newcomer is asked at once whether it is there', async () => {
    const a = await node(1, { limits: { pingMs: 60_000, idleMs: 120_000 } });
    const first = await Stranger.dial(a, 9);
    first.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    expect(first.frames.some(({ type }) => type === FRAME.ping)).toBe(false);
    const second = await Stranger.dial(a, 9);
    second.hello({ session: 'cd'.repeat(8) });
    await until(() => second.isClosed && first.frames.some(({ type }) => type === FRAME.ping));
    expect(second.refusal).toBe('another process with this node key is connected');
    expect(first.isClosed).toBe(false);
  });

  test('a connection that is cut is made again', async () => {
    const [a, b] = [await node(1), await node(2)];
    const sockets = new Set<Socket>();
    const proxy: TcpServer = createTcpServer((from) => {
      const { host, port } = parseAddress(b.mesh.address) ?? { host: '', port: 0 };
      const to = connect({ host, port });
      for (const socket of [from, to])
        socket.on('error', () => {}).on('close', () => [from, to].map((s) => s.destroy()));
      from.pipe(to).pipe(from);
      sockets.add(from);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    open.push(() => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    });
    const bound = proxy.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    a.mesh.setMembers([{ peer: b.mesh.self, address: `127.0.0.1:${port}` }]);
    await until(() => knows(a, b) && knows(b, a));
    for (let round = 1; round <= 3; round++) {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await until(() => a.peers.length === 1 + 2 * round && knows(a, b));
    }
    await until(() => knows(b, a));
    a.mesh.send(b.mesh.self, 'votes', Uint8Array.of(1));
    await until(() => b.messages.length === 1);
  });

  test('unlisted keys are observers up to a limit, members always have room', async () => {
    const a = await node(1, { limits: { observers: 2 } });
    const strangers = [await Stranger.dial(a, 21), await Stranger.dial(a, 22), await Stranger.dial(a, 23)];
    for (const stranger of strangers) stranger.hello();
    await until(() => strangers.some(({ refusal }) => refusal !== undefined));
    expect(strangers.map(({ refusal }) => refusal).filter((each) => each !== undefined)).toEqual([
      'no room for more observers',
    ]);
    a.mesh.setMembers([{ peer: keyOf(24), address: '' }]);
    const listed = await Stranger.dial(a, 24);
    listed.hello();
    await until(() => a.peers.at(-1)?.includes(keyOf(24)) ?? false);
    a.mesh.setMembers([]);
    await until(() => a.peers.at(-1)?.length === 2);
  });

  test('an expelled peer is told, is kept out and may come back later', async () => {
    const a = await node(1);
    const stranger = await Stranger.dial(a, 9);
    stranger.hello();
    await until(() => a.peers.at(-1)?.length === 1);
    a.mesh.expel(keyOf(9), 'it lied', 600);
    expect(a.mesh.send(keyOf(9), 'votes', Uint8Array.of(1))).toBe(false);
    await until(() => stranger.isClosed);
    expect(stranger.refusal).toBe('expelled: it lied');
    const early = await Stranger.dial(a, 9);
    early.hello();
    await until(() => early.isClosed);
    expect(early.refusal).toBe('banned for a while');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const late = await Stranger.dial(a, 9);
    late.hello();
    await until(() => a.peers.at(-1)?.length === 1);
  });

  test('a node refuses its own key', async () => {
    const a = await node(1);
    const twin = await Stranger.dial(a, 1);
    twin.hello();
    await until(() => twin.isClosed);
    expect(twin.refusal).toMatch(/same node key/);
  });

  test('a million small frames neither starve the loop nor fill the memory, and other peers are heard meanwhile', async () => {
    const [a, b] = await pair();
    const stranger = await Stranger.dial(a, 9);
    stranger.hello();
    await until(() => a.peers.at(-1)?.length === 2);
    const flood = Buffer.concat(Array.from({ length: 4096 }, () => stranger.message('votes', Uint8Array.of(1))));
    let written = 0;
    const pour = (): void => {
      while (written < 1_000_000 && !stranger.isClosed) {
        written += 4096;
        if (!stranger.socket.write(flood)) {
          stranger.socket.once('drain', pour);
          return;
        }
      }
    };
    pour();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) {
      b.mesh.send(a.mesh.self, 'votes', Uint8Array.of(i));
      await until(() => a.messages.filter(([from]) => from === b.mesh.self).length === i + 1, 2000);
    }
    const heard = a.messages.filter(([from]) => from === keyOf(9)).length;
    expect(heard).toBeGreaterThan(0);
    expect(heard).toBeLessThan(200_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
    expect(a.mesh.report().total.dropped.votes).toBe(0);
  });

  test('connections that say nothing are limited per address', async () => {
    const a = await node(1, { limits: { pendingPerIp: 3, handshakeMs: 60_000 } });
    const { host, port } = parseAddress(a.mesh.address) ?? { host: '', port: 0 };
    const sockets = Array.from({ length: 8 }, () => connect({ host, port }).on('error', () => {}));
    open.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (const socket of sockets) socket.resume();
    await until(() => sockets.filter(({ destroyed }) => destroyed).length === 5);
    expect(a.mesh.counters()['transport.refused.pending-limit']).toBe(5);
  });

  test('a taken address is a configuration error that names the key', async () => {
    const a = await node(1);
    await expect(node(2, { listen: a.mesh.address })).rejects.toMatchObject({
      code: 'config/invalid',
      message: expect.stringContaining('p2p.listen'),
    });
    await expect(node(2, { listen: 'nonsense' })).rejects.toMatchObject({ code: 'config/invalid' });
  });
});
