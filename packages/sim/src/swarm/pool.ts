import { Worker } from 'node:worker_threads';
import type { Outcome, SeedOptions } from './outcome.ts';
import { runSeed } from './run-seed.ts';

export interface PoolOptions {
  /** What to run, in this order. */
  readonly runs: readonly SeedOptions[];
  /** Threads; 0 runs everything in this one. */
  readonly workers: number;
  /** The worker's module, `worker.js` beside this one: tests that run from sources have none and stay in one thread. */
  readonly worker?: URL;
  /** Called in the order of `runs`, whatever finishes first. */
  readonly onOutcome?: (outcome: Outcome, index: number) => void;
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

/**
 * Runs seeds on worker threads. Outcomes come in the order of the runs, and are the same for any number of workers. Rejects when a run
 * throws, naming its seed: a simulator that breaks is a failure of its own.
 */
export async function runSeeds(options: PoolOptions): Promise<Outcome[]> {
  const merger = new Merger(options);
  if (options.workers <= 0) {
    for (const [index, run] of options.runs.entries()) {
      if (merger.done) break;
      merger.take({ index, outcome: await runSeed(run) });
    }
    return merger.outcomes;
  }
  const url = options.worker ?? new URL('./worker.js', import.meta.url);
  const queue = options.runs.map((run, index): Task => ({ index, options: run }));
  const threads = Math.min(options.workers, queue.length);
  await Promise.all(Array.from({ length: threads }, () => work(url, queue, merger)));
  return merger.outcomes;
}

function work(url: URL, queue: Task[], merger: Merger): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url);
    const next = (): void => {
      const task = merger.done ? undefined : queue.shift();
      if (task === undefined) void worker.terminate().then(() => resolve());
      else worker.postMessage(task);
    };
    worker.on('message', (answer: Answer) => {
      try {
        merger.take(answer);
        next();
      } catch (error) {
        void worker.terminate().then(() => reject(error));
      }
    });
    worker.on('error', reject);
    next();
  });
}

/** Puts outcomes back into the order of the runs. */
class Merger {
  readonly #options: PoolOptions;
  readonly #waiting = new Map<number, Outcome>();
  readonly outcomes: Outcome[] = [];
  done = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  take(answer: Answer): void {
    if ('failure' in answer) {
      throw new Error(`seed ${this.#options.runs[answer.index]?.seed}: ${answer.failure}`);
    }
    this.#waiting.set(answer.index, answer.outcome);
    for (;;) {
      const index = this.outcomes.length;
      const outcome = this.#waiting.get(index);
      if (outcome === undefined || this.done) return;
      this.#waiting.delete(index);
      this.outcomes.push(outcome);
      this.#options.onOutcome?.(outcome, index);
      if (this.#options.enough?.(outcome) === true) this.done = true;
    }
  }
}
