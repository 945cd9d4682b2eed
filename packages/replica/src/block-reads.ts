import {
  type Block,
  type BlockRef,
  type Body,
  bodyCodec,
  type Certificate,
  type Digest,
  type Epoch,
  type Header,
  type Height,
  type Millis,
  QuorateError,
  type Store,
  toHex,
  type ValidatorSet,
} from '@quorate/kernel';
import { MAX_CLAIM_HEADERS } from '@quorate/light';
import type { EpochProof, FinalityProof, FinalizedBlock } from './api.ts';
import { BlockCache } from './block-cache.ts';
import {
  type Divergence,
  type ExecutionRecord,
  KEY,
  numberOf,
  opened,
  type Place,
  PREFIX,
  RECORD,
  type ReceiptsRecord,
  readRecord,
  type Staged,
  tableRange,
  unsealed,
} from './store-format.ts';

/**
 * What the block store can say. Reads are synchronous, see every write whose promise has resolved, and throw `store/corrupt`
 * when a record is damaged.
 */
export class BlockReads {
  protected readonly store: Store;
  protected readonly cache: BlockCache;

  protected constructor(store: Store, cacheBytes: number) {
    this.store = store;
    this.cache = new BlockCache(cacheBytes);
  }

  /** Any stored header, of a candidate or a finalized block. */
  header(ref: Pick<BlockRef, 'digest'>): Block | null {
    return this.headerOf(ref.digest);
  }

  headerOf(digest: Digest): Block | null {
    const cached = this.cache.header(digest);
    if (cached !== null) return cached;
    const header = readRecord(this.store, KEY.header(digest), RECORD.header);
    if (header === null) return null;
    const block: Block = { header, ref: { epoch: header.epoch, view: header.view, digest } };
    this.cache.addHeader(block);
    return block;
  }

  body(ref: Pick<BlockRef, 'digest'>): Body | null {
    const cached = this.cache.body(ref.digest);
    if (cached !== null) return cached;
    const key = KEY.body(ref.digest);
    const value = this.store.get(key);
    if (value === undefined) return null;
    const body = opened(key, bodyCodec, value);
    this.cache.addBody(ref.digest, body, value.length);
    return body;
  }

  protected digestAt(height: Height): Digest | null {
    return readRecord(this.store, KEY.finalized(height), RECORD.finalized)?.digest ?? null;
  }

  protected must(digest: Digest, height: Height): Block {
    const block = this.header({ digest });
    if (block !== null) return block;
    throw new QuorateError(
      'store/corrupt',
      `block store: the header ${digest} of height ${height} is missing; restore the store from a backup`,
    );
  }

  /** The finalized block at a height, or null when it is unknown or pruned. */
  at(height: Height): Block | null {
    const digest = this.digestAt(height);
    return digest === null ? null : this.must(digest, height);
  }

  /** When this node saw a height finalized, Unix ms. */
  finalizedAt(height: Height): Millis | null {
    return readRecord(this.store, KEY.finalized(height), RECORD.finalized)?.finalizedAt ?? null;
  }

  /** The certificates that justified the parent of the block at a height; null when pruned or unknown. */
  justification(height: Height): readonly Certificate[] | null {
    return readRecord(this.store, KEY.justification(height), RECORD.justification);
  }

  /** The certificate that covers a height, its own or the nearest descendant's, and the height of the block it names. */
  certificateFor(height: Height): { readonly certificate: Certificate; readonly certifiedHeight: Height } | null {
    for (const [key, value] of this.store.range({
      from: KEY.coverage(height),
      to: tableRange(PREFIX.coverage).to,
      limit: 1,
    })) {
      const { certificate, trail } = opened(key, RECORD.coverage, value);
      return { certificate, certifiedHeight: numberOf(key) + trail.length };
    }
    return null;
  }

  /** Headers from a height up to the certified one, and the certificate; null when unknown, pruned or longer than a proof may be. */
  finalityProof(height: Height): FinalityProof | null {
    for (const [key, value] of this.store.range({
      from: KEY.coverage(height),
      to: tableRange(PREFIX.coverage).to,
      limit: 1,
    })) {
      const { certificate, trail } = opened(key, RECORD.coverage, value);
      const top = numberOf(key);
      if (top - height + 1 + trail.length > MAX_CLAIM_HEADERS) return null;
      const headers: Header[] = [];
      for (let at = height; at <= top; at++) {
        const block = this.at(at);
        if (block === null) return null;
        headers.push(block.header);
      }
      return { headers: [...headers, ...trail], certificate };
    }
    return null;
  }

  /** A finalized and executed block with all that came of it; null when it is unknown, not executed yet, or its body is pruned. */
  finalizedBlock(height: Height): FinalizedBlock | null {
    const block = height < 1 ? null : this.at(height);
    const body = block === null ? null : this.body(block.ref);
    const outcome = this.receipts(height);
    const coverage = this.certificateFor(height);
    if (block === null || body === null || outcome === null || coverage === null) return null;
    return {
      header: block.header,
      digest: block.ref.digest,
      body,
      receipts: outcome.receipts,
      events: outcome.events,
      finality: { grade: 'final', ...coverage },
      finalizedAt: this.finalizedAt(height) ?? block.header.time,
    };
  }

  /** The set that votes in an epoch; kept for ever. */
  validators(epoch: Epoch): ValidatorSet | null {
    return readRecord(this.store, KEY.validators(epoch), RECORD.validators);
  }

  /** The digest of the block from which an epoch started, where state sync had to learn it by itself; null otherwise. */
  epochStart(epoch: Epoch): Digest | null {
    const named = this.opening(epoch)?.headers[0]?.parentDigest;
    return named ?? readRecord(this.store, KEY.epochStart(epoch), RECORD.epochStart);
  }

  /** What state sync learned of how an epoch began: the proof of its first block; null otherwise. */
  opening(epoch: Epoch): FinalityProof | null {
    return readRecord(this.store, KEY.opening(epoch), RECORD.opening);
  }

  /** The last header of an epoch that ended before the kept blocks begin; null when it is unknown. */
  closing(epoch: Epoch): Header | null {
    return this.epochProof(epoch)?.proof.headers[0] ?? readRecord(this.store, KEY.closing(epoch), RECORD.closing);
  }

  epochProof(epoch: Epoch): EpochProof | null {
    const proof = readRecord(this.store, KEY.epochProof(epoch), RECORD.epochProof);
    const next = this.validators(epoch + 1);
    return proof === null || next === null ? null : { epoch, proof, next };
  }

  /** Last height whose execution is recorded, or null before the chain has begun. The application may be one behind. */
  get executedHeight(): Height | null {
    for (const [key] of this.store.range({ ...tableRange(PREFIX.executions), reverse: true, limit: 1 }))
      return numberOf(key);
    return null;
  }

  execution(height: Height): ExecutionRecord | null {
    return readRecord(this.store, KEY.execution(height), RECORD.execution);
  }

  /** The validator set after all updates executed up to a height; null when that is before what is kept. */
  staged(height: Height): (Staged & { readonly height: Height }) | null {
    for (const [key, value] of this.store.range({
      from: tableRange(PREFIX.staged).from,
      to: KEY.staged(height + 1),
      reverse: true,
      limit: 1,
    })) {
      return { ...opened(key, RECORD.staged, value), height: numberOf(key) };
    }
    return null;
  }

  receipts(height: Height): ReceiptsRecord | null {
    return readRecord(this.store, KEY.receipts(height), RECORD.receipts);
  }

  /** Where a transaction was executed; null when it was not, or is pruned. */
  transaction(id: Digest): Place | null {
    return readRecord(this.store, KEY.place(id), RECORD.place);
  }

  /** What `doctor` shows after `application/diverged`. */
  divergence(): Divergence | null {
    return readRecord(this.store, KEY.divergence, RECORD.divergence);
  }

  /**
   * Reads and checks at most `limit` records from `from` on, for `doctor`: how many were sound, the damaged keys in hexadecimal,
   * and where to go on (null at the end).
   */
  verify(
    from: Uint8Array,
    limit: number,
  ): { readonly sound: number; readonly damaged: readonly string[]; readonly next: Uint8Array | null } {
    const damaged: string[] = [];
    let sound = 0;
    let seen = 0;
    for (const [key, value] of this.store.range({ from, limit: limit + 1 })) {
      if (seen++ === limit) return { sound, damaged, next: key };
      try {
        unsealed(key, value);
        sound++;
      } catch {
        damaged.push(toHex(key));
      }
    }
    return { sound, damaged, next: null };
  }
}
