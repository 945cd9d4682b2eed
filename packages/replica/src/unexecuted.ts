import {
  type Block,
  type Body,
  type Digest,
  emptyRoot,
  type Hash,
  type Height,
  offenceId,
  toHex,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';

/** Blocks whose transaction ids are remembered. */
const MAX_NAMED = 32;

/** What unexecuted ancestors carry: not to be proposed twice. */
export interface Carried {
  readonly transactions: ReadonlySet<Digest>;
  readonly offences: ReadonlySet<Digest>;
}

export interface UnexecutedParts {
  readonly store: BlockStore;
  readonly hash: Hash;
  /** Everything up to its height is executed: the application itself knows what was in it. */
  readonly executor: { readonly height: Height };
}

/** What the application cannot know yet: the contents of blocks between the executed height and a parent. */
export class Unexecuted {
  readonly #parts: UnexecutedParts;
  readonly #named = new Map<Digest, readonly Digest[]>();

  constructor(parts: UnexecutedParts) {
    this.#parts = parts;
  }

  /** What the blocks from `parent` down to the executed height carry. */
  upTo(parent: Block): Carried {
    const { store, executor, hash } = this.#parts;
    const transactions = new Set<Digest>();
    const offences = new Set<Digest>();
    for (let at: Block | null = parent; at !== null && at.header.height > executor.height; ) {
      const isEmpty = at.header.txRoot === emptyRoot(hash) && at.header.evidenceRoot === at.header.txRoot;
      const body = isEmpty ? null : store.body(at.ref);
      if (body !== null) {
        for (const id of this.#namesIn(at.ref.digest, body)) transactions.add(id);
        for (const piece of body.evidence) offences.add(offenceId(hash, piece));
      }
      at = store.header({ digest: at.header.parentDigest });
    }
    return { transactions, offences };
  }

  #namesIn(digest: Digest, body: Body): readonly Digest[] {
    const known = this.#named.get(digest);
    if (known !== undefined) return known;
    const names = body.transactions.map((tx) => toHex(this.#parts.hash(tx)));
    for (const old of this.#named.keys()) if (this.#named.size >= MAX_NAMED) this.#named.delete(old);
    this.#named.set(digest, names);
    return names;
  }
}
