import { describe, expect, it } from 'vitest';
import { digestBytes, Stream } from './random.ts';

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
