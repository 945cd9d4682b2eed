import nodeCrypto, { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import nodeTimers, { setTimeout as namedTimeout } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.ts';
import { guarded, Nondeterminism } from './guards.ts';
import { World } from './world.ts';

const CALLS: Readonly<Record<string, () => unknown>> = {
  'Date.now()': () => Date.now(),
  'new Date()': () => new Date(),
  'Date()': () => Date(),
  'Math.random()': () => Math.random(),
  'performance.now()': () => performance.now(),
  'process.hrtime()': () => process.hrtime(),
  'setTimeout()': () => setTimeout(() => {}, 1),
  'setInterval()': () => setInterval(() => {}, 1),
  'setImmediate()': () => setImmediate(() => {}),
  'crypto.getRandomValues()': () => crypto.getRandomValues(new Uint8Array(1)),
  'crypto.randomUUID()': () => crypto.randomUUID(),
  'randomBytes() of node:crypto': () => randomBytes(1),
  'randomFillSync() of node:crypto': () => randomFillSync(new Uint8Array(1)),
  'randomInt() of node:crypto': () => randomInt(2),
  'randomUUID() of node:crypto': () => nodeCrypto.randomUUID(),
};

/** Further ways to the same functions. */
const WAYS: Readonly<Record<string, () => unknown>> = {
  'setTimeout of node:timers, by name': () => namedTimeout(() => {}, 1),
  'setTimeout of node:timers': () => nodeTimers.setTimeout(() => {}, 1),
  'getRandomValues of node:crypto': () => nodeCrypto.getRandomValues(new Uint8Array(1)),
  'the web crypto of node:crypto': () => nodeCrypto.webcrypto.getRandomValues(new Uint8Array(1)),
  'hrtime.bigint': () => process.hrtime.bigint(),
  'a class derived from Date': () => new (class extends Date {})(),
};

/** Everything that the guards replace, as it is now. */
function globals(): unknown[] {
  return [
    Date,
    Math.random,
    performance.now,
    process.hrtime,
    process.nextTick,
    setTimeout,
    setInterval,
    setImmediate,
    crypto.getRandomValues,
    crypto.randomUUID,
    randomBytes,
    nodeCrypto.randomBytes,
    namedTimeout,
  ];
}

function worldOf(run: () => unknown): World {
  const world = new World({ seed: 1 });
  world.schedule(1, 'a', () => void run());
  return world;
}

describe('guards', () => {
  // The first world of a process: what is loaded late must not undo a guard.
  it('are up in the very first run', async () => {
    const host = [process.nextTick, process.hrtime, Math.random, setTimeout, Date];
    let inside: unknown[] = [];
    await worldOf(() => {
      inside = [process.nextTick, process.hrtime, Math.random, setTimeout, Date];
    }).run();
    expect(inside).toHaveLength(host.length);
    for (const [index, one] of inside.entries()) expect(one === host[index]).toBe(false);
  });

  it.each(Object.entries(CALLS))('end a run that calls %s', async (called, call) => {
    const before = globals();
    await expect(worldOf(call).run()).rejects.toMatchObject({ name: 'Nondeterminism', called });
    expect(globals()).toEqual(before);
    expect(call).not.toThrow();
  });

  it.each(Object.entries(WAYS))('end a run that calls %s', async (_, call) => {
    await expect(worldOf(call).run()).rejects.toThrow(Nondeterminism);
  });

  it('end a run whose program swallows the error, or calls from a promise', async () => {
    const swallowing = (): void => {
      try {
        Math.random();
      } catch {}
    };
    await expect(worldOf(swallowing).run()).rejects.toThrow(Nondeterminism);
    const later = async (): Promise<void> => {
      await Promise.resolve();
      Math.random();
    };
    await expect(worldOf(() => later().catch(() => {})).run()).rejects.toThrow(/use the random port/);
  });

  it('leave alone what says no time of day and waits for nothing real', async () => {
    const seen: unknown[] = [];
    const world = worldOf(() => {
      const date = new Date(86_400_000);
      seen.push(
        date.toISOString(),
        date instanceof Date,
        Date.UTC(1970, 0, 2),
        Date.parse('1970-01-02'),
        Math.max(1, 2),
      );
    });
    await world.run();
    expect(seen).toEqual(['1970-01-02T00:00:00.000Z', true, 86_400_000, 86_400_000, 2]);
  });

  it('stay up until the last of several worlds at once has come to its end', async () => {
    const before = globals();
    const [short, long] = [new World({ seed: 1 }), new World({ seed: 2 })];
    const log: string[] = [];
    for (let i = 0; i < 5; i++) short.schedule(i, 'a', () => log.push('short'));
    for (let i = 0; i < 50; i++) long.schedule(i, 'a', () => log.push('long'));
    long.schedule(60, 'a', () => Date.now());
    const [one, other] = await Promise.allSettled([short.run(), long.run()]);
    expect([one.status, other.status]).toEqual(['fulfilled', 'rejected']);
    expect(log.filter((name) => name === 'long')).toHaveLength(50);
    expect(globals()).toEqual(before);
  });

  it('give the globals back while the host has its turn', async () => {
    const world = new World({ seed: 1 });
    const tick = (): void => void world.schedule(1, 'tick', tick);
    tick();
    const seen: number[] = [];
    const watching = setInterval(() => seen.push(Date.now()), 1);
    await world.run({ maxEvents: 100_000 });
    clearInterval(watching);
    expect(seen.length).toBeGreaterThan(0);
  });

  it('guard what runs without a world, nested too', async () => {
    const before = globals();
    await expect(guarded(() => Math.random())).rejects.toThrow(Nondeterminism);
    await expect(guarded(() => guarded(() => Date.now()))).rejects.toThrow(Nondeterminism);
    await expect(
      guarded(async () => {
        await guarded(() => 1);
        return Math.random();
      }),
    ).rejects.toThrow(Nondeterminism);
    expect(await guarded(async () => 7)).toBe(7);
    expect(globals()).toEqual(before);
  });

  it('let a network of full replicas run, and catch an application that looks at the clock of the host', async () => {
    const cluster = await Cluster.create({ seed: 1, weights: [1, 1, 1, 1] });
    cluster.start();
    expect(await guarded(() => cluster.reaches(3))).toBe(true);
    const careless = await Cluster.create({
      seed: 1,
      weights: [1, 1, 1, 1],
      log: () => () => void Date.now(),
    });
    careless.start();
    await expect(careless.reaches(3)).rejects.toThrow(/Date\.now\(\) was called inside a simulated world/);
  });
});
