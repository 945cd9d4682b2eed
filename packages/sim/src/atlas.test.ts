import { QuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Atlas } from './atlas.ts';
import { failureIsHonest, remedyFor } from './honest-ends.ts';

const weights = (...list: number[]): Map<string, number> => new Map(list.map((weight, index) => [`n${index}`, weight]));

describe('the atlas of damage', () => {
  it.each([
    [[1, 1, 1], 0],
    [[1, 1, 1, 1], 1],
    [[1, 1, 1, 1, 1, 1], 1],
    [[1, 1, 1, 1, 1, 1, 1], 2],
    [[1], 0],
    [[10, 1, 1, 1], 4],
  ])('of weights %j lets a weight of %i be damaged', (list, budget) => {
    expect(new Atlas({ weights: weights(...list) }).budget).toBe(budget);
  });

  it('refuses a second machine while the first is damaged, and lets it once that one is mended', () => {
    const atlas = new Atlas({ weights: weights(1, 1, 1, 1) });
    const done: string[] = [];
    const hurt = (name: string): boolean =>
      atlas.damage(name, { place: 'journal/', kind: 'lose' }, () => done.push(name));
    expect([hurt('n1'), hurt('n1'), hurt('n2'), hurt('observer')]).toEqual([true, true, false, true]);
    expect(atlas.damaged).toEqual(['n1', 'observer']);
    atlas.mended('n1');
    expect([hurt('n2'), atlas.damagesOf('n1').length, atlas.exceeded]).toEqual([true, 0, false]);
    expect(done).toEqual(['n1', 'n1', 'observer', 'n2']);
  });

  it('counts by weight, and keeps the account of what happened against it', () => {
    const atlas = new Atlas({ weights: weights(5, 2, 2, 2) });
    const guard = atlas.guard('n0');
    expect([atlas.budget, guard.permits('journal/1'), atlas.guard('n1').permits('blocks')]).toEqual([3, false, true]);
    guard.damaged('journal/1', 'flip');
    expect([atlas.exceeded, atlas.spent]).toEqual([true, 5]);
    expect(new Atlas({ weights: weights(5, 2, 2, 2), overFault: true }).permits('n0')).toBe(true);
  });

  it('follows the validator set', () => {
    const atlas = new Atlas({ weights: weights(1, 1, 1, 1) });
    atlas.record('n0', { place: '', kind: 'lose' });
    atlas.setWeights(weights(0, 1, 1, 1, 1));
    expect([atlas.spent, atlas.permits('n1')]).toEqual([0, true]);
  });
});

describe('honest ends', () => {
  const error = (code: ConstructorParameters<typeof QuorateError>[0]): QuorateError => new QuorateError(code, 'it');
  it.each([
    ['journal/corrupt', 'journal/0000000001.journal', 'flip', true],
    ['journal/corrupt', 'blocks', 'flip', false],
    ['store/corrupt', 'blocks', 'flip', true],
    ['store/corrupt', '', 'lose', true],
    ['gate/missing', '', 'lose', true],
    ['disk/failed', 'journal/1', 'fail', true],
    ['disk/failed', 'journal/1', 'flip', false],
    ['application/diverged', 'application', 'stale', true],
    ['application/diverged', 'blocks', 'flip', false],
    ['consensus/fork', '', 'lose', false],
    ['replica/failed', '', 'lose', false],
  ] as const)('%s after damage to "%s" by %s: %s', (code, place, kind, honest) => {
    expect(failureIsHonest(error(code), [{ place, kind }])).toBe(honest);
  });

  it('are typed, and need damage', () => {
    expect(failureIsHonest(new TypeError('undefined'), [{ place: '', kind: 'lose' }])).toBe(false);
    expect(failureIsHonest(error('disk/failed'), [])).toBe(false);
  });

  it('have a remedy in the manual, or none', () => {
    expect(remedyFor(error('journal/corrupt'))).toEqual(['journal/']);
    expect(remedyFor(error('disk/failed'))).toEqual([]);
    expect(remedyFor(error('consensus/fork'))).toBeNull();
  });
});
