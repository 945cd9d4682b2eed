import { TRAFFIC, TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import { FIRST, FRAME_HEADER_BYTES, LENGTH_BYTES, MAX_PAYLOAD_BYTES, writeFrameHeader } from './frames.ts';

/** Bytes that may wait for one peer in each class; one message is always taken when its queue is empty. */
export const QUEUE_LIMITS: Readonly<Record<Traffic, number>> = {
  votes: 4 << 20,
  bodies: 8 << 20,
  transactions: 2 << 20,
  sync: 16 << 20,
};

/** Writes larger than one frame are left to the next turn, where a vote may go first. */
const BATCH_BYTES = 64 << 10;

interface Queued {
  readonly bytes: Uint8Array;
  sent: number;
}

class Queue {
  #items: (Queued | undefined)[] = [];
  #head = 0;
  bytes = 0;

  push(bytes: Uint8Array): void {
    this.#items.push({ bytes, sent: -1 });
    this.bytes += bytes.length;
  }

  get first(): Queued | undefined {
    return this.#items[this.#head];
  }

  shift(): void {
    const item = this.#items[this.#head];
    if (item === undefined) return;
    this.bytes -= item.bytes.length;
    this.#items[this.#head] = undefined; // or the bytes would stay in memory until the list is cut
    this.#head++;
    if (this.#head > 64 && 2 * this.#head > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  rest(): Queued[] {
    return this.#items.slice(this.#head).filter((item) => item !== undefined);
  }

  get length(): number {
    return this.#items.length - this.#head;
  }
}

/** One frame's worth of a message, planned before it is written. */
interface Piece {
  readonly type: number;
  readonly item: Queued;
  readonly from: number;
  readonly to: number;
}

/** What {@link Outbox.take} hands to the socket. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** Sizes of the frames below votes, which flow control counts, in order. */
  readonly bulkFrames: readonly number[];
  /** Messages whose last frame is in the batch, by class. */
  readonly messages: readonly (readonly [Traffic, number])[];
}

/** The send queues of one connection: bounded by class, emptied frame by frame in strict priority. */
export class Outbox {
  readonly #queues: Readonly<Record<Traffic, Queue>> = {
    votes: new Queue(),
    bodies: new Queue(),
    transactions: new Queue(),
    sync: new Queue(),
  };

  /** Queues a message, whose bytes stay as they are; `false` when it is too large or its queue is full. */
  push(traffic: Traffic, bytes: Uint8Array): boolean {
    const queue = this.#queues[traffic];
    if (bytes.length > TRAFFIC_LIMITS[traffic]) return false;
    if (queue.length > 0 && queue.bytes + bytes.length > QUEUE_LIMITS[traffic]) return false;
    if (queue.length >= 65_536) return false; // empty messages weigh nothing but still take room
    queue.push(bytes);
    return true;
  }

  queued(traffic: Traffic): number {
    return this.#queues[traffic].bytes;
  }

  get isEmpty(): boolean {
    return TRAFFIC.every((traffic) => this.#queues[traffic].length === 0);
  }

  /** Whole messages that were not begun, for a connection that takes over. */
  unsent(): [Traffic, Uint8Array][] {
    return TRAFFIC.flatMap((traffic) =>
      this.#queues[traffic]
        .rest()
        .filter((item) => item.sent < 0)
        .map((item): [Traffic, Uint8Array] => [traffic, item.bytes]),
    );
  }

  /**
   * The next write: one large frame, or small ones joined up to its size. Frames below votes are taken while `mayBulk` says so
   * of the bytes taken already. `null` when nothing may go.
   */
  take(mayBulk: (taken: number) => boolean): Batch | null {
    const pieces: Piece[] = [];
    const bulkFrames: number[] = [];
    const messages: [Traffic, number][] = [];
    let size = 0;
    let bulk = 0;
    for (let type = 0; type < TRAFFIC.length; type++) {
      const traffic = TRAFFIC[type] as Traffic;
      const queue = this.#queues[traffic];
      for (let item = queue.first; item !== undefined; item = queue.first) {
        if (type > 0 && !mayBulk(bulk)) break;
        const begun = item.sent >= 0;
        const from = begun ? item.sent : 0;
        const room = MAX_PAYLOAD_BYTES - (begun ? 0 : LENGTH_BYTES);
        const to = Math.min(item.bytes.length, from + room);
        const frame = FRAME_HEADER_BYTES + (begun ? 0 : LENGTH_BYTES) + (to - from);
        if (size > 0 && size + frame > BATCH_BYTES) return this.#write(pieces, size, bulkFrames, messages);
        pieces.push({ type, item, from: begun ? from : -1, to });
        size += frame;
        if (type > 0) {
          bulk += frame;
          bulkFrames.push(frame);
        }
        item.sent = to;
        if (to === item.bytes.length) {
          queue.shift();
          messages.push([traffic, item.bytes.length]);
        }
      }
    }
    return size === 0 ? null : this.#write(pieces, size, bulkFrames, messages);
  }

  #write(pieces: Piece[], size: number, bulkFrames: number[], messages: [Traffic, number][]): Batch {
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    for (const { type, item, from, to } of pieces) {
      const first = from < 0;
      const start = first ? 0 : from;
      const length = to - start + (first ? LENGTH_BYTES : 0);
      writeFrameHeader(bytes, at, type, first ? FIRST : 0, length);
      at += FRAME_HEADER_BYTES;
      if (first) at = bytes.writeUInt32LE(item.bytes.length, at);
      bytes.set(item.bytes.subarray(start, to), at);
      at += to - start;
    }
    return { bytes, bulkFrames, messages };
  }
}
