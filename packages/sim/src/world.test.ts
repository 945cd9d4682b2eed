import { describe, expect, it } from 'vitest';
import { EventQueue } from './queue.ts';
import { Stream } from './random.ts';
import { World } from './world.ts';

describe('event queue', () => {
  it('pops by time, then by order of scheduling, like a sorted list', () => {
    const stream = Stream.named(1, 'queue');
    const queue = new EventQueue();
    const model: { time: number; seq: number }[] = [];
    for (let seq = 0; seq < 5000; seq++) {
      if (stream.chance(0.4)) {
        model.sort((a, b) => a.time - b.time || a.seq - b.seq);
        const expected = model.shift();
        expect(queue.pop()?.seq).toBe(expected?.seq);
      } else {
        const time = stream.below(100);
        queue.push({ time, seq, kind: '', digest: 0, run: () => {}, cancelled: false });
        model.push({ time, seq });
      }
    }
    expect(queue.size).toBe(model.length);
  });
});

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
});
