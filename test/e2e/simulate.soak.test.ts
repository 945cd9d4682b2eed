import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const QUORATE = fileURLToPath(new URL('../../packages/cli/bin/quorate.js', import.meta.url));
/** `QUORATE_SEEDS=5000 npm run soak -- simulate` for a shorter one; `QUORATE_FIRST_SEED` to go on where another ended. */
const SEEDS = Number(process.env.QUORATE_SEEDS ?? 1_000_000);
const FIRST = Number(process.env.QUORATE_FIRST_SEED ?? 1_000_000);
/** A timer takes less than 2^31 ms, 24.8 of these. */
const DAYS = 24 * 3_600_000;

it(`${SEEDS} seeds of the swarm break no rule and stall nowhere`, { timeout: 24 * DAYS }, async () => {
  const args = ['sim', 'run', '--seeds', `${FIRST}..${FIRST + SEEDS - 1}`, '--json'];
  // Progress and the seeds that fail are told as they come.
  const child = spawn(process.execPath, [QUORATE, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let answer = '';
  child.stdout.on('data', (text: Buffer) => {
    answer += text;
  });
  const [code] = await once(child, 'close');
  const summary: { finalized?: number } = JSON.parse(answer);
  expect(summary).toMatchObject({ seeds: SEEDS, violations: 0, stalls: 0 });
  expect(summary.finalized).toBeGreaterThan(30 * SEEDS * 0.8);
  expect(code).toBe(0);
});
