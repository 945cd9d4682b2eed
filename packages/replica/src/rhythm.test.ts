import { describe, expect, it } from 'vitest';
import { Rhythm } from './rhythm.ts';

function settled(took: number): Rhythm {
  const rhythm = new Rhythm();
  for (let i = 0; i < 60; i++) {
    rhythm.saw(`block ${i}`, 1000 * i);
    expect(rhythm.finalized(`block ${i}`, 1000 * i + took)).toBe(took);
  }
  return rhythm;
}

describe('the rhythm of blocks', () => {
  it('leaves as much time after the parent as finality takes', () => {
    const rhythm = settled(40);
    rhythm.saw('parent', 100_000);
    rhythm.saw('parent', 100_020); // judged again: the first time counts
    expect(rhythm.gatherUntil('parent')).toBeCloseTo(100_040, 0);
  });

  it('never leaves more than 100 ms, and nothing before it knows better', () => {
    const slow = settled(5000);
    slow.saw('parent', 100_000);
    expect(slow.gatherUntil('parent')).toBe(100_100);
    const fresh = new Rhythm();
    fresh.saw('parent', 100_000);
    expect(fresh.gatherUntil('parent')).toBe(100_000);
  });

  it('does not wait after a parent that it did not see', () => {
    expect(settled(40).gatherUntil('unknown')).toBeLessThan(1000);
    expect(new Rhythm().finalized('unknown', 5)).toBeNull();
  });
});
