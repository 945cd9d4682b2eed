import { QuorateError, TRAFFIC, type Traffic } from '@quorate/kernel';

/** A frame on the wire: type u8, flags u8, payload length u16 little-endian, payload. Header and payload fit 64 KiB. */
export const FRAME_HEADER_BYTES = 4;
export const MAX_FRAME_BYTES = 64 << 10;
export const MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES;

/** Types 0 to 3 are the traffic classes in order of priority; the others are about the connection itself. */
export const FRAME = { hello: 16, refuse: 17, ping: 18, ack: 19 } as const;

/** The first frame of a message; its payload begins with the message's length as u32 little-endian. */
export const FIRST = 1;
export const LENGTH_BYTES = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** Valid until the next call of {@link FrameReader.next}. */
  readonly payload: Uint8Array;
}

/** The traffic class of a frame type, or `undefined` for control frames and unknown ones. */
export function trafficOf(type: number): Traffic | undefined {
  return TRAFFIC[type];
}

export function writeFrameHeader(to: Uint8Array, at: number, type: number, flags: number, length: number): void {
  to[at] = type;
  to[at + 1] = flags;
  to[at + 2] = length & 0xff;
  to[at + 3] = length >> 8;
}

/** A whole control frame. */
export function controlFrame(type: number, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, 0, type, 0, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** Thrown when a peer breaks the framing: the connection is not to be trusted any further. */
export function violation(message: string): QuorateError {
  return new QuorateError('transport/refused', message);
}

/** Cuts a byte stream into frames. Holds at most one incomplete frame and the chunk that was fed last. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #scratch: Uint8Array | null = null;

  feed(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Bytes fed and not yet taken. */
  get buffered(): number {
    return this.#length;
  }

  /** Whether {@link next} has a frame to give. Throws `transport/refused` for a length that no frame has. */
  ready(): boolean {
    if (this.#length < FRAME_HEADER_BYTES) return false;
    const length = this.#byte(2) | (this.#byte(3) << 8);
    if (length > MAX_PAYLOAD_BYTES) throw violation(`a frame of ${length} bytes exceeds ${MAX_PAYLOAD_BYTES}`);
    return this.#length >= FRAME_HEADER_BYTES + length;
  }

  next(): Frame | null {
    if (!this.ready()) return null;
    const [type, flags] = [this.#byte(0), this.#byte(1)];
    const length = this.#byte(2) | (this.#byte(3) << 8);
    this.#take(FRAME_HEADER_BYTES);
    return { type, flags, payload: this.#take(length) };
  }

  #byte(index: number): number {
    let at = index;
    for (const chunk of this.#chunks) {
      if (at < chunk.length) return chunk[at] ?? 0;
      at -= chunk.length;
    }
    return 0;
  }

  #take(count: number): Uint8Array {
    this.#length -= count;
    const head = this.#chunks[0];
    if (head === undefined || count === 0) return new Uint8Array();
    if (head.length > count) {
      this.#chunks[0] = head.subarray(count);
      return head.subarray(0, count);
    }
    if (head.length === count) {
      this.#chunks.shift();
      return head;
    }
    this.#scratch ??= new Uint8Array(MAX_FRAME_BYTES);
    let filled = 0;
    while (filled < count) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const part = chunk.subarray(0, count - filled);
      this.#scratch.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    return this.#scratch.subarray(0, count);
  }
}
