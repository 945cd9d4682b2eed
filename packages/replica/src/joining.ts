import { type Application, isQuorateError } from '@quorate/kernel';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import type { PeerQuestions } from './peer-questions.ts';
import { type StateSyncOptions, stateSync } from './state-sync.ts';

/** How long state sync may find nobody who proves what it needs. */
const PATIENCE_MS = 180_000;

export interface JoiningParts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly log: Log;
  readonly questions: PeerQuestions;
}

/** Joins by a snapshot. Peers have yet to connect, and one may be too young to prove anything: so it tries for a while. Throws as {@link stateSync}. */
export async function joinByStateSync(options: StateSyncOptions, parts: JoiningParts): Promise<void> {
  const { application, store, log, questions } = parts;
  const { asking } = questions;
  const began = asking.now();
  let told = '';
  for (;;) {
    try {
      await stateSync(options, { application, store, log, ...asking });
      questions.hindrance = null;
      return;
    } catch (error) {
      const mayPass = isQuorateError(error, 'sync/refused') && asking.now() - began < PATIENCE_MS;
      if (!mayPass || questions.stopped) throw error;
      if (asking.peers().length > 0 && error.message !== told) {
        told = error.message;
        questions.hindrance = told;
        log('warn', 'state sync tries again', { reason: told });
      }
    }
    await questions.pause();
  }
}
