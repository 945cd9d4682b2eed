import { QuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import type { Decision } from '../decisions.ts';
import { weightsFor } from '../swarm/configuration.ts';
import type { Outcome, SeedOptions } from '../swarm/outcome.ts';
import { failureClass, type ShrinkParts, shrink } from './shrink.ts';

const clean: Outcome = {
  seed: 1,
  violations: [],
  stall: null,
  finalized: 40,
  views: 50,
  messages: 1000,
  events: 5000,
  virtualMs: 20_000,
  hash: '0',
  families: [],
  restarts: 1,
  wasted: null,
  decisions: [],
  coverage: {},
};

const drawn: Decision[] = Array.from({ length: 200 }, (_, index) => ({
  domain: index % 10 === 0 ? 'crash' : `link/n${index % 4}>n${(index + 1) % 4}/votes`,
  index,
  choice: index % 10 === 0 ? { kind: 'crash', at: 1234.5 + index, power: true } : { kind: 'delay', ms: 310 + index },
}));

type Rule = (decisions: readonly Decision[], options: SeedOptions) => Partial<Outcome>;

/** A system under test whose failure follows from its decisions by a rule. */
function system(rule: Rule): ShrinkParts & { runs: number } {
  const parts = {
    runs: 0,
    now: () => 1000 * parts.runs,
    run: async (options: SeedOptions): Promise<Outcome> => {
      parts.runs++;
      const decisions = options.decisions ?? drawn;
      return { ...clean, decisions, ...rule(decisions, options) };
    },
  };
  return parts;
}

const has = (decisions: readonly Decision[], ...indices: number[]): boolean =>
  indices.every((index) => decisions.some((decision) => decision.index === index));
const options: SeedOptions = { seed: 1, mechanism: 'simplex' };
/** All of its validators weigh the same. */
const equalSeed = [1, 2, 3, 4, 5, 6, 7, 8].find((seed) => weightsFor({ seed }).every((weight) => weight === 1)) ?? 1;
const bounds = { maxSeconds: 10_000 };

describe('shrinking', () => {
  it('keeps only the decisions without which the run does not fail', async () => {
    const parts = system((decisions) => (has(decisions, 20, 57, 143) ? { violations: ['agreement: two blocks'] } : {}));
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.options.decisions.map(({ index }) => index)).toEqual([20, 57, 143]);
    expect(shrunk).toMatchObject({ failure: 'agreement', before: 200, after: 3, minimal: true });
    expect(shrunk.runs).toBe(parts.runs);
    expect(shrunk.runs).toBeLessThan(120);
  });

  it('finds at once that no fault is needed', async () => {
    const parts = system(() => ({ stall: 'no progress' }));
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.after).toBe(0);
    expect(shrunk.failure).toBe('stall');
  });

  it('does not take another failure for the same one', async () => {
    const parts = system((decisions) =>
      has(decisions, 30) ? { violations: ['durability: lost'] } : { violations: ['agreement: two blocks'] },
    );
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.failure).toBe('durability');
    expect(shrunk.options.decisions.map(({ index }) => index)).toEqual([30]);
  });

  it('makes values smaller or rounder, as long as the run fails', async () => {
    const parts = system((decisions) => {
      const { choice } = decisions.find(({ index }) => index === 57) ?? {};
      return Number(choice?.ms ?? 0) >= 350 && has(decisions, 20) ? { violations: ['agreement: x'] } : {};
    });
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.options.decisions.map(({ choice }) => choice)).toEqual([
      { kind: 'crash', at: 0, power: false },
      { kind: 'delay', ms: 400 },
    ]);
  });

  it('drops what the run never asks for', async () => {
    const sizes: number[] = [];
    const parts = system((decisions) => {
      sizes.push(decisions.length);
      return {
        violations: has(decisions, 20) ? ['agreement: x'] : [],
        decisions: decisions.filter(({ index }) => index < 40),
      };
    });
    const shrunk = await shrink({ options: { ...options, decisions: drawn }, ...bounds }, parts);
    expect(sizes.slice(0, 2)).toEqual([200, 40]);
    expect(Math.max(...sizes.slice(1))).toBe(40);
    expect(shrunk.options.decisions.map(({ index }) => index)).toEqual([20]);
  });

  it('goes on from what the run took, not from what it was given', async () => {
    const later: number[] = [];
    let accepted = false;
    const parts = system((decisions) => {
      if (accepted) later.push(decisions.length);
      const fails = has(decisions, 20, 21);
      accepted ||= fails && decisions.length < 200;
      // A run with fewer decisions asks for the first hundred only.
      const asked = decisions.length === 200 ? decisions : decisions.filter(({ index }) => index < 100);
      return { violations: fails ? ['agreement: x'] : [], decisions: asked };
    });
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(Math.max(...later)).toBeLessThanOrEqual(100);
    expect(shrunk.options.decisions.map(({ index }) => index)).toEqual([20, 21]);
  });

  it('lets no run go on after the first violation', async () => {
    const briefs = new Set<boolean | undefined>();
    const parts = system((decisions, { brief }) => {
      briefs.add(brief);
      return has(decisions, 20) ? { violations: ['agreement: x'] } : {};
    });
    expect((await shrink({ options, ...bounds }, parts)).options.brief).toBeUndefined();
    expect([...briefs]).toEqual([true]);
  });

  it('shortens the run and takes validators away', async () => {
    const parts = system((_, { until = 20_000, validators = 7 }) => ({
      violations: until >= 4_000 && validators >= 5 ? ['agreement: x'] : [],
      virtualMs: Math.min(until, 16_000),
    }));
    const byzantine = { count: 2, strategy: 'equivocate' };
    const shrunk = await shrink({ options: { ...options, validators: 7, byzantine }, ...bounds }, parts);
    expect(shrunk.options).toMatchObject({ until: 4_000, validators: 5, byzantine: { count: 1 } });
  });

  it('takes validators away too when their number was drawn, and finds the least that fail', async () => {
    const tried: (number | undefined)[] = [];
    const parts = system((_, { validators }) => {
      tried.push(validators);
      return { violations: (validators ?? 7) >= 6 ? ['agreement: x'] : [] };
    });
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.options.validators).toBe(6);
    expect(tried.filter((size) => size !== undefined).slice(0, 3)).toEqual([4, 5, 6]);
  });

  it('never makes a third of the weight break the rules', async () => {
    const breakers = [5, 6].map((node, index) => ({ domain: 'byzantine', index, choice: { kind: 'late', node } }));
    const parts = system((decisions, { validators = 7 }) => ({
      // Two breakers of few validators fail always, a breaker of seven that is there for a reason.
      violations: validators === 7 || decisions.length > 0 ? ['agreement: x'] : [],
    }));
    const given = { ...options, seed: equalSeed, validators: 7, decisions: breakers };
    const shrunk = await shrink({ options: given, ...bounds }, parts);
    const { decisions, validators = 7 } = shrunk.options;
    expect(3 * decisions.filter(({ choice }) => Number(choice.node) < validators).length).toBeLessThan(validators);
  });

  it('takes a candidate that its source refuses for one that does not fail', async () => {
    const parts = system((decisions) => {
      if (decisions.some(({ choice }) => choice.ms === 0)) throw new QuorateError('config/invalid', 'no delay');
      return has(decisions, 57) ? { violations: ['agreement: x'] } : {};
    });
    const shrunk = await shrink({ options, ...bounds }, parts);
    expect(shrunk.options.decisions[0]?.choice.ms).toBe(1);
  });

  it('stops at its bounds and says so', async () => {
    const rule: Rule = (decisions) => (has(decisions, 20, 57, 143) ? { violations: ['agreement: x'] } : {});
    const few = await shrink({ options, maxRuns: 10 }, system(rule));
    expect(few).toMatchObject({ minimal: false, runs: 10 });
    const short = await shrink({ options, maxSeconds: 12 }, system(rule));
    expect(short.minimal).toBe(false);
    expect(short.seconds).toBe(12);
    expect(short.after).toBeLessThan(200);
  });

  it('tells of its progress', async () => {
    const lines: string[] = [];
    const parts = {
      ...system((decisions) => ({ violations: has(decisions, 20) ? ['a: x'] : [] })),
      log: (line: string) => lines.push(line),
    };
    await shrink({ options, ...bounds }, parts);
    expect(lines.at(-1)).toMatch(/^1 decisions after \d+ runs and \d+\.\d s$/);
  });

  it('refuses a run that does not fail, and one that fails only while faults are drawn', async () => {
    await expect(
      shrink(
        { options },
        system(() => ({})),
      ),
    ).rejects.toThrow('seed 1 does not fail');
    const leaky = system((_, { decisions }) => ({ violations: decisions === undefined ? ['a: x'] : [] }));
    await expect(shrink({ options }, leaky)).rejects.toThrow('a fault is drawn that is no decision');
  });
});

describe('the class of a failure', () => {
  it('is the name of the checker, or stall', () => {
    expect(failureClass({ violations: ['equal roots: n1 …', 'x: y'], stall: 'late' })).toBe('equal roots');
    expect(failureClass({ violations: [], stall: 'late' })).toBe('stall');
    expect(failureClass({ violations: [], stall: null })).toBeNull();
  });
});
