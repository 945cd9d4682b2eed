import type { Block, Body, Digest } from '@quorate/kernel';

const MAX_HEADERS = 2_048;
/** More than wait for execution or for a peer at any time. Thousands of small bodies would be mostly garbage for the collector to carry. */
const MAX_BODIES = 128;
/** What a decoded transaction takes beside its bytes. */
const TRANSACTION_BYTES = 160;

/** Recently used headers and bodies, decoded. Bounded: headers by number, bodies by number and bytes; the least recently used goes first. */
export class BlockCache {
  readonly #maxBytes: number;
  readonly #headers = new Map<Digest, Block>();
  readonly #bodies = new Map<Digest, { readonly body: Body; readonly bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  header(digest: Digest): Block | null {
    const block = this.#headers.get(digest);
    if (block === undefined) return null;
    this.#headers.delete(digest);
    this.#headers.set(digest, block);
    return block;
  }

  addHeader(block: Block): void {
    this.#headers.delete(block.ref.digest);
    this.#headers.set(block.ref.digest, block);
    for (const oldest of this.#headers.keys()) {
      if (this.#headers.size <= MAX_HEADERS) return;
      this.#headers.delete(oldest);
    }
  }

  body(digest: Digest): Body | null {
    const held = this.#bodies.get(digest);
    if (held === undefined) return null;
    this.#bodies.delete(digest);
    this.#bodies.set(digest, held);
    return held.body;
  }

  addBody(digest: Digest, body: Body, bytes: number): void {
    this.dropBody(digest);
    const weight = bytes + TRANSACTION_BYTES * body.transactions.length;
    this.#bodies.set(digest, { body, bytes: weight });
    this.#bytes += weight;
    for (const oldest of this.#bodies.keys()) {
      if (this.#bytes <= this.#maxBytes && this.#bodies.size <= MAX_BODIES) return;
      this.dropBody(oldest);
    }
  }

  dropHeader(digest: Digest): void {
    this.#headers.delete(digest);
  }

  dropBody(digest: Digest): void {
    this.#bytes -= this.#bodies.get(digest)?.bytes ?? 0;
    this.#bodies.delete(digest);
  }
}
