import type { Block, Effect, Epoch, Millis, QuorateError } from '@quorate/kernel';
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

type Forked = Extract<Effect<never>, { kind: 'forked' }>;

type Work =
  | { readonly kind: 'finalized'; readonly entry: FinalizedEntry }
  | { readonly kind: 'ended'; readonly epoch: Epoch; readonly last: Block }
  | { readonly kind: 'forked'; readonly fork: Forked; readonly at: Millis };

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

  /** Two Finalizations contradict each other: what is final here stays, the other branch is shown to the store, and the replica halts. */
  forked(fork: Forked, at: Millis): void {
    this.#add({ kind: 'forked', fork, at });
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
      if (first.kind === 'forked') throw await this.#contradiction(first.fork, first.at);
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

  /** The store knows best what the other branch contradicts, and keeps what shows it. */
  async #contradiction({ first, second, commits }: Forked, at: Millis): Promise<QuorateError> {
    const { store } = this.#parts;
    const lowest = commits[0]?.index ?? Number.POSITIVE_INFINITY;
    if (lowest <= store.finalizedHeight + 1) {
      const certifiedHeight = commits.at(-1)?.index ?? 0;
      const finality = { grade: 'final', certificate: second, certifiedHeight } as const;
      await store.finalize(commits.map((commit) => ({ commit, finality, at })));
    }
    return store.contradicted(first, second);
  }
}
