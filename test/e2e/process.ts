import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@quorate/client';
import type { PeerId } from '@quorate/kernel';
import WebSocket from 'ws';

const QUORATE = fileURLToPath(new URL('../../packages/cli/bin/quorate.js', import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments for Node itself, such as `--import`. */
  readonly execArgv?: readonly string[];
  /** What is run in place of the `quorate` command. */
  readonly script?: string;
  /** A command in front of Node's, such as `prlimit`. */
  readonly wrapper?: readonly string[];
}

export interface NodeIdentity {
  readonly name: string;
  readonly home: string;
  readonly rpc: string;
  /** Where the process listens for peers. */
  readonly listen: string;
  readonly peer: PeerId;
  /** Where its output goes: not in its home, whose disk may be full. */
  readonly logFile: string;
}

/** Every child of this process that runs, so that none survives it. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** One node as an operating-system process. Its output goes to its log file. */
export class NodeProcess implements NodeIdentity {
  readonly name: string;
  readonly home: string;
  readonly rpc: string;
  readonly listen: string;
  readonly peer: PeerId;
  readonly logFile: string;
  /** Gives up at once: a killed node does not answer. */
  readonly client: Client;
  #running: { readonly child: ChildProcess; readonly exited: Promise<Exit> } | null = null;
  #last: Promise<Exit> = Promise.resolve({ code: 0, signal: null });

  constructor(identity: NodeIdentity) {
    this.name = identity.name;
    this.home = identity.home;
    this.rpc = identity.rpc;
    this.listen = identity.listen;
    this.peer = identity.peer;
    this.logFile = identity.logFile;
    this.client = new Client({ url: identity.rpc, retries: 0, timeoutMs: 10_000, WebSocket });
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  get pid(): number {
    const pid = this.#running?.child.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  start(options: StartOptions = {}): void {
    if (this.#running !== null) throw new Error(`${this.name} runs already`);
    const { flags = [], env = {}, execArgv = [], script = QUORATE, wrapper = [] } = options;
    const [command = process.execPath, ...args] = [
      ...wrapper,
      process.execPath,
      ...execArgv,
      script,
      'start',
      '--home',
      this.home,
      ...flags,
    ];
    const log = openSync(this.logFile, 'a', 0o600);
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      env: { ...surroundings(), ...env },
    });
    closeSync(log);
    children.add(child);
    const exited = new Promise<Exit>((resolve) => {
      const end = (exit: Exit): void => {
        children.delete(child);
        if (this.#running?.child === child) this.#running = null;
        resolve(exit);
      };
      child.once('exit', (code, signal) => end({ code, signal }));
      child.once('error', () => end({ code: null, signal: null }));
    });
    this.#running = { child, exited };
    this.#last = exited;
  }

  /** How the latest process ended; waits for that, at most `patience` ms. */
  async exited(patience = 60_000): Promise<Exit> {
    const impatient = new AbortController();
    const late = pause(patience, null, { signal: impatient.signal }).catch(() => null);
    const exit = await Promise.race([this.#last, late]);
    impatient.abort();
    if (exit === null) throw new Error(`${this.name} still runs after ${patience} ms`);
    return exit;
  }

  /** The power cut: nothing of what the process had in mind gets done. */
  kill(): Promise<Exit> {
    this.#running?.child.kill('SIGKILL');
    return this.#last;
  }

  /** A clean stop, as a service manager asks for it. */
  async stop(): Promise<Exit> {
    this.#running?.child.kill('SIGTERM');
    return this.exited();
  }

  /** What the node said since `from` (bytes of its log). */
  log(from = 0): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile).subarray(from).toString() : '';
  }

  /** Where its log stands, for {@link log}. */
  get logEnd(): number {
    return existsSync(this.logFile) ? readFileSync(this.logFile).length : 0;
  }

  /** Height of its finalized chain, or -1 while it does not answer. */
  async height(): Promise<number> {
    if (!this.isRunning) return -1;
    return this.client.status({ timeoutMs: 2000 }).then(
      (status) => status.height,
      () => -1,
    );
  }

  /** Bytes of its anonymous memory (Linux), by which leaks and unbounded buffers show. */
  residentBytes(): number {
    const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return 1024 * Number(found?.[1]);
  }
}

/** The environment of this process without what is meant for the tests: the runner's options, and where vectors are. */
function surroundings(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('QUORATE_'));
  return { ...Object.fromEntries(ours), NODE_OPTIONS: '', NO_COLOR: '1' };
}

/** Asks `condition` until it gives something; throws with what was waited for after `patience` ms. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  patience = 60_000,
): Promise<T> {
  const deadline = performance.now() + patience;
  for (;;) {
    const found = await condition();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${patience} ms in vain: ${what}`);
    await pause(50);
  }
}

/** Runs a `quorate` command to its end. */
export function quorate(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [QUORATE, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...surroundings(), ...options.env },
    });
    children.add(child);
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => {
      children.delete(child);
      resolve({ code, ...text });
    });
  });
}
