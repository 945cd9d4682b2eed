// Runs seeds of one bundle of the simulator, as told by the pool: one message per task, one answer each.
import { parentPort, workerData } from 'node:worker_threads';

const simulator = await import(workerData.module);
const { failureClass } = simulator;

const TASKS = { run, shrink, tell, replay };

parentPort.on('message', async (task) => {
  const started = performance.now();
  const ms = () => performance.now() - started;
  try {
    parentPort.postMessage({ ...(await TASKS[task.kind](task)), ms: ms() });
  } catch (error) {
    // What the checkers let through and the world did not expect is a failure of that seed too.
    parentPort.postMessage({ failure: 'error', detail: String(error?.stack ?? error), ms: ms() });
  }
});

/** Options with `light` run engines alone under these settings, all others whole replicas. */
function isLight({ light }) {
  return light !== undefined;
}

/** Options of a run of engines alone: those of the hunt, and what a shrinking run fixes besides. */
function lightOptions({ light, mechanism, ...rest }) {
  return { ...light, ...rest };
}

function runOf(options) {
  return isLight(options) ? simulator.runLightSeed(lightOptions(options)) : simulator.runSeed(options);
}

async function run({ options }) {
  const outcome = await runOf(options);
  const { violations, stall, wasted = null, finalized, events, hash, decisions, coverage = {} } = outcome;
  const failure = failureClass(outcome);
  const detail = violations[0] ?? stall;
  return { failure, detail, wasted, finalized, events, hash, faults: decisions.length, coverage };
}

/** A failing run made small. */
async function shrink({ options, bounds }) {
  const now = () => performance.now();
  const shrunk = await simulator.shrink({ options, ...bounds }, { run: runOf, now });
  const { before, after, runs, seconds, minimal, failure } = shrunk;
  return { before, after, runs, seconds, minimal, failure, small: shrunk.options };
}

/** A failing run as files: its trace, what happened in it, and a regression test; of whole replicas, what happened for programs too. */
async function tell({ options, about, code, lastMs }) {
  if (isLight(options)) return tellLight({ options: lightOptions(options), about, code, lastMs });
  const told = await simulator.replay(options, simulator.runSeed);
  const { violations, stall, decisions } = told.outcome;
  const trace = simulator.traceOf(options, { decisions, failure: violations[0] ?? stall, code });
  return {
    'trace.jsonl': simulator.writeTrace(trace),
    'transcript.txt': `${simulator.transcript(told, { lastMs }).join('\n')}\n`,
    'events.jsonl': simulator.sightingLines(told),
    'regression.test.ts': simulator.regressionTest(trace, about),
  };
}

function tellLight({ options, about, code, lastMs }) {
  const { outcome, lines } = simulator.replayLight(options, lastMs);
  const { violations, stall, decisions } = outcome;
  const failure = violations[0] ?? stall;
  const listed = { ...options, decisions };
  return {
    'trace.jsonl': simulator.writeLightTrace(listed, { failure, code }),
    'transcript.txt': `${lines.join('\n')}\n`,
    'regression.test.ts': simulator.lightRegressionTest(listed, { ...about, failure }),
  };
}

/** What happens in the run of a trace. */
async function replay({ text, lastMs }) {
  if (simulator.isLightTrace(text)) {
    const { outcome, lines } = simulator.replayLight(simulator.readLightTrace(text), lastMs);
    return { lines, failure: failureClass(outcome) };
  }
  const told = await simulator.replay(simulator.readTrace(text), simulator.runSeed);
  return { lines: simulator.transcript(told, { lastMs }), failure: failureClass(told.outcome) };
}
