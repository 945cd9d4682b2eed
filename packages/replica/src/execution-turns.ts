import { type Height, isQuorateError } from '@quorate/kernel';
import type { Hindrance } from './execution-outcomes.ts';

/** Judgements and builds that wait for a commit at once; beyond, they are turned away. */
const MAX_WAITING = 64;

/** Steps of the executor run one at a time, so that a commit never falls between executing a parent and judging its child. */
export class ExecutionTurns {
  #last: Promise<unknown> = Promise.resolve();
  #waiting: { readonly height: Height; readonly done: (committed: boolean) => void }[] = [];
  #stopped = false;

  get stopped(): boolean {
    return this.#stopped;
  }

  alone<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => {});
    return done;
  }

  /** A step on candidates: what the application throws becomes an outcome; nobody votes on it. */
  attempt<T>(step: () => Promise<T>): Promise<T | Hindrance> {
    return this.alone(async () => {
      if (this.#stopped) return { kind: 'behind' } as const;
      try {
        return await step();
      } catch (error) {
        if (!isQuorateError(error)) throw error;
        return { kind: 'failed', error } as const;
      }
    });
  }

  /** Resolves when a height that is not committed yet is: false when that will not happen, or too many wait already. */
  untilCommitted(height: Height): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING || this.#stopped) return Promise.resolve(false);
    return new Promise((done) => {
      this.#waiting.push({ height, done });
    });
  }

  /** Everything up to a height is committed. */
  committed(height: Height): void {
    const due = this.#waiting.filter((waiter) => waiter.height <= height);
    this.#waiting = this.#waiting.filter((waiter) => waiter.height > height);
    for (const { done } of due) done(true);
  }

  /** Attempts nothing more, and lets go of who waits. */
  stop(): void {
    this.#stopped = true;
    for (const { done } of this.#waiting.splice(0)) done(false);
  }

  /** Resolves when the steps asked for so far are done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
