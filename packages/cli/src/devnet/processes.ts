import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A node makes much garbage that dies young: with the default of 16 MiB half of it survives long enough to be copied, which costs
 * a third of all its time under load. The old generation may grow by 40 % between collections, not fourfold: that halves the memory
 * and costs a few per cent of the time. The first line of bin/quorate.js says the same.
 */
const NODE_FLAGS = ['--max-semi-space-size=32', '--heap-growing-percent=40'];
/** The command itself, for processes of its own. */
export const QUORATE = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));

/** A validator as an operating-system process on this machine, with its own home folder. */
export interface NodeProcess {
  readonly name: string;
  readonly home: string;
  /** `host:port` of its RPC. */
  readonly rpc: string;
}

export type ProcessState = 'stopped' | 'running' | 'crashed';

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/**
 * Starts, stops and kills the nodes of a network on this machine. Output of each goes to `node.log` in its home.
 * The children die with this process unless they are stopped first.
 */
export class Processes {
  readonly nodes: readonly NodeProcess[];
  readonly #running = new Map<string, Running>();
  readonly #crashed = new Set<string>();
  readonly #flags: readonly string[];
  readonly #nodeFlags: readonly string[];
  readonly #onExit: (node: NodeProcess, code: number | null, signal: NodeJS.Signals | null) => void;

  constructor(
    options: {
      readonly nodes: readonly NodeProcess[];
      readonly flags?: readonly string[];
      readonly nodeFlags?: readonly string[];
    },
    parts: { readonly onExit: (node: NodeProcess, code: number | null, signal: NodeJS.Signals | null) => void },
  ) {
    this.nodes = options.nodes;
    this.#flags = options.flags ?? [];
    this.#nodeFlags = options.nodeFlags ?? [];
    this.#onExit = parts.onExit;
  }

  start(node: NodeProcess): void {
    if (this.#running.has(node.name)) return;
    this.#crashed.delete(node.name);
    const log = openSync(join(node.home, 'node.log'), 'a', 0o600);
    const child = spawn(
      process.execPath,
      [...NODE_FLAGS, ...this.#nodeFlags, QUORATE, 'start', '--home', node.home, ...this.#flags],
      {
        stdio: ['ignore', log, log],
        // The GNU C library keeps a heap per thread, and none of them gives back what the others could use: two are enough.
        env: { MALLOC_ARENA_MAX: '2', ...process.env, NO_COLOR: '1' },
      },
    );
    closeSync(log);
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (!this.#running.delete(node.name)) return;
        if (code !== 0) this.#crashed.add(node.name);
        this.#onExit(node, code, signal);
        resolve({ code, signal });
      };
      child.once('exit', end);
      child.once('error', () => end(1, null));
    });
    this.#running.set(node.name, { child, exited });
  }

  startAll(): void {
    for (const node of this.nodes) this.start(node);
  }

  /** Sends a signal; `SIGKILL` is the power cut that a validator must survive. Resolves when the process is gone. */
  async end(node: NodeProcess, signal: NodeJS.Signals): Promise<void> {
    const running = this.#running.get(node.name);
    if (running === undefined) return;
    running.child.kill(signal);
    await running.exited;
  }

  /** Stops every node cleanly; kills what has not gone after `patience` ms. */
  async stopAll(patience = 10_000): Promise<void> {
    const impatient = setTimeout(() => {
      for (const { child } of this.#running.values()) child.kill('SIGKILL');
    }, patience);
    await Promise.all(this.nodes.map((node) => this.end(node, 'SIGTERM')));
    clearTimeout(impatient);
  }

  /** Kills everything at once: for the exit handler of the parent. */
  killAll(): void {
    for (const { child } of this.#running.values()) child.kill('SIGKILL');
  }

  state(node: NodeProcess): ProcessState {
    if (this.#running.has(node.name)) return 'running';
    return this.#crashed.has(node.name) ? 'crashed' : 'stopped';
  }

  pid(node: NodeProcess): number | null {
    return this.#running.get(node.name)?.child.pid ?? null;
  }
}
