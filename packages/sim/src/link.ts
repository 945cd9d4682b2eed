import { TRAFFIC, type Traffic } from '@quorate/kernel';

/** How messages travel from one node to another. Times in ms, rates are probabilities per message. */
export interface LinkOptions {
  readonly latency: number;
  /** Added to the latency, uniform from 0. */
  readonly jitter: number;
  /** A message vanishes. Stricter than the contract, where only a dropped connection loses anything. */
  readonly loss: number;
  /** A message arrives twice. */
  readonly duplicate: number;
  /** Messages may overtake each other. Breaks the contract on purpose: for engines alone, which must bear it. */
  readonly reorder: boolean;
  /** Bytes per ms; without end unless told otherwise. */
  readonly bandwidth: number;
}

export const USUAL_LINK: LinkOptions = {
  latency: 5,
  jitter: 1,
  loss: 0,
  duplicate: 0,
  reorder: false,
  bandwidth: Number.POSITIVE_INFINITY,
};

/** Most bytes that wait for one peer in one class; at least two of the largest messages. */
const QUEUE_BYTES: Readonly<Record<Traffic, number>> = {
  votes: 4 << 20,
  bodies: 24 << 20,
  transactions: 4 << 20,
  sync: 48 << 20,
};
/** Most messages that wait for one peer in one class. */
const QUEUE_MESSAGES = 65_536;

const FRAME = 64 << 10;

export interface Parcel {
  readonly traffic: Traffic;
  readonly bytes: Uint8Array;
}

/** The sending end of one connection: a bounded queue per class, emptied in frames by strict priority. */
export class Outbox {
  readonly #queues = new Map<Traffic, { readonly parcels: Parcel[]; bytes: number; sent: number }>(
    TRAFFIC.map((traffic) => [traffic, { parcels: [], bytes: 0, sent: 0 }]),
  );
  /** When the last message of each class arrives, in virtual ms: what keeps a class first in, first out. */
  readonly lastArrival = new Map<Traffic, number>();
  transmitting = false;

  /** `false` when the queue of that class is full. */
  push(parcel: Parcel): boolean {
    const queue = this.#queues.get(parcel.traffic);
    if (queue === undefined) return false;
    if (queue.parcels.length >= QUEUE_MESSAGES || queue.bytes + parcel.bytes.length > QUEUE_BYTES[parcel.traffic]) {
      return false;
    }
    queue.parcels.push(parcel);
    queue.bytes += parcel.bytes.length;
    return true;
  }

  queued(traffic: Traffic): number {
    return this.#queues.get(traffic)?.bytes ?? 0;
  }

  /** Takes the next frame of the most urgent class; `parcel` is the message that it completes, or `null`. */
  frame(): { readonly bytes: number; readonly parcel: Parcel | null } | null {
    for (const queue of this.#queues.values()) {
      const first = queue.parcels[0];
      if (first === undefined) continue;
      const bytes = Math.min(FRAME, first.bytes.length - queue.sent);
      queue.sent += bytes;
      if (queue.sent < first.bytes.length) return { bytes, parcel: null };
      queue.sent = 0;
      queue.parcels.shift();
      queue.bytes -= first.bytes.length;
      return { bytes, parcel: first };
    }
    return null;
  }
}
