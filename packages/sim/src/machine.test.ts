import type { Disk, DiskFile, PeerId, Ports, Signer, Store } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { type Boot, Machine, type Program } from './machine.ts';
import { SimulatedNetwork } from './network.ts';
import { World } from './world.ts';

const mute: Signer = { publicKey: null, sign: async () => [], raiseFloor: async () => {}, issued: () => false };
const peerOf = (index: number): PeerId => index.toString(16).padStart(64, '0');

/** Counts in a journal and a store, tells its peers, listens to them. */
class Gossiper implements Program {
  readonly heard: number[] = [];
  readonly ports: Ports;
  readonly file: DiskFile;
  readonly store: Store;
  count: number;

  constructor(ports: Ports, file: DiskFile, store: Store, peers: readonly PeerId[]) {
    this.ports = ports;
    this.file = file;
    this.store = store;
    this.count = file.size();
    ports.transport.start({
      message: (_from, _traffic, bytes) => void this.heard.push(bytes[0] ?? 0),
      peers: () => {},
    });
    ports.transport.setMembers(peers.map((peer) => ({ peer, address: '' })));
    this.tick(peers);
  }

  tick(peers: readonly PeerId[]): void {
    this.ports.clock.after(7 + ((this.ports.random.bytes(1)[0] ?? 0) % 5), () => {
      const work = async (): Promise<void> => {
        this.count++;
        await this.file.append([Uint8Array.of(this.count & 0xff)]);
        await this.file.sync();
        await this.store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(this.count & 0xff) }]);
        for (const peer of peers) this.ports.transport.send(peer, 'votes', Uint8Array.of(this.count & 0xff));
        this.tick(peers);
      };
      void work();
    });
  }

  async stop(): Promise<void> {
    await this.ports.transport.stop();
  }
}

async function boot(disk: Disk, make: () => Ports, peers: readonly PeerId[]): Promise<Gossiper> {
  const file = await disk.openFile('journal');
  return new Gossiper(make(), file, await disk.openStore('store'), peers);
}

function cluster(seed: number): { world: World; network: SimulatedNetwork; machines: Machine<Gossiper>[] } {
  const world = new World({ seed });
  const network = new SimulatedNetwork(world, { link: { jitter: 5, loss: 0.05, duplicate: 0.02 } });
  const peers = [0, 1, 2].map(peerOf);
  const machines = peers.map((peer, index) => new Machine<Gossiper>(world, network, { name: `n${index}`, peer }));
  for (const machine of machines) {
    machine.start(({ disk, ports }: Boot) => boot(disk, () => ports(mute), peers));
  }
  return { world, network, machines };
}

async function scenario(seed: number): Promise<{ hash: string; events: number; heard: number }> {
  const { world, network, machines } = cluster(seed);
  const [a, b] = machines;
  if (a === undefined || b === undefined) throw new Error('no machines');
  await world.runFor(200);
  a.crash();
  await world.runFor(100);
  a.restart();
  network.partition([a.peer], [b.peer, peerOf(2)]);
  await world.runFor(800);
  network.heal();
  b.crash({ power: false });
  b.restart();
  await world.runFor(500);
  const heard = machines.reduce((sum, machine) => sum + (machine.program?.heard.length ?? 0), 0);
  return { hash: world.hash, events: world.events, heard };
}

describe('machines', () => {
  it('give the same run for the same seed, and another for another', async () => {
    const [one, again, other] = [await scenario(1), await scenario(1), await scenario(2)];
    expect(again).toEqual(one);
    expect(other.hash).not.toBe(one.hash);
    expect(one.heard).toBeGreaterThan(50);
  });

  it('never continue a dead program: its timers, writes and messages end with it', async () => {
    const { world, machines } = cluster(3);
    await world.runFor(100);
    const [a] = machines;
    const dead = a?.program;
    if (a === undefined || dead === null || dead === undefined) throw new Error('it did not start');
    a.crash();
    const { count } = dead;
    const heard = dead.heard.length;
    let settled = false;
    void dead.file.sync().finally(() => {
      settled = true;
    });
    expect(dead.ports.transport.send(peerOf(1), 'votes', Uint8Array.of(1))).toBe(false);
    await world.runFor(500);
    expect([dead.count, dead.heard.length, settled, a.program, a.alive]).toEqual([count, heard, false, null, false]);
  });

  it('keep their disk: what was synced before a crash is there after the restart', async () => {
    for (let seed = 10; seed < 20; seed++) {
      const { world, machines } = cluster(seed);
      await world.runFor(137);
      const [a] = machines;
      const before = a?.program?.count ?? 0;
      a?.crash();
      a?.restart();
      await world.runUntil(() => a?.program !== null, 100);
      // The count in hand at the crash may or may not have been written.
      expect(a?.program?.file.size()).toBeGreaterThanOrEqual(before - 1);
      expect(a?.lives).toBe(2);
    }
  });

  it('report why a start failed', async () => {
    const world = new World({ seed: 1 });
    const machine = new Machine<Program>(world, new SimulatedNetwork(world), { name: 'n', peer: peerOf(0) });
    machine.start(() => Promise.reject(new Error('no genesis')));
    await world.run();
    expect([machine.alive, machine.failure]).toEqual([false, new Error('no genesis')]);
  });

  it('have clocks that drift and jump, and timers that do not jump', async () => {
    const world = new World({ seed: 1, start: 1_000_000 });
    const network = new SimulatedNetwork(world);
    const machine = new Machine<Program>(world, network, {
      name: 'n',
      peer: peerOf(0),
      clock: { offset: -500, drift: 0.1 },
    });
    const log: number[] = [];
    machine.start(async ({ ports }) => {
      const { clock } = ports(mute);
      clock.after(1100, () => void log.push(world.elapsed, clock.now()));
      clock.after(10, () => void log.push(-1))();
      return { stop: async () => {} };
    });
    await world.runFor(500);
    machine.clock.jump(-10_000);
    await world.run();
    expect(log).toEqual([1000, 1_000_000 + 1100 - 500 - 10_000]);
  });
});
