import { describe, expect, it } from 'vitest';
import { digestOfText, sha256, validatorsOf } from '../../../test/simplex/world.ts';
import { LeaderSchedule } from './leader.ts';

const take = (schedule: LeaderSchedule, from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => schedule.at(from + i));

describe('leader(e, v)', () => {
  it('gives everybody views in proportion to weight, spread out', () => {
    const schedule = new LeaderSchedule(validatorsOf([5, 1, 1]), digestOfText('start'), sha256);
    const views = take(schedule, 1, 70);
    expect([0, 1, 2].map((index) => views.filter((leader) => leader === index).length)).toEqual([50, 10, 10]);
    expect(views.slice(0, 7)).toEqual(views.slice(7, 14));
    expect(views.join('')).not.toMatch(/00000/);
  });

  it('is shuffled by the digest of the epoch start, and the same for the same digest', () => {
    const set = validatorsOf(Array.from({ length: 20 }, () => 1));
    const of = (text: string): string => take(new LeaderSchedule(set, digestOfText(text), sha256), 1, 20).join();
    expect(of('a')).toBe(of('a'));
    expect(new Set(['a', 'b', 'c', 'd'].map(of)).size).toBe(4);
    expect(
      of('a')
        .split(',')
        .map(Number)
        .sort((x, y) => x - y),
    ).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('forgets without changing what follows', () => {
    const set = validatorsOf([3, 2, 2]);
    const whole = take(new LeaderSchedule(set, digestOfText('s'), sha256), 1, 30);
    const cut = new LeaderSchedule(set, digestOfText('s'), sha256);
    cut.forget(4);
    cut.at(12);
    cut.forget(9);
    cut.forget(9);
    expect(take(cut, 10, 21)).toEqual(whole.slice(9));
    expect(() => cut.at(9)).toThrow(RangeError);
  });
});
