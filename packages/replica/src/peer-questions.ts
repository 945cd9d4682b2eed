import { type Clock, type Hash, type Millis, QuorateError, type SignatureSuite } from '@quorate/kernel';
import type { Asking } from './any-peer.ts';
import type { Peers } from './peers.ts';
import type { SyncRequests } from './sync-requests.ts';

/** Between two rounds of questions. */
const PAUSE_MS = 1_000;

export interface PeerQuestionsParts {
  readonly clock: Clock;
  readonly hash: Hash;
  readonly suite: SignatureSuite;
  readonly now: () => Millis;
  readonly peers: Peers;
  readonly requests: SyncRequests;
}

/** Questions that are put to the peers again and again, until one of them proves the answer or the node stops. */
export class PeerQuestions {
  readonly asking: Asking;
  readonly #clock: Clock;
  readonly #pauses = new Set<() => void>();
  #stopped = false;
  /** Why the peers' answers do not help so far, or null. */
  hindrance: string | null = null;

  constructor({ clock, hash, suite, now, peers, requests }: PeerQuestionsParts) {
    this.#clock = clock;
    this.asking = {
      suite,
      hash,
      now,
      peers: () => peers.connected,
      ask: (peer, request) => requests.ask(peer, request),
      blame: (peer, reason) => peers.blame(peer, 'invalid', reason, now()),
    };
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** A while before peers are asked again. Throws `rpc/unavailable` when the node stopped. */
  async pause(): Promise<void> {
    let cancel: () => void = () => {};
    let wake: () => void = () => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#pauses.add(wake);
      cancel = this.#clock.after(PAUSE_MS, resolve);
    });
    cancel();
    this.#pauses.delete(wake);
    if (this.#stopped) throw new QuorateError('rpc/unavailable', 'the node stopped');
  }

  /** Ends every pause. */
  stop(): void {
    this.#stopped = true;
    for (const wake of this.#pauses) wake();
  }
}
