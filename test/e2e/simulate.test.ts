import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { quorate } from './process.ts';

const scenario = fileURLToPath(new URL('../../examples/scenarios/crash.yaml', import.meta.url));
const QUORATE = fileURLToPath(new URL('../../packages/cli/bin/quorate.js', import.meta.url));
const sim = (...args: readonly string[]) => quorate(['sim', ...args]);

async function answer(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await sim(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('quorate sim', () => {
  it('runs seeds on any number of threads with one result', { timeout: 180_000 }, async () => {
    const one = await answer('run', '--seeds', '3..5', '--workers', '1');
    expect(one).toMatchObject({ mechanism: 'simplex', seeds: 3, violations: 0, stalls: 0, wasted: {} });
    expect(one.finalized).toBeGreaterThanOrEqual(90);
    expect(Object.keys(one)).toEqual(
      expect.arrayContaining(['validators', 'events', 'wallSeconds', 'eventsPerSecond']),
    );
    expect((await answer('run', '--seeds', '3..5', '--workers', '2')).traceHash).toBe(one.traceHash);
    expect((await answer('run', '--seeds', '4..6', '--workers', '2')).traceHash).not.toBe(one.traceHash);
  });

  it('names the coalition that forks the chain', { timeout: 180_000 }, async () => {
    const sum = await answer('fork', '--seeds', '3');
    expect(sum).toMatchObject({ seeds: 3, forked: 3, unaccounted: 0, wrong: 0 });
    expect(sum.reports).toBeGreaterThan(0);
  });

  it('exits with 1 when a scenario ends otherwise than expected', { timeout: 180_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-scenario-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'half.yaml');
    await writeFile(
      file,
      'name: half\nseconds: 8\nfaults: [{ kind: crash, at: 2, node: 0, for: 6 }, { kind: crash, at: 2, node: 1, for: 6 }]\nexpect: { heights: 50 }',
    );
    const { code, stdout, stderr } = await sim('run', '--scenario', file);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('1 of 1 seeds ended otherwise'),
    });
    expect(stdout).toMatch(/height \d+ was reached, 50 expected/);
  });

  it('tells a clean run step by step, and has nothing to shrink in it', { timeout: 180_000 }, async () => {
    const { code, stdout } = await sim('replay', '--seed', '3', '--validators', '4');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^seed 3: \d+ heights in /);
    expect(stdout).toMatch(/\nclean: no rule was broken\n$/);
    const lines = (await sim('replay', '--seed', '3', '--validators', '4', '--json')).stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1000);
    for (const line of lines.slice(0, 50)) expect(JSON.parse(line)).toHaveProperty('at');
    expect(await sim('shrink', '--seed', '3', '--validators', '4')).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('seed 3 does not fail'),
    });
  });

  it('names decisions of a trace that nothing asked for', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-trace-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'edited.jsonl');
    const header = {
      format: 'quorate-trace',
      version: 1,
      seed: 3,
      mechanism: 'simplex',
      configuration: { validators: 4, until: 1000 },
    };
    const decision = { domain: 'meteor', index: 0, choice: { kind: 'strike' } };
    await writeFile(file, `${JSON.stringify({ ...header, code: 'x', failure: null })}\n${JSON.stringify(decision)}\n`);
    const { code, stderr } = await sim('replay', file);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('1 in all: meteor#0') });
  });

  it('ends quietly when nobody reads on', { timeout: 120_000 }, async () => {
    const command = `${JSON.stringify(process.execPath)} ${JSON.stringify(QUORATE)} sim replay --seed 3 --validators 4 --json | head -n 1`;
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command]);
    expect(JSON.parse(stdout)).toHaveProperty('at');
    expect(stderr).toBe('');
  });

  it('plays the scenario that real processes play', { timeout: 120_000 }, async () => {
    const first = await answer('run', '--scenario', scenario);
    expect(first).toMatchObject({ seed: 1, failures: [] });
    expect(await answer('run', '--scenario', scenario)).toEqual(first);
    const { rows } = await answer('compare', scenario);
    expect(rows).toEqual([{ mechanism: 'simplex', ...first }]);
  });

  it('measures finality beside its bound', { timeout: 120_000 }, async () => {
    const { cases } = (await answer('latency', '--validators', '20', '--blocks', '20')) as {
      cases: { name: string; report: { ratio: number; violations: string[]; finality: { p50: number } } }[];
    };
    expect(cases.map(({ name }) => name)).toEqual(['good case', 'one crashed', '6 silent', '1 % loss', '5 % loss']);
    for (const { report } of cases) expect(report.violations).toEqual([]);
    expect(cases[0]?.report.ratio).toBeGreaterThanOrEqual(1);
    expect(cases[0]?.report.ratio).toBeLessThan(1.1);
  });

  it('checks every order of events of a small model', { timeout: 120_000 }, async () => {
    const report = await answer('check', '--views', '1', '--heights', '1');
    expect(report).toMatchObject({ complete: true, violation: null });
    expect(report.states).toBeGreaterThan(1000);
  });

  it.each([
    [['run', '--seeds', '9..3'], '--seeds'],
    [['run', '--faults', 'fire'], '--faults: "fire" is none of crash'],
    [['run', '--byzantine', '1'], '--byzantine: say how with --strategy'],
    [['run', '--byzantine', '2', '--validators', '4', '--strategy', 'silent'], '2 of 4 validators are a third or more'],
    [['run', '--validators', '3'], '--validators'],
    [
      ['run', '--scenario', scenario, '--validators', '7'],
      '--scenario: the file says what happens: leave out --validators 7',
    ],
    [['replay', '--seed', '3', '--last', '5', '--json'], '--last: is about the transcript'],
    [['latency', '--validators', '1'], '--validators'],
    [['replay'], '--seed: name a seed, or a trace file'],
    [['replay', 'none.jsonl'], 'none.jsonl: there is no such file'],
    [['latency', '--regions', 'none.json'], '--regions: none.json: there is no such file'],
    [['check', '--views', '0'], '--views'],
  ])('%j is refused in one line', async (args, complaint) => {
    const { code, stderr } = await sim(...args);
    expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining(complaint) });
  });
});

it('the examples of the documentation are there', () => {
  const page = readFileSync(new URL('../../docs/simulation.md', import.meta.url), 'utf8');
  for (const name of page.matchAll(/examples\/scenarios\/\w+\.yaml/g))
    expect(readFileSync(new URL(`../../${name[0]}`, import.meta.url), 'utf8')).toContain('name:');
});
