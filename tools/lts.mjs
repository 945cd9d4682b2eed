// npm run test:lts: the test suite under the Node LTS that tools/node-lts locks, with the arguments it was given.
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { install, root } from './setup.mjs';

const home = join(root, 'tools/node-lts');
install(home);

const node = join(home, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
const { status, error } = spawnSync(node, [join(root, 'tools/test.mjs'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
});
if (error) console.error(`The LTS Node could not be started: ${error.message}`);
process.exitCode = status ?? 1;
