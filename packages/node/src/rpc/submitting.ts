import type { SubmissionJson, SubmitOptions } from '@quorate/client';
import { QuorateError } from '@quorate/kernel';
import type { Replica, SubmitResult } from '@quorate/replica';
import { settledJson } from './json.ts';

/** Transactions that callers may wait for at once, over all connections. */
const MAX_WAITING = 65_536;

/** Takes transactions in, and waits for their outcomes. */
export class Submitter {
  readonly #replica: Replica;
  readonly #stops = new Set<() => void>();
  #waiting = 0;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Offers the transactions in order; answers for each. Those that are not settled in time are `accepted`. */
  async submit(txs: readonly Uint8Array[], options: SubmitOptions): Promise<SubmissionJson[]> {
    const offered = await Promise.all(txs.map((tx) => this.#replica.submit(tx)));
    if (options.wait === 'accepted') return offered.map(immediate);
    const accepted = offered.filter(({ kind }) => kind === 'accepted').length;
    if (this.#waiting + accepted > MAX_WAITING) {
      throw new QuorateError(
        'rpc/unavailable',
        `${this.#waiting} transactions are waited for, near the limit: ask for each with transaction`,
      );
    }
    this.#waiting += accepted;
    let stop = (): void => {};
    const late = new Promise<null>((resolve) => {
      stop = () => resolve(null);
    });
    const timer = setTimeout(stop, options.timeoutMs);
    this.#stops.add(stop);
    try {
      return await Promise.all(
        offered.map(async (result) => {
          if (result.kind === 'rejected') return immediate(result);
          const settled = await Promise.race([this.#settled(result.id), late]);
          return settled ?? immediate(result);
        }),
      );
    } finally {
      this.#waiting -= accepted;
      this.#stops.delete(stop);
      clearTimeout(timer);
    }
  }

  /** Answers everybody who waits: with what is known. */
  close(): void {
    for (const stop of [...this.#stops]) stop();
  }

  /** The outcome; null when the replica cannot tell any more, which makes it `accepted`: the caller asks again. */
  async #settled(id: string): Promise<SubmissionJson | null> {
    try {
      return settledJson(id, await this.#replica.settled(id));
    } catch {
      return null;
    }
  }
}

function immediate(result: SubmitResult): SubmissionJson {
  const { kind, id } = result;
  return kind === 'accepted' ? { status: 'accepted', id } : { status: 'rejected', id, reason: result.reason };
}
