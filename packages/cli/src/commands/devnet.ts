import { readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { Command } from 'commander';
import { adminCall } from '../admin.ts';
import { applicationName } from '../application-name.ts';
import { Devnet } from '../devnet/devnet.ts';
import { keptNetwork } from '../devnet/kept.ts';
import { draw } from '../devnet/view.ts';
import { type NetworkFlags, networkOf, shapesNetwork } from '../network-flags.ts';
import { integer, naming, note, readNamedText } from '../output.ts';
import { readScenario, type Scenario } from '../scenario/format.ts';
import { LiveScenario } from '../scenario/live.ts';
import { createTestnet, openTestnet, type Testnet } from '../testnet.ts';

interface DevnetFlags extends NetworkFlags {
  readonly dir: string;
  readonly app?: string;
  readonly for?: string;
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly scenario?: string;
}

const DRAW_MS = 500;
const PORT_STRIDE = 10;
const MARK = 'validator-0';

async function isFree(port: number): Promise<boolean> {
  if (port > 65_535) return false;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first shift of both port ranges, in steps of a thousand, at which every port is free. */
async function freeShift(validators: number, p2pPort: number, rpcPort: number): Promise<number> {
  for (let shift = 0; shift < 10_000; shift += 1000) {
    const ports = Array.from({ length: validators }, (_, i) => PORT_STRIDE * i + shift).flatMap((at) => [
      p2pPort + at,
      rpcPort + at,
    ]);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return shift;
  }
  throw new QuorateError(
    'config/invalid',
    `ports from ${p2pPort} and ${rpcPort} on are taken, or too high: name others with --p2p-port and --rpc-port`,
  );
}

/** `victim` is the process of a validator that may be killed while the others go on. */
function hintsFor(folder: string, { homes, faucet: hasFaucet }: Testnet, victim: number | null): string[] {
  const rpc = homes[0]?.rpc ?? '';
  const url = rpc === 'http://127.0.0.1:26601' ? '' : ` --url ${rpc}`;
  const first = [`npx quorate status${url}`, `npx quorate validators${url}`];
  if (hasFaucet === null)
    return [
      ...first,
      `npx quorate tx submit TEXT${url}          (a transaction of your state machine, e.g. 'add 5' for the counter)`,
      `npx quorate query PATH${url}          (what its query knows, e.g. counter)`,
    ];
  const faucet = relative('.', join(folder, 'faucet.json'));
  const killed = relative('.', join(folder, 'validator-1'));
  return [
    ...first,
    `npx quorate keys new me.json --plain                        (prints an address)`,
    `npx quorate tx send --key ${faucet} --to ADDRESS --amount 5${url}`,
    `npx quorate verify ADDRESS --genesis ${relative('.', join(folder, MARK, 'genesis.json'))}${url}`,
    `npx quorate load --key ${faucet} --rate 500${url}`,
    ...(homes.length < 4 || victim === null ? [] : [`kill -9 ${victim}; npx quorate start --home ${killed}`]),
  ];
}

/** `quorate devnet`: a network of validators on this machine, each a process with its own keys, disk and connections. */
export function devnetCommand(): Command {
  return shapesNetwork(
    new Command('devnet').description('run a network of validators on this machine and watch it agree'),
  )
    .option('--dir <dir>', 'folder of the network; made anew each time', '.devnet')
    .option('--keep', 'go on with the network that is in the folder, in the shape it was made with')
    .option('--app <path>', 'run your own state machine: a module that exports createApplication')
    .option('--for <seconds>', 'stop after so long and print a summary')
    .option(
      '--scenario <file>',
      'run a scenario (docs/simulation.md): its validators, links, load and faults, to its end; exit code 1 when it ends otherwise',
    )
    .option(
      '--json',
      'one line of JSON per finalized block {height, view, epoch, time, txs, latencyMs}, and the summary',
    )
    .action(async (flags: DevnetFlags, self: Command) => {
      const said = new Set(Object.keys(flags).filter((name) => self.getOptionValueSource(name) === 'cli'));
      process.exitCode = await runDevnet(flags, said);
    });
}

/** Makes the network of the flags in place of the one in the folder. Throws `config/invalid` when something else is in there. */
async function newNetwork(folder: string, flags: DevnetFlags, isEmulated: boolean): Promise<Testnet> {
  const shape = networkOf(flags); // what was typed wrong is said before the old network is taken away
  const found: string[] = await readdir(folder).catch(() => []);
  if (found.length > 0) {
    if (!found.includes(MARK)) {
      throw new QuorateError(
        'config/invalid',
        `--dir: ${folder} holds something else than a devnet: name another folder`,
      );
    }
    for (const { name, home } of (await openTestnet(folder)).homes) {
      const running = await adminCall(home, 'status').catch(() => null);
      if (running !== null)
        throw new QuorateError(
          'config/invalid',
          `--dir: ${name} of the network in ${folder} is running: stop it first`,
        );
    }
    await naming('--dir: ', rm(folder, { recursive: true }));
  }
  const shift = await freeShift(shape.validators, shape.p2pPort, shape.rpcPort);
  const app = flags.app === undefined ? null : resolve(flags.app);
  return createTestnet({
    ...shape,
    folder,
    hosts: [],
    p2pPort: shape.p2pPort + shift,
    rpcPort: shape.rpcPort + shift,
    application: app === null ? 'ledger' : await applicationName(app),
    sealing: { plain: true },
    config: { ...(app === null ? {} : { app }), ...(isEmulated ? { p2p: { emulation: true } } : {}) },
  });
}

/** What a scenario says instead of flags. */
const OF_SCENARIO: readonly string[] = ['validators', 'mechanism', 'delta', 'epochLength', 'for', 'keep', 'app'];

/** The scenario of the flags, and the flags as it wants them. Throws `config/invalid` for a file that is none, and for flags that contradict it. */
async function withScenario(
  flags: DevnetFlags,
  said: ReadonlySet<string>,
): Promise<{ readonly flags: DevnetFlags; readonly scenario: Scenario | null }> {
  if (flags.scenario === undefined) return { flags, scenario: null };
  const scenario = readScenario(await readNamedText('--scenario: ', flags.scenario), `--scenario: ${flags.scenario}`);
  const [other] = OF_SCENARIO.filter((name) => said.has(name));
  if (other !== undefined)
    throw new QuorateError(
      'config/invalid',
      `--scenario: the scenario says what --${other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} would: leave one of them out`,
    );
  const { validators, mechanism, deltaMs, epochLength, seconds } = scenario;
  const shape = { validators: `${validators}`, mechanism, delta: `${deltaMs}`, epochLength: `${epochLength}` };
  return { flags: { ...flags, ...shape, for: `${Math.ceil(seconds)}` }, scenario };
}

async function runDevnet(given: DevnetFlags, said: ReadonlySet<string>): Promise<number> {
  const { flags, scenario } = await withScenario(given, said);
  const folder = resolve(flags.dir);
  const timer = flags.for === undefined ? null : integer('--for', flags.for, 1, 10_000_000);
  const testnet =
    flags.keep === true ? await keptNetwork(folder, flags, said) : await newNetwork(folder, flags, scenario !== null);
  const isTerminal = process.stdout.isTTY === true && flags.json !== true;
  const devnet = new Devnet(
    { testnet, flags: [], goesOn: flags.keep === true },
    {
      onBlock: (line) => {
        if (flags.json === true) process.stdout.write(`${JSON.stringify(line)}\n`);
        else if (!isTerminal)
          process.stdout.write(
            `block ${line.height}  view ${line.view}  ${line.txs} txs  final after ${line.latencyMs} ms\n`,
          );
      },
      onNotice: (line) => {
        if (!isTerminal) note(line);
      },
    },
  );
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  process.on('exit', () => devnet.processes.killAll());
  devnet.start();
  const live =
    scenario === null
      ? null
      : new LiveScenario(
          { scenario, testnet },
          { processes: devnet.processes, tell: (line) => !isTerminal && note(line) },
        );
  live?.start();
  const victim = testnet.homes[1];
  const hints = hintsFor(folder, testnet, victim === undefined ? null : devnet.processes.pid(victim));
  if (!isTerminal && flags.json !== true)
    process.stdout.write(
      `${testnet.homes.length} validators in ${relative('.', folder) || folder}, Node ${process.versions.node}\n${hints.map((hint) => `  ${hint}`).join('\n')}\n`,
    );
  const over =
    timer === null ? new Promise<void>(() => {}) : new Promise<void>((resolve) => setTimeout(resolve, timer * 1000));
  const screen = isTerminal ? new Screen() : null;
  const drawing = setInterval(
    () =>
      screen?.show(
        draw(devnet.view(hints), { columns: process.stdout.columns, colour: process.env.NO_COLOR === undefined }),
      ),
    DRAW_MS,
  );
  const isTold = await Promise.race([told.then(() => true), over.then(() => false)]);
  await live?.stop();
  const result = isTold ? null : ((await live?.judge()) ?? null);
  clearInterval(drawing);
  screen?.close();
  await devnet.stop();
  const summary = devnet.summary();
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ summary })}\n`);
  else {
    const { blocks, transactions, seconds, latencyMs, crashes } = summary;
    process.stdout.write(
      `stopped after ${seconds} s: ${blocks} blocks, ${transactions} transactions, finality p50 ${latencyMs.p50 ?? '-'} ms, p99 ${latencyMs.p99 ?? '-'} ms, ${crashes} crashes\n`,
    );
  }
  if (result !== null && scenario !== null) {
    const verdict = result.failures.length === 0 ? 'as expected' : result.failures.join('; ');
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ scenario: scenario.name, ...result })}\n`);
    else process.stdout.write(`scenario ${scenario.name}: height ${result.height}, ${verdict}\n`);
    if (result.failures.length > 0) return 1;
  }
  if (summary.blocks > 0) return 0;
  note(
    `quorate: no block was final within ${summary.seconds} s, so the exit code is 1: the validators need some seconds to begin, and node.log in their folders says more`,
  );
  return 1;
}

/** The terminal's other screen, so that what was there before comes back. */
class Screen {
  constructor() {
    process.stdout.write('\u001b[?1049h\u001b[?25l');
  }

  show(lines: readonly string[]): void {
    const visible = lines.slice(0, Math.max(1, process.stdout.rows - 1));
    process.stdout.write(`\u001b[H${visible.map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`);
  }

  close(): void {
    process.stdout.write('\u001b[?25h\u001b[?1049l');
  }
}
