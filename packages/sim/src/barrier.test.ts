import type { PeerId } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { type Barrier, groups, isolated, majorities, oneWay, ring } from './barrier.ts';
import { type Decision, Decisions } from './decisions.ts';
import { followLeader, healGradually, swizzle } from './disturbance.ts';
import { mesh, peerOf } from './network.fixture.ts';
import { Stream } from './random.ts';

const peers = (...indices: readonly number[]): PeerId[] => indices.map(peerOf);

/** Who reaches whom, as a matrix of 1 and 0. */
function matrix(barrier: Barrier, count: number): string[] {
  const all = Array.from({ length: count }, (_, index) => index);
  return all.map((from) => all.map((to) => (barrier.stops(peerOf(from), peerOf(to)) ? 0 : 1)).join(''));
}

describe('barriers', () => {
  it('stop what their shape says', () => {
    expect(matrix(groups([peers(0, 1), peers(2, 3)]), 5)).toEqual(['11001', '11001', '00111', '00111', '11111']);
    expect(matrix(isolated(peers(1)), 3)).toEqual(['101', '010', '101']);
    expect(matrix(isolated(peers(1, 2), 'out'), 4)).toEqual(['1111', '0110', '0110', '1111']);
    expect(matrix(isolated(peers(1), 'in'), 3)).toEqual(['101', '111', '101']);
    expect(matrix(oneWay(peerOf(0), peerOf(2)), 3)).toEqual(['110', '111', '111']);
    expect(matrix(ring(peers(0, 1, 2, 3, 4)), 5)).toEqual(['11001', '11100', '01110', '00111', '10011']);
    expect(matrix(majorities(peers(0, 1, 2, 3, 4)), 5)).toEqual(['10011', '11001', '11100', '01110', '00111']);
  });

  it('hold what is sent into a clogged direction, and give it back in order when they fall', async () => {
    const { world, network, a, b, c } = await mesh(3, { link: { latency: 10, jitter: 0 } });
    network.hold(oneWay(peerOf(0), peerOf(1), 'clogged'), 1000);
    const start = world.elapsed;
    for (const value of [1, 2, 3]) a.say(1, value);
    a.say(2, 4);
    b.say(0, 5);
    await world.runFor(999);
    expect([a.got, b.got, c.got, a.transport.queued(peerOf(1), 'votes')]).toEqual([[5], [], [4], 3]);
    await world.runFor(500);
    expect([b.got, b.connected.length]).toEqual([[1, 2, 3], 2]);
    expect(b.at.map((at) => at - start)).toEqual([1010, 1010, 1010]);
  });

  it('add up, and each falls alone', async () => {
    const { world, network, a, b } = await mesh(3);
    const lifts = [oneWay(peerOf(0), peerOf(1)), isolated(peers(0), 'out')].map((one) => network.raise(one));
    const heard = async (): Promise<number> => {
      a.say(1, 1);
      await world.runFor(50);
      return b.got.length;
    };
    expect(await heard()).toBe(0);
    lifts[0]?.();
    expect(await heard()).toBe(0);
    lifts[1]?.();
    expect(await heard()).toBe(1);
  });

  it('lose what is sent or under way while a cut lasts', async () => {
    const { world, network, a, b } = await mesh(3, { link: { latency: 100, jitter: 0 } });
    await world.runFor(1000);
    a.say(1, 1);
    await world.runFor(50);
    const lift = network.raise(oneWay(peerOf(0), peerOf(1)));
    await world.runFor(60);
    a.say(1, 2);
    lift();
    a.say(1, 3);
    await world.runFor(500);
    expect(b.got).toEqual([3]);
  });

  it('swizzle: directions stop and come back one by one, nothing is lost, and it is the same each time', async () => {
    const run = async (seed: number) => {
      const { world, network, nodes } = await mesh(4, { link: { latency: 5, jitter: 2 } });
      swizzle({ world, network }, { nodes: peers(0, 1, 2, 3), ms: 4000 }, Stream.named(seed, 'swizzle'));
      const shut: number[] = [];
      for (let round = 0; round < 90; round++) {
        nodes.forEach((node, index) => {
          for (const to of [0, 1, 2, 3]) if (to !== index) node.say(to, round);
        });
        shut.push(network.stopped().length);
        await world.runFor(50);
      }
      await world.runFor(100);
      expect(nodes.map(({ got }) => got.length)).toEqual([270, 270, 270, 270]);
      expect(shut[89]).toBe(0);
      return { shut, hash: world.hash };
    };
    const first = await run(1);
    expect(Math.max(...first.shut)).toBeGreaterThan(2);
    expect(first.shut.indexOf(Math.max(...first.shut))).toBeGreaterThan(30);
    expect(await run(1)).toEqual(first);
    expect((await run(2)).hash).not.toBe(first.hash);
  });

  it('follow the leader', async () => {
    const { world, network, nodes } = await mesh(4, { link: { latency: 1, jitter: 0 } });
    let leader: PeerId | null = peerOf(0);
    followLeader({ world, network }, { leader: () => leader, ms: 300, every: 20 });
    const cut = (): PeerId[] => [...new Set(network.stopped().map(([from]) => from))];
    expect(network.stopped()).toHaveLength(6);
    expect(cut()).toContain(peerOf(0));
    leader = peerOf(2);
    await world.runFor(25);
    nodes[0]?.say(1, 7);
    nodes[0]?.say(2, 8);
    await world.runFor(5);
    expect([nodes[1]?.got, nodes[2]?.got]).toEqual([[7], []]);
    leader = null;
    await world.runFor(20);
    expect(network.stopped()).toEqual([]);
    leader = peerOf(1);
    await world.runFor(300);
    expect(network.stopped()).toEqual([]);
  });

  it('that follow a leader or swizzle end when they are told to', async () => {
    const { world, network } = await mesh(4, { link: { latency: 1, jitter: 0 } });
    const ends = [
      followLeader({ world, network }, { leader: () => peerOf(1), ms: 1000 }),
      swizzle({ world, network }, { nodes: peers(0, 1, 2, 3), ms: 1000, share: 1 }, Stream.named(1, 'swizzle')),
    ];
    await world.runFor(600);
    expect(network.stopped().length).toBeGreaterThan(6);
    for (const end of ends) end();
    expect(network.stopped()).toEqual([]);
    await world.runFor(200);
    expect(network.stopped()).toEqual([]);
  });

  it('heal little by little', async () => {
    const { world, network, nodes } = await mesh(4, { detection: 100 });
    network.partition(peers(0), peers(1), peers(2, 3));
    network.raise(oneWay(peerOf(2), peerOf(3), 'clogged'));
    await world.runFor(500);
    expect([network.stopped().length, nodes[0]?.connected]).toEqual([11, []]);
    healGradually({ world, network }, 1100, Stream.named(4, 'heal'));
    const left: number[] = [];
    for (let step = 0; step < 12; step++) {
      left.push(network.stopped().length);
      await world.runFor(100);
    }
    expect(left).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    await world.runFor(100);
    expect(nodes.map(({ connected }) => connected.length)).toEqual([3, 3, 3, 3]);
  });
});

describe('stabilisation', () => {
  const terrible = { latency: 20, jitter: 30, spike: 0.2, spikeMs: 5000, loss: 0.1, duplicate: 0.1, corrupt: 0.02 };

  it('makes everything arrive within delta from then on, whatever is under way or in the way', async () => {
    for (const seed of [1, 2, 3]) {
      const { world, network, nodes } = await mesh(4, { link: terrible }, seed);
      network.setLinks({ overtake: 0.1, overtakeMs: 3000 });
      // Below the usual 20 to 50 ms: stabilisation bounds these too.
      const [gst, delta] = [3000, 40];
      network.stabilise({ at: gst, delta });
      network.raise(isolated(peers(3)));
      network.raise(oneWay(peerOf(0), peerOf(1), 'clogged'));
      world.schedule(2800 - world.elapsed, 'test', () => network.raise(isolated(peers(2)))); // noticed after stabilisation only
      const sent: number[] = [];
      for (let i = 0; world.elapsed < 4000; i++) {
        sent.push(world.elapsed);
        nodes.forEach((node, index) => {
          for (const to of [0, 1, 2, 3]) if (to !== index) node.say(to, i & 0xff, 'votes', 2);
        });
        await world.runFor(20);
      }
      await world.runFor(1000);
      const last = sent.length - 1;
      const before = world.decisions.taken.length;
      expect(before).toBeGreaterThan(100);
      // Connections that were cut meet again 1.5 round trips after stabilisation; from then on nothing is lost or late.
      const counted = sent.filter((at) => at > gst + 100).length;
      for (const { got, at } of nodes) {
        const fresh = got.flatMap((byte, index) => {
          const when = sent[byte] ?? 0;
          return when > gst + 100 ? [(at[index] ?? 0) - when] : [];
        });
        expect(Math.max(...fresh)).toBeLessThanOrEqual(delta + 0.001);
        expect(fresh).toHaveLength(3 * counted);
        expect(last).toBeLessThan(256);
      }
    }
  });

  it('knows no faults from then on, drawn or listed', async () => {
    const list: Decision[] = [1, 2].map((index) => ({ domain: 'link/n0>n1/votes', index, choice: { kind: 'lose' } }));
    for (const decisions of [Decisions.drawn(), Decisions.listed(list)]) {
      const { world, network, a, b } = await mesh(3, { link: { loss: 1 } }, 1, decisions);
      network.stabilise({ at: 500, delta: 20 });
      a.say(1, 0);
      await world.run({ until: 600 });
      const before = world.decisions.taken.length;
      for (const byte of [1, 2, 3]) a.say(1, byte);
      await world.runFor(50);
      expect(b.got).toEqual(before === 1 ? [1, 2, 3] : [0, 1, 2, 3]);
      if (before === 1) expect(world.decisions.taken).toHaveLength(1);
    }
  });

  it('loses what an adversary without an announcement had delayed beyond it', async () => {
    const { world, network, a, b } = await mesh(3, { link: { latency: 10, jitter: 0, spike: 1, spikeMs: 9000 } });
    a.say(1, 1);
    await world.runFor(5);
    network.stabilise({ at: world.elapsed, delta: 30 });
    await world.runFor(100);
    expect([b.got, b.connected.length]).toEqual([[], 2]);
    a.say(1, 2);
    await world.runFor(30);
    expect(b.got).toEqual([2]);
  });

  it('lets the adversary delay up to a cap before, and holds among some only', async () => {
    const { world, network, a, b, c } = await mesh(3, { link: { latency: 10, jitter: 0 } });
    network.stabilise({ at: 5000, delta: 20, among: peers(0, 1), rate: 1, cap: 700 });
    const start = world.elapsed;
    a.say(1, 1);
    a.say(2, 1);
    await world.runFor(1000);
    expect((b.at[0] ?? 0) - start).toBeGreaterThan(20);
    expect((b.at[0] ?? 0) - start).toBeLessThanOrEqual(710);
    expect((c.at[0] ?? 0) - start).toBe(10);
    network.raise(isolated(peers(0)));
    await world.run({ until: 6000 });
    expect([a.connected, b.connected.length]).toEqual([peers(1), 2]);
  });
});
