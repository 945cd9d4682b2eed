import type { Block, Digest, Header } from '@quorate/kernel';

interface Kept {
  readonly block: Block;
  /** By place: who has its body. */
  readonly holders: Uint8Array;
}

/** Every block of a run and who has it: bodies are not simulated, only where they are. */
export class Archive {
  readonly #nodes: number;
  readonly #blocks = new Map<Digest, Kept>();
  readonly #names = new Map<Header, Digest>();

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  add(block: Block, place: number): void {
    const { digest } = block.ref;
    if (!this.#blocks.has(digest)) this.#blocks.set(digest, { block, holders: new Uint8Array(this.#nodes) });
    this.#names.set(block.header, digest);
    this.hold(digest, place);
  }

  get(digest: Digest): Block | undefined {
    return this.#blocks.get(digest)?.block;
  }

  /** The name of a header that was added, or null. */
  digestOf(header: Header): Digest | null {
    return this.#names.get(header) ?? null;
  }

  hold(digest: Digest, place: number): void {
    const kept = this.#blocks.get(digest);
    if (kept !== undefined) kept.holders[place] = 1;
  }

  holds(digest: Digest, place: number): boolean {
    return this.#blocks.get(digest)?.holders[place] === 1;
  }

  /** Blocks were added in about the order of their heights: forgets from the oldest on. */
  forgetBelow(height: number): void {
    for (const [digest, { block }] of this.#blocks) {
      if (block.header.height >= height) return;
      this.#blocks.delete(digest);
      this.#names.delete(block.header);
    }
  }
}
