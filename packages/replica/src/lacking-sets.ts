import { type Block, type Genesis, isQuorateError } from '@quorate/kernel';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import { learnLacked } from './earlier-epochs.ts';
import type { Executor } from './executor.ts';
import type { Late } from './late.ts';
import type { PeerQuestions } from './peer-questions.ts';

export interface LackingSetsParts {
  readonly genesis: Genesis;
  readonly store: BlockStore;
  readonly executor: Late<Executor>;
  readonly questions: PeerQuestions;
  readonly log: Log;
}

/** Validator sets that a node which joined by state sync may lack: asked of the peers until one proves them. */
export class LackingSets {
  readonly #parts: LackingSetsParts;
  #learning: Promise<void> | null = null;

  constructor(parts: LackingSetsParts) {
    this.#parts = parts;
  }

  /**
   * Those of earlier epochs, which a store lacks that an older release began by state sync. Resolves at once when none is
   * lacked. Throws `rpc/unavailable` when the node stopped.
   */
  learnEarlier(): Promise<void> {
    this.#learning ??= this.#untilLearned().finally(() => {
      this.#learning = null;
    });
    return this.#learning;
  }

  async #untilLearned(): Promise<void> {
    const { genesis, store, executor, questions, log } = this.#parts;
    let told = '';
    for (;;) {
      try {
        await learnLacked(store, executor.value.height, { genesis, ...questions.asking });
        return;
      } catch (error) {
        if (!isQuorateError(error, 'sync/refused') || questions.stopped) throw error;
        if (error.message !== told) {
          told = error.message;
          log('warn', 'earlier validator sets are not known and are asked for again', { reason: told });
        }
      }
      await questions.pause();
    }
  }

  /** The next one, which an epoch that ended with `last` committed to. Throws `rpc/unavailable` when the node stopped. */
  async learnNext(last: Block): Promise<void> {
    const { executor, questions, log } = this.#parts;
    const { epoch } = last.header;
    for (;;) {
      for (const peer of questions.asking.peers()) {
        try {
          const answer = await questions.asking.ask(peer, { kind: 'epochs', from: epoch });
          const found = answer.kind === 'epochs' ? answer.proofs.find((proof) => proof.epoch === epoch) : undefined;
          if (found === undefined) continue;
          await executor.value.learnNextSet(last, found.next);
          return;
        } catch (error) {
          if (isQuorateError(error, 'rpc/unavailable')) throw error;
          if (!isQuorateError(error, 'sync/refused') && !isQuorateError(error, 'proof/invalid')) throw error;
          log('warn', 'a peer could not name the next validators', { peer, reason: error.message });
        }
      }
      await questions.pause();
    }
  }
}
