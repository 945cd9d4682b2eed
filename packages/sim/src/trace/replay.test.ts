import { beforeAll, describe, expect, it } from 'vitest';
import type { Decision } from '../decisions.ts';
import type { SeedOptions } from '../swarm/outcome.ts';
import { runSeed } from '../swarm/run-seed.ts';
import { traceOf } from './format.ts';
import { type Replay, replay, sightingLines, transcript } from './replay.ts';
import type { SightingKind } from './sighting.ts';

const decisions: Decision[] = [
  { domain: 'crash', index: 0, choice: { kind: 'crash', node: 1, at: 900, down: 400, power: true } },
];
const options: SeedOptions = {
  seed: 4,
  mechanism: 'simplex',
  validators: 4,
  byzantine: null,
  families: ['crash'],
  until: 2_000,
  decisions,
};

describe('a replay', () => {
  let told: Replay;

  beforeAll(async () => {
    told = await replay(options, runSeed);
  });

  it('changes nothing: the hash of the run is the same with and without it', async () => {
    expect((await runSeed(options)).hash).toBe(told.outcome.hash);
  });

  it('is the same for the trace as for the options', async () => {
    const trace = traceOf(options, { decisions, failure: null, code: 'test' });
    expect((await replay(trace, runSeed)).sightings).toEqual(told.sightings);
  });

  it('tells of starts, views, proposals, votes, certificates, finality, the crash and the restart', () => {
    const kinds = new Set<SightingKind>(told.sightings.map(({ kind }) => kind));
    for (const kind of [
      'fault',
      'start',
      'view',
      'proposal',
      'vote',
      'certificate',
      'body',
      'final',
      'crash',
    ] as const) {
      expect(kinds).toContain(kind);
    }
    const lines = transcript(told);
    expect(lines[0]).toContain(`seed 4: ${told.outcome.finalized} heights`);
    expect(lines.some((line) => /^ +90\d\.\d {2}n1 {3}CRASHES, the power is gone$/.test(line))).toBe(true);
    expect(lines.some((line) => /^ +130\d\.\d {2}n1 {3}starts again, life 2$/.test(line))).toBe(true);
    expect(lines.some((line) => /^ +[\d.]+ {2}n\d {3}votes notarize 1 [0-9a-f]{8} → all$/.test(line))).toBe(true);
    expect(lines.some((line) => /FAULT crash#0 crash node=1 at=900/.test(line))).toBe(true);
    expect(lines.some((line) => /n\d {3}enters view 2 of epoch 0, led by /.test(line))).toBe(true);
    expect(lines.some((line) => /n\d {3}shows the Notarization of view 1 of [0-9a-f]{8} → all/.test(line))).toBe(true);
  });

  it('is in order', () => {
    const times = told.sightings.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('has whole lines, or none wider than it is told', () => {
    const whole = transcript(told);
    expect(whole.some((line) => line.endsWith('…'))).toBe(false);
    const narrow = transcript(told, { width: 40 });
    expect(narrow.map((line) => line.length)).toEqual(whole.map((line) => Math.min(40, line.length)));
    expect(narrow.some((line) => line.endsWith('…'))).toBe(true);
  });

  it('shows the last moments only, and some kinds only, when asked', () => {
    const { virtualMs } = told.outcome;
    const lines = transcript(told, { lastMs: 300, without: ['vote', 'certificate'] });
    expect(lines.length).toBeGreaterThan(3);
    expect(lines[1]).toMatch(/^\d+ lines are left out$/);
    for (const line of lines.slice(2)) {
      expect(Number(line.slice(0, 9))).toBeGreaterThanOrEqual(virtualMs - 300);
      expect(line).not.toContain('votes');
    }
  });

  it('ends with the violation, or names the stall', () => {
    const outcome = { ...told.outcome, violations: ['agreement: two blocks'], stall: null };
    const sentence = 'agreement: two blocks';
    const at = 1_000;
    const broken = {
      at,
      node: '',
      kind: 'violation' as const,
      text: `VIOLATION of ${sentence}`,
      to: [],
      fields: { sentence },
    };
    const before = told.sightings.filter((sighting) => sighting.at <= at);
    const after = told.sightings.filter((sighting) => sighting.at > at);
    const lines = transcript({ outcome, sightings: [...before, broken, ...after] }, { lastMs: 200 });
    expect(lines.at(-1)).toBe('   1000.0       VIOLATION of agreement: two blocks');
    expect(Number(lines[2]?.slice(0, 9))).toBeGreaterThanOrEqual(800);
  });

  it('shows the first violations only: the others follow from them', () => {
    const violations = Array.from({ length: 20 }, (_, index) => ({
      at: 1_000 + index,
      node: '',
      kind: 'violation' as const,
      text: `VIOLATION of ${index}`,
      to: [],
      fields: {},
    }));
    const lines = transcript({ ...told, sightings: [...told.sightings, ...violations] });
    expect(lines.filter((line) => line.includes('VIOLATION'))).toHaveLength(8);
  });

  it('exports every sighting as a line of JSON', () => {
    const lines = sightingLines(told).trimEnd().split('\n');
    expect(lines).toHaveLength(told.sightings.length);
    expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(told.sightings)));
  });
});

describe('a replay of a failing run', () => {
  it('tells of what is found only after the run', async () => {
    const outcome = await runSeed(options);
    const failing = { ...outcome, violations: ['durability: lost'], stall: 'no progress' };
    const { sightings } = await replay(options, async () => failing);
    expect(sightings.map(({ text }) => text)).toEqual(['VIOLATION of durability: lost', 'STALL: no progress']);
  });
});
