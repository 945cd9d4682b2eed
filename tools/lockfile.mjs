// Keeps package-lock.json whole and portable. npm leaves an optional package out of it when the registry at hand lacks the
// build for that platform, and then `npm ci` refuses the lockfile everywhere. With --check it only looks.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

/** The platform in a name such as `binding-linux-arm64-musl`, in the fields of a lockfile. */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : [];
  return { ...(cpu.length > 0 && { cpu }), ...(libc.length > 0 && { libc }), ...(os.length > 0 && { os }) };
}

/** Whether `name` is found from the package at `path`, as Node looks for it: outwards through the node_modules folders. */
function isListed(packages, path, name) {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder}/node_modules/${name}` in packages) return true;
  }
  return `node_modules/${name}` in packages;
}

/** The entries that `packages` of a lockfile lacks: optional packages at an exact version that it does not list. */
export function missingFrom(packages) {
  const missing = {};
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isListed(packages, path, name) || !/^\d/.test(version)) continue;
      missing[`node_modules/${name}`] = { version, ...(dev && { dev }), ...platformOf(name), optional: true };
    }
  }
  return missing;
}

const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Our packages whose dependencies the lockfile does not repeat as they stand: `npm ci` would refuse it. */
export function outdated(packages, readManifest) {
  const same = (one = {}, other = {}) =>
    Object.keys(one).length === Object.keys(other).length &&
    Object.entries(one).every(([name, version]) => other[name] === version);
  return Object.keys(packages).filter((path) => {
    if (path.split('/').includes('node_modules')) return false;
    const manifest = readManifest(path);
    return manifest === null || KINDS.some((kind) => !same(manifest[kind], packages[path][kind]));
  });
}

function main(check) {
  const file = join(fileURLToPath(new URL('..', import.meta.url)), 'package-lock.json');
  const lockfile = JSON.parse(readFileSync(file, 'utf8'));

  const hosts = Object.entries(lockfile.packages).filter(([, { resolved }]) => /^\w+:/.test(resolved ?? ''));
  for (const [path] of hosts)
    console.log(`package-lock.json: ${path} names the host it came from; remove its "resolved".`);

  const root = fileURLToPath(new URL('..', import.meta.url));
  const stale = outdated(lockfile.packages, (path) => {
    try {
      return JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
    } catch {
      return null;
    }
  });
  for (const path of stale)
    console.log(`package-lock.json: ${path || 'the root'} differs from its package.json; run npm run lock.`);

  const missing = missingFrom(lockfile.packages);
  const names = Object.keys(missing);
  if (check) {
    for (const path of names) console.log(`package-lock.json: ${path} is missing; run node tools/lockfile.mjs.`);
  } else if (names.length > 0) {
    const packages = Object.entries({ ...lockfile.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, 'en'));
    writeFileSync(file, `${JSON.stringify({ ...lockfile, packages: Object.fromEntries(packages) }, null, 2)}\n`);
    console.log(`package-lock.json: added ${names.length} packages of other platforms`);
  }
  process.exitCode = hosts.length > 0 || stale.length > 0 || (check && names.length > 0) ? 1 : 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.includes('--check'));
}
