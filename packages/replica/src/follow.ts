import { type Clock, type Height, isQuorateError, QuorateError } from '@quorate/kernel';
import type { BlockListener, FinalizedBlock, Subscription } from './api.ts';

export interface FollowersOptions {
  /** Subscriptions at once; more are refused. */
  readonly maxSubscriptions?: number;
  /** A listener that has caught up once and then falls this many blocks behind is ended. */
  readonly maxLag?: number;
}

export interface FollowersParts {
  readonly clock: Pick<Clock, 'after'>;
  /** The executed block at a height, or `null` when its body was pruned. */
  readonly block: (height: Height) => FinalizedBlock | null;
}

/** Blocks handed to one listener before others get their turn. */
const TURN = 16;

interface Follower {
  next: Height;
  live: boolean;
  running: boolean;
  ended: boolean;
  readonly listener: BlockListener;
  readonly end: (error: QuorateError | null) => void;
}

/**
 * Subscriptions to executed blocks. Blocks are read from the store when their turn comes, past and live ones alike, so
 * nothing is buffered and nothing skipped; a listener that cannot keep up with the chain is ended, never waited for.
 */
export class Followers {
  readonly #options: Required<FollowersOptions>;
  readonly #parts: FollowersParts;
  readonly #followers = new Set<Follower>();
  #height: Height;

  /** `height`: the last executed height. */
  constructor(options: FollowersOptions, parts: FollowersParts, height: Height) {
    this.#options = { maxSubscriptions: 1024, maxLag: 1024, ...options };
    this.#parts = parts;
    this.#height = height;
  }

  get size(): number {
    return this.#followers.size;
  }

  /**
   * Calls `listener` for every executed block from height `from` on, in order. Ends with `rpc/unavailable` when there are too
   * many subscriptions or the node stops, `subscription/slow`, `subscription/pruned`, or `rpc/failed` when the listener throws.
   */
  follow(from: Height, listener: BlockListener): Subscription {
    let end: (error: QuorateError | null) => void = () => {};
    const ended = new Promise<QuorateError | null>((resolve) => {
      end = resolve;
    });
    const follower: Follower = { next: Math.max(1, from), live: false, running: false, ended: false, listener, end };
    if (this.#followers.size >= this.#options.maxSubscriptions) {
      const message = `${this.#followers.size} subscriptions are open, the limit`;
      this.#end(follower, new QuorateError('rpc/unavailable', message));
    } else {
      this.#followers.add(follower);
      this.#pump(follower);
    }
    return { close: () => this.#end(follower, null), ended };
  }

  /** The block at `height` was executed and is in the store. */
  advance(height: Height): void {
    this.#height = Math.max(this.#height, height);
    for (const follower of this.#followers) {
      const lag = this.#height - follower.next;
      if (follower.live && lag > this.#options.maxLag) {
        const message = `the listener is ${lag} blocks behind: subscribe again from height ${follower.next}`;
        this.#end(follower, new QuorateError('subscription/slow', message));
      } else this.#pump(follower);
    }
  }

  /** The node stops: every subscription ends. */
  stop(): void {
    for (const follower of [...this.#followers]) {
      this.#end(follower, new QuorateError('rpc/unavailable', 'the node stopped'));
    }
  }

  #pump(follower: Follower): void {
    if (follower.running || follower.ended || follower.next > this.#height) return;
    follower.running = true;
    this.#parts.clock.after(0, () => {
      this.#turn(follower).then(
        () => {
          follower.running = false;
          this.#pump(follower);
        },
        (error: unknown) => {
          const cause = isQuorateError(error)
            ? error
            : new QuorateError('rpc/failed', `the listener failed at height ${follower.next}`, { cause: error });
          this.#end(follower, cause);
        },
      );
    });
  }

  async #turn(follower: Follower): Promise<void> {
    for (let count = 0; count < TURN && !follower.ended && follower.next <= this.#height; count++) {
      const block = this.#parts.block(follower.next);
      if (block === null) {
        const message = `the block at height ${follower.next} was pruned here`;
        throw new QuorateError('subscription/pruned', message);
      }
      await follower.listener(block);
      follower.next++;
    }
    if (follower.next > this.#height) follower.live = true;
  }

  #end(follower: Follower, error: QuorateError | null): void {
    if (follower.ended) return;
    follower.ended = true;
    this.#followers.delete(follower);
    follower.end(error);
  }
}
