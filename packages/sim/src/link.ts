import { QuorateError, TRAFFIC, type Traffic } from '@quorate/kernel';

/** How messages travel from one node to another. Times in ms, rates are probabilities per message; their sum is at most 1. */
export interface LinkOptions {
  readonly latency: number;
  /** Added to the latency, uniform from 0. */
  readonly jitter: number;
  /** A message vanishes. Stricter than the contract, where only a dropped connection loses anything. */
  readonly loss: number;
  /** A message arrives twice. */
  readonly duplicate: number;
  /** A message takes up to `spikeMs` longer, and those of its class behind it wait. */
  readonly spike: number;
  readonly spikeMs: number;
  /** A message takes up to `overtakeMs` longer while others pass it: a window of reordering. Breaks the contract on purpose. */
  readonly overtake: number;
  readonly overtakeMs: number;
  /** An old message of the same class arrives once more behind a new one. */
  readonly replay: number;
  /** One bit of a message flips. A network that authenticates drops the connection instead. */
  readonly corrupt: number;
  /** Messages may overtake each other always. Breaks the contract on purpose: for engines alone, which must bear it. */
  readonly reorder: boolean;
  /** Bytes per ms; without end unless told otherwise. */
  readonly bandwidth: number;
}

export const USUAL_LINK: LinkOptions = {
  latency: 5,
  jitter: 1,
  loss: 0,
  duplicate: 0,
  spike: 0,
  spikeMs: 500,
  overtake: 0,
  overtakeMs: 100,
  replay: 0,
  corrupt: 0,
  reorder: false,
  bandwidth: Number.POSITIVE_INFINITY,
};

/** The faults that one message may meet, in the order in which one draw chooses among them. */
const RATES = ['loss', 'duplicate', 'spike', 'overtake', 'replay', 'corrupt'] as const;

/** Refuses options that mean nothing: negative or endless times, rates beyond 1. Throws `config/invalid`. */
export function checkLink(options: LinkOptions): LinkOptions {
  let total = 0;
  for (const rate of RATES) {
    if (!(options[rate] >= 0))
      throw new QuorateError('config/invalid', `${rate} ${options[rate]} of a link is no rate`);
    total += options[rate];
  }
  if (total > 1 + 1e-9)
    throw new QuorateError('config/invalid', `the fault rates of a link add up to ${total}: at most 1`);
  for (const time of ['latency', 'jitter', 'spikeMs', 'overtakeMs'] as const) {
    if (!(options[time] >= 0 && Number.isFinite(options[time]))) {
      throw new QuorateError('config/invalid', `${time} ${options[time]} of a link is no time in ms`);
    }
  }
  if (!(options.bandwidth > 0)) {
    throw new QuorateError('config/invalid', `bandwidth ${options.bandwidth} of a link: bytes per ms, above 0`);
  }
  return options;
}

/** Most bytes that wait for one peer in one class; at least two of the largest messages. */
const QUEUE_BYTES: Readonly<Record<Traffic, number>> = {
  votes: 4 << 20,
  bodies: 24 << 20,
  transactions: 4 << 20,
  sync: 48 << 20,
};
/** Most messages that wait for one peer in one class. */
const QUEUE_MESSAGES = 65_536;

/** Messages taken from a queue before its array is cut. */
const COMPACT = 1024;

/** Largest piece of a message that goes out at once. */
const FRAME = 64 << 10;

export interface Parcel {
  readonly traffic: Traffic;
  readonly bytes: Uint8Array;
}

/** One class of an outbox: an array with a moving head, so that taking from the front costs the same at any length. */
interface Queue {
  parcels: Parcel[];
  head: number;
  bytes: number;
  /** Bytes of the first message that have left. */
  sent: number;
}

/** The sending end of one connection: a bounded queue per class, emptied in frames by strict priority. */
export class Outbox {
  readonly #queues: Readonly<Record<Traffic, Queue>> = {
    votes: { parcels: [], head: 0, bytes: 0, sent: 0 },
    bodies: { parcels: [], head: 0, bytes: 0, sent: 0 },
    transactions: { parcels: [], head: 0, bytes: 0, sent: 0 },
    sync: { parcels: [], head: 0, bytes: 0, sent: 0 },
  };
  #size = 0;

  /** Messages that wait. */
  get size(): number {
    return this.#size;
  }

  /** `false` when the queue of that class is full. */
  push(parcel: Parcel): boolean {
    const queue = this.#queues[parcel.traffic];
    if (
      queue.parcels.length - queue.head >= QUEUE_MESSAGES ||
      queue.bytes + parcel.bytes.length > QUEUE_BYTES[parcel.traffic]
    ) {
      return false;
    }
    queue.parcels.push(parcel);
    queue.bytes += parcel.bytes.length;
    this.#size++;
    return true;
  }

  queued(traffic: Traffic): number {
    return this.#queues[traffic].bytes;
  }

  /** Position in {@link TRAFFIC} of the most urgent class that waits; -1 when nothing does. */
  get urgency(): number {
    return TRAFFIC.findIndex((traffic) => this.#queues[traffic].head < this.#queues[traffic].parcels.length);
  }

  /** Takes the next frame of the most urgent class; `parcel` is the message that it completes, or `null`. */
  frame(): { readonly bytes: number; readonly parcel: Parcel | null } | null {
    for (const traffic of TRAFFIC) {
      const queue = this.#queues[traffic];
      const first = queue.parcels[queue.head];
      if (first === undefined) continue;
      const bytes = Math.min(FRAME, first.bytes.length - queue.sent);
      queue.sent += bytes;
      if (queue.sent < first.bytes.length) return { bytes, parcel: null };
      queue.sent = 0;
      queue.head++;
      queue.bytes -= first.bytes.length;
      this.#size--;
      if (queue.head === queue.parcels.length || queue.head === COMPACT) {
        queue.parcels = queue.parcels.slice(queue.head);
        queue.head = 0;
      }
      return { bytes, parcel: first };
    }
    return null;
  }
}
