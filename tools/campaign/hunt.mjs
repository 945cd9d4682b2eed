// Hunts: honest campaigns, and the search for a seed that shows a deliberate bug.
import { pathToFileURL } from 'node:url';
import { bundle, sourceDigest } from './bundle.mjs';
import { Pool, runSeeds } from './pool.mjs';

const SIMULATOR = 'packages/sim/src/index.ts';
const ZOO = 'test/zoo/index.ts';
const SHRINK = { maxSeconds: 60, maxRuns: 400 };

/** Bundles of the simulator: the honest one, and one for each bug. */
export class Simulators {
  #sources;

  constructor(sources) {
    this.#sources = sources;
  }

  static async open() {
    return new Simulators(sourceDigest());
  }

  /** URL of a module with these patches; see {@link bundle}. */
  async module(patches = [], entry = SIMULATOR) {
    return pathToFileURL(await bundle(entry, patches, this.#sources)).href;
  }
}

/** Every deliberate bug, with the list of its patches. */
export async function loadZoo(simulators) {
  const { zoo } = await import(await simulators.module([], ZOO));
  return zoo.map((mutant) => {
    const { file, find, replace, and = [] } = mutant;
    return { ...mutant, patches: [{ file, find, replace }, ...and] };
  });
}

/** Whether a run shows the bug that is hunted: one that has no end may have another reason, and is reported by itself. */
function shows({ failure }) {
  return failure !== null && !hangs({ failure });
}

/** Whether a run had no end. */
function hangs({ failure }) {
  return failure === 'hang';
}

/** The options of a seed under the settings of a bug. */
export function optionsFor({ under = {} }) {
  return { mechanism: 'simplex', brief: true, ...under };
}

/** Runs honest code, under the settings of a hunt. */
export async function honestCampaign(simulators, { seeds, workers, under = {} }, say) {
  const pool = new Pool(await simulators.module(), workers);
  try {
    const failures = [];
    const sum = { wasted: 0, finalized: 0, events: 0 };
    const coverage = {};
    const each = (answer) => {
      if (answer.failure !== null) failures.push({ seed: answer.seed, failure: answer.failure, detail: answer.detail });
      if (answer.wasted !== null) sum.wasted++;
      sum.finalized += answer.finalized ?? 0;
      sum.events += answer.events ?? 0;
      for (const [name, times] of Object.entries(answer.coverage ?? {})) coverage[name] = (coverage[name] ?? 0) + times;
      if (answer.seed % Math.max(50, seeds / 4) === 0)
        say(`  seed ${answer.seed}: ${failures.length} failed, ${sum.wasted} wasted`);
    };
    const options = optionsFor({ under });
    const { answered, seconds } = await runSeeds(pool, {
      options,
      from: 1,
      count: seeds,
      seconds: Number.POSITIVE_INFINITY,
      workers,
      each,
    });
    return { seeds: answered, failures, ...sum, seconds, coverage };
  } finally {
    await pool.close();
  }
}

/**
 * Seeds from 1 on until one shows the bug, and the code without it passes the same seed: honest code, or code that lacks only the
 * defences which hide the bug.
 */
export async function hunt(simulators, mutant, { seconds, workers, shrinks }) {
  const options = optionsFor(mutant);
  const pool = new Pool(await simulators.module(mutant.patches), workers);
  const control = new Pool(await simulators.module(mutant.and ?? []), 1);
  const bug = { id: mutant.id, family: mutant.family, rare: mutant.rare ?? false };
  let tried = 0;
  let spent = 0;
  /** What hung: a failure, whatever else the hunt finds. */
  const hung = [];
  const each = (answer) => {
    if (hangs(answer)) hung.push(`seed ${answer.seed}`);
  };
  try {
    for (let from = 1; spent < seconds; ) {
      const bounds = { options, from, count: 1_000_000, seconds: seconds - spent, workers };
      const found = await runSeeds(pool, { ...bounds, stop: shows, each });
      spent += found.seconds;
      tried += found.answered;
      const { last } = found;
      if (last === undefined || !shows(last)) break;
      const without = await control.run({ kind: 'run', options: { ...options, seed: last.seed } });
      if (hangs(without)) hung.push(`seed ${last.seed} without the bug`);
      if (without.failure === null) {
        const failing = { ...options, seed: last.seed };
        const shrunk = shrinks
          ? await pool.run({ kind: 'shrink', options: failing, bounds: SHRINK, hangMs: 180_000 })
          : null;
        if (shrunk !== null && hangs(shrunk)) hung.push(`making seed ${last.seed} small`);
        const { seed, failure, detail, faults } = last;
        return {
          ...bug,
          seed,
          failure,
          detail,
          faults,
          hung,
          seeds: tried,
          seconds: spent,
          shrunk: shrunk?.small ? shrunk : null,
        };
      }
      from = last.seed + 1; // it fails whatever the bug: it shows nothing
    }
    return { ...bug, seed: null, failure: null, detail: null, hung, seeds: tried, seconds: spent, shrunk: null };
  } finally {
    await Promise.all([pool.close(), control.close()]);
  }
}

/** The files of a caught bug, by name: of the shrunk run when there is one. */
export async function tell(simulators, mutant, found, { lastMs }) {
  const pool = new Pool(await simulators.module(mutant.patches), 1);
  try {
    const options = found.shrunk?.small ?? { ...optionsFor(mutant), seed: found.seed };
    const about = { tag: mutant.id, what: mutant.what };
    const { ms, ...files } = await pool.run({ kind: 'tell', options, about, code: `zoo ${mutant.id}`, lastMs });
    return files;
  } finally {
    await pool.close();
  }
}

/** Replays a trace on the code with a bug, or on honest code. */
export async function retell(simulators, patches, text, { lastMs }) {
  const pool = new Pool(await simulators.module(patches), 1);
  try {
    return await pool.run({ kind: 'replay', text, lastMs });
  } finally {
    await pool.close();
  }
}

/** How many of the first seeds show a bug, by what they show: as in {@link hunt}, without those that fail though only its defences are gone. */
export async function rateOf(simulators, mutant, { seeds, seconds, workers }) {
  const options = optionsFor(mutant);
  const pool = new Pool(await simulators.module(mutant.patches), workers);
  const control = new Pool(await simulators.module(mutant.and ?? []), 1);
  try {
    const failing = [];
    const hung = [];
    const each = ({ seed, failure }) => {
      if (hangs({ failure })) hung.push(`seed ${seed}`);
      else if (failure !== null) failing.push({ seed, failure });
    };
    const { answered } = await runSeeds(pool, { options, from: 1, count: seeds, seconds, workers, each });
    let caught = 0;
    const classes = {};
    for (const { seed, failure } of failing) {
      const without = await control.run({ kind: 'run', options: { ...options, seed } });
      if (hangs(without)) hung.push(`seed ${seed} without the bug`);
      if (without.failure !== null) continue;
      caught++;
      classes[failure] = (classes[failure] ?? 0) + 1;
    }
    const rate = answered === 0 ? 0 : caught / answered;
    return { id: mutant.id, rare: mutant.rare ?? false, seeds: answered, caught, rate, classes, hung };
  } finally {
    await Promise.all([pool.close(), control.close()]);
  }
}
