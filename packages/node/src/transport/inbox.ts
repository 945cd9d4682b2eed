import { TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import { FIRST, type Frame, LENGTH_BYTES, violation } from './frames.ts';

/** A claim of a length is cheap for a peer: memory follows the bytes that came, not the claim. */
const FIRST_ALLOCATION = 64 << 10;
/** Growth of a message's buffer: what arrived is copied at each step, and what was allocated weighs on garbage collection. */
const GROWTH = 4;

interface Partial {
  buffer: Uint8Array;
  filled: number;
  readonly total: number;
}

/** Memory that several connections share for incomplete messages. */
export class ReassemblyBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  reserve(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Joins frames to messages, one incomplete message per class. Throws `transport/refused` when a peer breaks a rule. */
export class Inbox {
  readonly #partial = new Map<Traffic, Partial>();
  #budget: ReassemblyBudget;
  #reserved = 0;

  constructor(budget: ReassemblyBudget) {
    this.#budget = budget;
  }

  /** The message that this frame completes, or `null`. The bytes are the caller's. */
  accept(traffic: Traffic, frame: Frame): Uint8Array | null {
    const { flags, payload } = frame;
    if (flags !== 0 && flags !== FIRST) throw violation(`unknown flags ${flags} on a frame of ${traffic}`);
    const partial = this.#partial.get(traffic);
    return flags === FIRST ? this.#begin(traffic, payload, partial) : this.#extend(traffic, payload, partial);
  }

  /** The peer became a member, or ceased to be one. Throws `transport/refused` when the new budget has no room. */
  moveTo(budget: ReassemblyBudget): void {
    if (!budget.reserve(this.#reserved)) throw violation('too many incomplete messages wait for their rest');
    this.#budget.release(this.#reserved);
    this.#budget = budget;
  }

  /** Gives back what incomplete messages hold. */
  close(): void {
    this.#partial.clear();
    this.#budget.release(this.#reserved);
    this.#reserved = 0;
  }

  #begin(traffic: Traffic, payload: Uint8Array, partial: Partial | undefined): Uint8Array | null {
    if (partial !== undefined) throw violation(`a message of ${traffic} begins inside another`);
    if (payload.length < LENGTH_BYTES) throw violation(`a message of ${traffic} begins without its length`);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const total = view.getUint32(0, true);
    const limit = TRAFFIC_LIMITS[traffic];
    if (total > limit) throw violation(`a message of ${total} bytes exceeds the limit of ${limit} for ${traffic}`);
    const content = payload.subarray(LENGTH_BYTES);
    if (content.length > total) throw violation(`a message of ${traffic} is longer than it said`);
    if (content.length === total) return new Uint8Array(content);
    if (content.length === 0) throw violation(`a message of ${traffic} begins with nothing`);
    const begun = { buffer: this.#allocate(Math.min(total, FIRST_ALLOCATION)), filled: 0, total };
    this.#partial.set(traffic, begun);
    return this.#fill(traffic, begun, content);
  }

  #extend(traffic: Traffic, payload: Uint8Array, partial: Partial | undefined): Uint8Array | null {
    if (partial === undefined) throw violation(`a message of ${traffic} goes on that never began`);
    if (payload.length === 0) throw violation(`an empty frame of ${traffic}`);
    if (partial.filled + payload.length > partial.total)
      throw violation(`a message of ${traffic} is longer than it said`);
    return this.#fill(traffic, partial, payload);
  }

  #fill(traffic: Traffic, partial: Partial, content: Uint8Array): Uint8Array | null {
    const needed = partial.filled + content.length;
    if (needed > partial.buffer.length) {
      const grown = this.#allocate(Math.min(partial.total, Math.max(needed, GROWTH * partial.buffer.length)));
      grown.set(partial.buffer.subarray(0, partial.filled));
      this.#release(partial.buffer.length);
      partial.buffer = grown;
    }
    partial.buffer.set(content, partial.filled);
    partial.filled = needed;
    if (needed < partial.total) return null;
    this.#partial.delete(traffic);
    this.#release(partial.buffer.length);
    return partial.buffer;
  }

  #allocate(bytes: number): Uint8Array {
    if (!this.#budget.reserve(bytes)) throw violation('too many incomplete messages wait for their rest');
    this.#reserved += bytes;
    return new Uint8Array(bytes);
  }

  #release(bytes: number): void {
    this.#budget.release(bytes);
    this.#reserved -= bytes;
  }
}
