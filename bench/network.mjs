// npm run bench:network: real validators (processes, sockets, fsync) under open-loop load over the public RPC.
// One line of JSON per scenario. `npm run bench:network -- --help` lists the flags.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const built = new URL('../packages/cli/dist/', import.meta.url);
const { createTestnet } = await import(new URL('testnet.js', built));
const { Processes } = await import(new URL('devnet/processes.js', built));
const { runLoad } = await import(new URL('load/run.js', built));
const { connect } = await import(new URL('connection.js', built));
const { loadKey } = await import(new URL('secrets.js', built));

/** What is measured when nothing else is asked for. Rates are offered; what counts is what became final. */
const SCENARIOS = {
  'opaque-512': { load: 'opaque', rate: 22_000, size: 512 },
  transfer: { load: 'transfer', rate: 3_300, size: 0 },
  'opaque-2000': { load: 'opaque', rate: 2_000, size: 512 },
  'transfer-2000': { load: 'transfer', rate: 2_000, size: 0 },
};

const { values: flags } = parseArgs({
  options: {
    mechanism: { type: 'string', default: 'simplex' },
    suite: { type: 'string', default: 'ed25519' },
    validators: { type: 'string', default: '4' },
    scenario: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
    rate: { type: 'string' },
    size: { type: 'string' },
    seconds: { type: 'string', default: '30' },
    warmup: { type: 'string', default: '5' },
    port: { type: 'string', default: '28600' },
    retention: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (flags.help) {
  console.log(`npm run bench:network -- [flags]
  --scenario NAME    ${Object.keys(SCENARIOS).join(', ')}; may be given more than once (default: all)
  --mechanism NAME   consensus mechanism (simplex)
  --suite NAME       ed25519 or bls12-381 (ed25519)
  --validators N     processes (4)
  --rate N           offered per second, instead of the scenario's
  --size BYTES       of one record, instead of the scenario's
  --seconds N        measured time (30)
  --warmup N         seconds before it (5)
  --port N           first port (28600)
  --retention N      blocks whose bodies are kept (the node's default)
  --profile DIR      write a CPU profile of every validator there`);
  process.exit(0);
}

const TICKS_PER_SECOND = 100; // USER_HZ of Linux

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function anonymousMb(pid) {
  const kilobytes = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return Number(kilobytes) / 1024;
}

function bytesSent({ counters }) {
  return Object.entries(counters).reduce((sum, [name, value]) => (name.startsWith('sent.') ? sum + value : sum), 0);
}

/** What the files below a folder occupy, in MB. */
function diskMb(folder) {
  const names = readdirSync(folder, { recursive: true });
  return (
    names.reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0) /
    1e6
  );
}

/** Least-squares slope of the second half of one validator's samples, MB per minute. */
function slopeMbPerMinute(samples) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (pick) => half.reduce((sum, sample) => sum + pick(sample), 0) / half.length;
  const [at, mb] = [mean((sample) => sample.at), mean((sample) => sample.mb)];
  const covariance = mean((sample) => (sample.at - at) * (sample.mb - mb));
  const variance = mean((sample) => (sample.at - at) ** 2);
  return variance === 0 ? 0 : (60_000 * covariance) / variance;
}

async function until(what, probe, seconds) {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; ) {
    if (await probe().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${seconds} s for ${what}`);
}

async function measure(name) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`--scenario ${name}: there are ${Object.keys(SCENARIOS).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  const seconds = Number(flags.seconds);
  const testnet = await createTestnet({
    folder: join(folder, 'net'),
    chainId: 'bench',
    validators: Number(flags.validators),
    suite: flags.suite,
    mechanism: flags.mechanism,
    hosts: [],
    p2pPort: Number(flags.port),
    rpcPort: Number(flags.port) + 1,
    delta: 1000,
    epochLength: 1_000_000,
    upgradeHeight: 0,
    application: 'ledger',
    sealing: { plain: true },
    config: flags.retention === undefined ? {} : { retention: { blocks: Number(flags.retention) } },
  });
  const processes = new Processes(
    {
      nodes: testnet.homes,
      nodeFlags: flags.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', flags.profile],
    },
    {
      onExit: (node, code) =>
        code !== 0 && process.stderr.write(`${node.name} ended with code ${code}: ${node.home}/node.log\n`),
    },
  );
  process.on('exit', () => processes.killAll());
  try {
    processes.startAll();
    const clients = testnet.homes.map(({ rpc }) => connect(rpc));
    await until('the first block', async () => (await clients[0].status()).height > 0, 60);
    const pids = testnet.homes.map((home) => processes.pid(home));
    let cpu = 0;
    let sent = 0;
    const memory = pids.map(() => []);
    const disk = [];
    const watch = setInterval(() => {
      const at = performance.now();
      for (const [i, pid] of pids.entries()) memory[i].push({ at, mb: anonymousMb(pid) });
      disk.push({ at, mb: diskMb(testnet.homes[0].home) });
    }, 1000);
    const both = async () => {
      const statuses = await Promise.all(clients.map((client) => client.status()));
      return [
        pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
        statuses.reduce((sum, status) => sum + bytesSent(status), 0),
      ];
    };
    const loading = runLoad(
      {
        scenario: scenario.load,
        urls: testnet.homes.map(({ rpc }) => rpc),
        rate: Number(flags.rate ?? scenario.rate),
        size: Number(flags.size ?? scenario.size),
        seconds,
        warmupSeconds: Number(flags.warmup),
        processes: 2,
        accounts: 128,
      },
      {
        client: clients[0],
        faucet: await loadKey(testnet.faucet.file, 'account'),
        onMeasure: async (phase) => {
          const [cpuNow, sentNow] = await both();
          cpu = phase === 'begin' ? -cpuNow : cpu + cpuNow;
          sent = phase === 'begin' ? -sentNow : sent + sentNow;
        },
      },
    );
    const summary = await loading;
    clearInterval(watch);
    const { durationsMs } = await clients[0].status();
    const { committedTps, offeredTps, latencyMs, failed, reasons } = summary;
    const line = {
      scenario: name,
      mechanism: flags.mechanism,
      suite: flags.suite,
      validators: testnet.homes.length,
      offeredTps,
      committedTps,
      latencyMs,
      fsyncMs: { p50: durationsMs.fsync?.p50 ?? null },
      cpuSecondsPer1000Tx: committedTps === 0 ? null : Math.round((1e6 * cpu) / (committedTps * seconds)) / 1000,
      validatorCpuSeconds: Math.round(10 * cpu) / 10,
      clientCpuSeconds: summary.clientCpuSeconds,
      rssAnonMb: Math.round(Math.max(...memory.flat().map(({ mb }) => mb))),
      rssEndMb: Math.round(Math.max(...memory.map((samples) => samples.at(-1)?.mb ?? 0))),
      rssSlopeMbPerMinute: Math.round(10 * Math.max(...memory.map(slopeMbPerMinute))) / 10,
      diskMb: Math.round(disk.at(-1)?.mb ?? 0),
      diskSlopeMbPerMinute: Math.round(10 * slopeMbPerMinute(disk)) / 10,
      bytesSent: sent,
      fsync: true,
      failed,
      node: process.versions.node,
    };
    console.log(JSON.stringify(line));
    for (const [reason, count] of reasons) process.stderr.write(`  ${count} × ${reason}\n`);
  } finally {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const name of flags.scenario) await measure(name);
