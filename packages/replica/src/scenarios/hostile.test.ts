import { TRAFFIC, TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import { Cluster, Incarnation } from '@quorate/sim';
import { describe, expect, it } from 'vitest';

const FOUR = [1, 1, 1, 1];

/** Everything that crosses the wires of an honest run. */
async function recorded(chainId: string): Promise<(readonly [Traffic, Uint8Array])[]> {
  const messages: (readonly [Traffic, Uint8Array])[] = [];
  const cluster = await Cluster.create({ seed: 77, chainId, weights: FOUR, consensus: { epochLength: 10 } });
  cluster.network.wire = (_from, _to, traffic, bytes) => {
    messages.push([traffic, Uint8Array.from(bytes)]);
    return bytes;
  };
  cluster.start();
  cluster.load(30);
  await cluster.reaches(25);
  return messages;
}

describe('hostile peers', () => {
  it.each([1, 2])('that send garbage stop nobody, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(4);
    const stream = cluster.world.stream('garbage');
    const stranger = cluster.network.port(new Incarnation(cluster.world, 'stranger'), 'ee'.repeat(32));
    stranger.start({ message: () => {}, peers: () => {} });
    stranger.setMembers(cluster.members.map(({ peer }) => ({ peer, address: '' })));
    const liar = cluster.member(3).peer; // garbage in the name of a validator too
    for (let round = 0; round < 400; round++) {
      const target = stream.pick(cluster.members).peer;
      const bytes = stream.bytes(stream.below(400));
      stranger.send(target, stream.pick(TRAFFIC), bytes);
      if (round % 4 === 0) cluster.network.inject(liar, target, stream.pick(TRAFFIC), bytes);
      await cluster.world.runFor(stream.below(30));
    }
    expect(await cluster.advances(10, 60_000, [0, 1, 2])).toBe(true);
    for (const { machine } of cluster.members) expect(machine.program?.halted).toBeNull();
    cluster.inspect();
  });

  it.each([1, 2])('that change bytes of real messages break nothing, seed %i', async (seed) => {
    const cluster = await Cluster.create({ seed, weights: FOUR });
    const stream = cluster.world.stream('mutations');
    const liar = cluster.member(2).peer;
    cluster.network.wire = (from, _to, _traffic, bytes) => {
      if (from !== liar || bytes.length === 0 || !stream.chance(0.3)) return bytes;
      const at = stream.below(bytes.length);
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << stream.below(8)));
    };
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(20, 120_000, [0, 1, 3])).toBe(true);
    cluster.inspect();
  });

  it('that send oversized messages are dropped', async () => {
    const cluster = await Cluster.create({ seed: 3, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(4);
    for (const traffic of TRAFFIC) {
      cluster.network.inject(
        cluster.member(3).peer,
        cluster.member(0).peer,
        traffic,
        new Uint8Array(TRAFFIC_LIMITS[traffic] + 1),
      );
      await cluster.world.runFor(200);
    }
    expect(await cluster.advances(10)).toBe(true);
    cluster.inspect();
  });

  it.each(['another-chain', 'simulated'])('that replay what was said on chain %s change nothing', async (chainId) => {
    const messages = await recorded(chainId);
    const cluster = await Cluster.create({ seed: 5, weights: FOUR, consensus: { epochLength: 10 } });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(4);
    const stream = cluster.world.stream('replay');
    const stranger = cluster.network.port(new Incarnation(cluster.world, 'stranger'), 'ee'.repeat(32));
    stranger.start({ message: () => {}, peers: () => {} });
    stranger.setMembers(cluster.members.map(({ peer }) => ({ peer, address: '' })));
    for (let round = 0; round < 1500; round++) {
      const [traffic, bytes] = stream.pick(messages);
      const { peer } = stream.pick(cluster.members);
      if (round % 10 === 0) cluster.network.inject(cluster.member(1).peer, peer, traffic, bytes);
      else stranger.send(peer, traffic, bytes);
      if (round % 5 === 0) await cluster.world.runFor(10);
    }
    expect(await cluster.advances(10, 60_000, [0, 2, 3])).toBe(true);
    cluster.inspect();
  });

  it('that flood with small frames do not stop the others', async () => {
    const cluster = await Cluster.create({ seed: 6, weights: FOUR });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(4);
    const frame = cluster.world.stream('flood').bytes(40);
    const { peer: liar } = cluster.member(3);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 500; i++) cluster.network.inject(liar, cluster.member(0).peer, 'votes', frame);
      await cluster.world.runFor(50);
    }
    expect(await cluster.advances(10, 60_000, [0, 1, 2])).toBe(true);
    cluster.inspect();
  });
});
