import type { Client } from '@quorate/client';
import { connect } from '../connection.ts';
import type { Testnet, TestnetHome } from '../testnet.ts';
import { Processes } from './processes.ts';
import { type DevnetView, quantile, type ValidatorView } from './view.ts';

/** One finalized block, as `quorate devnet --json` prints it. */
export interface BlockLine {
  readonly height: number;
  readonly view: number;
  readonly epoch: number;
  /** The header's time, Unix ms. */
  readonly time: number;
  readonly txs: number;
  /** The header's time → seen final by the node that reports, ms. */
  readonly latencyMs: number;
}

/** What `quorate devnet --for` prints at its end. */
export interface DevnetSummary {
  readonly blocks: number;
  readonly transactions: number;
  readonly seconds: number;
  readonly height: number;
  readonly firstBlockMs: number | null;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly crashes: number;
}

interface Seen {
  readonly at: number;
  readonly txs: number;
  readonly latencyMs: number;
}

/** Blocks over which rates and latencies are shown. */
const RECENT_MS = 10_000;
const MAX_RECENT = 5000;
const POLL_MS = 1000;

/** Runs the nodes of a testnet on this machine, follows the chain and knows what to show of it. */
export class Devnet {
  readonly testnet: Testnet;
  readonly processes: Processes;
  readonly #clients: readonly Client[];
  readonly #states: {
    height: number;
    view: number;
    epoch: number;
    peers: number;
    silent: string | null;
    answered: boolean;
  }[];
  readonly #onBlock: (line: BlockLine) => void;
  readonly #notices: string[] = [];
  readonly #recent: Seen[] = [];
  readonly #latencies: number[] = [];
  readonly #stop = new AbortController();
  #began = 0;
  /** Height to follow from; null for the next one that becomes final. */
  #next: number | null;
  #firstBlockMs: number | null = null;
  #blocks = 0;
  #transactions = 0;
  #crashes = 0;
  #height = 0;
  #view = 0;
  #epoch = 0;
  #poller: NodeJS.Timeout | null = null;

  constructor(
    options: {
      readonly testnet: Testnet;
      readonly flags: readonly string[];
      /** The chain exists already: follow what is new. */
      readonly goesOn: boolean;
    },
    parts: { readonly onBlock: (line: BlockLine) => void; readonly onNotice: (line: string) => void },
  ) {
    this.testnet = options.testnet;
    this.#next = options.goesOn ? null : 1;
    this.#onBlock = parts.onBlock;
    this.#clients = this.testnet.homes.map(({ rpc }) => connect(rpc, { retries: 0, timeoutMs: 2000 }));
    this.#states = this.testnet.homes.map(() => ({
      height: 0,
      view: 0,
      epoch: 0,
      peers: 0,
      silent: null,
      answered: false,
    }));
    this.processes = new Processes(
      { nodes: this.testnet.homes, flags: options.flags },
      {
        onExit: (node, code, signal) => {
          if (this.#stop.signal.aborted) return;
          this.#crashes += 1;
          const line = `${node.name} ended (${signal ?? `code ${code}`}): see ${node.home}/node.log; start it again with: npx quorate start --home ${node.home}`;
          this.#notices.push(line);
          if (this.#notices.length > 4) this.#notices.shift();
          parts.onNotice(line);
        },
      },
    );
  }

  start(): void {
    this.#began = performance.now();
    this.processes.startAll();
    this.#poller = setInterval(() => void this.#poll(), POLL_MS);
    void this.#follow();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#poller !== null) clearInterval(this.#poller);
    await this.processes.stopAll();
  }

  /** Follows the chain at whichever node answers; goes on at the next height when that one falls silent. */
  async #follow(): Promise<void> {
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      const home = this.testnet.homes[turn % this.testnet.homes.length];
      if (
        home === undefined ||
        (this.processes.state(home) !== 'running' && this.#states[turn % this.#states.length]?.answered !== true)
      ) {
        await pause(100);
        continue;
      }
      try {
        const from = this.#next === null ? {} : { from: this.#next };
        const updates = connect(home.rpc).follow('blocks', { ...from, signal: this.#stop.signal, maxAttempts: 1 });
        for await (const { block } of updates) {
          if (!('bytes' in block)) continue;
          this.#saw(block);
          this.#next = block.header.height + 1;
        }
      } catch {
        await pause(100); // the node is starting or gone: the next one in turn
      }
    }
  }

  #saw(block: {
    readonly header: { readonly height: number; readonly view: number; readonly epoch: number; readonly time: number };
    readonly transactions: number;
    readonly finalizedAt: number;
  }): void {
    const { height, view, epoch, time } = block.header;
    const at = performance.now() - this.#began;
    const latencyMs = Math.max(0, block.finalizedAt - time);
    this.#firstBlockMs ??= at;
    this.#blocks += 1;
    this.#transactions += block.transactions;
    [this.#height, this.#view, this.#epoch] = [height, view, epoch];
    this.#recent.push({ at, txs: block.transactions, latencyMs });
    if (this.#recent.length > MAX_RECENT) this.#recent.shift();
    if (this.#latencies.length < 1_000_000) this.#latencies.push(latencyMs);
    this.#onBlock({ height, view, epoch, time, txs: block.transactions, latencyMs });
  }

  async #poll(): Promise<void> {
    await Promise.all(
      this.testnet.homes.map(async (_home, index) => {
        const state = this.#states[index];
        const client = this.#clients[index];
        if (state === undefined || client === undefined) return;
        try {
          const { height, view, epoch, peers, silent } = await client.status();
          Object.assign(state, { height, view, epoch, peers: peers.length, silent, answered: true });
        } catch {
          state.answered = false;
        }
      }),
    );
  }

  view(hints: readonly string[]): DevnetView {
    const seconds = (performance.now() - this.#began) / 1000;
    const since = 1000 * seconds - RECENT_MS;
    while ((this.#recent[0]?.at ?? Number.POSITIVE_INFINITY) < since) this.#recent.shift();
    const span = Math.min(seconds, RECENT_MS / 1000);
    const latencies = this.#recent.map(({ latencyMs }) => latencyMs);
    const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
    const { genesis } = this.testnet;
    return {
      chainId: genesis.chainId,
      mechanism: genesis.consensus.mechanism,
      suite: genesis.suite,
      seconds,
      height: this.#height,
      view: this.#view,
      epoch: this.#epoch,
      latency: p50 === null || p99 === null ? null : { p50, p99 },
      blocksPerSecond: this.#recent.length / span,
      transactionsPerSecond: this.#recent.reduce((sum, { txs }) => sum + txs, 0) / span,
      validators: this.testnet.homes.map((home, index) => this.#validator(home, index)),
      notices: this.#notices,
      hints,
    };
  }

  #validator(home: TestnetHome, index: number): ValidatorView {
    const state = this.#states[index];
    const running = this.processes.state(home);
    return {
      name: home.name,
      // One that was started again by hand answers although it is no child of ours.
      state: state?.answered === true ? 'running' : running === 'running' ? 'starting' : running,
      pid: this.processes.pid(home),
      height: state?.height ?? 0,
      view: state?.view ?? 0,
      peers: state?.peers ?? 0,
      rpc: home.rpc.replace('http://', ''),
      silent: state?.silent ?? null,
    };
  }

  summary(): DevnetSummary {
    return {
      blocks: this.#blocks,
      transactions: this.#transactions,
      seconds: Math.round((performance.now() - this.#began) / 100) / 10,
      height: this.#height,
      firstBlockMs: this.#firstBlockMs === null ? null : Math.round(this.#firstBlockMs),
      latencyMs: { p50: quantile(this.#latencies, 0.5), p99: quantile(this.#latencies, 0.99) },
      crashes: this.#crashes,
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
