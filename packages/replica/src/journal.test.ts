import { sha256 } from '@quorate/crypto';
import { concatBytes, conformance, isQuorateError } from '@quorate/kernel';
import { Incarnation, SimulatedDisk, World } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { Journal, type OpenedJournal } from './journal.ts';
import {
  encodeFrame,
  encodeRecord1,
  encodeSegmentHeader,
  JOURNAL_VERSION,
  type JournalEntry,
  journalBatchCodec,
  readSegment,
  SEGMENT_HEADER_BYTES,
} from './journal-format.ts';

const CHAIN = 'ab'.repeat(32);
const OPTIONS = { chain: CHAIN, folder: 'journal', segmentBytes: 2_000 };
const FIRST = 'journal/0000000001.journal';

const entry = (epoch: number, ...payload: number[]): JournalEntry => ({ epoch, payload: Uint8Array.from(payload) });
const plain = (entries: readonly JournalEntry[]) => entries.map(({ epoch, payload }) => [epoch, ...payload]);

class Home {
  readonly world: World;
  readonly disk: SimulatedDisk;
  life: Incarnation;

  constructor(seed = 1) {
    this.world = new World({ seed });
    this.disk = new SimulatedDisk(this.world, 'home');
    this.life = new Incarnation(this.world, 'home');
  }

  open(options = OPTIONS): Promise<OpenedJournal> {
    return this.world.complete(Journal.open(options, this.disk.port(this.life)));
  }

  do<T>(promise: Promise<T>): Promise<T> {
    return this.world.complete(promise);
  }

  crash({ power = true } = {}): void {
    this.life.end();
    this.disk.crash({ power });
    this.life = new Incarnation(this.world, 'home');
  }

  async code(options = OPTIONS): Promise<string> {
    try {
      await this.open(options);
    } catch (error) {
      return isQuorateError(error) ? error.code : 'not typed';
    }
    return 'opened';
  }
}

/** A home with three batches of one record each, and where each frame begins. */
async function withThree(): Promise<{ home: Home; starts: number[] }> {
  const home = new Home();
  const { journal } = await home.open();
  const starts: number[] = [];
  for (const value of [1, 2, 3]) {
    starts.push(journal.size);
    await home.do(journal.append([entry(0, value)]));
  }
  home.crash();
  return { home, starts };
}

describe('journal', () => {
  it('gives back what was acknowledged, in order, after a power cut', async () => {
    const home = new Home();
    const { journal } = await home.open();
    await home.do(journal.append([entry(0, 1), entry(0, 2)]));
    await home.do(journal.append([entry(1, 3)]));
    home.crash();
    const { restored, cut } = await home.open();
    expect(plain(restored)).toEqual([
      [0, 1],
      [0, 2],
      [1, 3],
    ]);
    expect(cut).toBe(0);
  });

  it('loses a batch that was not acknowledged wholly or not at all', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const home = new Home();
      const { journal } = await home.open();
      await home.do(journal.append([entry(0, 1)]));
      const late = Array.from({ length: 1 + (seed % 50) }, (_, i) => entry(0, 2, i));
      void journal.append(late);
      await home.world.run({ maxEvents: seed % 3 });
      home.crash();
      const { restored } = await home.open();
      expect([1, 1 + late.length]).toContain(restored.length);
    }
  });

  it('cuts a torn tail at every length and appends after it', async () => {
    const { home, starts } = await withThree();
    const whole = home.disk.peek(FIRST) ?? new Uint8Array();
    for (let length = (starts[2] ?? 0) + 1; length < whole.length; length++) {
      home.disk.lose('journal/');
      home.disk.plant(FIRST, whole.subarray(0, length));
      const { journal, restored, cut } = await home.open();
      expect(plain(restored)).toEqual([
        [0, 1],
        [0, 2],
      ]);
      expect(cut).toBe(length - (starts[2] ?? 0));
      await home.do(journal.append([entry(0, 9)]));
      home.crash();
      expect(plain((await home.open()).restored)).toEqual([
        [0, 1],
        [0, 2],
        [0, 9],
      ]);
    }
  });

  it('refuses every flipped bit before the last frame, with advice', async () => {
    const { home, starts } = await withThree();
    const whole = home.disk.peek(FIRST) ?? new Uint8Array();
    for (let at = 0; at < (starts[2] ?? 0); at++) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(() => readSegment(FIRST, CHAIN, damaged)).toThrow(/damaged at byte/);
    }
    home.disk.flip(FIRST, (starts[0] ?? 0) + 14, 3);
    expect(await home.code()).toBe('journal/corrupt');
    await expect(home.open()).rejects.toThrow(/Replace the disk/);
  });

  it('refuses another chain and a newer format', async () => {
    const { home } = await withThree();
    expect(await home.code({ ...OPTIONS, chain: 'cd'.repeat(32) })).toBe('genesis/mismatch');
    home.disk.plant(FIRST, encodeSegmentHeader({ version: JOURNAL_VERSION + 1, chain: CHAIN }));
    expect(await home.code()).toBe('journal/version');
  });

  it('reads version 1 and goes on in the newest version', async () => {
    const home = new Home();
    const old = [
      encodeSegmentHeader({ version: 1, chain: CHAIN }),
      encodeRecord1(entry(4, 7)),
      encodeRecord1(entry(4, 8)),
    ];
    home.disk.plant(FIRST, concatBytes(...old, encodeRecord1(entry(4, 9)).subarray(0, 10)));
    const { journal, restored } = await home.open();
    expect(plain(restored)).toEqual([
      [4, 7],
      [4, 8],
    ]);
    await home.do(journal.append([entry(5, 1)]));
    home.crash();
    expect(home.disk.fileNames()).toEqual(['journal/0000000002.journal']);
    const bytes = home.disk.peek('journal/0000000002.journal') ?? new Uint8Array();
    expect(readSegment('new', CHAIN, bytes).version).toBe(JOURNAL_VERSION);
    expect(plain((await home.open()).restored)).toEqual([
      [4, 7],
      [4, 8],
      [5, 1],
    ]);
  });

  it('refuses a corrupt middle of version 1', async () => {
    const home = new Home();
    const records = [encodeRecord1(entry(4, 7)), encodeRecord1(entry(4, 8))];
    home.disk.plant(FIRST, concatBytes(encodeSegmentHeader({ version: 1, chain: CHAIN }), ...records));
    home.disk.flip(FIRST, SEGMENT_HEADER_BYTES + 16, 0);
    expect(await home.code()).toBe('journal/corrupt');
  });

  it('is replaced by a checkpoint that survives a power cut at every step', async () => {
    for (let events = 0; events < 8; events++) {
      const home = new Home();
      const { journal } = await home.open();
      for (let i = 0; i < 100; i++) await home.do(journal.append([entry(0, i)]));
      expect(journal.full).toBe(true);
      const compacted = journal.compact([entry(0, 99)]);
      void compacted.catch(() => {});
      await home.world.run({ maxEvents: events });
      home.crash();
      const { restored, journal: again } = await home.open();
      expect([1, 100]).toContain(restored.length);
      expect(plain(restored).at(-1)).toEqual([0, 99]);
      expect(home.disk.fileNames()).toHaveLength(1);
      await home.do(again.append([entry(1, 5)]));
      home.crash();
      expect(plain((await home.open()).restored).at(-1)).toEqual([1, 5]);
    }
  });

  it('passes a failed sync on: the owner stops', async () => {
    const home = new Home();
    const { journal } = await home.open();
    home.disk.failingSyncs = 1;
    await expect(home.do(journal.append([entry(0, 1)]))).rejects.toMatchObject({ code: 'disk/failed' });
  });

  it('makes durable what a process before it could not, and keeps it through a power cut', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const home = new Home(seed);
      const { journal } = await home.open();
      await home.do(journal.append([entry(0, 1)]));
      home.disk.failingSyncs = 1;
      await expect(home.do(journal.append([entry(0, 2)]))).rejects.toMatchObject({ code: 'disk/failed' });
      home.crash({ power: false });
      const second = await home.open();
      await home.do(second.journal.append([entry(0, 3)]));
      home.crash();
      const { restored } = await home.open();
      expect(plain(restored)).toEqual([...plain(second.restored), [0, 3]]);
    }
  });

  it('keeps its format', () => {
    expect(conformance(journalBatchCodec, sha256)).toMatchInlineSnapshot(
      `"96603f833b86709ca2e7a6667cac8f76432a4e882e505e98a4bc858ba353bef3"`,
    );
    const frame = encodeFrame([entry(1, 2, 3)]);
    expect(
      Buffer.from(concatBytes(encodeSegmentHeader({ version: 2, chain: CHAIN }), frame)).toString('hex'),
    ).toMatchInlineSnapshot(
      `"5152544a0200abababababababababababababababababababababababababababababababab754e54f9f551420a85f724bb12000000010000000100000000000000020000000203"`,
    );
  });
});
