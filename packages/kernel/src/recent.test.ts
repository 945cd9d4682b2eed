import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recent } from './recent.ts';

describe('Recent', () => {
  it('holds at most its capacity and always the half used last', () => {
    const operation = fc.record({ kind: fc.constantFrom('set', 'get'), key: fc.nat(12) });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.array(operation, { maxLength: 80 }), (capacity, operations) => {
        const recent = new Recent<number, number>({ capacity });
        const order: number[] = []; // by last use, oldest first
        const used = (key: number): void => {
          const at = order.indexOf(key);
          if (at >= 0) order.splice(at, 1);
          order.push(key);
        };
        for (const { kind, key } of operations) {
          if (kind === 'set') {
            recent.set(key, 10 * key);
            used(key);
          } else if (recent.get(key) !== undefined) used(key);
          expect(recent.size).toBeLessThanOrEqual(capacity);
          const sure = order.slice(Math.max(0, order.length - Math.floor(capacity / 2)));
          for (const expected of sure) expect(recent.has(expected)).toBe(true);
        }
        for (const known of order) {
          const value = recent.get(known);
          expect(value === undefined || value === 10 * known).toBe(true);
        }
      }),
    );
  });

  it('forgets what is deleted and everything when cleared', () => {
    const recent = new Recent<string, number>({ capacity: 4 });
    recent.set('a', 1);
    recent.set('b', 2); // the generation is full
    recent.set('c', 3);
    recent.delete('a');
    expect([recent.get('a'), recent.get('b'), recent.get('c')]).toEqual([undefined, 2, 3]);
    recent.clear();
    expect(recent.size).toBe(0);
    expect(recent.get('b')).toBeUndefined();
  });
});
