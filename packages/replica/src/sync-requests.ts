import { type Clock, encode, type Millis, type PeerId, QuorateError, type Transport } from '@quorate/kernel';
import type { StateSyncRequest, StateSyncResponse } from './state-sync-wire.ts';
import { syncCodec } from './wire.ts';

const ANSWER_MS = 10_000;
const MAX_OPEN = 64;

interface Open {
  readonly peer: PeerId;
  readonly resolve: (answer: StateSyncResponse) => void;
  readonly reject: (error: QuorateError) => void;
  readonly cancel: () => void;
}

/** Questions of state synchronisation that wait for one peer's answer. */
export class SyncRequests {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #open = new Map<number, Open>();
  #next = 0;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Rejects `sync/refused` when the peer does not answer in time. */
  ask(peer: PeerId, ask: StateSyncRequest, patience: Millis = ANSWER_MS): Promise<StateSyncResponse> {
    const request = ++this.#next;
    const bytes = encode(syncCodec, { kind: 'ask', request, ask });
    if (this.#open.size >= MAX_OPEN || !this.#transport.send(peer, 'sync', bytes)) {
      return Promise.reject(new QuorateError('sync/refused', `peer ${peer} cannot be asked now`));
    }
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(patience, () => {
        this.#open.delete(request);
        reject(new QuorateError('sync/refused', `peer ${peer} did not answer within ${patience} ms`));
      });
      this.#open.set(request, { peer, resolve, reject, cancel });
    });
  }

  /** False when nobody asked this peer. */
  answered(from: PeerId, request: number, answer: StateSyncResponse): boolean {
    const open = this.#open.get(request);
    if (open === undefined || open.peer !== from) return false;
    this.#open.delete(request);
    open.cancel();
    open.resolve(answer);
    return true;
  }

  stop(): void {
    for (const { cancel, reject } of this.#open.values()) {
      cancel();
      reject(new QuorateError('rpc/unavailable', 'the node stopped'));
    }
    this.#open.clear();
  }
}
