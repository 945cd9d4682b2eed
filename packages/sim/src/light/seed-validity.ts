import type { Block, Digest, Height } from '@quorate/kernel';
import type { Committee } from './committee.ts';

/** What the header of a final block must look like beside that of its parent: stated anew here. */
export class Validity {
  readonly #root: Digest;
  readonly #lastHeight: Height | null;
  readonly #fault: (sentence: string) => void;
  /** The first final block of each height. */
  readonly #chain = new Map<Height, Block>();

  constructor(committee: Committee, lastHeight: Height | null, fault: (sentence: string) => void) {
    this.#root = committee.genesis.header.validatorsRoot;
    this.#lastHeight = lastHeight;
    this.#fault = fault;
    this.#chain.set(0, committee.genesis);
  }

  committed({ header, ref }: Block, place: number): void {
    const wrong = (what: string): void =>
      this.#fault(`validity: node ${place} committed ${what} at height ${header.height}`);
    if (this.#lastHeight !== null && header.height > this.#lastHeight) wrong('a block above the last one'); // S11
    if (header.validatorsRoot !== this.#root) wrong('a block of another validator set');
    if ((header.nextValidatorsRoot !== null) !== (header.height === this.#lastHeight)) {
      wrong('a block that names the next validators in the wrong place');
    }
    const parent = this.#chain.get(header.height - 1);
    if (parent !== undefined && parent.ref.digest === header.parentDigest && header.time <= parent.header.time) {
      wrong('a block that is not later than its parent');
    }
    if (header.parentView >= ref.view) wrong('a block whose parent is of no earlier view');
    if (!this.#chain.has(header.height)) this.#chain.set(header.height, { header, ref });
  }
}
