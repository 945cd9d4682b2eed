import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import type * as Accepting from '../../../simplex/src/accept.ts';
import { replayTrace, type SpecificationBounds, type TraceStep } from './specification.ts';

const specs = fileURLToPath(new URL('../../../../specs/', import.meta.url));
const bounds = { validators: 4, views: 3, heights: 2 };
const modules: Readonly<Record<string, SpecificationBounds>> = {
  first: { ...bounds, byzantine: [1] },
  second: { ...bounds, byzantine: [2] },
  last: { ...bounds, byzantine: [4] },
};

function tracesOf(module: string): { sha256: string; traces: TraceStep[][] } {
  const [header = '', ...lines] = readFileSync(`${specs}traces/simplex-${module}.jsonl`, 'utf8').trimEnd().split('\n');
  const { sha256 } = JSON.parse(header) as { sha256: string };
  return { sha256, traces: lines.map((line) => JSON.parse(line) as TraceStep[]) };
}

afterEach(() => {
  vi.doUnmock(ACCEPT);
  vi.resetModules();
});

const ACCEPT = '../../../simplex/src/accept.ts';

it.each(Object.entries(modules))('engines do what the specification does: module %s', (name, model) => {
  const { sha256, traces } = tracesOf(name);
  const digest = createHash('sha256')
    .update(readFileSync(`${specs}simplex.qnt`))
    .digest('hex');
  expect(sha256, 'the traces are of another specification: run node tools/specs.mjs').toBe(digest);
  expect(traces.length).toBeGreaterThanOrEqual(20);
  for (const [index, trace] of traces.entries()) {
    const difference = replayTrace(model, trace);
    expect(difference === null ? null : `trace ${index + 1}: ${difference}`).toBeNull();
  }
});

it('takes every action of the specification many times', () => {
  const taken: Record<string, number> = {};
  for (const name of Object.keys(modules)) {
    for (const [action] of tracesOf(name).traces.flat()) taken[action] = (taken[action] ?? 0) + 1;
  }
  expect(Object.keys(taken).sort()).toEqual([
    'byzantinePropose',
    'crash',
    'finalization',
    'leaderGaveUp',
    'notarization',
    'nullification',
    'receiveProposal',
    'timeout',
  ]);
  for (const [action, times] of Object.entries(taken)) expect(times, action).toBeGreaterThanOrEqual(20);
});

it('notices an engine that votes to finalize although the leader equivocated', async () => {
  vi.resetModules();
  vi.doMock(ACCEPT, async (original) => {
    const real = await original<typeof Accepting>();
    const lax: typeof real.considerNotarization = (state, round) => {
      round.equivocated = false;
      real.considerNotarization(state, round);
    };
    return { ...real, considerNotarization: lax };
  });
  const { Simplex } = await import('../../../simplex/src/engine.ts');
  const { traces } = tracesOf('first');
  const differences = traces.map((trace) => replayTrace({ ...bounds, byzantine: [1] }, trace, Simplex));
  expect(differences.some((difference) => difference?.includes('the specification has'))).toBe(true);
});
