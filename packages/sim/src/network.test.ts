import { TRAFFIC_LIMITS } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Incarnation } from './incarnation.ts';
import { mesh, peerOf } from './network.fixture.ts';

describe('simulated network', () => {
  it('delays by latency and jitter, per direction', async () => {
    const { world, network, a, b } = await mesh(3, { link: { latency: 30, jitter: 10 } });
    network.setLink(peerOf(1), peerOf(0), { latency: 80, jitter: 0 });
    const sent = world.elapsed;
    a.transport.send(peerOf(1), 'votes', Uint8Array.of(1));
    b.transport.send(peerOf(0), 'votes', Uint8Array.of(2));
    await world.runFor(200);
    const [there, back] = [(b.at[0] ?? 0) - sent, (a.at[0] ?? 0) - sent];
    expect(there).toBeGreaterThanOrEqual(30);
    expect(there).toBeLessThanOrEqual(40);
    expect(back).toBeCloseTo(80, 2);
  });

  it('loses, doubles and reorders at the stated rates', async () => {
    const { world, a, b, c, network } = await mesh(3, { link: { loss: 0.2 } });
    network.setLink(peerOf(0), peerOf(2), { loss: 0, duplicate: 0.5, reorder: true, jitter: 500 });
    for (let i = 0; i < 1000; i++) {
      a.transport.send(peerOf(1), 'votes', Uint8Array.of(i & 0xff));
      a.transport.send(peerOf(2), 'votes', Uint8Array.of(i & 0xff));
      await world.runFor(1);
    }
    await world.runFor(2000);
    expect(Math.abs(b.got.length - 800)).toBeLessThan(60);
    expect(Math.abs(c.got.length - 1500)).toBeLessThan(80);
    expect(c.got.slice(0, 200).some((value, index, all) => index > 0 && value < (all[index - 1] ?? 0))).toBe(true);
  });

  it('sends large messages at the speed of the link, and votes past them', async () => {
    const { world, a, b } = await mesh(3, { link: { latency: 10, jitter: 0, bandwidth: 1000 } });
    const sent = world.elapsed;
    a.transport.send(peerOf(1), 'bodies', new Uint8Array(1_000_000).fill(1));
    await world.runFor(300);
    expect(a.transport.queued(peerOf(1), 'bodies')).toBe(1_000_000);
    a.transport.send(peerOf(1), 'votes', Uint8Array.of(2));
    await world.runFor(2000);
    expect(b.got).toEqual([2, 1]);
    expect((b.at[0] ?? 0) - sent).toBeLessThan(300 + 66 + 11);
    expect((b.at[1] ?? 0) - sent).toBeGreaterThan(1000);
  });

  it('cuts both ways between groups, notices, and connects again when healed', async () => {
    const { world, network, a, b, c } = await mesh(3, { detection: 200 });
    a.transport.send(peerOf(1), 'votes', Uint8Array.of(1));
    network.partition([peerOf(0)], [peerOf(1), peerOf(2)]);
    await world.runFor(100);
    expect(b.got).toEqual([]);
    expect(a.connected).toHaveLength(2);
    await world.runFor(200);
    expect([a.connected, b.connected, c.connected]).toEqual([[], [peerOf(2)], [peerOf(1)]]);
    await world.runFor(1000);
    network.heal();
    await world.runFor(100);
    expect([a.connected.length, b.connected.length]).toEqual([2, 2]);
  });

  it('loses one direction only when that is blocked', async () => {
    const { world, network, a, b } = await mesh(3);
    network.block(peerOf(0), peerOf(1));
    a.transport.send(peerOf(1), 'votes', Uint8Array.of(1));
    b.transport.send(peerOf(0), 'votes', Uint8Array.of(2));
    await world.runFor(1000);
    expect([a.got, b.got, b.connected.length]).toEqual([[2], [], 2]);
  });

  it('delivers what a process sent before it died, and then tells its peers', async () => {
    const { world, a, b, join } = await mesh(3, { link: { latency: 20 } });
    a.transport.send(peerOf(1), 'votes', Uint8Array.of(7));
    await world.runFor(0);
    a.life.end();
    await world.runFor(100);
    expect(b.got).toEqual([7]);
    expect(b.connected).toEqual([peerOf(2)]);
    join(0);
    await world.runFor(100);
    expect(b.connected).toContain(peerOf(0));
  });

  it('drops a peer that sends more than a class allows', async () => {
    const { world, network, a, b } = await mesh(3);
    network.inject(peerOf(0), peerOf(1), 'votes', new Uint8Array(TRAFFIC_LIMITS.votes + 1));
    await world.runUntil(() => !b.connected.includes(peerOf(0)), 100);
    expect(b.got).toEqual([]);
    expect(await world.runUntil(() => b.connected.includes(peerOf(0)) && a.connected.includes(peerOf(1)), 1000)).toBe(
      true,
    );
  });

  it('bounds the observers of a node', async () => {
    const { world, network, nodes } = await mesh(3, { observers: 2 });
    const strangers = [10, 11, 12].map((index) => {
      const stranger = { connected: 0 };
      const transport = network.port(new Incarnation(world, `o${index}`), peerOf(index));
      transport.start({ message: () => {}, peers: (connected) => (stranger.connected = connected.length) });
      transport.setMembers([0, 1, 2].map((member) => ({ peer: peerOf(member), address: '' })));
      return stranger;
    });
    await world.runFor(500);
    expect(strangers.map(({ connected }) => connected)).toEqual([3, 3, 0]);
    expect(nodes.map(({ connected }) => connected.length)).toEqual([4, 4, 4]);
  });

  it('shows every message to the wire, which may change or lose it', async () => {
    const { world, network, a, b } = await mesh(3);
    network.wire = (_from, _to, _traffic, bytes) => (bytes[0] === 1 ? null : Uint8Array.of((bytes[0] ?? 0) + 100));
    for (const value of [1, 2, 3]) a.transport.send(peerOf(1), 'votes', Uint8Array.of(value));
    await world.runFor(100);
    expect(b.got).toEqual([102, 103]);
  });
});
