import { describe, expect, it } from 'vitest';
import { mesh, peerOf } from './network.fixture.ts';

describe('messages that are kept back', () => {
  it('are those that are picked, and arrive at once when they are let go, in their order', async () => {
    const { world, network, a, b, c } = await mesh(3, { link: { latency: 5, jitter: 0 } });
    const release = network.withhold((from, to, _traffic, bytes) => {
      return from === peerOf(0) && to === peerOf(1) && (bytes[0] ?? 0) < 10;
    });
    a.say(1, 1);
    a.say(1, 20);
    a.say(1, 2);
    a.say(2, 3);
    await world.runFor(300);
    expect([b.got, c.got]).toEqual([[20], [3]]);
    release();
    release();
    await world.runFor(6);
    expect(b.got).toEqual([20, 1, 2]);
    a.say(1, 4);
    await world.runFor(6);
    expect(b.got).toEqual([20, 1, 2, 4]);
  });

  it('are lost with their connection', async () => {
    const { world, network, a, b } = await mesh(3, { link: { latency: 5, jitter: 0 } });
    const release = network.withhold(() => true);
    a.say(1, 1);
    network.reset(peerOf(0), peerOf(1));
    await world.runFor(300);
    release();
    a.say(1, 2);
    await world.runFor(300);
    expect(b.got).toEqual([2]);
  });

  it('are none on a link that is stable', async () => {
    const { world, network, a, b } = await mesh(3, { link: { latency: 5, jitter: 0 } });
    network.withhold(() => true);
    network.stabilise({ at: world.elapsed + 50, delta: 20 });
    a.say(1, 1);
    await world.runFor(100);
    a.say(1, 2);
    await world.runFor(100);
    expect(b.got).toEqual([2]);
  });
});
