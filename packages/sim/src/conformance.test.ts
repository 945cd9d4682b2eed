import { describeDisk } from '../../../test/conformance/disk.ts';
import { type DiskHarness, describeStore } from '../../../test/conformance/store.ts';
import { describeTransport, type TransportHarness } from '../../../test/conformance/transport.ts';
import { SimulatedDisk } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import type { LinkOptions } from './link.ts';
import { type NetworkOptions, SimulatedNetwork } from './network.ts';
import { World } from './world.ts';

const transportOver =
  (link: Partial<LinkOptions>, options: NetworkOptions = {}) =>
  async (count: number): Promise<TransportHarness> => {
    const world = new World({ seed: 7 });
    const network = new SimulatedNetwork(world, { ...options, link });
    const nodes = Array.from({ length: count }, (_, index) => {
      const peer = `${index}`.repeat(64);
      return { transport: network.port(new Incarnation(world, `n${index}`), peer), address: '' };
    });
    return {
      nodes,
      eventually: async (condition) => {
        if (!(await world.runUntil(condition, 600_000))) throw new Error('it never happened');
        await world.runFor(0); // the other end may hear of it in the same instant
      },
      settle: async () => {
        await world.runFor(5000);
      },
      close: async () => {},
    };
  };

describeTransport('simulated network', transportOver({}));
describeTransport('simulated network with jitter and a narrow link', transportOver({ jitter: 40, bandwidth: 10_000 }));
describeTransport('simulated network with narrow uplinks', transportOver({ jitter: 40 }, { egress: 20_000 }));
describeTransport('simulated network with latency spikes', transportOver({ spike: 0.05, spikeMs: 300 }));

async function diskHarness(seed: number): Promise<DiskHarness> {
  const world = new World({ seed });
  const platter = new SimulatedDisk(world, 'disk');
  let life = new Incarnation(world, 'life');
  let port = platter.port(life);
  const restart = (): void => {
    life = new Incarnation(world, 'life');
    port = platter.port(life);
  };
  return {
    disk: () => port,
    complete: (promise) => world.complete(promise),
    reopen: async () => {
      await world.runFor(1000);
      life.end();
      restart();
    },
    crash: async (how) => {
      life.end();
      platter.crash(how);
      restart();
    },
    close: async () => {},
  };
}

for (const seed of [1, 2]) {
  describeStore(`simulated, seed ${seed}`, () => diskHarness(seed));
  describeDisk(`simulated, seed ${seed}`, () => diskHarness(seed));
}
