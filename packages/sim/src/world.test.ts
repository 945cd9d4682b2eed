import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

describe('world', () => {
  it('runs events in order of time, equal times in order of scheduling', async () => {
    const world = new World({ seed: 1, start: 1000 });
    const log: string[] = [];
    const note = (name: string) => () => void log.push(`${name}@${world.time}`);
    world.schedule(5, 'a', note('late'));
    world.schedule(1, 'a', () => {
      log.push('first');
      world.schedule(0, 'a', note('nested'));
    });
    world.schedule(1, 'a', note('second'));
    world.schedule(2, 'a', note('cancelled'))();
    expect(await world.run()).toBe('idle');
    expect(log).toEqual(['first', 'second@1001', 'nested@1001', 'late@1005']);
  });

  it('lets every microtask of an event run before the next event', async () => {
    const world = new World({ seed: 1 });
    const log: string[] = [];
    const deep = async (name: string): Promise<void> => {
      for (let i = 0; i < 100; i++) await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      log.push(name);
    };
    world.schedule(1, 'a', () => void deep('a'));
    world.schedule(1, 'b', () => void deep('b'));
    await world.run();
    expect(log).toEqual(['a', 'b']);
  });

  it('lets ticks that a program asks for have their turn before the next event', async () => {
    const world = new World({ seed: 1 });
    const log: string[] = [];
    const deep = async (name: string): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        await new Promise<void>((resolve) => process.nextTick(resolve));
        await Promise.resolve();
      }
      log.push(name);
    };
    world.schedule(1, 'a', () => void deep('a'));
    world.schedule(1, 'b', () => void deep('b'));
    await world.run();
    expect(log).toEqual(['a', 'b']);
  });

  it('stops at a time, after a number of events, and when a predicate holds', async () => {
    const world = new World({ seed: 1 });
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      world.schedule(10, 'tick', tick);
    };
    tick();
    expect(await world.run({ until: 95 })).toBe('until');
    expect([ticks, world.elapsed]).toEqual([10, 95]);
    expect(await world.run({ maxEvents: 3 })).toBe('events');
    expect(ticks).toBe(13);
    expect(await world.runUntil(() => ticks === 20)).toBe(true);
    expect(await world.runUntil(() => ticks === 0, 100)).toBe(false);
    expect(world.elapsed).toBe(290);
  });

  it('completes a promise that needs the world to go on, and says when one never settles', async () => {
    const world = new World({ seed: 1 });
    const later = new Promise<string>((resolve) => world.schedule(50, 'later', () => resolve('done')));
    expect(await world.complete(later)).toBe('done');
    await expect(world.complete(new Promise(() => {}), 10)).rejects.toThrow(/did not settle/);
  });

  it('hands an exception of an event to whoever runs the world', async () => {
    const world = new World({ seed: 1 });
    world.schedule(1, 'a', () => {
      throw new Error('broken');
    });
    await expect(world.run()).rejects.toThrow('broken');
  });

  it('hashes time, kind and content of every event, and every note', async () => {
    const run = async (change: { delay?: number; kind?: string; digest?: number; note?: string }): Promise<string> => {
      const world = new World({ seed: 1 });
      world.schedule(change.delay ?? 1, change.kind ?? 'a', () => {}, change.digest ?? 7);
      world.note('seen', change.note ?? 'x');
      await world.run();
      return world.hash;
    };
    const base = await run({});
    expect(base).toMatch(/^[0-9a-f]{16}$/);
    expect(await run({})).toBe(base);
    for (const change of [{ delay: 2 }, { kind: 'b' }, { digest: 8 }, { note: 'y' }])
      expect(await run(change)).not.toBe(base);
  });

  /** The order of forty events of one instant on four lanes, and the hash. */
  async function instant(seed: number, ties: 'fifo' | 'seeded', time = 1): Promise<{ order: number[]; hash: string }> {
    const world = new World({ seed, ties });
    const order: number[] = [];
    for (let i = 0; i < 40; i++) world.schedule(time, 'a', () => order.push(i), i, 1 + (i % 4));
    await world.run();
    return { order, hash: world.hash };
  }

  it('permutes the lanes of an instant when ties are seeded, and nothing within a lane', async () => {
    const ascending = Array.from({ length: 40 }, (_, i) => i);
    expect((await instant(1, 'fifo')).order).toEqual(ascending);
    const starts = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      const { order } = await instant(seed, 'seeded');
      for (let lane = 0; lane < 4; lane++)
        expect(order.filter((i) => i % 4 === lane)).toEqual(ascending.filter((i) => i % 4 === lane));
      starts.add(order.filter((_, at) => at % 10 === 0).join());
    }
    expect(starts.size).toBe(24); // every order of four lanes
    expect((await instant(5, 'seeded')).hash).toBe((await instant(5, 'seeded')).hash);
    const times = await Promise.all([1, 2, 3, 4, 5, 6].map((time) => instant(5, 'seeded', time)));
    expect(new Set(times.map(({ order }) => order.join())).size).toBeGreaterThan(1);
  });

  it('draws by counter: one domain asked more often moves no other', () => {
    const [world, same] = [new World({ seed: 3 }), new World({ seed: 3 })];
    for (let i = 0; i < 5; i++) world.draw('b');
    expect([world.draw('a'), world.draw('a')]).toEqual([same.draw('a'), same.draws('a').next()]);
    expect(world.draws('a').at(0)).toBe(same.draws('a').at(0));
    expect(world.draw('b')).not.toBe(world.draw('a'));
  });

  it('shows every event to an observer, in the order of the run', async () => {
    const seen: unknown[] = [];
    const world = new World({ seed: 1, observer: (event) => seen.push(event) });
    world.schedule(2, 'b', () => {}, 9);
    world.schedule(1, 'a', () => world.schedule(0, 'c', () => {}), 0xffff_ffff);
    await world.run();
    expect(seen).toEqual([
      { time: 1000, kind: 'a', digest: 0xffff_ffff },
      { time: 1000, kind: 'c', digest: 0 },
      { time: 2000, kind: 'b', digest: 9 },
    ]);
  });
});
