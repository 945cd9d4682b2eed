import type { Block, Epoch, Millis, QuorateError } from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import { asFailure } from './failure.ts';
import type { FinalizedEntry } from './store-finality.ts';

export interface FinalizerParts {
  readonly store: BlockStore;
  /** The block is final and durable. Awaited before anything later is. */
  readonly finalized: (block: Block) => Promise<void>;
  /** Everything up to the last block of the epoch is final and durable. */
  readonly ended: (epoch: Epoch, last: Block) => Promise<void>;
  readonly halt: (error: QuorateError) => void;
}

type Work =
  | { readonly kind: 'finalized'; readonly entry: FinalizedEntry }
  | { readonly kind: 'ended'; readonly epoch: Epoch; readonly last: Block };

/** What the engine finalized becomes durable here, in order and in batches, beside the loop. */
export class Finalizer {
  readonly #parts: FinalizerParts;
  #work: Work[] = [];
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(parts: FinalizerParts) {
    this.#parts = parts;
  }

  finalized(commit: FinalizedEntry['commit'], finality: FinalizedEntry['finality'], at: Millis): void {
    this.#add({ kind: 'finalized', entry: { commit, finality, at } });
  }

  ended(epoch: Epoch, last: Block): void {
    this.#add({ kind: 'ended', epoch, last });
  }

  /** Finishes the batch in hand. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#work = [];
    await this.#running;
  }

  #add(work: Work): void {
    if (this.#stopped) return;
    this.#work.push(work);
    this.#wake();
  }

  #wake(): void {
    if (this.#running !== null) return;
    this.#running = Promise.resolve()
      .then(() => this.#run())
      .catch((error: unknown) => {
        this.#stopped = true;
        this.#parts.halt(asFailure(error, 'storing a finalized block failed'));
      })
      .finally(() => {
        this.#running = null;
        if (this.#work.length > 0 && !this.#stopped) this.#wake();
      });
  }

  async #run(): Promise<void> {
    for (;;) {
      const first = this.#work[0];
      if (first === undefined) return;
      if (first.kind === 'ended') {
        this.#work.shift();
        await this.#parts.ended(first.epoch, first.last);
        continue;
      }
      const entries: FinalizedEntry[] = [];
      for (let next: Work | undefined = first; next?.kind === 'finalized'; next = this.#work[0]) {
        entries.push(next.entry);
        this.#work.shift();
      }
      await this.#parts.store.finalize(entries);
      const last = entries[entries.length - 1]?.commit.blocks.at(-1);
      if (last !== undefined && !this.#stopped) await this.#parts.finalized(last);
    }
  }
}
