import { describe, expect, it } from 'vitest';
import { SimulatedClock } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import { SimulatedNetwork } from './network.ts';
import { World } from './world.ts';

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

/** What happens on two machines in one instant, in the order in which it does. */
async function instant(seed: number): Promise<string[]> {
  const world = new World({ seed, ties: 'seeded' });
  const order: string[] = [];
  for (const name of ['a', 'b']) {
    const life = new Incarnation(world, name);
    const disk = new SimulatedDisk(world, name, { latency: { read: 1, append: 0, sync: 1, batch: 0 } }).port(life);
    const clock = new SimulatedClock(world).port(life);
    const did = (what: string) => (): void => void order.push(`${name} ${what}`);
    clock.after(1, did('first timer'));
    void disk.listFiles('').then(did('disk'));
    clock.after(1, did('last timer'));
  }
  await world.run();
  return order;
}

describe('events of one instant', () => {
  it('of one machine keep their order, timers and disk together, while machines overtake each other', async () => {
    const orders = await Promise.all(SEEDS.map(instant));
    for (const name of ['a', 'b']) {
      const expected = ['first timer', 'disk', 'last timer'].map((what) => `${name} ${what}`);
      for (const order of orders) expect(order.filter((line) => line.startsWith(name))).toEqual(expected);
    }
    expect(new Set(orders.map((order) => order[0]))).toEqual(new Set(['a first timer', 'b first timer']));
  });

  it('a connection that goes is noticed after what arrived before it', async () => {
    const peerOf = (index: number): string => `${index}`.repeat(64);
    for (const seed of SEEDS) {
      const world = new World({ seed, ties: 'seeded' });
      const network = new SimulatedNetwork(world, { link: { latency: 5, jitter: 0 } });
      const order: string[] = [];
      const ports = [0, 1].map((index) => network.port(new Incarnation(world, `n${index}`), peerOf(index)));
      ports.forEach((port, index) => {
        port.start({
          message: () => order.push('message'),
          peers: (peers) => index === 1 && peers.length === 0 && order.push('gone'),
        });
        port.setMembers([0, 1].map((at) => ({ peer: peerOf(at), address: '' })));
      });
      await world.runFor(100);
      ports[0]?.send(peerOf(1), 'votes', Uint8Array.of(1));
      // The other end hears of it one latency later: in the instant in which the message arrives.
      ports[0]?.expel(peerOf(1), 'test', 1000);
      await world.runFor(50);
      expect(order).toEqual(['message', 'gone']);
    }
  });
});
