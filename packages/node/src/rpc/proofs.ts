import { type Height, isQuorateError, QuorateError } from '@quorate/kernel';
import type { FinalityClaim } from '@quorate/light';
import type { FinalityProof, Replica } from '@quorate/replica';

/** Headers above a state in which its root may first appear: an application that is not speculative is a few blocks late. */
const MAX_CARRIER_DISTANCE = 64;

/** The finality of the first header that carries the root of the state after `height`, if it is there yet. */
function carrierOf(replica: Replica, height: Height): FinalityProof | null {
  for (let above = height + 1; above <= height + MAX_CARRIER_DISTANCE; above++) {
    const proof = replica.finalityProof(above);
    const executed = proof?.headers[0]?.executedHeight;
    if (proof === null || executed === undefined || executed > height) return null;
    if (executed === height) return proof;
  }
  return null;
}

/**
 * What proves the root of the state after `height`: the state is read first and the header that certifies it comes with the next
 * blocks, so this waits. Throws `rpc/timeout` when none comes in time, `rpc/unavailable` when the node stops or the waits are too many.
 */
export class Carriers {
  readonly #replica: Replica;
  readonly #timeoutMs: number;
  readonly #maxWaits: number;
  readonly #waits = new Set<() => void>();
  #closed = false;

  constructor(
    options: { readonly timeoutMs: number; readonly maxWaits?: number },
    parts: { readonly replica: Replica },
  ) {
    this.#replica = parts.replica;
    this.#timeoutMs = options.timeoutMs;
    this.#maxWaits = options.maxWaits ?? 256; // each is a follower of the replica: most of its places are left to subscribers
  }

  async of(height: Height): Promise<FinalityClaim> {
    const present = carrierOf(this.#replica, height);
    if (present !== null) return present;
    if (this.#closed || this.#waits.size >= this.#maxWaits) {
      throw new QuorateError('rpc/unavailable', 'too many callers wait for proofs: try again in a moment');
    }
    return new Promise((resolve, reject) => {
      const finish = (outcome: FinalityProof | QuorateError): void => {
        if (!this.#waits.delete(stop)) return;
        clearTimeout(timer);
        subscription.close();
        if (isQuorateError(outcome)) reject(outcome);
        else resolve(outcome);
      };
      const stop = (): void => finish(new QuorateError('rpc/unavailable', 'the node stops'));
      this.#waits.add(stop);
      const timer = setTimeout(() => {
        const message = `no header with the state after height ${height} became final within ${this.#timeoutMs} ms: is the network moving?`;
        finish(new QuorateError('rpc/timeout', message));
      }, this.#timeoutMs);
      const subscription = this.#replica.follow(height + 1, () => {
        const found = carrierOf(this.#replica, height);
        if (found !== null) finish(found);
      });
      void subscription.ended.then((error) => {
        if (error !== null) finish(error);
      });
    });
  }

  close(): void {
    this.#closed = true;
    for (const stop of [...this.#waits]) stop();
  }
}
