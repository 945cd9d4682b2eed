// npm run check: types, lint and formatting, dependency floors, lockfile, dead exports. One line each; what failed is shown in full.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { install, requireNode, root } from './setup.mjs';

requireNode();
install();

const tool = (path) => join(root, 'node_modules', path);
const steps = [
  ['types of the packages', tool('typescript/bin/tsc'), '-b'],
  ['types of the tests', tool('typescript/bin/tsc'), '-p', 'tsconfig.test.json'],
  ['lint and formatting', tool('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '--colors=off'],
  ['dependency floors', join(root, 'tools/floors.mjs')],
  ['lockfile', join(root, 'tools/lockfile.mjs'), '--check'],
  ['dead exports', tool('knip/bin/knip.js'), '--no-progress', '--no-config-hints'],
];

let failed = 0;
for (const [name, ...command] of steps) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${name}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (status === 0) continue;
  failed++;
  console.log(`${stdout ?? ''}${stderr ?? ''}`.trimEnd());
}
process.exitCode = failed === 0 ? 0 : 1;
