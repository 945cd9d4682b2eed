// npm run determinism: runs the same seeds twice, each time by another Node, other options of V8 and another number of threads, and
// compares the hash over every event of every run. Needs `npm run build`; uses the Node of tools/node-lts too when it is installed.
//   --seeds N     seeds (10000)      --block N    seeds of one comparison (250)      --from N    the first seed (1)
//   --workers W   threads of the first of the two runs (all cores)                   --json      one JSON object at the end
// Exit code 1 at a mismatch: it prints the first seed at which the two differ.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { flagsOf, wholeNumber } from './arguments.mjs';
import { root } from './setup.mjs';

const values = flagsOf(import.meta.url, {
  seeds: { type: 'string', default: '10000' },
  block: { type: 'string', default: '250' },
  from: { type: 'string', default: '1' },
  workers: { type: 'string', default: String(availableParallelism()) },
  json: { type: 'boolean', default: false },
});
const number = (name) => wholeNumber(name, values[name]);
const settings = { seeds: number('seeds'), block: number('block'), from: number('from'), workers: number('workers') };

const lts = join(root, 'tools/node-lts/node_modules/node/bin/node');
const nodes = [process.execPath, ...(existsSync(lts) ? [lts] : [])];
/** Options that move what must not matter: order in hash tables, when code is compiled and how, when memory is collected. */
const OPTIONS = [
  ['--hash-seed=11', '--random-seed=12'],
  ['--max-lazy', '--gc-interval=20000'],
  ['--always-sparkplug', '--no-use-osr'],
  ['--single-threaded'],
  ['--no-concurrent-recompilation', '--hash-seed=77'],
];

/** The hash over these seeds. */
function hashOf(first, last, { node, options, workers }) {
  const command = [join(root, 'packages/cli/bin/quorate.js'), 'sim', 'run', '--json'];
  const range = ['--seeds', `${first}..${last}`, '--workers', String(workers)];
  const { stdout, stderr, status } = spawnSync(node, [...options, ...command, ...range], { encoding: 'utf8' });
  try {
    const { traceHash, violations, stalls } = JSON.parse(stdout);
    return { hash: traceHash, failures: violations + stalls };
  } catch {
    console.error(`${node} ${options.join(' ')} ended with code ${status}:\n${stderr}`);
    process.exit(2);
  }
}

/** The first seed of a range at which the two differ, by halving it. */
function firstDifference(first, last, ways) {
  if (first === last) return first;
  const middle = Math.floor((first + last) / 2);
  const [one, other] = ways.map((way) => hashOf(first, middle, way).hash);
  return one === other ? firstDifference(middle + 1, last, ways) : firstDifference(first, middle, ways);
}

const began = performance.now();
const end = settings.from + settings.seeds - 1;
let failures = 0;
let mismatch = null;
for (let first = settings.from, block = 0; first <= end && mismatch === null; first += settings.block, block++) {
  const last = Math.min(end, first + settings.block - 1);
  const ways = [
    { node: process.execPath, options: [], workers: settings.workers },
    { node: nodes[block % nodes.length], options: OPTIONS[block % OPTIONS.length], workers: settings.workers + 1 },
  ];
  const [one, other] = ways.map((way) => hashOf(first, last, way));
  failures += one.failures;
  if (one.hash !== other.hash) mismatch = { seed: firstDifference(first, last, ways), options: ways[1].options };
  const seconds = Math.round((performance.now() - began) / 1000);
  if (!values.json)
    console.log(`seeds ${first}..${last}: ${one.hash} ${other.hash}  ${ways[1].options.join(' ')}  ${seconds} s`);
}
const seconds = Math.round((performance.now() - began) / 1000);
const result = { ...settings, nodes: nodes.map((node) => versionOf(node)), mismatch, failures, seconds };
console.log(values.json ? JSON.stringify(result) : sentenceOf(result));
process.exitCode = mismatch === null ? 0 : 1;

function versionOf(node) {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
}

function sentenceOf({ seeds, nodes: versions }) {
  if (mismatch === null) return `${seeds} seeds twice on ${versions.join(' and ')}: every hash the same (${seconds} s)`;
  return `seed ${mismatch.seed} differs under ${mismatch.options.join(' ')}`;
}
