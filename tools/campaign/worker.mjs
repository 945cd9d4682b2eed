// Runs seeds of one bundle of the simulator, as told by the pool: one message per task, one answer each.
import { parentPort, workerData } from 'node:worker_threads';

const simulator = await import(workerData.module);
const { failureClass, runSeed } = simulator;

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

async function run({ options }) {
  const outcome = await runSeed(options);
  const { violations, stall, wasted, finalized, events, hash, decisions } = outcome;
  const failure = failureClass(outcome);
  return { failure, detail: violations[0] ?? stall, wasted, finalized, events, hash, faults: decisions.length };
}

/** A failing run made small. */
async function shrink({ options, bounds }) {
  const now = () => performance.now();
  const shrunk = await simulator.shrink({ options, ...bounds }, { run: runSeed, now });
  const { before, after, runs, seconds, minimal, failure } = shrunk;
  return { before, after, runs, seconds, minimal, failure, small: shrunk.options };
}

/** A failing run as files: its trace, what happened in it, and a regression test. */
async function tell({ options, about, code, lastMs }) {
  const told = await simulator.replay(options, runSeed);
  const { violations, stall, decisions } = told.outcome;
  const trace = simulator.traceOf(options, { decisions, failure: violations[0] ?? stall, code });
  return {
    'trace.jsonl': simulator.writeTrace(trace),
    'transcript.txt': `${simulator.transcript(told, { lastMs }).join('\n')}\n`,
    'events.jsonl': simulator.sightingLines(told),
    'regression.test.ts': simulator.regressionTest(trace, about),
  };
}

/** What happens in the run of a trace. */
async function replay({ text, lastMs }) {
  const told = await simulator.replay(simulator.readTrace(text), runSeed);
  return { lines: simulator.transcript(told, { lastMs }), failure: failureClass(told.outcome) };
}
