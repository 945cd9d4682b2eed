import { describe, expect, it } from 'vitest';
import { Draws, digestBytes, Stream } from './random.ts';

describe('random streams', () => {
  it('follow xoshiro128** (first outputs from the state 1, 2, 3, 4)', () => {
    const stream = new Stream([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => stream.u32())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('are the same for the same name and seed, and independent of each other', () => {
    const draw = (seed: number, name: string): number[] => {
      const stream = Stream.named(seed, name);
      return Array.from({ length: 50 }, () => stream.u32());
    };
    expect(draw(1, 'network')).toEqual(draw(1, 'network'));
    const firsts = [draw(1, 'network'), draw(1, 'disk'), draw(2, 'network'), draw(2 ** 40 + 1, 'network')].map(
      ([one]) => one,
    );
    expect(new Set(firsts).size).toBe(4);
  });

  it('are uniform enough below a bound', () => {
    const stream = Stream.named(5, 'uniform');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const draw = stream.below(10);
      counts[draw] = (counts[draw] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(() => stream.below(0)).toThrow(RangeError);
  });

  it('shuffle without loss', () => {
    const items = Array.from({ length: 30 }, (_, i) => i);
    const shuffled = Stream.named(1, 'shuffle').shuffled(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });

  it('digest every byte and the length', () => {
    const base = new Uint8Array(37);
    const seen = new Set([digestBytes(base), digestBytes(new Uint8Array(38))]);
    for (let i = 0; i < base.length; i++) seen.add(digestBytes(base.with(i, 1)));
    expect(seen.size).toBe(39);
  });
});

describe('draws by counter', () => {
  it('are a function of seed, domain and index', () => {
    const draws = new Draws(7, 'link/a>b');
    const first = Array.from({ length: 50 }, () => draws.next());
    const again = new Draws(7, 'link/a>b');
    expect(first.map((_, index) => again.at(49 - index)).reverse()).toEqual(first);
    expect(again.next()).toBe(first[0]);
    for (const other of [new Draws(8, 'link/a>b'), new Draws(7, 'link/a>c'), new Draws(7 + 2 ** 32, 'link/a>b')])
      expect(first.filter((value, index) => other.at(index) === value)).toEqual([]);
  });

  it('spread evenly, alone, beside the next index, and beside the next domain', () => {
    const cells = new Uint32Array(64);
    const [pairs, beside] = [new Uint32Array(64), new Uint32Array(64)];
    const count = 64_000;
    const [one, other] = [new Draws(1, 'link/0>1'), new Draws(1, 'link/0>2')];
    for (let i = 0; i < count; i++) {
      const value = one.at(i);
      expect(value >= 0 && value < 1).toBe(true);
      const [cell, eighth] = [Math.floor(64 * value), Math.floor(8 * value)];
      cells[cell] = (cells[cell] ?? 0) + 1;
      const pair = 8 * eighth + Math.floor(8 * one.at(i + 1));
      pairs[pair] = (pairs[pair] ?? 0) + 1;
      const cross = 8 * eighth + Math.floor(8 * other.at(i));
      beside[cross] = (beside[cross] ?? 0) + 1;
    }
    // 63 degrees of freedom: chi squared above 117 once in 50,000 fair cases.
    for (const table of [cells, pairs, beside]) {
      const chiSquared = table.reduce((sum, seen) => sum + (seen - count / 64) ** 2 / (count / 64), 0);
      expect(chiSquared).toBeLessThan(117);
    }
  });
});
