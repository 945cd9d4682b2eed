import { type PeerId, TRAFFIC, TRAFFIC_LIMITS, type Traffic, type Transport } from '@quorate/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A fresh network with one transport per requested node. None is started. */
export interface TransportHarness {
  /** Transports of different nodes, with addresses at which the others may dial them (empty where that means nothing). */
  readonly nodes: readonly { readonly transport: Transport; readonly address: string }[];
  /** Lets the world go on until `condition` holds; rejects when it never does. */
  eventually(condition: () => boolean): Promise<void>;
  /** Lets the world go on for long enough that whatever should not happen would have happened. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface Received {
  readonly from: PeerId;
  readonly traffic: Traffic;
  readonly bytes: Uint8Array;
}

/** A transport and everything it told its owner. */
class Listener {
  readonly transport: Transport;
  readonly address: string;
  readonly received: Received[] = [];
  connected: readonly PeerId[] = [];
  changes = 0;
  /** Set while the test calls into the transport: events must not arrive then. */
  inside = false;
  reentered = false;

  constructor(node: TransportHarness['nodes'][number]) {
    this.transport = node.transport;
    this.address = node.address;
  }

  get peer(): PeerId {
    return this.transport.self;
  }

  start(): void {
    this.call(() =>
      this.transport.start({
        message: (from, traffic, bytes) => {
          this.reentered ||= this.inside;
          this.received.push({ from, traffic, bytes });
        },
        peers: (connected) => {
          this.reentered ||= this.inside;
          this.connected = connected;
          this.changes++;
        },
      }),
    );
  }

  call<T>(action: () => T): T {
    this.inside = true;
    try {
      return action();
    } finally {
      this.inside = false;
    }
  }

  send(to: Listener, traffic: Traffic, bytes: Uint8Array): boolean {
    return this.call(() => this.transport.send(to.peer, traffic, bytes));
  }

  of(traffic: Traffic): readonly Received[] {
    return this.received.filter((message) => message.traffic === traffic);
  }
}

function numbered(index: number, length = 8): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

/** Bytes that reveal lost, repeated and swapped pieces. */
function patterned(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (Math.imul(i, 0x9e37_79b1) >>> 24) & 0xff;
  return bytes;
}

/** Node keys must differ per node; `factory` is called once per test. */
export function describeTransport(name: string, factory: (count: number) => Promise<TransportHarness>): void {
  describe(`transport: ${name}`, () => {
    let harness: TransportHarness;
    let all: Listener[];

    const at = (index: number): Listener => {
      const listener = all[index];
      if (listener === undefined) throw new RangeError(`no node ${index}`);
      return listener;
    };

    beforeEach(async () => {
      harness = await factory(4);
      all = harness.nodes.map((node) => new Listener(node));
    });

    afterEach(async () => {
      await harness.close();
      for (const listener of all) expect(listener.reentered, 'an event inside a call of the owner').toBe(false);
    });

    const meet = async (members: readonly Listener[], started = members): Promise<void> => {
      const list = members.map(({ peer, address }) => ({ peer, address }));
      for (const listener of started) {
        listener.start();
        listener.call(() => listener.transport.setMembers(list));
      }
      await harness.eventually(() =>
        started.every((one) => started.every((other) => one === other || one.connected.includes(other.peer))),
      );
    };

    it('connects every member with every other and tells both', async () => {
      await meet(all);
      for (const one of all) {
        const others = all.filter((other) => other !== one).map((other) => other.peer);
        expect([...one.connected].sort()).toEqual(others.sort());
        expect(one.connected).not.toContain(one.peer);
      }
    });

    it('carries bytes unchanged, with the authenticated name of the sender', async () => {
      await meet([at(0), at(1)]);
      const samples = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(255, 0, 255), patterned(65_537)];
      for (const traffic of TRAFFIC) {
        for (const sample of samples) expect(at(0).send(at(1), traffic, sample)).toBe(true);
      }
      await harness.eventually(() => at(1).received.length === samples.length * TRAFFIC.length);
      for (const traffic of TRAFFIC) {
        const got = at(1).of(traffic);
        expect(got.map(({ from }) => from)).toEqual(samples.map(() => at(0).peer));
        for (const [index, { bytes }] of got.entries()) {
          expect(Buffer.compare(bytes, samples[index] ?? numbered(0))).toBe(0);
        }
      }
    });

    it('carries the largest message of every class and refuses one byte more', async () => {
      await meet([at(0), at(1)]);
      for (const traffic of TRAFFIC) {
        const largest = patterned(TRAFFIC_LIMITS[traffic]);
        expect(at(0).send(at(1), traffic, new Uint8Array(TRAFFIC_LIMITS[traffic] + 1))).toBe(false);
        expect(at(0).send(at(1), traffic, largest)).toBe(true);
        await harness.eventually(() => at(1).of(traffic).length === 1);
        expect(Buffer.compare(at(1).of(traffic)[0]?.bytes ?? numbered(0), largest)).toBe(0);
      }
      await harness.settle();
      expect(at(1).received).toHaveLength(TRAFFIC.length);
      expect(at(1).connected).toContain(at(0).peer);
    });

    it('is first in, first out within a class, in both directions at once', async () => {
      await meet([at(0), at(1)]);
      const count = 500;
      for (let i = 0; i < count; i++) {
        for (const traffic of TRAFFIC) {
          expect(at(0).send(at(1), traffic, numbered(i, 8 + (i % 7) * 1000))).toBe(true);
          expect(at(1).send(at(0), traffic, numbered(i, 8 + (i % 5) * 100))).toBe(true);
        }
      }
      await harness.eventually(() => all.slice(0, 2).every((one) => one.received.length === count * TRAFFIC.length));
      const expected = Array.from({ length: count }, (_, i) => i);
      for (const one of [at(0), at(1)]) {
        for (const traffic of TRAFFIC) expect(one.of(traffic).map(({ bytes }) => numberOf(bytes))).toEqual(expected);
      }
    });

    it('gives each receiver bytes of its own', async () => {
      await meet([at(0), at(1), at(2)]);
      const buffer = patterned(1000);
      at(0).send(at(1), 'votes', buffer);
      at(0).send(at(2), 'votes', buffer);
      await harness.eventually(() => at(1).received.length === 1 && at(2).received.length === 1);
      const [one, two] = [at(1).received[0]?.bytes, at(2).received[0]?.bytes];
      expect(one).toEqual(patterned(1000));
      one?.fill(9);
      expect(two).toEqual(patterned(1000));
    });

    it('lets no bulk overtake or starve votes', async () => {
      await meet([at(0), at(1)]);
      for (let i = 0; i < 3; i++) at(0).send(at(1), 'sync', numbered(i, 4 << 20));
      at(0).send(at(1), 'bodies', numbered(0, 4 << 20));
      at(0).send(at(1), 'votes', numbered(0));
      await harness.eventually(() => at(1).received.length === 5);
      expect(at(1).received[0]?.traffic).toBe('votes');
    });

    it('bounds what waits: says so, loses the message that did not fit and nothing else', async () => {
      await meet([at(0), at(1)]);
      for (const traffic of TRAFFIC) {
        const size = TRAFFIC_LIMITS[traffic];
        let accepted = 0;
        while (accepted < 256 && at(0).send(at(1), traffic, numbered(accepted, size))) accepted++;
        expect(accepted, `${traffic} messages accepted at once`).toBeGreaterThan(0);
        expect(accepted, `${traffic} messages accepted at once`).toBeLessThan(256);
        expect(at(0).transport.queued(at(1).peer, traffic)).toBeGreaterThan(0);
        await harness.eventually(() => at(1).of(traffic).length === accepted);
        await harness.eventually(() => at(0).transport.queued(at(1).peer, traffic) === 0);
        await harness.settle();
        expect(
          at(1)
            .of(traffic)
            .map(({ bytes }) => numberOf(bytes)),
        ).toEqual(Array.from({ length: accepted }, (_, i) => i));
        expect(at(0).send(at(1), traffic, numbered(0))).toBe(true);
        at(1).received.length = 0;
      }
    });

    it('bounds the number of small messages that wait', async () => {
      await meet([at(0), at(1)]);
      let accepted = 0;
      while (accepted < 1_000_000 && at(0).send(at(1), 'transactions', numbered(accepted))) accepted++;
      expect(accepted).toBeGreaterThan(1000);
      expect(accepted).toBeLessThan(1_000_000);
      await harness.eventually(() => at(1).received.length === accepted);
    });

    it('sends nothing to oneself, to strangers, before start and after stop', async () => {
      expect(at(0).send(at(1), 'votes', numbered(0))).toBe(false);
      await meet([at(0), at(1)]);
      expect(at(0).send(at(0), 'votes', numbered(0))).toBe(false);
      expect(at(0).send(at(3), 'votes', numbered(0))).toBe(false);
      expect(at(0).transport.queued(at(3).peer, 'votes')).toBe(0);
      await finish(harness, at(0).transport.stop());
      expect(at(0).send(at(1), 'votes', numbered(0))).toBe(false);
    });

    it('tells the others when a node stops, and tells the stopped one nothing more', async () => {
      await meet([at(0), at(1), at(2)]);
      await finish(harness, at(2).transport.stop());
      const { changes } = at(2);
      await harness.eventually(() => !at(0).connected.includes(at(2).peer) && !at(1).connected.includes(at(2).peer));
      expect(at(0).send(at(2), 'votes', numbered(0))).toBe(false);
      expect(at(0).send(at(1), 'votes', numbered(1))).toBe(true);
      await harness.eventually(() => at(1).received.length === 1);
      expect(at(2).changes).toBe(changes);
      expect(at(2).received).toHaveLength(0);
    });

    it('connects with members that start later', async () => {
      const members = [at(0), at(1), at(2)];
      await meet(members, [at(0), at(1)]);
      at(2).start();
      at(2).call(() => at(2).transport.setMembers(members.map(({ peer, address }) => ({ peer, address }))));
      await harness.eventually(() => members.every((one) => one.connected.length === 2));
    });

    it('learns new members while it runs', async () => {
      await meet([at(0), at(1)]);
      await meet([at(0), at(1), at(2)], [at(2)]);
      const list = [at(0), at(1), at(2)].map(({ peer, address }) => ({ peer, address }));
      for (const one of [at(0), at(1)]) one.call(() => one.transport.setMembers(list));
      await harness.eventually(() => [at(0), at(1), at(2)].every((one) => one.connected.length === 2));
    });

    it('accepts an unlisted key as an observer, both ways', async () => {
      const members = [at(0), at(1), at(2)];
      await meet(members);
      at(3).start();
      at(3).call(() => at(3).transport.setMembers(members.map(({ peer, address }) => ({ peer, address }))));
      await harness.eventually(() => at(3).connected.length === 3);
      expect(at(0).connected).toContain(at(3).peer);
      expect(at(3).send(at(0), 'transactions', numbered(1))).toBe(true);
      expect(at(0).send(at(3), 'votes', numbered(2))).toBe(true);
      await harness.eventually(() => at(0).received.length === 1 && at(3).received.length === 1);
      expect(at(0).received[0]?.from).toBe(at(3).peer);
    });

    it('expels a peer, keeps it out for the time of the ban and takes it back afterwards', async () => {
      await meet([at(0), at(1), at(2)]);
      at(0).call(() => at(0).transport.expel(at(1).peer, 'sends garbage', 400));
      await harness.eventually(() => !at(0).connected.includes(at(1).peer) && !at(1).connected.includes(at(0).peer));
      expect(at(0).send(at(1), 'votes', numbered(0))).toBe(false);
      expect(at(0).connected).toContain(at(2).peer);
      await harness.eventually(() => at(0).connected.includes(at(1).peer) && at(1).connected.includes(at(0).peer));
      expect(at(1).send(at(0), 'votes', numbered(5))).toBe(true);
      await harness.eventually(() => at(0).received.length === 1);
    });

    it('hands over nothing of a peer that it expelled', async () => {
      await meet([at(0), at(1)]);
      for (let i = 0; i < 50; i++) at(1).send(at(0), 'votes', numbered(i));
      at(0).call(() => at(0).transport.expel(at(1).peer, 'test', 3_600_000));
      const before = at(0).received.length;
      await harness.settle();
      expect(at(0).received.length).toBe(before);
      expect(at(0).connected).not.toContain(at(1).peer);
    });
  });
}

/** Waits for a promise that may need the world to go on. */
async function finish(harness: TransportHarness, promise: Promise<void>): Promise<void> {
  let done = false;
  const watch = promise.then(() => {
    done = true;
  });
  await harness.eventually(() => done);
  await watch;
}
