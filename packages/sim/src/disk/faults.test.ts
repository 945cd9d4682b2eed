import { type Disk, isQuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Atlas } from '../atlas.ts';
import { type Decision, Decisions } from '../decisions.ts';
import { SimulatedDisk } from '../disk.ts';
import { Incarnation } from '../incarnation.ts';
import { World } from '../world.ts';
import type { DiskOptions } from './options.ts';

function fixture(options: DiskOptions, { seed = 1, decisions = Decisions.drawn() } = {}) {
  const world = new World({ seed, decisions });
  const platter = new SimulatedDisk(world, 'n', options);
  let life = new Incarnation(world, 'n');
  return {
    world,
    platter,
    port: (): Disk => platter.port(life),
    done: <T>(promise: Promise<T>): Promise<T> => world.complete(promise),
    crash: (): void => {
      life.end();
      platter.crash({ power: true });
      life = new Incarnation(world, 'n');
    },
  };
}

const only = (index: number, choice: Decision['choice'], domain = 'disk/n'): Decisions =>
  Decisions.listed([{ domain, index, choice }]);
const pattern = (length: number, salt: number): Uint8Array =>
  new Uint8Array(length).map((_, at) => (at * 7 + salt) & 0xff);

describe('a disk with faults', () => {
  it('does the same for the same seed, and what its decisions say when they are listed', async () => {
    const work = async (
      decisions: Decisions,
    ): Promise<{ trace: string[]; hash: string; taken: readonly Decision[] }> => {
      const { world, platter, port, done, crash } = fixture(
        {
          faults: {
            failed: 0.1,
            full: 0.05,
            stall: 0.2,
            flip: 0.05,
            misdirectedWrite: 0.1,
            misdirectedRead: 0.1,
            stale: 0.2,
          },
        },
        { seed: 5, decisions },
      );
      const trace: string[] = [];
      const attempt = async (what: () => Promise<unknown>): Promise<void> => {
        try {
          const value = await done(what());
          if (value instanceof Uint8Array) trace.push(Buffer.from(value).toString('hex'));
        } catch (error) {
          trace.push(isQuorateError(error) ? error.code : String(error));
        }
      };
      for (let round = 0; round < 6; round++) {
        const disk = port();
        const file = await done(disk.openFile('journal/1'));
        const store = await done(disk.openStore('blocks'));
        for (let i = 0; i < 8; i++) {
          await attempt(() => file.append([pattern(700, i)]));
          await attempt(() => file.sync());
          await attempt(() => disk.replaceFile('state', pattern(900, i + round)));
          await attempt(() => store.write([{ key: Uint8Array.of(i % 3), value: pattern(40, i) }]));
          await attempt(() => disk.readFile('state'));
          await attempt(() => disk.readFile('journal/1'));
          await attempt(async () => store.get(Uint8Array.of(i % 3)));
        }
        crash();
      }
      trace.push(platter.fileNames().join());
      return { trace, hash: world.hash, taken: decisions.taken };
    };
    const drawn = await work(Decisions.drawn());
    expect(new Set(drawn.taken.map(({ choice }) => choice.kind))).toEqual(
      new Set(['fail', 'full', 'stall', 'flip', 'misdirect', 'stale', 'cut']),
    );
    expect(await work(Decisions.drawn())).toEqual(drawn);
    expect(await work(Decisions.listed(drawn.taken))).toEqual(drawn);
    const fewer = await work(Decisions.listed(drawn.taken.slice(0, -5)));
    expect(fewer.taken.length).toBeLessThan(drawn.taken.length);
    expect((await work(Decisions.listed([]))).taken).toEqual([]);
  });

  it('loses nothing at a crash for which no decision was taken', async () => {
    const { platter, port, done, crash } = fixture({}, { decisions: Decisions.listed([]) });
    const file = await done(port().openFile('f'));
    await done(file.append([pattern(9000, 1)]));
    void file.append([pattern(10, 2)]);
    crash();
    expect(platter.peek('f')?.length).toBe(9010);
  });

  it('does nothing to an observer, and does not count what one reads', async () => {
    const decisions = only(3, { kind: 'stale' });
    const { platter, port, done } = fixture({}, { decisions });
    const store = await done(port().openStore('s'));
    const key = Uint8Array.of(7);
    for (const value of [4, 5]) await done(store.write([{ key, value: Uint8Array.of(value) }]));
    for (let times = 0; times < 5; times++) expect(platter.aside(() => store.get(key))).toEqual(Uint8Array.of(5));
    const throws = (): never => {
      throw new Error('it asks for what is not there');
    };
    expect(() => platter.aside(throws)).toThrow();
    expect([store.get(key), store.get(key)]).toEqual([Uint8Array.of(4), Uint8Array.of(5)]);
  });

  it('inverts a bit of a file or of a value', async () => {
    const flipped = fixture({}, { decisions: only(1, { kind: 'flip', place: 'f', offset: 3, bit: 1 }) });
    flipped.platter.plant('f', pattern(8, 0));
    await flipped.done(flipped.port().readFile('other'));
    const bytes = (await flipped.done(flipped.port().readFile('f'))) ?? new Uint8Array();
    expect(bytes[3]).toBe(21 ^ 2);

    const value = fixture({}, { decisions: only(2, { kind: 'flip', place: 's', key: '07', offset: 0, bit: 0 }) });
    const store = await value.done(value.port().openStore('s'));
    await value.done(store.write([{ key: Uint8Array.of(7), value: Uint8Array.of(4) }]));
    expect(store.get(Uint8Array.of(7))).toEqual(Uint8Array.of(5));
  });

  it.each([
    [{ kind: 'flip', place: 'blocks', key: '07', offset: 0, bit: 0 }, ['blocks flip']],
    [{ kind: 'misdirect', place: 'blocks', offset: 0, into: 0 }, ['f misdirect']],
    [{ kind: 'stale' }, ['f stale']],
  ])('tells the guard which place a fault of a read hurt: %j', async (choice, expected) => {
    const { platter, port, done } = fixture({}, { decisions: only(0, choice) });
    platter.plant('f', pattern(8, 0));
    const told: string[] = [];
    platter.guard = { permits: () => true, damaged: (place, kind) => told.push(`${place} ${kind}`) };
    await done(port().readFile('f'));
    expect(told).toEqual(expected);
  });

  it('tells the guard of both places that a write gone astray hurt', async () => {
    const choice = { kind: 'misdirect', place: 'victim', offset: 0, into: 0 };
    const { platter, port, done } = fixture({}, { decisions: only(1, choice) });
    platter.plant('victim', pattern(8, 0));
    const told: string[] = [];
    platter.guard = { permits: () => true, damaged: (place) => told.push(place) };
    const file = await done(port().openFile('f'));
    await done(file.append([pattern(4, 0)]));
    expect(told).toEqual(['victim', 'f']);
  });

  it('lets a write go astray: zeros where it belongs, and the bytes elsewhere', async () => {
    const decisions = only(1, { kind: 'misdirect', place: 'victim', offset: 4096, into: 0 });
    const { platter, port, done } = fixture({}, { decisions });
    platter.plant('victim', pattern(6000, 3));
    const file = await done(port().openFile('f'));
    await done(file.append([pattern(50, 9)]));
    expect(platter.peek('f')).toEqual(new Uint8Array(50));
    const victim = platter.peek('victim') ?? new Uint8Array();
    expect(victim.subarray(4096, 4146)).toEqual(pattern(50, 9));
    expect(victim.subarray(0, 4096)).toEqual(pattern(6000, 3).subarray(0, 4096));
    expect(victim.length).toBe(6000);
  });

  it('reads a sector of elsewhere, once', async () => {
    const decisions = only(0, { kind: 'misdirect', place: 'other', offset: 0, into: 1 });
    const { platter, port, done } = fixture({}, { decisions });
    platter.plant('f', pattern(10_000, 1));
    platter.plant('other', pattern(100, 2));
    const wrong = (await done(port().readFile('f'))) ?? new Uint8Array();
    expect(wrong.subarray(4096, 4196)).toEqual(pattern(100, 2));
    expect(wrong.subarray(0, 4096)).toEqual(pattern(10_000, 1).subarray(0, 4096));
    expect(await done(port().readFile('f'))).toEqual(pattern(10_000, 1));
  });

  it('gives an older file, and an older value of a key, once', async () => {
    const file = fixture({}, { decisions: only(2, { kind: 'stale' }) });
    await file.done(file.port().replaceFile('f', pattern(5, 1)));
    await file.done(file.port().replaceFile('f', pattern(6, 2)));
    expect(await file.done(file.port().readFile('f'))).toEqual(pattern(5, 1));
    expect(await file.done(file.port().readFile('f'))).toEqual(pattern(6, 2));

    const value = fixture({}, { decisions: only(3, { kind: 'stale' }) });
    const store = await value.done(value.port().openStore('s'));
    for (const byte of [1, 2]) await value.done(store.write([{ key: Uint8Array.of(7), value: Uint8Array.of(byte) }]));
    expect([store.get(Uint8Array.of(7)), store.get(Uint8Array.of(7))]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  it('stalls, and everything behind waits too', async () => {
    const { world, platter, port, done } = fixture({}, { decisions: only(0, { kind: 'stall', ms: 500 }) });
    void port().listFiles('');
    await done(port().listFiles(''));
    expect(world.elapsed).toBeGreaterThan(500);
    platter.stall(300);
    await done(port().listFiles(''));
    expect(world.elapsed).toBeGreaterThan(800);
  });

  it('refuses a choice of a list that no disk knows, and passes over one of another operation', async () => {
    const unknown = fixture({}, { decisions: only(0, { kind: 'melt' }) });
    expect(() => unknown.port().listFiles('')).toThrow('no fault "melt"');
    const other = fixture({}, { decisions: only(0, { kind: 'fail' }) });
    expect(await other.done(other.port().listFiles(''))).toEqual([]);
    const gone = fixture({}, { decisions: only(0, { kind: 'flip', place: 'gone', offset: 3, bit: 0 }) });
    expect(await gone.done(gone.port().listFiles(''))).toEqual([]);
  });

  it('damages nothing that its guard or its options spare, and tells the guard of the rest', async () => {
    const run = async (spare: readonly string[], hurt: readonly string[]): Promise<string[]> => {
      const { platter, port, done } = fixture({ faults: { flip: 1, spare } });
      const atlas = new Atlas({ weights: new Map(['n', 'a', 'b', 'c'].map((name) => [name, 1])) });
      for (const name of hurt) atlas.record(name, { place: '', kind: 'lose' });
      platter.guard = atlas.guard('n');
      platter.plant('gate/log', pattern(50, 0));
      platter.plant('journal/1', pattern(50, 0));
      for (let i = 0; i < 40; i++) await done(port().listFiles(''));
      expect(platter.peek('gate/log')).toEqual(pattern(50, 0));
      return [...new Set(atlas.damagesOf('n').map(({ place, kind }) => `${kind} ${place}`))];
    };
    expect(await run(['gate/'], [])).toEqual(['flip journal/1']);
    expect(await run(['gate/', 'journal/'], [])).toEqual([]);
    expect(await run([], ['a'])).toEqual([]);
  });

  it('that dropped what a failed sync left behind shows zeros there after the next power cut', async () => {
    const { platter, port, done, crash } = fixture({ tears: ['keep'] });
    const file = await done(port().openFile('f'));
    await done(file.append([pattern(10, 1)]));
    await done(file.sync());
    await done(file.append([pattern(20, 1)]));
    platter.failingSyncs = 1;
    await expect(done(file.sync())).rejects.toMatchObject({ code: 'disk/failed' });
    await done(file.append([pattern(5, 9)]));
    await done(file.sync());
    expect(platter.peek('f')?.subarray(10, 30)).toEqual(pattern(20, 1));
    crash();
    const after = platter.peek('f') ?? new Uint8Array();
    expect(after.subarray(10, 30)).toEqual(new Uint8Array(20));
    expect(after.subarray(30)).toEqual(pattern(5, 9));
  });

  it('takes longer by its jitter', async () => {
    const { world, port, done } = fixture({ latency: { read: 10 }, jitter: 0.5 });
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const before = world.elapsed;
      await done(port().listFiles(''));
      times.push(world.elapsed - before);
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(9.999);
    expect(Math.max(...times)).toBeLessThan(15.001);
    expect(new Set(times).size).toBeGreaterThan(10);
  });

  it('takes back a backup, as a whole or in part', async () => {
    const { platter, port, done } = fixture({});
    const store = await done(port().openStore('blocks'));
    await done(store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(1) }]));
    platter.plant('gate/log', pattern(4, 1));
    const backup = platter.backup();
    await done(store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(2) }]));
    platter.plant('gate/log', pattern(5, 2));
    platter.plant('journal/1', pattern(5, 2));
    platter.restore(backup, 'gate/');
    expect([platter.peek('gate/log'), platter.fileNames().length]).toEqual([pattern(4, 1), 2]);
    platter.restore(backup);
    const again = await done(port().openStore('blocks'));
    expect([again.get(Uint8Array.of(1)), platter.fileNames()]).toEqual([Uint8Array.of(1), ['gate/log']]);
  });
});
