// Engines alone, in light mode: hash and checks on. One line of JSON per figure.
//   node bench/sim-light.mjs [--only events,faults,512,twins,decisions,latency] [--scale 1]
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { assignRegions, builtInRegions, equalCommittee, LightNetwork, latency, lightSimplex, runTwins } = await import(
  '../packages/sim/dist/index.js'
);

const simplex = lightSimplex();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const round = (value, digits = 0) => Number(value.toFixed(digits));

/** Wall and processor seconds: the second says more on a machine that does other things too. */
function timed(run) {
  const [before, used] = [performance.now(), process.cpuUsage()];
  run();
  const { user, system } = process.cpuUsage(used);
  return { seconds: (performance.now() - before) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** Irwin–Hall: about normal, from four uniform numbers by counter. */
function nearNormal(mean, deviation) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 0x1_0000_0000;
  };
  return () => Math.max(1, mean + deviation * Math.sqrt(3) * (uniform() + uniform() + uniform() + uniform() - 2));
}

/** Engine events per second, nothing wrong, 50 ms links. */
export function events(validators, scale = 1) {
  const committee = equalCommittee(validators);
  const make = () => new LightNetwork({ seed: 1, protocol: simplex, committee, delta: 250, delays: 50, jitter: 0.1 });
  make().run(1e9, 200_000);
  const network = make();
  const { seconds, cpuSeconds } = timed(() => network.run(1e9, 2_000_000 * scale));
  return {
    what: 'light events',
    validators,
    eventsPerSecond: round(network.events / seconds),
    eventsPerCpuSecond: round(network.events / cpuSeconds),
    events: network.events,
    seconds: round(seconds, 2),
    simSecondsPerSecond: round(network.elapsed / 1000 / seconds, 1),
    heights: network.nodes[0].height,
    violations: network.watch.violations.length,
    hash: network.hash,
  };
}

/** Virtual seconds per second with every fault on, 50 ms links. */
export function faults(validators, scale = 1) {
  const virtual = 1200 * scale;
  const network = new LightNetwork({
    seed: 1,
    protocol: simplex,
    committee: equalCommittee(validators),
    delta: 250,
    delays: 50,
    jitter: 0.1,
    stableAt: virtual * 1000,
    faults: { loss: 0.01, duplicate: 0.01, slow: 0.02, slowest: 300, crashes: virtual / 3, partitions: virtual / 10 },
  });
  const { seconds, cpuSeconds } = timed(() => network.run(virtual * 1000));
  return {
    what: 'light, all faults',
    validators,
    simSecondsPerSecond: round(virtual / seconds),
    simSecondsPerCpuSecond: round(virtual / cpuSeconds),
    eventsPerSecond: round(network.events / seconds),
    heights: Math.max(...network.nodes.map((node) => node.height)),
    restarts: network.restarts,
    lost: network.lost,
    decisions: network.decisions.taken.length,
    violations: network.watch.violations.length,
    hash: network.hash,
  };
}

/** The W9 workload: delays about normal, 250 ms mean and 50 ms deviation; every decision by all, f = 0. */
export function decisions(validators, count) {
  const draw = nearNormal(250, 50);
  const network = new LightNetwork({
    seed: 1,
    protocol: simplex,
    committee: equalCommittee(validators),
    delta: 3000,
    delays: 250,
    disk: 0,
    route: () => draw(),
  });
  const { seconds, cpuSeconds } = timed(() => {
    while (network.nodes.some((node) => node.height < count)) network.run(network.elapsed + 500);
  });
  return {
    what: 'W9-like decisions',
    validators,
    decisionsPerSecond: round(count / seconds, 1),
    decisionsPerCpuSecond: round(count / cpuSeconds, 1),
    eventsPerSecond: round(network.events / seconds),
    decisions: count,
    virtualMsPerDecision: round(network.elapsed / count),
    violations: network.watch.violations.length,
  };
}

const space = { validators: 4, twins: 1, views: 3, partitions: 'step' };

/** Twins scenarios per second over so many worker threads, each with a range of its own. */
export async function twins(workers, count) {
  const share = Math.ceil(count / workers);
  const [before, used] = [performance.now(), process.cpuUsage()];
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { from: index * share, count: share } });
      return new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    }),
  );
  const seconds = (performance.now() - before) / 1000;
  const { user, system } = process.cpuUsage(used);
  const sum = (name) => reports.reduce((total, report) => total + report[name], 0);
  return {
    what: 'twins',
    ...space,
    size: reports[0].size,
    workers,
    scenariosPerSecond: round(sum('scenarios') / seconds),
    scenariosPerCpuSecond: round((1e6 * sum('scenarios')) / (user + system)),
    scenarios: sum('scenarios'),
    eventsPerScenario: round(sum('events') / sum('scenarios')),
    active: sum('active'),
    violations: sum('violations'),
  };
}

/** Finality beside the physical bound: good case, a crashed leader, f silent, loss. */
export function latencies(delays, blocks = 40) {
  const f = Math.floor((delays.length - 1) / 3);
  const cases = {
    good: {},
    'one crashed': { crashed: 1 },
    'f silent': { silent: f },
    'loss 1 %': { loss: 0.01 },
    'loss 5 %': { loss: 0.05 },
  };
  return Object.entries(cases).map(([name, options]) => ({
    what: 'latency',
    case: name,
    ...latency({ protocol: simplex, seed: 1, delays, blocks, ...options }),
  }));
}

/** Validators spread evenly over the built-in regions. */
function matrix(size) {
  const regions = builtInRegions();
  const places = assignRegions(size, regions);
  return places.map((from, i) => places.map((to, j) => (i === j ? 0 : regions.latencyOf(from, to))));
}

if (!isMainThread) {
  const { from, count } = workerData;
  const report = runTwins({ protocol: simplex, space, across: 'delay', seed: 1, from, count });
  parentPort.postMessage({ ...report, size: String(report.size), violations: report.violations.length });
} else {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'events,faults,512,twins,decisions,latency' },
      scale: { type: 'string', default: '1' },
    },
  });
  const wanted = new Set(values.only.split(','));
  const scale = Number(values.scale);
  if (wanted.has('events')) for (const validators of [4, 100]) say(events(validators, scale));
  if (wanted.has('faults')) for (const validators of [4, 7]) say(faults(validators, scale));
  if (wanted.has('512')) say(events(512, scale));
  if (wanted.has('twins')) say(await twins(2, Math.round(12_000 * scale)));
  if (wanted.has('decisions')) {
    say(decisions(16, Math.round(3000 * scale)));
    say(decisions(64, Math.round(150 * scale)));
    say(decisions(100, Math.round(60 * scale)));
  }
  if (wanted.has('latency')) for (const line of latencies(matrix(50))) say(line);
}
