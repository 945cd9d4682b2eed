// Makes a checkout ready to run: the locked dependencies, then an incremental build. Needs nothing installed.
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Ends the process with one sentence when this Node is older than the oldest we test. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Quorate needs Node 20.19 or newer, and this is Node ${process.versions.node}.`);
  process.exit(1);
}

/** Runs a command in the repository (or in `cwd`), showing its output; ends the process with its code when it fails. */
function run(command, args, cwd = root) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (error) console.error(`${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs npm under the Node that runs us, or whatever `npm` the PATH holds when npm did not start us. */
function npm(args, cwd) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('npm-cli.js')) run(process.execPath, [cli, ...args], cwd);
  else run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, cwd);
}

/** What a lockfile says is installed, or null when there is no such file. */
function packagesIn(lockfile) {
  try {
    return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm leaves its own account in node_modules/.package-lock.json
 * when an installation is complete; it omits the root, and the optional packages of other platforms.
 */
export function isInstalled(folder) {
  const locked = packagesIn(join(folder, 'package-lock.json'));
  const installed = packagesIn(join(folder, 'node_modules', '.package-lock.json'));
  if (locked === null || installed === null) return false;
  const same = (a, b) => a.version === b.version && a.integrity === b.integrity && a.link === b.link;
  const wanted = Object.entries(locked).filter(([path]) => path !== '');
  return (
    wanted.every(([path, entry]) => (installed[path] ? same(entry, installed[path]) : entry.optional === true)) &&
    Object.keys(installed).every((path) => path in locked)
  );
}

/** Installs what `folder`'s lockfile says, unless it is installed already. */
export function install(folder = root) {
  if (isInstalled(folder)) {
    console.log('dependencies: as locked');
  } else {
    console.log('dependencies: npm ci');
    npm(['ci', '--no-audit', '--no-fund'], folder);
  }
}

/** Compiles every package that changed. */
export function build() {
  console.log('build: tsc -b');
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
}

/** Everything a command needs before it can run. */
export function setup() {
  requireNode();
  console.log(`Node ${process.versions.node}`);
  install();
  build();
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) setup();
