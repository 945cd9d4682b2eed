import type { Disk, DiskFile } from '@quorate/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskHarness } from './store.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const same = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && Buffer.compare(a, b) === 0;

function patterned(length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((Math.imul(i + salt, 0x9e37_79b1) >>> 24) & 0xff) | 1;
  return bytes;
}

/** `factory` is called once per test. */
export function describeDisk(name: string, factory: () => Promise<DiskHarness>): void {
  describe(`disk: ${name}`, () => {
    let harness: DiskHarness;
    const disk = (): Disk => harness.disk();
    const done = <T>(promise: Promise<T>): Promise<T> => harness.complete(promise);
    const open = (file = 'journal/1'): Promise<DiskFile> => done(disk().openFile(file));
    const contents = (file = 'journal/1'): Promise<Uint8Array | null> => done(disk().readFile(file));

    beforeEach(async () => {
      harness = await factory();
    });
    afterEach(() => harness.close());

    it('creates an empty file and appends parts in order', async () => {
      const file = await open();
      expect(file.size()).toBe(0);
      await done(file.append([text('one'), new Uint8Array(), text('two')]));
      await done(file.append([text('three')]));
      expect(file.size()).toBe(11);
      expect(await done(file.read(0, 11))).toEqual(text('onetwothree'));
      expect(await done(file.read(3, 3))).toEqual(text('two'));
      expect(await done(file.read(11, 0))).toEqual(new Uint8Array());
      await done(file.sync());
      await done(file.close());
    });

    it('orders appends that were asked for without waiting', async () => {
      const file = await open();
      await done(Promise.all(Array.from({ length: 100 }, (_, i) => file.append([Uint8Array.of(i), Uint8Array.of(i)]))));
      await done(file.sync());
      expect(await done(file.read(0, 200))).toEqual(Uint8Array.from({ length: 200 }, (_, i) => i >> 1));
    });

    it('takes a copy of what is appended', async () => {
      const file = await open();
      const part = text('mine');
      const pending = file.append([part]);
      part.fill(0);
      await done(pending);
      expect(await done(file.read(0, 4))).toEqual(text('mine'));
    });

    it('refuses to read past the end', async () => {
      const file = await open();
      await done(file.append([text('abc')]));
      await expect(done(file.read(0, 4))).rejects.toMatchObject({ code: 'disk/corrupt' });
      await expect(done(file.read(3, 1))).rejects.toMatchObject({ code: 'disk/corrupt' });
    });

    it('goes on at the end after reopening', async () => {
      const file = await open();
      await done(file.append([text('before ')]));
      await done(file.sync());
      await harness.reopen();
      const again = await open();
      expect(again.size()).toBe(7);
      await done(again.append([text('after')]));
      await done(again.sync());
      expect(await contents()).toEqual(text('before after'));
    });

    it('truncates, and appends where it cut', async () => {
      const file = await open();
      await done(file.append([text('keep this, not that')]));
      await done(file.sync());
      await done(file.truncate(9));
      expect(file.size()).toBe(9);
      await done(file.append([text('!')]));
      await done(file.sync());
      await harness.reopen();
      expect(await contents()).toEqual(text('keep this!'));
    });

    it('lists files by prefix in order, and removes them', async () => {
      for (const file of ['journal/3', 'journal/1', 'journal/20', 'gate/state'])
        await done(disk().replaceFile(file, text(file)));
      expect(await done(disk().listFiles('journal/'))).toEqual(['journal/1', 'journal/20', 'journal/3']);
      expect(await done(disk().listFiles('nothing/'))).toEqual([]);
      await done(disk().removeFile('journal/20'));
      expect(await done(disk().listFiles('journal/'))).toEqual(['journal/1', 'journal/3']);
      expect(await contents('journal/20')).toBeNull();
      await harness.reopen();
      expect(await done(disk().listFiles('journal/'))).toEqual(['journal/1', 'journal/3']);
      expect(await contents('gate/state')).toEqual(text('gate/state'));
    });

    it('replaces a file as a whole', async () => {
      expect(await contents('state')).toBeNull();
      const large = patterned(300_000, 1);
      await done(disk().replaceFile('state', large));
      expect(same(await contents('state'), large)).toBe(true);
      await done(disk().replaceFile('state', text('small')));
      expect(await contents('state')).toEqual(text('small'));
      await done(disk().replaceFile('state', new Uint8Array()));
      expect(await contents('state')).toEqual(new Uint8Array());
    });

    it('accounts for what it holds', async () => {
      const before = await done(disk().usage());
      const file = await open();
      await done(file.append([new Uint8Array(1 << 20)]));
      await done(file.sync());
      const after = await done(disk().usage());
      expect(after.used - before.used).toBeGreaterThanOrEqual(1 << 20);
      expect(after.free).toBeGreaterThanOrEqual(0);
    });

    it('loses nothing that was synced when the process dies, and invents nothing after it', async (context) => {
      const { crash } = harness;
      if (crash === null) return context.skip('this harness cannot crash');
      for (let round = 0; round < 24; round++) {
        const file = await open(`journal/${round}`);
        const synced = patterned(1 + ((round * 2777) % 20_000), round);
        await done(file.append([synced]));
        await done(file.sync());
        const loose = patterned(1 + ((round * 977) % 13_000), 99 + round);
        await done(file.append([loose]));
        file.sync().catch(() => {});
        await crash({ power: round % 4 !== 0 });
        const found = (await contents(`journal/${round}`)) ?? new Uint8Array();
        expect(found.length).toBeGreaterThanOrEqual(synced.length);
        expect(found.length).toBeLessThanOrEqual(synced.length + loose.length);
        expect(same(found.subarray(0, synced.length), synced)).toBe(true);
        found.subarray(synced.length).forEach((byte, index) => {
          if (byte !== 0 && byte !== loose[index]) throw new Error(`byte ${index} of the tail was never written`);
        });
      }
    });

    it('holds the old file or the new one after a crash in the middle of a replacement', async (context) => {
      const { crash } = harness;
      if (crash === null) return context.skip('this harness cannot crash');
      let current = patterned(9000, 0);
      await done(disk().replaceFile('state', current));
      for (let round = 1; round <= 12; round++) {
        const next = patterned(9000 + round, round);
        disk()
          .replaceFile('state', next)
          .catch(() => {});
        await crash({ power: true });
        const found = await contents('state');
        expect(same(found, current) || same(found, next)).toBe(true);
        current = found ?? current;
      }
    });
  });
}
