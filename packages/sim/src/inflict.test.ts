import type { DiskFile } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Atlas } from './atlas.ts';
import type { Choice } from './decisions.ts';
import { inflict, type Patient } from './inflict.ts';
import { type Boot, Machine, type Program } from './machine.ts';
import { SimulatedNetwork } from './network.ts';
import { World } from './world.ts';

/** Appends a byte every 10 ms. */
class Writer implements Program {
  readonly file: DiskFile;
  readonly version: number | null;

  constructor(file: DiskFile, version: number | null) {
    this.file = file;
    this.version = version;
  }

  async stop(): Promise<void> {}
}

async function boot({ disk, protocolVersion, ports }: Boot): Promise<Writer> {
  const signer = { publicKey: null, sign: async () => [], raiseFloor: async () => {}, issued: () => false };
  const { clock } = ports(signer);
  const file = await disk.openFile('journal/1');
  const store = await disk.openStore('blocks');
  await store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(1) }]);
  const tick = async (): Promise<void> => {
    await file.append([Uint8Array.of(1)]);
    await file.sync();
    clock.after(10, () => void tick());
  };
  clock.after(10, () => void tick());
  return new Writer(file, protocolVersion);
}

async function fixture(weights: readonly number[] | null = null) {
  const world = new World({ seed: 1 });
  const machine = new Machine<Writer>(world, new SimulatedNetwork(world), { name: 'n0', peer: '0'.repeat(64) });
  const atlas =
    weights === null ? null : new Atlas({ weights: new Map(weights.map((weight, index) => [`n${index}`, weight])) });
  const patient: Patient<Writer> = { machine, atlas, backup: null };
  machine.start(boot);
  await world.runFor(100);
  const suffer = (choice: Choice): boolean => inflict(patient, choice);
  const size = (): number => machine.disk.peek('journal/1')?.length ?? 0;
  return { world, machine, atlas, suffer, size };
}

describe('faults of a machine', () => {
  it('crash it now or at a boundary, and bring it back', async () => {
    const { world, machine, suffer, size } = await fixture();
    expect(suffer({ kind: 'crash', down: 50, tear: 'lose' })).toBe(true);
    expect(machine.alive).toBe(false);
    await world.runFor(60);
    expect([machine.program !== null, machine.lives]).toEqual([true, 2]);
    const before = size();
    suffer({ kind: 'crash', at: 3, side: 'after', tear: 'keep', down: 20 });
    await world.runUntil(() => !machine.alive, 1000);
    // Its second life stores a batch, appends and syncs, then appends: the crash comes right after that.
    expect(size()).toBeGreaterThan(before);
    await world.runFor(30);
    expect([machine.alive, machine.crashes]).toEqual([true, 2]);
    expect(() => suffer({ kind: 'crash', tear: 'halves' })).toThrow('no tear');
  });

  it('crash it while it starts, at each of its operations', async () => {
    const { world, machine } = await fixture();
    let at = 1;
    for (; at < 20; at++) {
      machine.crash();
      machine.crashAt(at, { counted: 'operations', side: 'before' });
      machine.restart();
      if (await world.runUntil(() => machine.program !== null, 5)) break;
      expect(machine.alive).toBe(false);
      machine.restart();
      await world.runFor(30);
    }
    expect(at).toBe(4); // it opens two and writes one
  });

  it('pause it, slow it, wind its clock, delay its disk', async () => {
    const { world, machine, suffer, size } = await fixture();
    suffer({ kind: 'pause', ms: 500 });
    const before = size();
    await world.runFor(490);
    expect(size() - before).toBeLessThanOrEqual(1);
    await world.runFor(100);
    expect(size() - before).toBeGreaterThan(4);
    suffer({ kind: 'jump', ms: -5000 });
    suffer({ kind: 'drift', by: 0.5 });
    await world.runFor(1000);
    expect(Math.round(machine.clock.error)).toBe(-4500);
    suffer({ kind: 'drift', by: 0 });
    for (const choice of [
      { kind: 'stall', ms: 300 },
      { kind: 'slow-disk', factor: 100 },
      { kind: 'slow', cost: 50 },
    ]) {
      await world.runFor(500);
      const start = size();
      suffer(choice);
      await world.runFor(290);
      expect(size() - start, choice.kind).toBeLessThan(5);
    }
  });

  it('take what it has, and put an old copy back, within what the atlas permits', async () => {
    const { world, machine, atlas, suffer, size } = await fixture([1, 1, 1, 1]);
    suffer({ kind: 'backup' });
    const then = size();
    await world.runFor(200);
    expect(suffer({ kind: 'restore', down: 10 })).toBe(true);
    expect(size()).toBe(then);
    await world.runFor(40);
    expect(suffer({ kind: 'lose', what: 'journal', down: 10 })).toBe(true);
    expect([machine.disk.fileNames(), machine.disk.storeNames()]).toEqual([[], ['blocks']]);
    await world.runFor(40);
    suffer({ kind: 'lose', what: 'store' });
    expect(machine.disk.storeNames()).toEqual([]);
    expect(atlas?.damagesOf('n0').map(({ kind }) => kind)).toEqual(['restore', 'lose', 'lose', 'lose', 'lose']);
    atlas?.mended('n0');
    atlas?.record('n1', { place: '', kind: 'lose' });
    await world.runFor(40);
    expect(suffer({ kind: 'lose', what: 'all' })).toBe(false);
    expect(machine.disk.storeNames()).toEqual(['blocks']);
  });

  it('fill its disk, fail its syncs, install another version', async () => {
    const { world, machine, suffer } = await fixture();
    suffer({ kind: 'capacity', free: 3 });
    expect(machine.disk.capacity).toBe(machine.disk.used + 3);
    suffer({ kind: 'capacity' });
    suffer({ kind: 'fail-syncs', count: 2 });
    expect([machine.disk.capacity, machine.disk.failingSyncs]).toEqual([Number.MAX_SAFE_INTEGER, 2]);
    suffer({ kind: 'fail-syncs', count: 0 });
    expect(machine.program?.version).toBeNull();
    suffer({ kind: 'upgrade', version: 7, down: 5 });
    await world.runFor(20);
    expect(machine.program?.version).toBe(7);
    expect(() => suffer({ kind: 'melt' })).toThrow('no such fault');
    expect(() => suffer({ kind: 'pause', ms: 'long' })).toThrow('no number');
  });
});
