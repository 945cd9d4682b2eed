import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bisect } from './bisect.ts';

describe('bisect', () => {
  it('finds exactly the culprits, and asks once when there are none', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (good) => {
        let calls = 0;
        const culprits = bisect(
          good.map((_, index) => index),
          (items) => {
            calls++;
            return items.every((index) => good[index]);
          },
        );
        expect(culprits).toEqual(good.flatMap((fine, index) => (fine ? [] : [index])));
        if (culprits.length === 0) expect(calls).toBeLessThanOrEqual(1);
        expect(calls).toBeLessThanOrEqual(1 + 2 * culprits.length * Math.ceil(Math.log2(good.length + 1)));
      }),
    );
  });
});
