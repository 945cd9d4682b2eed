import { type ChildProcess, spawn } from 'node:child_process';
import type { PeerId } from '@quorate/kernel';
import { adminCall } from '../admin.ts';
import { connect } from '../connection.ts';
import { type Processes, QUORATE } from '../devnet/processes.ts';
import type { Testnet, TestnetHome } from '../testnet.ts';
import { linkAt, type Scenario } from './format.ts';

const TICK_MS = 100;
const SENDERS = '16';

/** What came of a scenario with real processes. */
export interface LiveResult {
  /** Highest height that all who were asked agree on. */
  readonly height: number;
  /** What the scenario expected and did not find; empty when all is well. */
  readonly failures: readonly string[];
}

/** Does to the processes of a testnet what a scenario says: kills, pauses, slows and cuts them, and offers transactions. */
export class LiveScenario {
  readonly #scenario: Scenario;
  readonly #testnet: Testnet;
  readonly #processes: Processes;
  readonly #tell: (line: string) => void;
  readonly #peers: readonly (PeerId | undefined)[];
  /** The links that each process was told last, by its number: a new process knows nothing of them. */
  readonly #told = new Map<string, string>();
  readonly #paused = new Set<TestnetHome>();
  readonly #timers: NodeJS.Timeout[] = [];
  #loading: ChildProcess | null = null;
  #ticking: Promise<void> = Promise.resolve();
  #began = 0;
  #stopped = false;

  constructor(
    options: { readonly scenario: Scenario; readonly testnet: Testnet },
    parts: { readonly processes: Processes; readonly tell: (line: string) => void },
  ) {
    this.#scenario = options.scenario;
    this.#testnet = options.testnet;
    this.#processes = parts.processes;
    this.#tell = parts.tell;
    const { members } = options.testnet.genesis.validators;
    this.#peers = options.testnet.homes.map(({ p2p }) => members.find(({ address }) => address === p2p)?.peer);
  }

  /** Begins; call it when the processes were started. */
  start(): void {
    this.#began = performance.now();
    for (const fault of this.#scenario.faults) {
      this.#after(fault.at, () => this.#tell(`${fault.at} s: ${JSON.stringify({ ...fault, at: undefined })}`));
      if (fault.kind === 'crash') {
        this.#after(fault.at, () => this.#with(fault.node, (home) => void this.#processes.end(home, 'SIGKILL')));
        this.#after(fault.at + fault.for, () => this.#with(fault.node, (home) => this.#processes.start(home)));
      }
      if (fault.kind === 'pause') {
        this.#after(fault.at, () => this.#with(fault.node, (home) => this.#pause(home)));
        this.#after(fault.at + fault.for, () => this.#with(fault.node, (home) => this.#resume(home)));
      }
    }
    this.#timers.push(
      setInterval(() => {
        this.#ticking = this.#ticking.then(() => this.#shape());
      }, TICK_MS),
    );
    if (this.#scenario.load.perSecond > 0) void this.#load().catch((error) => this.#tell(`load: ${String(error)}`));
  }

  /** Ends the load and every fault. The processes run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#loading?.kill();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const home of [...this.#paused]) this.#resume(home);
    await this.#ticking;
  }

  /** Compares what the validators say with what the scenario expects; ask while they run. */
  async judge(): Promise<LiveResult> {
    const { expect } = this.#scenario;
    const failures: string[] = [];
    const clients = this.#testnet.homes.map(({ name, rpc }) => ({ name, client: connect(rpc, { retries: 2 }) }));
    const heights: number[] = [];
    for (const { name, client } of clients) {
      const height = await client.status().then(
        (status) => status.height,
        () => null,
      );
      if (height !== null) heights.push(height);
      const behind = height === null || height < expect.heights;
      if (behind && expect.everybody)
        failures.push(`${name} is at ${height === null ? 'no height: it does not answer' : `height ${height}`}`);
    }
    const reached = Math.max(0, ...heights);
    if (reached < expect.heights) failures.push(`height ${reached} was reached, ${expect.heights} expected`);
    const common = Math.min(...heights);
    const digests = new Map<string, string[]>();
    if (Number.isFinite(common) && common > 0) {
      for (const { name, client } of clients) {
        const digest = await client.header(common).then(
          (found) => found.digest,
          () => null,
        );
        if (digest !== null) digests.set(digest, [...(digests.get(digest) ?? []), name]);
      }
    }
    if (digests.size > 1)
      failures.push(
        `height ${common} is final in ${digests.size} ways: ${[...digests].map(([digest, names]) => `${digest} at ${names.join(', ')}`).join('; ')}`,
      );
    return { height: reached, failures };
  }

  #after(seconds: number, run: () => void): void {
    this.#timers.push(setTimeout(() => !this.#stopped && run(), 1000 * seconds));
  }

  #with(index: number, run: (home: TestnetHome) => void): void {
    const home = this.#testnet.homes[index];
    if (home !== undefined) run(home);
  }

  #pause(home: TestnetHome): void {
    const pid = this.#processes.pid(home);
    if (pid === null) return;
    this.#paused.add(home);
    process.kill(pid, 'SIGSTOP');
  }

  #resume(home: TestnetHome): void {
    const pid = this.#processes.pid(home);
    this.#paused.delete(home);
    if (pid !== null) process.kill(pid, 'SIGCONT');
  }

  /** Tells every process how its messages travel now, when it does not know. */
  async #shape(): Promise<void> {
    const second = (performance.now() - this.#began) / 1000;
    await Promise.all(
      this.#testnet.homes.map(async (home, from) => {
        const pid = this.#processes.pid(home);
        if (pid === null || this.#paused.has(home)) return;
        const links = this.#peers.flatMap((peer, to) =>
          peer === undefined || to === from ? [] : [{ peer, ...linkAt(this.#scenario, second, from, to) }],
        );
        const wanted = `${pid} ${JSON.stringify(links)}`;
        if (this.#told.get(home.name) === wanted) return;
        await adminCall(home.home, 'emulateLinks', { links }).then(
          () => this.#told.set(home.name, wanted),
          () => {}, // it is starting or gone: the next tick tells it
        );
      }),
    );
  }

  /** Offers transactions from a process of its own, as a user would, as soon as a node answers. */
  async #load(): Promise<void> {
    const { faucet, homes } = this.#testnet;
    const [first, ...others] = homes;
    if (faucet === null || first === undefined) return;
    const client = connect(first.rpc, { retries: 0 });
    while (!this.#stopped && (await client.status().catch(() => null)) === null)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    if (this.#stopped) return;
    const rate = `${Math.max(1, Math.round(this.#scenario.load.perSecond))}`;
    const seconds = `${Math.ceil(this.#scenario.seconds)}`;
    const shape = ['--rate', rate, '--seconds', seconds, '--warmup', '0', '--processes', '1', '--accounts', SENDERS];
    const where = ['--url', first.rpc, ...others.flatMap(({ rpc }) => ['--also', rpc]), '--key', faucet.file];
    this.#loading = spawn(process.execPath, [QUORATE, 'load', ...shape, ...where], { stdio: 'ignore' });
  }
}
