import { QuorateError, type Store, type StoreWrite, toHex } from '@quorate/kernel';

const BATCH_BYTES = 16 << 20;

interface Waiting {
  readonly writes: readonly StoreWrite[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Group commit: lists of writes that wait while a batch is on its way to disk share the next one. Each list stays atomic and
 * lists keep their order. After a failure nothing is written any more: every later commit rejects with the same error.
 */
export class WriteGroup {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #failure: unknown = null;
  /** Batches written so far. */
  batches = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves when all of `writes` are durable. */
  commit(writes: readonly StoreWrite[]): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise<void>((done, failed) => {
      this.#waiting.push({ writes, done, failed });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is on its way any more. Never rejects. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // lists committed in the same turn share the first batch
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      try {
        await this.#store.write(merged(batch));
        this.batches++;
        for (const item of batch) item.done();
      } catch (error) {
        this.#failure =
          error instanceof QuorateError
            ? error
            : new QuorateError('disk/failed', 'a write of the block store failed', { cause: error });
        for (const item of [...batch, ...this.#waiting]) item.failed(this.#failure);
        this.#waiting = [];
      }
    }
    this.#running = null;
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#waiting) {
      for (const { key, value } of item.writes) bytes += key.length + (value?.length ?? 0);
      if (count > 0 && bytes > BATCH_BYTES) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

/** One list in which the last write of each key stands. */
function merged(batch: readonly Waiting[]): readonly StoreWrite[] {
  const only = batch[0];
  if (batch.length === 1 && only !== undefined) return only.writes;
  const byKey = new Map<string, StoreWrite>();
  for (const { writes } of batch) for (const write of writes) byKey.set(toHex(write.key), write);
  return [...byKey.values()];
}
