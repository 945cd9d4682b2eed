import { Worker } from 'node:worker_threads';
import type { Outcome, SeedOptions } from './outcome.ts';
import { runSeed } from './run-seed.ts';

export interface PoolOptions {
  /** How many runs, and what each of them is. */
  readonly count: number;
  readonly runAt: (index: number) => SeedOptions;
  /** Threads; 0 runs everything in this one. */
  readonly workers: number;
  /** The worker's module, `worker.js` beside this one: tests that run from sources have none and stay in one thread. */
  readonly worker?: URL;
  /** Ms of wall clock after which a run on a thread of its own hangs; {@link HANG_MS} unless told otherwise. */
  readonly hangMs?: number;
  /** Called in the order of the runs, whatever finishes first. */
  readonly onOutcome: (outcome: Outcome, index: number) => void;
  /** Whether the outcomes so far are enough; asked after each, in order. */
  readonly enough?: (outcome: Outcome) => boolean;
}

/** What the pool tells a worker, and what it hears. */
export interface Task {
  readonly index: number;
  readonly options: SeedOptions;
}

export type Answer =
  | { readonly index: number; readonly outcome: Outcome }
  | { readonly index: number; readonly failure: string };

/** A run takes a second or so. One that takes five minutes will never end. */
const HANG_MS = 300_000;

/** Runs per thread that may be ahead of the first that is not over: what waits for a slow one has a bound. */
const AHEAD = 256;

/**
 * Runs seeds on worker threads. Outcomes come in the order of the runs, are the same for any number of workers, and are kept by nobody
 * here: a campaign may be a million seeds long. Rejects when a run throws or hangs, naming its seed: a simulator that breaks is a failure
 * of its own. Without threads nobody can end a run that hangs.
 */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const progress = new Progress(options);
  if (options.workers <= 0) {
    for (let task = progress.next(1); task !== null; task = progress.next(1)) {
      progress.take({ index: task.index, outcome: await runSeed(task.options) });
    }
    return;
  }
  const url = options.worker ?? new URL('./worker.js', import.meta.url);
  const threads = Math.min(options.workers, options.count);
  const team: Team = { threads, hangMs: options.hangMs ?? HANG_MS, idle: new Set(), workers: new Set() };
  try {
    await Promise.all(Array.from({ length: threads }, () => work(url, progress, team)));
  } finally {
    // After a failure the others have nothing to go on for.
    await Promise.all([...team.workers].map((worker) => worker.terminate()));
  }
}

interface Team {
  readonly threads: number;
  readonly hangMs: number;
  /** Those who are too far ahead to go on. */
  readonly idle: Set<() => void>;
  readonly workers: Set<Worker>;
}

/** One thread: a run after the other until none is left. */
function work(url: URL, progress: Progress, { threads, hangMs, idle, workers }: Team): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url);
    workers.add(worker);
    let hang: NodeJS.Timeout | undefined;
    const next = (): void => {
      idle.delete(next);
      const task = progress.next(threads);
      if (task !== null) {
        const { seed } = task.options;
        hang = patience(hangMs, () => reject(new Error(`seed ${seed}: no end after ${hangMs / 1000} s`)));
        worker.postMessage(task);
      } else if (progress.done) resolve();
      else idle.add(next);
    };
    worker.on('message', (answer: Answer) => {
      clearInterval(hang);
      try {
        progress.take(answer);
        next();
        for (const again of [...idle]) again();
      } catch (error) {
        reject(error);
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      clearInterval(hang);
      reject(new Error(`a worker of the campaign ended by itself with code ${code}`));
    });
    next();
  });
}

/** Rings after so many ms, counted second by second: a process that was stopped meanwhile has not been hanging. */
function patience(ms: number, ring: () => void): NodeJS.Timeout {
  const step = Math.min(1000, ms);
  let left = ms;
  const timer = setInterval(() => {
    left -= step;
    if (left > 0) return;
    clearInterval(timer);
    ring();
  }, step);
  return timer;
}

/** Hands out runs in order and puts their outcomes back into it. */
class Progress {
  readonly #options: PoolOptions;
  readonly #waiting = new Map<number, Outcome>();
  #given = 0;
  #taken = 0;
  #enough = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Nothing is left to begin. */
  get done(): boolean {
    return this.#enough || this.#given >= this.#options.count;
  }

  /** The next run; null when none is left, or none yet. */
  next(threads: number): Task | null {
    if (this.done || this.#given >= this.#taken + AHEAD * threads) return null;
    const index = this.#given++;
    return { index, options: this.#options.runAt(index) };
  }

  take(answer: Answer): void {
    const { runAt, onOutcome, enough } = this.#options;
    if ('failure' in answer) throw new Error(`seed ${runAt(answer.index).seed}: ${answer.failure}`);
    this.#waiting.set(answer.index, answer.outcome);
    for (;;) {
      const index = this.#taken;
      const outcome = this.#waiting.get(index);
      if (outcome === undefined || this.#enough) return;
      this.#waiting.delete(index);
      this.#taken++;
      onOutcome(outcome, index);
      if (enough?.(outcome) === true) this.#enough = true;
    }
  }
}
