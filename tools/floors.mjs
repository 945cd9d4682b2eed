// The dependency floors of docs/architecture.md, as a check: who may import whom, and who must stay pure.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blank } from './blank.mjs';

/** A package imports only from lower floors. */
const floors = new Map(
  Object.entries({
    kernel: 0,
    crypto: 1,
    security: 1,
    simplex: 2,
    dag: 2,
    chain: 2,
    ledger: 2,
    light: 2,
    replica: 3,
    client: 3,
    node: 4,
    sim: 4,
    cli: 5,
    explorer: 5,
  }),
);

/** No module of Node: these run anywhere JavaScript runs. */
const pure = new Set(['kernel', 'crypto', 'security', 'simplex', 'dag', 'chain', 'light']);

/** No clock, timer, randomness or process of their own: what happens to them is an input or a port. */
const deterministic = new Set([...pure, 'ledger', 'replica']);

const ambient = [
  [/\bDate\s*\.\s*now\b/g, 'Date.now'],
  [/\bnew\s+Date\s*(?:\(\s*\)|(?![\s\w$.(]))/g, 'new Date()'],
  [/\bMath\s*\.\s*random\b/g, 'Math.random'],
  [/\bperformance\s*\.\s*now\b/g, 'performance.now'],
  [/(?<![\w$]|(?<!globalThis)\.)(?:setTimeout|setInterval|setImmediate)\b(?!\s*\??:)/g, 'a timer'],
  [/(?<![\w$]|(?<!globalThis)\.)process\s*\./g, 'process'],
];

/** `import … from '…'`, `export … from '…'`, `import '…'`, `import('…')`, `import.meta.resolve('…')`; strings are blanked to spaces. */
const imports =
  /(?<![\w$.])(?:(?:import|export)\b[\w\s$,{}*]*\bfrom\s*|import\s*|import\s*\(\s*|import\s*\.\s*meta\s*\.\s*resolve\s*\(\s*)(?<quote>['"`])(?<name> *)\k<quote>/dg;

/** Every breach of the floors under `root`, as `file:line: sentence`. */
export function checkFloors(root) {
  const common = manifest(root);
  const packages = readdirSync(join(root, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'packages', entry.name, 'package.json')))
    .map((entry) => entry.name)
    .sort();
  return packages.flatMap((name) => [
    ...checkManifest(root, name),
    ...sourcesOf(join(root, 'packages', name, 'src')).flatMap((file) => checkFile(root, name, file, common)),
  ]);
}

function checkManifest(root, name) {
  const file = `packages/${name}/package.json`;
  if (!floors.has(name)) return [`${file}:1: ${name} has no floor; give it one in tools/floors.mjs.`];
  const needs = Object.keys(manifest(join(root, 'packages', name)).dependencies ?? {})
    .filter((needed) => needed.startsWith('@quorate/'))
    .map((needed) => needed.slice('@quorate/'.length));
  const found = needs
    .filter((needed) => !isBelow(needed, name))
    .map((needed) => `${file}:1: ${tooHigh(name, needed, 'depend on')}`);

  const project = `packages/${name}/tsconfig.json`;
  if (!existsSync(join(root, project))) return found;
  const built = JSON.parse(readFileSync(join(root, project), 'utf8')).references ?? [];
  const references = built.map(({ path }) => path.replace('../', ''));
  if ([...references].sort().join() !== [...needs].sort().join()) {
    found.push(
      `${project}:1: its references must be the @quorate packages of package.json: ${needs.join(', ') || 'none'}.`,
    );
  }
  return found;
}

function checkFile(root, owner, file, common) {
  const source = readFileSync(file, 'utf8');
  const code = blank(source);
  const isTest = /\.(?:test|fixture)\.[mc]?tsx?$/.test(file);
  const found = [];
  const report = (index, sentence) => {
    const line = source.slice(0, index).split('\n').length;
    found.push({ line, text: `${relative(root, file).split(sep).join('/')}:${line}: ${sentence}` });
  };

  for (const match of code.matchAll(imports)) {
    const [start, end] = match.indices.groups.name;
    const sentence = judge(source.slice(start, end), { root, owner, file, isTest, common });
    if (sentence) report(start, sentence);
  }
  if (deterministic.has(owner) && !isTest) {
    for (const [pattern, what] of ambient) {
      for (const match of code.matchAll(pattern)) {
        report(match.index, `${owner} must not use ${what}; time, chance and the process reach it as inputs or ports.`);
      }
    }
  }
  return found.sort((a, b) => a.line - b.line).map(({ text }) => text);
}

/** What is wrong with an import, or null. */
function judge(specifier, { root, owner, file, isTest, common }) {
  const home = join(root, 'packages', owner);
  if (specifier.startsWith('.')) {
    const inside = !relative(home, join(dirname(file), specifier)).startsWith('..');
    return inside || isTest ? null : `${owner} must not reach outside its own folder; import the package by its name.`;
  }
  if (isBuiltin(specifier)) {
    return pure.has(owner) && !isTest ? `${owner} must not import ${specifier}; it runs where there is no Node.` : null;
  }

  const imported = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (isTest && imported === '@quorate/sim') return null;
  if (imported.startsWith('@quorate/')) {
    const name = imported.slice('@quorate/'.length);
    if (!isBelow(name, owner)) return tooHigh(owner, name, 'import');
  }
  const own = manifest(home);
  const allowed = { ...own.dependencies, ...own.peerDependencies, ...own.optionalDependencies };
  if (isTest) Object.assign(allowed, own.devDependencies, common.devDependencies);
  return imported in allowed ? null : `${owner} imports ${imported}, which its package.json does not name.`;
}

function isBelow(lower, upper) {
  return (floors.get(lower) ?? Number.POSITIVE_INFINITY) < (floors.get(upper) ?? 0);
}

function tooHigh(owner, name, verb) {
  const floor = floors.has(name) ? `which is on floor ${floors.get(name)}` : 'which has no floor';
  return `${owner} (floor ${floors.get(owner)}) must not ${verb} @quorate/${name}, ${floor}; only lower floors are allowed.`;
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function sourcesOf(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[mc]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const found = checkFloors(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
  for (const line of found) console.log(line);
  process.exitCode = found.length === 0 ? 0 : 1;
}
