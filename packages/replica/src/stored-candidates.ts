import { type Digest, type Height, QuorateError, type Store, toHex } from '@quorate/kernel';
import { numberOf, opened, PREFIX, RECORD, tableRange } from './store-format.ts';

/** Bodies up to this size are not counted against the bound: an empty block always fits. */
const SMALL_BODY = 1_024;
/** Bound by number, whatever their size. */
const MAX_CANDIDATES = 65_536;

/** Which stored blocks may still become final, how many bytes their bodies take, and how many more fit. */
export class StoredCandidates {
  readonly #maxBytes: number;
  readonly #byDigest = new Map<Digest, { readonly height: Height; readonly bodyBytes: number }>();
  #bytes = 0;

  /** Reads what a store holds. `maxBytes`: bound of their bodies; bodies up to 1 KiB are exempt. */
  constructor(store: Store, maxBytes: number) {
    this.#maxBytes = maxBytes;
    for (const [key, value] of store.range(tableRange(PREFIX.candidates))) {
      this.#count(toHex(key.subarray(9)), numberOf(key), opened(key, RECORD.candidate, value).bodyBytes);
    }
  }

  /** Bytes of bodies as a fraction of their bound. */
  get pressure(): number {
    return this.#bytes / this.#maxBytes;
  }

  has(digest: Digest): boolean {
    return this.#byDigest.has(digest);
  }

  /** Throws `store/full`. */
  add(digest: Digest, height: Height, bodyBytes: number): void {
    if (this.#bytes + counted(bodyBytes) > this.#maxBytes || this.#byDigest.size >= MAX_CANDIDATES) {
      throw new QuorateError(
        'store/full',
        `block store: ${this.#byDigest.size} blocks with ${this.#bytes} bytes wait for finality; block ${digest} is refused until some are finalized`,
      );
    }
    this.#count(digest, height, bodyBytes);
  }

  forget(digest: Digest): void {
    this.#bytes -= counted(this.#byDigest.get(digest)?.bodyBytes ?? 0);
    this.#byDigest.delete(digest);
  }

  /** Takes out all that stand at or below a height. */
  takeUpTo(height: Height): { readonly digest: Digest; readonly height: Height }[] {
    const taken: { readonly digest: Digest; readonly height: Height }[] = [];
    for (const [digest, candidate] of this.#byDigest) {
      if (candidate.height > height) continue;
      taken.push({ digest, height: candidate.height });
      this.forget(digest);
    }
    return taken;
  }

  #count(digest: Digest, height: Height, bodyBytes: number): void {
    this.#byDigest.set(digest, { height, bodyBytes });
    this.#bytes += counted(bodyBytes);
  }
}

function counted(bodyBytes: number): number {
  return bodyBytes <= SMALL_BODY ? 0 : bodyBytes;
}
