// npm test: makes the checkout ready, then runs vitest with the arguments it was given and ends with its code.
// With --soak first, the long runs (*.soak.test.ts). With CI=true, one closing line that counts the tests.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';
import { summarize } from './summary.mjs';

setup();

const given = process.argv.slice(2);
const soak = given[0] === '--soak';
const args = ['run', ...(soak ? ['--config', 'vitest.soak.config.ts', ...given.slice(1)] : given)];

const folder = process.env.CI === 'true' ? mkdtempSync(join(tmpdir(), 'quorate-tests-')) : null;
const report = folder && join(folder, 'report.json');
if (report) args.push('--reporter=json', '--reporter=default', `--outputFile.json=${report}`);

console.log(`tests: vitest on Node ${process.versions.node}`);
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
  cwd: root,
  stdio: 'inherit',
});

let code = status ?? 1;
if (report) {
  const { line, failed } = summarize(report);
  if (failed > 0 && code === 0) code = 1;
  console.log(line);
  rmSync(folder, { recursive: true });
}
process.exitCode = code;
