import { compareBytes, type Disk, type Store, type StoreWrite } from '@quorate/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A fresh, empty disk. */
export interface DiskHarness {
  /** The disk of the running process. */
  disk(): Disk;
  /** Lets the world go on until `promise` settles. */
  complete<T>(promise: Promise<T>): Promise<T>;
  /** Closes what is open and opens the disk anew, as a restarted process finds it. */
  reopen(): Promise<void>;
  /** Ends the process without closing anything, `power` or not, and opens the disk anew; `null` where the harness cannot. */
  readonly crash: ((how: { readonly power: boolean }) => Promise<void>) | null;
  close(): Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const key = (index: number): Uint8Array => Uint8Array.of(index >> 16, (index >> 8) & 0xff, index & 0xff);

function put(k: Uint8Array, value: Uint8Array): StoreWrite {
  return { key: k, value };
}

/** `factory` is called once per test. */
export function describeStore(name: string, factory: () => Promise<DiskHarness>): void {
  describe(`store: ${name}`, () => {
    let harness: DiskHarness;
    let store: Store;

    const open = async (): Promise<void> => {
      store = await harness.complete(harness.disk().openStore('chain'));
    };
    const write = (...batch: StoreWrite[]): Promise<void> => harness.complete(store.write(batch));
    const keys = (options: Parameters<Store['range']>[0]): string[] =>
      [...store.range(options)].map(([k]) => Buffer.from(k).toString('hex'));

    beforeEach(async () => {
      harness = await factory();
      await open();
    });
    afterEach(() => harness.close());

    it('gives back what was written, and undefined for the rest', async () => {
      await write(put(text('a'), text('1')), put(text('b'), new Uint8Array()));
      expect(store.get(text('a'))).toEqual(text('1'));
      expect(store.get(text('b'))).toEqual(new Uint8Array());
      expect(store.get(text('c'))).toBeUndefined();
      expect(store.get(text('aa'))).toBeUndefined();
    });

    it('replaces and removes', async () => {
      await write(put(text('a'), text('1')), put(text('b'), text('2')));
      await write(
        put(text('a'), text('3')),
        { key: text('b'), value: null },
        { key: text('never there'), value: null },
      );
      expect(store.get(text('a'))).toEqual(text('3'));
      expect(store.get(text('b'))).toBeUndefined();
      expect(keys({})).toHaveLength(1);
    });

    it('applies a batch in its order', async () => {
      await write(put(text('a'), text('1')), { key: text('a'), value: null }, put(text('a'), text('2')));
      expect(store.get(text('a'))).toEqual(text('2'));
      await write(put(text('a'), text('3')), { key: text('a'), value: null });
      expect(store.get(text('a'))).toBeUndefined();
    });

    it('applies batches in the order in which they were asked for', async () => {
      const writes = Array.from({ length: 50 }, (_, i) =>
        store.write([put(text('last'), key(i)), put(key(i), key(i))]),
      );
      await harness.complete(Promise.all(writes));
      expect(store.get(text('last'))).toEqual(key(49));
      for (let i = 0; i < 50; i++) expect(store.get(key(i))).toEqual(key(i));
    });

    it('resolves an empty batch', async () => {
      await write();
      expect(keys({})).toEqual([]);
    });

    it('orders keys as byte strings', async () => {
      const samples = [
        Uint8Array.of(0),
        Uint8Array.of(0, 0),
        Uint8Array.of(0, 255),
        Uint8Array.of(1),
        Uint8Array.of(127, 255),
        Uint8Array.of(128),
        Uint8Array.of(255),
        Uint8Array.of(255, 0),
        new Uint8Array(511).fill(255),
      ];
      await write(...[...samples].reverse().map((sample) => put(sample, sample)));
      const found = [...store.range({})];
      expect(found.map(([k]) => [...k])).toEqual(samples.map((sample) => [...sample]));
      for (const [k, value] of found) expect(compareBytes(k, value)).toBe(0);
    });

    it('ranges from inclusive to exclusive, in both directions, with a limit', async () => {
      await write(...Array.from({ length: 1000 }, (_, i) => put(key(2 * i), key(i))));
      const hex = (...indices: number[]): string[] => indices.map((i) => Buffer.from(key(i)).toString('hex'));
      expect(keys({ from: key(10), to: key(16) })).toEqual(hex(10, 12, 14));
      expect(keys({ from: key(9), to: key(15) })).toEqual(hex(10, 12, 14));
      expect(keys({ from: key(10), to: key(16), reverse: true })).toEqual(hex(14, 12, 10));
      expect(keys({ from: key(9), to: key(15), reverse: true })).toEqual(hex(14, 12, 10));
      expect(keys({ from: key(10), to: key(10) })).toEqual([]);
      expect(keys({ from: key(16), to: key(10) })).toEqual([]);
      expect(keys({ from: key(16), to: key(10), reverse: true })).toEqual([]);
      expect(keys({ limit: 2 })).toEqual(hex(0, 2));
      expect(keys({ limit: 0 })).toEqual([]);
      expect(keys({ limit: 2, reverse: true })).toEqual(hex(1998, 1996));
      expect(keys({ from: key(1000), limit: 3 })).toEqual(hex(1000, 1002, 1004));
      expect(keys({ to: key(1000), limit: 3, reverse: true })).toEqual(hex(998, 996, 994));
      expect(keys({ from: key(1000), limit: 2, reverse: true })).toEqual(hex(1998, 1996));
      expect(keys({ from: key(1998) })).toEqual(hex(1998));
      expect(keys({ from: key(1999) })).toEqual([]);
      expect(keys({ to: key(0) })).toEqual([]);
      expect(keys({ to: key(1), reverse: true })).toEqual(hex(0));
      expect(keys({})).toHaveLength(1000);
      expect(keys({ reverse: true })).toEqual(keys({}).reverse());
    });

    it('agrees with a plain model under random writes and removals', async () => {
      let state = 12345;
      const next = (bound: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
        return (state >> 8) % bound;
      };
      const model = new Map<string, string>();
      for (let round = 0; round < 40; round++) {
        const batch = Array.from({ length: 1 + next(60) }, (): StoreWrite => {
          const k = key(next(700));
          return next(3) === 0 ? { key: k, value: null } : put(k, key(next(1 << 20)));
        });
        for (const { key: k, value } of batch) {
          if (value === null) model.delete(Buffer.from(k).toString('hex'));
          else model.set(Buffer.from(k).toString('hex'), Buffer.from(value).toString('hex'));
        }
        await write(...batch);
      }
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      const dump = (): string[][] =>
        [...store.range({})].map(([k, value]) => [Buffer.from(k).toString('hex'), Buffer.from(value).toString('hex')]);
      expect(dump()).toEqual(expected);
      await harness.reopen();
      await open();
      expect(dump()).toEqual(expected);
    });

    it('keeps large values and long keys', async () => {
      const value = new Uint8Array(4 << 20).map((_, i) => i * 31);
      const long = new Uint8Array(511).fill(3);
      await write(put(long, value));
      expect(Buffer.compare(store.get(long) ?? new Uint8Array(), value)).toBe(0);
    });

    it('refuses keys that are empty or too long, and writes nothing of that batch', async () => {
      for (const bad of [new Uint8Array(), new Uint8Array(512)]) {
        await expect(write(put(text('good'), text('1')), put(bad, text('2')))).rejects.toThrow();
        expect(store.get(text('good'))).toBeUndefined();
      }
    });

    it('gives and takes bytes for keeps', async () => {
      const value = text('value');
      const k = text('key');
      const pending = store.write([put(k, value)]);
      value.fill(0);
      k.fill(0);
      await harness.complete(pending);
      const first = store.get(text('key'));
      expect(first).toEqual(text('value'));
      first?.fill(1);
      for (const [rangeKey, rangeValue] of store.range({})) {
        rangeKey.fill(2);
        rangeValue.fill(2);
      }
      expect(store.get(text('key'))).toEqual(text('value'));
    });

    it('keeps stores of different names apart', async () => {
      const other = await harness.complete(harness.disk().openStore('state'));
      await write(put(text('a'), text('1')));
      expect(other.get(text('a'))).toBeUndefined();
      await harness.complete(other.write([put(text('a'), text('2'))]));
      expect(store.get(text('a'))).toEqual(text('1'));
      await harness.complete(other.close());
    });

    it('survives a reopening', async () => {
      await write(...Array.from({ length: 300 }, (_, i) => put(key(i), key(i + 1))));
      await harness.reopen();
      await open();
      expect(keys({})).toHaveLength(300);
      expect(store.get(key(7))).toEqual(key(8));
    });

    it('keeps every resolved batch through a crash, and all or nothing of one under way', async (context) => {
      const { crash } = harness;
      if (crash === null) return context.skip('this harness cannot crash');
      for (let round = 0; round < 12; round++) {
        const batch = (value: number): StoreWrite[] => [
          ...Array.from({ length: 20 }, (_, i) => put(key(i), key(value))),
          put(key(1000 + (value % 10)), key(value)),
        ];
        await write(...batch(10 * round));
        const underWay = [1, 2, 3].map((step) => store.write(batch(10 * round + step)));
        for (const lost of underWay) lost.catch(() => {});
        await crash({ power: round % 2 === 0 });
        await open();
        const numberAt = (at: number): number => Buffer.from(store.get(key(at)) ?? key(0)).readUIntBE(0, 3);
        const values = new Set(
          [...store.range({ to: key(1000) })].map(([, entry]) => Buffer.from(entry).readUIntBE(0, 3)),
        );
        expect(values.size).toBe(1);
        const [value = -1] = values;
        expect(value).toBeGreaterThanOrEqual(10 * round);
        expect(value).toBeLessThanOrEqual(10 * round + 3);
        // What happened is a prefix of what was asked for: none without those before it.
        for (const step of [1, 2, 3])
          expect(numberAt(1000 + step) === 10 * round + step).toBe(10 * round + step <= value);
      }
    });
  });
}
