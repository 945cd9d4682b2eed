// Measures the simulator on one core: node bench/sim.mjs [--only queue,world,replica] [--operations 2000000] [--seconds 30] [--rounds 3]
// One JSON line per scenario, the best of the rounds. Hold model: take the next event out, put one in; 90 % messages of 10 to 150 ms,
// 10 % timers of 1 to 2 s. Replicas: four full replicas, 50 ms one way, every checker and the running hash on. Needs `npm run build`.
import { parseArgs } from 'node:util';
import { CalendarQueue, Cluster, HeapQueue, Stream, World } from '@quorate/sim';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    operations: { type: 'string', default: '2000000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
  },
});
const operations = Number(values.operations);
const rounds = Number(values.rounds);

function report(bench, figures) {
  console.log(JSON.stringify({ bench, ...figures }));
}

/** Wall and processor seconds of the work, and what it gave: the second says more on a machine that does other things too. */
async function timed(work) {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(used);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6, result };
}

/** The quickest of the rounds. `prepare` is not counted. */
async function best(prepare, work) {
  let quickest = null;
  for (let round = 0; round < rounds; round++) {
    const prepared = await prepare();
    const run = await timed(() => work(prepared));
    if (quickest === null || run.seconds < quickest.seconds) quickest = run;
  }
  return quickest;
}

async function queue() {
  const stream = Stream.named(1, 'hold');
  const delays = Int32Array.from({ length: 65_536 }, () =>
    stream.chance(0.9) ? stream.between(10_000, 150_000) : stream.between(1_000_000, 2_000_000),
  );
  const nothing = () => {};
  for (const waiting of [50, 1_000, 10_000, 100_000, 1_000_000]) {
    for (const Queue of [HeapQueue, CalendarQueue]) {
      const { seconds } = await best(
        () => {
          const filled = new Queue();
          for (let i = 0; i < waiting; i++) filled.push(delays[i & 65_535], 0, 0, 0, nothing);
          for (let i = 0; i < waiting; i++) {
            filled.pop();
            filled.push(filled.time + delays[(i * 7) & 65_535], 0, 0, 0, nothing);
          }
          return filled;
        },
        (filled) => {
          for (let i = 0; i < operations; i++) {
            filled.pop();
            filled.push(filled.time + delays[i & 65_535], 0, 0, 0, nothing);
          }
        },
      );
      report('queue', { queue: Queue.name, waiting, holdsPerSecond: Math.round(operations / seconds) });
    }
  }
}

async function world() {
  const events = 500_000;
  const chain = await best(
    () => {
      const empty = new World({ seed: 1 });
      let left = events;
      const tick = () => {
        if (--left > 0) empty.schedule(5, 'tick', tick);
      };
      for (let i = 0; i < 50; i++) empty.schedule(i / 10, 'tick', tick);
      return empty;
    },
    (empty) => empty.run(),
  );
  report('world', { scenario: 'empty events', eventsPerSecond: Math.round(events / chain.seconds) });
  const count = 2_000;
  const small = await best(
    () => null,
    async () => {
      for (let seed = 0; seed < count; seed++) {
        const one = new World({ seed });
        for (let i = 0; i < 10; i++) one.schedule(i, 'a', () => {});
        await one.run();
      }
    },
  );
  report('world', { scenario: 'worlds of 10 events', worldsPerSecond: Math.round(count / small.seconds) });
}

async function replica() {
  for (const load of [0, 20]) {
    const run = await best(
      async () => {
        const cluster = await Cluster.create({
          seed: 1,
          weights: [1, 1, 1, 1],
          network: { link: { latency: 50, jitter: 5 } },
        });
        cluster.start();
        await cluster.reaches(2);
        if (load > 0) cluster.load(load);
        return { cluster, events: cluster.world.events };
      },
      async ({ cluster, events }) => {
        await cluster.world.runFor(1000 * Number(values.seconds));
        cluster.checkers.demand('bench');
        return { events: cluster.world.events - events, heights: cluster.heightOf(0), hash: cluster.world.hash };
      },
    );
    report('replica', {
      validators: 4,
      transactionsPerSecond: load === 0 ? 0 : 1000 / load,
      eventsPerSecond: Math.round(run.result.events / run.seconds),
      eventsPerCpuSecond: Math.round(run.result.events / run.cpuSeconds),
      virtualPerWall: Number((Number(values.seconds) / run.seconds).toFixed(1)),
      ...run.result,
    });
  }
}

const parts = { queue, world, replica };
const chosen = values.only === '' ? Object.keys(parts) : values.only.split(',');
for (const name of chosen) {
  if (parts[name] === undefined) throw new Error(`no part ${name}: there are ${Object.keys(parts).join(', ')}`);
  await parts[name]();
}
