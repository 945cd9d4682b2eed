import { describe, expect, it } from 'vitest';
import { mesh, peerOf } from './network.fixture.ts';

describe('uplink of a node', () => {
  const link = { latency: 10, jitter: 0 };

  it('is shared by all that it sends, at its rate', async () => {
    const { world, a, nodes } = await mesh(5, { link, egress: 1000 });
    const start = world.elapsed;
    for (const to of [1, 2, 3, 4]) a.say(to, to, 'bodies', 250_000);
    await world.runFor(2000);
    const times = nodes.slice(1).map(({ at }) => (at[0] ?? 0) - start);
    expect(Math.max(...times)).toBeCloseTo(1010, 0);
    // Frame by frame in turns: one after the other the first would be done at 260.
    expect(Math.min(...times)).toBeGreaterThan(640);
  });

  it('leaves what others send alone', async () => {
    const { world, a, b, c } = await mesh(3, { link, egress: 1000 });
    const start = world.elapsed;
    a.say(2, 1, 'bodies', 500_000);
    b.say(2, 2, 'bodies', 100_000);
    await world.runFor(2000);
    expect(c.got).toEqual([2, 1]);
    expect(c.at.map((at) => Math.round(at - start))).toEqual([110, 510]);
  });

  it('lets votes past bodies, to whomever they go', async () => {
    const { world, a, b, c } = await mesh(3, { link, egress: 1000 });
    a.say(1, 1, 'bodies', 1_000_000);
    a.say(2, 1, 'bodies', 1_000_000);
    await world.runFor(300);
    const sent = world.elapsed;
    a.say(1, 2);
    a.say(2, 2);
    await world.runFor(100);
    expect([b.got, c.got]).toEqual([[2], [2]]);
    expect((c.at[0] ?? 0) - sent).toBeLessThan(66 + 10 + 1);
    await world.runFor(3000);
    expect([b.got, c.got]).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });

  it('costs small messages their time, without queues of their own', async () => {
    const { world, a, b, network } = await mesh(3, { link, egress: 10 });
    const start = world.elapsed;
    const events = world.events;
    for (let i = 0; i < 20; i++) a.say(1, i, 'votes', 100);
    expect(a.transport.queued(peerOf(1), 'votes')).toBe(0);
    await world.runFor(500);
    expect(b.at.map((at) => at - start)).toEqual(Array.from({ length: 20 }, (_, i) => 10 * (i + 1) + 10));
    expect(world.events - events).toBe(20);
    expect(network.bytes).toBe(2000);
  });

  it('changes its rate while it runs', async () => {
    const { world, a, b, network } = await mesh(3, { link, egress: 10 });
    network.setEgress(peerOf(0), 100_000);
    const start = world.elapsed;
    a.say(1, 1, 'bodies', 1_000_000);
    await world.runFor(100);
    expect((b.at[0] ?? 0) - start).toBeCloseTo(20, 1);
  });
});
