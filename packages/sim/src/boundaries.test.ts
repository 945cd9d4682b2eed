import { describe, expect, it } from 'vitest';
import { Boundaries } from './boundaries.ts';

describe('boundaries', () => {
  it('spring a trap once, at the effect it was set on, counted from where it was set', () => {
    for (const side of ['before', 'after'] as const) {
      const boundaries = new Boundaries();
      const seen: string[] = [];
      const pass = (kind: string, effect: boolean): void => {
        if (!boundaries.begin(kind, effect)) return void seen.push(`died before ${kind}`);
        seen.push(kind);
        if (!boundaries.end(effect)) seen.push(`died after ${kind}`);
      };
      pass('append', true);
      boundaries.arm(2, { counted: 'effects', side, spring: () => seen.push('sprung') });
      pass('sync', true);
      pass('read', false);
      pass('batch', true);
      pass('append', true);
      expect(seen).toEqual(
        side === 'before'
          ? ['append', 'sync', 'read', 'sprung', 'died before batch', 'append']
          : ['append', 'sync', 'read', 'batch', 'sprung', 'died after batch', 'append'],
      );
    }
  });

  it('count reads too when asked to', () => {
    const boundaries = new Boundaries();
    boundaries.arm(2, { counted: 'operations', side: 'before', spring: () => {} });
    expect([boundaries.begin('append', true), boundaries.end(true), boundaries.begin('read', false)]).toEqual([
      true,
      true,
      false,
    ]);
    expect([boundaries.effects, boundaries.operations]).toEqual([1, 2]);
  });

  it('have names, and spring at the effect of one name, counted from where the trap was set', () => {
    for (const side of ['before', 'after'] as const) {
      const boundaries = new Boundaries();
      const seen: string[] = [];
      const pass = (kind: string, what: string): void => {
        seen.push(what);
        if (!boundaries.begin(kind, true, what)) return void seen.push(`died before ${kind} ${what}`);
        if (!boundaries.end(true)) seen.push(`died after ${kind} ${what}`);
      };
      pass('sync', 'gate');
      pass('append', 'gate');
      boundaries.arm(2, { counted: 'effects', side, named: 'sync gate', spring: () => seen.push('sprung') });
      for (const what of ['journal', 'gate', 'journal', 'gate', 'gate']) pass('sync', what);
      const died = ['sprung', `died ${side} sync gate`];
      expect(seen).toEqual(['gate', 'gate', 'journal', 'gate', 'journal', 'gate', ...died, 'gate']);
      expect([...boundaries.names]).toEqual([
        ['sync gate', 4],
        ['append gate', 1],
        ['sync journal', 2],
      ]);
    }
  });

  it('refuse to be counted from 0', () => {
    expect(() => new Boundaries().arm(0, { counted: 'effects', side: 'after', spring: () => {} })).toThrow(RangeError);
  });
});
