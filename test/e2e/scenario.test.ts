import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { quorate } from './process.ts';

interface Line {
  readonly height?: number;
  readonly time?: number;
  readonly summary?: { readonly crashes: number };
  readonly failures?: readonly string[];
}

/** Runs a scenario with real processes: how it ended, and the lines that it printed. */
async function play(text: string): Promise<{ code: number | null; lines: Line[]; errors: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-scenario-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'scenario.yaml');
  await writeFile(file, text);
  const args = [
    '--scenario',
    file,
    '--dir',
    join(folder, 'net'),
    '--p2p-port',
    '10600',
    '--rpc-port',
    '10601',
    '--json',
  ];
  const { code, stdout, stderr } = await quorate(['devnet', ...args]);
  const lines = stdout.split('\n').flatMap((line): Line[] => (line === '' ? [] : [JSON.parse(line)]));
  return { code, lines, errors: stderr };
}

it('kills, cuts and heals real processes as a scenario says', { timeout: 120_000 }, async () => {
  const { code, lines, errors } = await play(`
name: a crash, then a cut
seconds: 26
links: { latencyMs: 5 }
load: { perSecond: 5 }
faults:
  - { kind: crash, at: 11, node: 1, for: 1 }
  - { kind: pause, at: 13, node: 2, for: 1 }
  - { kind: partition, at: 16, for: 5, groups: [[0, 1], [2, 3]] }
expect: { heights: 5 }
`);
  expect(lines.at(-1)?.failures, errors).toEqual([]);
  expect(code).toBe(0);
  expect(lines.find(({ summary }) => summary !== undefined)?.summary?.crashes).toBe(1);
  // Two halves have no quorum: for most of the five seconds nothing becomes final, and then everything goes on.
  const times = lines.flatMap(({ time }) => time ?? []).slice(1);
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  expect(Math.max(...gaps)).toBeGreaterThan(3500);
  expect(gaps.length - gaps.indexOf(Math.max(...gaps))).toBeGreaterThan(2);
});

it('ends with exit code 1 when the scenario expected something else', { timeout: 120_000 }, async () => {
  const { code, lines } = await play(
    'name: too much\nseconds: 12\nload: { perSecond: 0 }\nexpect: { heights: 1000000 }',
  );
  expect(code).toBe(1);
  expect(lines.at(-1)?.failures?.at(-1)).toMatch(/^height \d+ was reached, 1000000 expected$/);
});

it('is refused before anything starts when the file is wrong, or flags contradict it', async () => {
  expect(await play('name: x\nvalidator: 4')).toMatchObject({
    code: 78,
    errors: expect.stringContaining('Unrecognized key: "validator"'),
  });
  const { code, stderr } = await quorate(['devnet', '--scenario', 'none.yaml', '--epoch-length', '5']);
  expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining('none.yaml') });
});
