import type { Disk } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import type { DiskOptions } from './disk/options.ts';
import { SimulatedDisk } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import { World } from './world.ts';

function fixture(seed: number, options: DiskOptions = {}) {
  const world = new World({ seed });
  const platter = new SimulatedDisk(world, 'n', options);
  let life = new Incarnation(world, 'n');
  const port = (): Disk => platter.port(life);
  const crash = (power = true): void => {
    life.end();
    platter.crash({ power });
    life = new Incarnation(world, 'n');
  };
  const done = <T>(promise: Promise<T>): Promise<T> => world.complete(promise);
  return { world, platter, port, crash, done };
}

const filled = (length: number): Uint8Array => new Uint8Array(length).fill(0xaa);

describe('simulated disk', () => {
  it('tears unsynced bytes in every way over the seeds: all, none, a prefix, holes of whole sectors', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 80; seed++) {
      const { platter, port, crash, done } = fixture(seed);
      const file = await done(port().openFile('f'));
      await done(file.append([filled(1000)]));
      await done(file.sync());
      await done(file.append([filled(20_000)]));
      crash();
      const after = platter.peek('f') ?? new Uint8Array();
      expect(after.subarray(0, 1000)).toEqual(filled(1000));
      const holes = after.indexOf(0) >= 0;
      if (holes) {
        const torn = after.findIndex((byte, at) => at > 1000 && at % 4096 !== 0 && byte !== after[at - 1]);
        expect(torn).toBe(-1);
      }
      seen.add(holes ? 'holes' : after.length === 1000 ? 'lost' : after.length === 21_000 ? 'kept' : 'prefix');
    }
    expect([...seen].sort()).toEqual(['holes', 'kept', 'lost', 'prefix']);
  });

  it('keeps unsynced bytes when only the process dies', async () => {
    const { platter, port, crash, done } = fixture(1);
    const file = await done(port().openFile('f'));
    await done(file.append([filled(5000)]));
    crash(false);
    expect(platter.peek('f')).toEqual(filled(5000));
  });

  it('may undo a truncation that was not synced', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const { platter, port, crash, done } = fixture(seed, { tears: ['lose'] });
      const file = await done(port().openFile('f'));
      await done(file.append([filled(3000)]));
      await done(file.sync());
      await done(file.truncate(1000));
      await done(file.append([new Uint8Array(10).fill(1)]));
      crash();
      const after = platter.peek('f') ?? new Uint8Array();
      lengths.add(after.length);
      expect(after).toEqual(filled(after.length));
    }
    expect([...lengths].sort((x, y) => x - y)).toEqual([1000, 3000]);
  });

  it('may forget a file that was never synced', async () => {
    const outcomes = new Set<boolean>();
    for (let seed = 0; seed < 30; seed++) {
      const { platter, port, crash, done } = fixture(seed);
      await done(port().openFile('f'));
      crash();
      outcomes.add(platter.peek('f') === null);
    }
    expect(outcomes.size).toBe(2);
  });

  it('never makes durable what a failed sync left behind, whatever later syncs say of it', async () => {
    const { platter, port, crash, done } = fixture(1, { tears: ['keep'] });
    const file = await done(port().openFile('f'));
    await done(file.append([filled(10)]));
    await done(file.sync());
    await done(file.append([filled(20)]));
    platter.failingSyncs = 1;
    await expect(done(file.sync())).rejects.toMatchObject({ code: 'disk/failed' });
    crash();
    expect(platter.peek('f')).toEqual(filled(10));
  });

  it('fills up: part of an append may be written, no batch is, and the error says so', async () => {
    const { platter, port, done } = fixture(1, { capacity: 1000 });
    const file = await done(port().openFile('f'));
    await done(file.append([filled(900)]));
    await expect(done(file.append([filled(200)]))).rejects.toMatchObject({ code: 'disk/full' });
    expect(file.size()).toBe(1000);
    const store = await done(port().openStore('s'));
    await expect(done(store.write([{ key: filled(1), value: filled(1) }]))).rejects.toMatchObject({
      code: 'disk/full',
    });
    await expect(done(port().replaceFile('g', filled(1)))).rejects.toMatchObject({ code: 'disk/full' });
    platter.capacity = 5000;
    // Whoever opened it has to stop: what it holds is unknown.
    expect(() => store.get(filled(1))).toThrow('do not fit');
    const again = await done(port().openStore('s'));
    expect(again.get(filled(1))).toBeUndefined();
    await done(again.write([{ key: filled(1), value: filled(1) }]));
    expect(again.get(filled(1))).toEqual(filled(1));
  });

  it('flips bits, plants and loses files on demand', async () => {
    const { platter, port, done } = fixture(1);
    platter.plant('a/b', filled(4));
    platter.flip('a/b', 2, 0);
    expect(await done(port().readFile('a/b'))).toEqual(Uint8Array.of(0xaa, 0xaa, 0xab, 0xaa));
    await done(port().openStore('a/store'));
    platter.lose('a/');
    expect(await done(port().listFiles(''))).toEqual([]);
  });

  it('takes time, more when it is slow', async () => {
    const { world, platter, port, done } = fixture(1, { latency: { sync: 4 } });
    const file = await done(port().openFile('f'));
    const before = world.elapsed;
    await done(file.sync());
    expect(world.elapsed - before).toBeCloseTo(4, 3);
    platter.slowness = 100;
    await done(file.sync());
    expect(world.elapsed - before).toBeCloseTo(404, 3);
  });
});
