// Worker threads that run seeds of one module; seeds are handed out in order and answers taken in order, so that what a campaign
// finds does not depend on how many there are.
import { Worker } from 'node:worker_threads';

const WORKER = new URL('./worker.mjs', import.meta.url);
/** A run that takes longer than this hangs, which is a failure of its own: its worker is ended. */
const HANG_MS = 60_000;

export class Pool {
  #module;
  #idle = [];
  #all = new Set();
  #waiting = [];
  #size;

  constructor(module, size) {
    this.#module = module;
    this.#size = size;
  }

  /** The answer to one task. */
  run(task) {
    return new Promise((resolve) => {
      this.#waiting.push({ task, resolve });
      this.#next();
    });
  }

  async close() {
    this.#waiting = [];
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #next() {
    if (this.#waiting.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#all.size < this.#size ? this.#spawn() : undefined);
    if (worker === undefined) return;
    const { task, resolve } = this.#waiting.shift();
    const started = performance.now();
    let hang;
    const done = (answer, reuse) => {
      clearTimeout(hang);
      worker.off('message', answered);
      worker.off('error', failed);
      worker.off('exit', ended);
      if (reuse) this.#idle.push(worker);
      else {
        this.#all.delete(worker);
        worker.terminate();
      }
      resolve(answer);
      this.#next();
    };
    const broken = (detail, failure = 'error') => done({ failure, detail, ms: performance.now() - started }, false);
    const answered = (answer) => done(answer, true);
    const failed = (error) => broken(String(error?.stack ?? error));
    const ended = (code) => broken(`the worker ended with code ${code}`);
    worker.on('message', answered);
    worker.on('error', failed);
    worker.on('exit', ended);
    hang = setTimeout(() => broken(`no end after ${HANG_MS / 1000} s`, 'hang'), task.hangMs ?? HANG_MS);
    worker.postMessage(task);
  }

  #spawn() {
    const worker = new Worker(WORKER, { workerData: { module: this.#module }, stderr: false });
    this.#all.add(worker);
    return worker;
  }
}

/**
 * Runs seeds from `from` on until `stop` says so of an answer, `count` have run, or `seconds` are over. Calls `each` in the order of
 * the seeds. Gives how many answered and the last answer; nobody here keeps the others, however many there are.
 */
export async function runSeeds(pool, { options, from, count, seconds, workers, stop = () => false, each = () => {} }) {
  const started = performance.now();
  const isLate = () => (performance.now() - started) / 1000 >= seconds;
  const running = new Map();
  let answered = 0;
  let last;
  let next = from;
  for (let seed = from; seed < from + count; seed++) {
    while (next < from + count && running.size < workers && !isLate()) {
      running.set(next, pool.run({ kind: 'run', options: { ...options, seed: next } }));
      next++;
    }
    const answer = await running.get(seed);
    if (answer === undefined) break;
    running.delete(seed);
    answered++;
    last = { seed, ...answer };
    each(last);
    if (stop(answer)) break;
  }
  return { answered, last, seconds: (performance.now() - started) / 1000 };
}
