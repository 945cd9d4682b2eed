import {
  type Block,
  type Body,
  blockOfHeader,
  type Certificate,
  type Epoch,
  type Genesis,
  type Hash,
} from '@quorate/kernel';
import { bodyFault } from './dissemination.ts';
import { isEmptyBlock, NOTHING } from './range-server.ts';
import type { CarriedBlock } from './wire.ts';

export interface StretchParts {
  readonly genesis: Genesis;
  readonly hash: Hash;
  readonly epoch: Epoch;
  /** Why a certificate of the running epoch does not hold, or null. */
  readonly fault: (certificate: Certificate) => string | null;
}

export interface BlockWithBody {
  readonly block: Block;
  readonly body: Body;
}

/**
 * Blocks above the tip that a certificate proves final, whose bodies may come in several ranges: what proves them is kept, so
 * that no later answer can lead anywhere else. At most as long as one range.
 */
export class Stretch {
  /** The finalized block below. */
  readonly base: Block;
  readonly blocks: readonly Block[];
  readonly certificate: Certificate;
  /** Blocks whose bodies are here. */
  #filled = 0;

  private constructor(base: Block, blocks: readonly Block[], certificate: Certificate) {
    this.base = base;
    this.blocks = blocks;
    this.certificate = certificate;
  }

  /** The blocks of a range when they link to our finalized block and the certificate finalizes the last, else what is wrong. */
  static proven(
    base: Block,
    carried: readonly CarriedBlock[],
    certificate: Certificate,
    parts: StretchParts,
  ): Stretch | string {
    const { genesis, hash, epoch, fault } = parts;
    const blocks: Block[] = [];
    let parent = base;
    for (const { header } of carried) {
      const block = blockOfHeader(hash, genesis.chainId, header);
      if (header.epoch !== epoch) return `a block of epoch ${header.epoch} in epoch ${epoch}`;
      if (header.height !== parent.header.height + 1 || header.parentDigest !== parent.ref.digest)
        return 'blocks that do not link';
      blocks.push(block);
      parent = block;
    }
    const { statement } = certificate;
    if (statement.kind !== 'finalize' || statement.epoch !== parent.ref.epoch || statement.view !== parent.ref.view) {
      return 'a certificate of something else';
    }
    if (statement.block !== parent.ref.digest) return 'a certificate of another block';
    return fault(certificate) ?? new Stretch(base, blocks, certificate);
  }

  /** The first block whose body is not here; null when all are. */
  get next(): Block | null {
    return this.blocks[this.#filled] ?? null;
  }

  /** The bodies of a range that begins with {@link next}, up to the first that was left out; or what is wrong with them. */
  bodies(carried: readonly CarriedBlock[], { genesis, hash }: StretchParts): readonly BlockWithBody[] | string {
    const found: BlockWithBody[] = [];
    for (const [index, { header, body }] of carried.entries()) {
      const block = this.blocks[this.#filled + index];
      if (block === undefined) break;
      // Later ranges repeat headers that are proven already.
      if (blockOfHeader(hash, genesis.chainId, header).ref.digest !== block.ref.digest)
        return 'blocks that do not link';
      const isLeftOut = body.transactions.length + body.evidence.length === 0 && !isEmptyBlock(hash, header);
      if (isLeftOut && found.length > 0) break;
      const wrong = bodyFault(hash, genesis.consensus.maxBlockBytes, block, body);
      if (wrong !== null) return wrong;
      found.push({ block, body });
    }
    for (;;) {
      // Nobody needs to be asked for empty ones, nor knows by height those above an epoch's last height (S11).
      const block = this.blocks[this.#filled + found.length];
      if (block === undefined || !isEmptyBlock(hash, block.header)) return found;
      found.push({ block, body: NOTHING });
    }
  }

  /** So many more bodies are durable. */
  fill(count: number): void {
    this.#filled += count;
  }
}
