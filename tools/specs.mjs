// node tools/specs.mjs: checks the Quint specifications in specs/ (types, scenarios, invariants of random runs) and writes the
// traces in specs/traces anew. With --check it writes nothing and fails when they differ. Installs Quint (tools/quint) if need be.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install, root } from './setup.mjs';

const check = process.argv.includes('--check');
const home = join(root, 'tools/quint');
const spec = join(root, 'specs/simplex.qnt');
const modules = ['first', 'second', 'last'];
const SEED = '0x5eed';
const TRACES = 20;
const STEPS = 40;

function quint(...args) {
  const cli = join(home, 'node_modules/@informalsystems/quint/dist/src/cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return;
  console.error(`quint ${args.join(' ')} failed:\n${stdout}${stderr}`);
  process.exit(1);
}

/** A value of the Informal Trace Format as plain JSON: sets become sorted lists, blocks their letter and view. */
function plain(value) {
  if (typeof value !== 'object' || value === null) return value;
  if ('#bigint' in value) return Number(value['#bigint']);
  if ('#set' in value) return value['#set'].map(plain).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if ('#map' in value) return Object.fromEntries(value['#map'].map(([key, held]) => [plain(key), plain(held)]));
  if ('#tup' in value) return value['#tup'].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if ('letter' in value && 'view' in value && Object.keys(value).length === 2)
    return `${value.letter}${plain(value.view)}`;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
}

/** Which picks an action takes, in order. */
const ARGUMENTS = {
  timeout: ['n'],
  leaderGaveUp: ['n'],
  crash: ['n'],
  receiveProposal: ['n', 'p'],
  notarization: ['n', 'b'],
  nullification: ['n', 'u'],
  finalization: ['n', 'b'],
  byzantinePropose: ['v', 'letter', 'parent', 'final'],
};

/** One line for each step: what was done, and the state of the validator it was done to, without what is empty. */
function stepOf(state, name) {
  const action = state['mbt::actionTaken'];
  const picks = state['mbt::nondetPicks'];
  const wanted = ARGUMENTS[action];
  if (wanted === undefined) throw new Error(`${spec} has an action ${action} that tools/specs.mjs does not know`);
  const args = wanted.map((pick) => plain(picks[pick].value));
  if (action === 'byzantinePropose') return [action, ...args];
  const local = plain(state[`${name}::simplex::local`])[args[0]];
  const filled = Object.entries(local).filter(([, held]) => !Array.isArray(held) || held.length > 0);
  return [action, ...args, Object.fromEntries(filled)];
}

function tracesOf(name, folder) {
  const files = join(folder, `${name}-{seq}.itf.json`);
  const common = ['--backend', 'typescript', '--main', name, '--verbosity', '0'];
  const bounds = ['--max-steps', String(STEPS), '--max-samples', String(TRACES), '--n-traces', String(TRACES)];
  quint('run', spec, ...common, ...bounds, '--seed', SEED, '--invariant', 'safety', '--mbt', '--out-itf', files);
  const found = readdirSync(folder).filter((file) => file.startsWith(`${name}-`));
  return found
    .map((file) => {
      const { states } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      return JSON.stringify(states.slice(1).map((state) => stepOf(state, name)));
    })
    .sort();
}

install(home);
quint('typecheck', spec);
for (const name of ['first', 'second']) quint('test', spec, '--backend', 'typescript', '--main', name);
const folder = mkdtempSync(join(tmpdir(), 'quorate-specs-'));
const digest = createHash('sha256').update(readFileSync(spec)).digest('hex');
mkdirSync(join(root, 'specs/traces'), { recursive: true });
let stale = 0;
for (const name of modules) {
  const header = JSON.stringify({ spec: 'specs/simplex.qnt', sha256: digest, module: name, seed: SEED });
  const lines = `${[header, ...tracesOf(name, folder)].join('\n')}\n`;
  const file = join(root, `specs/traces/simplex-${name}.jsonl`);
  if (!check) writeFileSync(file, lines);
  else if (readFileSync(file, 'utf8') !== lines) {
    console.error(`${file} is not what the specification makes; run node tools/specs.mjs.`);
    stale++;
  }
  console.log(`${name}: ${lines.split('\n').length - 2} traces`);
}
rmSync(folder, { recursive: true });
process.exitCode = stale === 0 ? 0 : 1;
