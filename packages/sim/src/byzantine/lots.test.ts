import { describe, expect, it } from 'vitest';
import { Lots } from './lots.ts';

function drawn(lots: Lots, what: string): number[] {
  lots.about(what);
  return [lots.u32(), lots.below(1000), lots.fraction()];
}

describe('the draws of a breaker of the rules', () => {
  it('depend on what they are about and on nothing drawn before', () => {
    const full = new Lots(1, 'byzantine/n1/0');
    const [first, , third] = [drawn(full, 'vote 3'), drawn(full, 'tip'), drawn(full, 'vote 4')];
    const sparse = new Lots(1, 'byzantine/n1/0');
    expect(drawn(sparse, 'vote 4')).toEqual(third);
    expect(drawn(sparse, 'vote 3')).toEqual(first);
  });

  it('are other ones the second time, for another breaker, and under another seed', () => {
    const lots = new Lots(1, 'byzantine/n1/0');
    const all = [drawn(lots, 'tip'), drawn(lots, 'tip'), drawn(new Lots(1, 'byzantine/n2/0'), 'tip')];
    all.push(drawn(new Lots(2, 'byzantine/n1/0'), 'tip'));
    expect(new Set(all.map((one) => one.join())).size).toBe(4);
  });
});
