import { TRAFFIC } from '@quorate/kernel';

/** Bytes that may stand in the send buffer of the operating system, where votes no longer pass bodies. */
const BUFFER = 16 << 10;

/** A line of some rate, in bytes per ms, that sends one thing after the other: when it is free again. */
export class Line {
  rate: number;
  #free = 0;

  constructor(rate: number) {
    this.rate = rate;
  }

  /** Virtual ms at which all that it took has left. */
  get free(): number {
    return this.#free;
  }

  /** Whether a small message may still go straight into the buffer at `now`. */
  takes(now: number, bytes: number): boolean {
    return this.rate === Number.POSITIVE_INFINITY || bytes + Math.max(0, this.#free - now) * this.rate <= BUFFER;
  }

  /** Sends `bytes` that are there at `from`, and gives the ms at which the last of them has left. */
  send(from: number, bytes: number): number {
    if (this.rate === Number.POSITIVE_INFINITY) return from;
    this.#free = Math.max(from, this.#free) + bytes / this.rate;
    return this.#free;
  }
}

/**
 * The uplink of a node, which its connections share: a line, and a queue of those with something to send. Frame by frame, whoever
 * has the most urgent class goes next; among equals, whoever waits longest.
 */
export class Uplink<T extends { readonly urgency: number }> extends Line {
  readonly #waiting: T[][] = TRAFFIC.map(() => []);
  /** Whether somebody will call {@link next}. */
  scheduled = false;

  /** Puts a connection in the queue of its most urgent class. */
  join(lane: T): void {
    const queue = this.#waiting[lane.urgency];
    if (queue !== undefined && !queue.includes(lane)) queue.push(lane);
  }

  /** The connection whose turn it is, or `null`. */
  next(): T | null {
    for (const [urgency, queue] of this.#waiting.entries()) {
      for (;;) {
        const lane = queue.shift();
        if (lane === undefined) break;
        // One that joined for several classes may have nothing left of this one.
        if (lane.urgency === urgency) return lane;
        if (lane.urgency > urgency) this.join(lane);
      }
    }
    return null;
  }
}
