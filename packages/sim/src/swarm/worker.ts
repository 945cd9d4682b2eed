import { parentPort } from 'node:worker_threads';
import { guarded } from '../guards.ts';
import type { Answer, Task } from './pool.ts';
import { runSeed } from './run-seed.ts';

// One thread of the pool: a seed in, its outcome out. Nothing else happens on it, so the guards stay up for the whole seed.

parentPort?.on('message', ({ index, options }: Task) => {
  const answer = (said: Answer): void => parentPort?.postMessage(said);
  guarded(() => runSeed(options)).then(
    (outcome) => answer({ index, outcome }),
    (error: unknown) =>
      answer({ index, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
