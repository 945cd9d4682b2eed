import { QuorateError } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import { describe, expect, it } from 'vitest';
import { shrink } from '../trace/shrink.ts';
import { type LightOutcome, runLightSeed } from './seed.ts';
import { lightConfiguration } from './seed-configuration.ts';
import { breaking } from './seed-engines.fixture.ts';

const seeds = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const classes = (outcomes: readonly LightOutcome[]): Set<string> =>
  new Set(
    outcomes
      .flatMap(({ violations, stall }) => [...violations, ...(stall === null ? [] : [`stall: ${stall}`])])
      .map((sentence) => sentence.split(':')[0] ?? ''),
  );

describe('seeds of engines alone', () => {
  it('are clean and make progress while engines are honest', () => {
    const sum = { finalized: 0, restarts: 0, decisions: 0, events: 0 };
    for (const seed of seeds(300)) {
      const { violations, stall, finalized, restarts, decisions, events } = runLightSeed({ seed });
      expect({ seed, violations, stall }).toEqual({ seed, violations: [], stall: null });
      sum.finalized += finalized;
      sum.restarts += restarts;
      sum.decisions += decisions.length;
      sum.events += events;
    }
    expect(sum.finalized).toBeGreaterThan(3_000);
    expect(sum.restarts).toBeGreaterThan(300);
    expect(sum.decisions).toBeGreaterThan(10_000);
    expect(sum.events).toBeGreaterThan(300_000);
  }, 60_000);

  it('stay clean: an epoch that a filler proved over is over after a restart too (seed 108613)', () => {
    expect(runLightSeed({ seed: 108_613, byzantine: null, until: 3_000 })).toMatchObject({
      violations: [],
      stall: null,
    });
    for (const seed of [106_149, 115_101])
      expect(runLightSeed({ seed, byzantine: 'twins' })).toMatchObject({ violations: [], stall: null });
  });

  it('stay clean: a standstill says everything again, whatever came since the last one', () => {
    const families = ['crash', 'loss', 'slow', 'partition'] as const;
    for (const seed of [10, 39, 61])
      expect(runLightSeed({ seed, byzantine: 'silent', families, until: 4_000 })).toMatchObject({
        violations: [],
        stall: null,
      });
  });

  it('differ from each other in everything', () => {
    const drawn = seeds(400).map((seed) => lightConfiguration({ seed }, ['silent', 'equivocate']));
    const values = (of: (one: (typeof drawn)[number]) => unknown): number => new Set(drawn.map(of)).size;
    expect(values(({ weights }) => weights.length)).toBeGreaterThanOrEqual(4);
    expect(values(({ weights }) => weights.join())).toBeGreaterThan(50);
    expect(values(({ byzantine }) => byzantine?.attack)).toBe(4);
    expect(values(({ lastHeight }) => lastHeight)).toBe(8);
    expect(values(({ faults }) => Object.keys(faults).join())).toBe(32);
    expect(drawn.filter(({ disk }) => disk === 0).length).toBeGreaterThan(50);
  });

  it('repeat themselves, drawn or listed', () => {
    for (const seed of seeds(60)) {
      const drawn = runLightSeed({ seed });
      expect(runLightSeed({ seed })).toEqual(drawn);
      expect(runLightSeed({ seed, decisions: drawn.decisions })).toEqual(drawn);
    }
    expect(new Set(seeds(60).map((seed) => runLightSeed({ seed }).hash)).size).toBe(60);
  });

  it('leave out what a list does not name', () => {
    const drawn = runLightSeed({ seed: 4 });
    expect(drawn.decisions.length).toBeGreaterThan(3);
    const none = runLightSeed({ seed: 4, decisions: [] });
    expect([none.decisions, none.restarts, none.violations]).toEqual([[], 0, []]);
    expect(none.hash).not.toBe(drawn.hash);
  });

  it('let themselves be fixed, and refuse what cannot be', () => {
    const fixed = { seed: 3, validators: 7, weights: 'equal', byzantine: 'silent', lastHeight: 5 } as const;
    const configuration = lightConfiguration({ ...fixed, families: ['loss'] }, ['silent']);
    expect(configuration).toMatchObject({
      weights: [1, 1, 1, 1, 1, 1, 1],
      lastHeight: 5,
      byzantine: { attack: 'silent' },
    });
    expect(Object.keys(configuration.faults)).toEqual(['loss']);
    expect(lightConfiguration({ seed: 3, byzantine: null, lastHeight: null }, [])).toMatchObject({
      byzantine: null,
      lastHeight: null,
    });
    expect(() => runLightSeed({ seed: 1, byzantine: 'bribe' })).toThrow(QuorateError);
    expect(() => runLightSeed({ seed: 1, validators: 3 })).toThrow('not 3');
    for (const wrong of [Number.NaN, 1.5, -1, Number.POSITIVE_INFINITY, 1e12]) {
      expect(() => runLightSeed({ seed: 1, until: wrong })).toThrow('until, in ms, is a whole number');
      expect(() => runLightSeed({ seed: wrong })).toThrow('a seed is a whole number');
      if (wrong < 1e12) expect(() => runLightSeed({ seed: 1, lastHeight: wrong })).toThrow('lastHeight');
    }
    expect(() => runLightSeed({ seed: 1, lastHeight: 0 })).toThrow('lastHeight');
    expect(() => runLightSeed({ seed: 1, families: ['fire' as 'crash'] })).toThrow('fire is none of crash');
    const decisions = [{ domain: 'crash', index: 0, choice: { kind: 'explode' } }];
    expect(() => runLightSeed({ seed: 1, families: ['crash'], decisions })).toThrow(QuorateError);
  });

  it('say what happens without changing it', () => {
    const lines: string[] = [];
    const told = runLightSeed({ seed: 5, log: (line) => lines.push(line) });
    expect(told.hash).toBe(runLightSeed({ seed: 5 }).hash);
    expect(lines.join('\n')).toMatch(/votes notarize 1 [\s\S]*finalizes height 1: /);
  });
});

describe('broken engines', () => {
  const run = (mechanism: Parameters<typeof runLightSeed>[1], count: number): LightOutcome[] =>
    seeds(count).map((seed) => runLightSeed({ seed, byzantine: null, brief: true }, mechanism));

  it('are seen: what they forget, sign twice, say after the end, and what they throw', () => {
    expect(classes(run(breaking.forgetful, 40))).toContain('equivocation');
    expect(classes(run(breaking.throwing, 5))).toEqual(new Set(['exception']));
    expect(classes(run(breaking.tireless, 60))).toContain('epochs');
    expect(classes(run(breaking.backwards, 5))).toContain('view entry');
    expect(classes(run(breaking.flooding, 1))).toEqual(new Set(['flood']));
  });

  it('are seen when they no longer make progress, or never learn that the epoch is over', () => {
    const dead = run(breaking.deaf, 3);
    expect(dead.map(({ stall }) => stall)).toEqual(dead.map(() => expect.stringMatching(/height \d+ of \d+$/)));
    const seen = seeds(3).map((seed) => runLightSeed({ seed, lastHeight: 4, byzantine: null }, breaking.unending));
    expect(seen.map(({ stall }) => stall)).toEqual(seen.map(() => expect.stringMatching(/that the epoch is over$/)));
  });

  it('are seen when their blocks are not what blocks must be', () => {
    for (const name of ['early', 'strange', 'naming'] as const) {
      expect(classes(run(breaking[name], 10)), name).toContain('validity');
    }
  });

  it('fail no more without the faults that they need: a failing run is made small', async () => {
    const run = (options: Parameters<typeof runLightSeed>[0]): LightOutcome =>
      runLightSeed({ ...options, brief: true }, breaking.forgetful);
    const failing = seeds(40).find((seed) => run({ seed, byzantine: null }).violations.length > 0) ?? 0;
    const small = await shrink({ options: { seed: failing, byzantine: null } }, { run, now: () => 0 });
    expect(small.failure).toBe('equivocation');
    expect(small.after).toBeLessThan(Math.min(6, small.before));
    expect(run(small.options).violations[0]).toMatch(/^equivocation: /);
    expect(runLightSeed(small.options, simplexMechanism)).toMatchObject({ violations: [], stall: null });
  }, 30_000);
});
