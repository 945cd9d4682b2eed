// npm run campaign: honest code over many seeds must be clean, and every deliberate bug of test/zoo must be caught.
//   --seeds N      seeds of the honest campaign (200), and twenty times as many of engines alone
//   --seconds S    for each bug at most (60)
//   --only ID      bugs whose id begins with ID; no honest campaign      --workers W   threads (all cores)
//   --rate N       instead of hunting: runs N seeds of each bug and says how many show it
//   --no-shrink    does not make the trace small          --json        one JSON object, and nothing else, on the standard output
//   --out FOLDER   writes trace, transcript, events and a regression test of each bug that is caught
//   --trace FILE   instead of hunting: replays a trace, on honest code or with the bug of --only, and prints the transcript
//   --last MS      transcripts of only the last so many ms before the failure
// Exit code 1 when the honest campaign is not clean, when more than a fifth of its seeds are wasted, when a bug is not caught, or when a
// run hangs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { flagsOf, wholeNumber } from './arguments.mjs';
import { honestCampaign, hunt, loadZoo, rateOf, retell, Simulators, tell } from './campaign/hunt.mjs';

const values = flagsOf(import.meta.url, {
  seeds: { type: 'string', default: '200' },
  seconds: { type: 'string', default: '60' },
  only: { type: 'string', multiple: true },
  workers: { type: 'string', default: String(Math.max(1, availableParallelism())) },
  rate: { type: 'string' },
  out: { type: 'string' },
  trace: { type: 'string' },
  last: { type: 'string' },
  'no-shrink': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});

const number = (name) => wholeNumber(name, values[name]);
/** Honest seeds of engines alone for each of whole replicas. */
const LIGHT_SEEDS = 20;
const settings = {
  seeds: number('seeds'),
  seconds: number('seconds'),
  workers: number('workers'),
  shrinks: !values['no-shrink'],
  ...(values.last === undefined ? {} : { lastMs: number('last') }),
};
const say = values.json ? () => {} : (line) => console.log(line);

const simulators = await Simulators.open();
const { coverageTable } = await import(await simulators.module());
const all = await loadZoo(simulators);
const chosen = all.filter(({ id, unproven }) =>
  values.only === undefined ? !unproven : values.only.some((begin) => id.startsWith(begin)),
);
if (chosen.length === 0) {
  console.error(`no bug is called ${values.only.join(' or ')}: see test/zoo`);
  process.exit(2);
}

const results = { honest: null, honestLight: null, bugs: [], p95Seconds: null, shrunk: null };
let failed = false;
if (values.trace !== undefined) {
  const patches = values.only === undefined ? [] : (chosen[0]?.patches ?? []);
  const told = await retell(simulators, patches, textOf(values.trace), settings);
  for (const line of told.lines ?? [`${values.trace}: ${told.detail}`]) say(line);
  say(told.failure === null ? 'clean: no rule was broken' : `FAILED: ${told.failure}`);
  failed = told.failure !== null;
  results.replay = told;
} else if (values.rate !== undefined) {
  for (const mutant of chosen) {
    const rate = await rateOf(simulators, mutant, { ...settings, seeds: number('rate') });
    results.bugs.push(rate);
    sayHung(rate);
    const classes = Object.entries(rate.classes).map(([name, count]) => `${count} ${name}`);
    say(
      `${mutant.id.padEnd(40)} ${String(rate.caught).padStart(5)} of ${rate.seeds}  ${(100 * rate.rate).toFixed(2).padStart(6)} %  ${rate.rare ? 'rare ' : ''} ${classes.join(', ')}`,
    );
  }
} else {
  if (values.only === undefined) {
    const kinds = [
      { key: 'honest', what: 'seeds', seeds: settings.seeds, under: {} },
      { key: 'honestLight', what: 'seeds of engines alone', seeds: LIGHT_SEEDS * settings.seeds, under: { light: {} } },
    ];
    for (const { key, what, ...kind } of kinds) {
      const honest = await honestCampaign(simulators, { ...settings, ...kind }, say);
      results[key] = honest;
      failed ||= honest.failures.length > 0 || honest.wasted > honest.seeds / 5;
      say(
        `honest: ${honest.seeds} ${what}, ${honest.failures.length} failed, ${honest.wasted} wasted, ` +
          `${honest.finalized} heights, ${honest.events} events in ${honest.seconds.toFixed(1)} s`,
      );
      for (const line of coverageTable(honest.coverage)) say(`  ${line}`);
      for (const { seed, failure, detail } of honest.failures) say(`  seed ${seed}: ${failure}: ${detail}`);
    }
  }
  say(`\n${'bug'.padEnd(40)} ${'seeds'.padStart(6)} ${'s'.padStart(6)}  ${'trace'.padStart(13)}  caught by`);
  for (const mutant of chosen) {
    const found = await hunt(simulators, mutant, settings);
    results.bugs.push(found);
    failed ||= found.seed === null;
    sayHung(found);
    if (values.out !== undefined && found.seed !== null) {
      const folder = join(values.out, mutant.id.replaceAll('/', '-'));
      mkdirSync(folder, { recursive: true });
      for (const [name, text] of Object.entries(await tell(simulators, mutant, found, settings))) {
        writeFileSync(join(folder, name), text);
      }
    }
    const trace = found.shrunk === null ? '' : `${found.shrunk.before} → ${found.shrunk.after}`;
    const by = found.seed === null ? 'NOT CAUGHT' : `${found.failure}, seed ${found.seed}`;
    say(
      `${mutant.id.padEnd(40)} ${String(found.seeds).padStart(6)} ${found.seconds.toFixed(1).padStart(6)}  ${trace.padStart(13)}  ${by}`,
    );
  }
  const caught = results.bugs.filter(({ seed }) => seed !== null);
  const small = caught.flatMap(({ shrunk }) => (shrunk === null ? [] : [shrunk.after]));
  results.p95Seconds = percentile(
    caught.map(({ seconds }) => seconds),
    0.95,
  );
  results.shrunk = { median: percentile(small, 0.5), p95: percentile(small, 0.95) };
  const first = caught.filter(({ seeds }) => seeds >= 100).length;
  say(
    `\n${caught.length} of ${chosen.length} bugs caught, p95 ${results.p95Seconds?.toFixed(1) ?? '–'} s; ` +
      `${first} needed 100 seeds or more; shrunk traces: median ${results.shrunk.median ?? '–'}, p95 ${results.shrunk.p95 ?? '–'} decisions`,
  );
}
if (values.json) console.log(JSON.stringify(results));
process.exitCode = failed ? 1 : 0;

/** A run without an end is a failure of its own. */
function sayHung({ id, hung }) {
  failed ||= hung.length > 0;
  for (const what of hung) say(`${id}: HANGS: ${what}`);
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    console.error(`--trace: ${error.message}`);
    return process.exit(2);
  }
}

function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? null;
}
