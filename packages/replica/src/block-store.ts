import {
  type Block,
  type BlockRef,
  type Body,
  bodyBytes,
  bodyCodec,
  type Certificate,
  type Digest,
  type Disk,
  type Epoch,
  type Genesis,
  genesisDigest,
  type Hash,
  type Header,
  type Height,
  type Millis,
  QuorateError,
  type SignatureSuite,
  type Store,
  type StoreWrite,
  type ValidatorSet,
} from '@quorate/kernel';
import type { FinalityProof } from './api.ts';
import { BlockReads } from './block-reads.ts';
import { type Contradiction, certificateForkError, type ForkReportParts, forkError } from './fork-report.ts';
import type { Kept, Retention } from './retention.ts';
import { type Beginning, type Floor, fromFloor, fromGenesis } from './store-beginning.ts';
import { outcomeStep } from './store-execution.ts';
import { type FinalizedEntry, finalityRecords, type NewlyFinal } from './store-finality.ts';
import {
  type Divergence,
  type ExecutionRecord,
  KEY,
  numberOf,
  opened,
  PREFIX,
  RECORD,
  type ReceiptsRecord,
  record,
  removal,
  type Staged,
  tableRange,
} from './store-format.ts';
import { openFormat } from './store-open.ts';
import { StoredCandidates } from './stored-candidates.ts';
import { WriteGroup } from './write-group.ts';

const DEFAULT_CANDIDATE_BYTES = 512 << 20;
const DEFAULT_CACHE_BYTES = 32 << 20;

export interface BlockStoreOptions {
  readonly genesis: Genesis;
  /** Bound of non-finalized bodies in bytes; bodies up to 1 KiB are exempt. Default 512 MiB. */
  readonly maxCandidateBytes?: number;
  /** Decoded bodies kept in memory, in bytes. Default 32 MiB. */
  readonly cacheBytes?: number;
}

export interface BlockStoreParts {
  readonly disk: Disk;
  readonly hash: Hash;
  /** What takes votes out of the certificates of a fork; without it a fork names its signers only. */
  readonly suite?: SignatureSuite;
}

interface Tip {
  readonly block: Block;
  readonly certificate: Certificate | null;
}

/**
 * Bodies written once, by digest; finalized headers, certificates and justifications by height; validator sets and proofs
 * by epoch; what execution gave. Reads are synchronous and throw `store/corrupt` when a record is damaged. Writes are atomic,
 * and durable when their promise resolves; writes that wait together share one batch. After a failed write every later one fails.
 */
export class BlockStore extends BlockReads {
  readonly #writes: WriteGroup;
  readonly #candidates: StoredCandidates;
  readonly #putting = new Map<Digest, Promise<void>>();
  #tip: Tip | null;
  /** The tip once all writes on their way are durable. */
  #planned: { height: Height; digest: Digest } | null;
  /** Digests of heights that are on their way to disk. */
  readonly #finalizing = new Map<Height, Digest>();
  #kept: Kept;
  readonly #genesis: Genesis;
  readonly #disk: Disk;
  readonly #suite: SignatureSuite | null;

  private constructor(store: Store, options: BlockStoreOptions, { disk, suite }: BlockStoreParts) {
    super(store, options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    this.#genesis = options.genesis;
    this.#disk = disk;
    this.#suite = suite ?? null;
    this.#writes = new WriteGroup(store);
    this.#tip = this.#readTip();
    this.#planned = this.#tip && { height: this.#tip.block.header.height, digest: this.#tip.block.ref.digest };
    this.#kept = this.#readKept();
    this.#candidates = new StoredCandidates(store, options.maxCandidateBytes ?? DEFAULT_CANDIDATE_BYTES);
  }

  /** Opens or creates the store `blocks`. Constant time in the length of history. Throws `store/version`, `store/corrupt`, `genesis/mismatch`. */
  static async open(options: BlockStoreOptions, parts: BlockStoreParts): Promise<BlockStore> {
    const store = await parts.disk.openStore('blocks');
    try {
      await openFormat(store, genesisDigest(parts.hash, options.genesis));
      return new BlockStore(store, options, parts);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  #readTip(): Tip | null {
    for (const [key, value] of this.store.range({ ...tableRange(PREFIX.finalized), reverse: true, limit: 1 })) {
      const block = this.must(opened(key, RECORD.finalized, value).digest, numberOf(key));
      return { block, certificate: this.certificateFor(block.header.height)?.certificate ?? null };
    }
    return null;
  }

  #readKept(): Kept {
    const least = (prefix: number): Height | null => {
      for (const [key] of this.store.range({ ...tableRange(prefix), limit: 1 })) return numberOf(key);
      return null;
    };
    const headersFrom = least(PREFIX.finalized) ?? 0;
    return { headersFrom, bodiesFrom: least(PREFIX.receipts) ?? headersFrom + 1 };
  }

  // The chain as a whole.

  /** Whether the chain has begun: with genesis, or with a floor proven by state sync. */
  get begun(): boolean {
    return this.#tip !== null;
  }

  /** The last finalized block, durable, and the certificate that covers it (null at genesis). Throws `store/corrupt` before the chain has begun. */
  tip(): Tip {
    if (this.#tip === null)
      throw new QuorateError('store/corrupt', 'block store: the chain has not begun: genesis is missing');
    return this.#tip;
  }

  get finalizedHeight(): Height {
    return this.#tip?.block.header.height ?? 0;
  }

  /** What retention left. */
  get kept(): Kept {
    return this.#kept;
  }

  /** Batches written since the store was opened: each is one fsync. */
  get batches(): number {
    return this.#writes.batches;
  }

  /** Begins the chain with genesis as height 0 and its set as epoch 0's. Again is a no-op; another genesis throws `genesis/mismatch`. */
  async adoptGenesis(genesis: Block, validators: ValidatorSet, at: Millis): Promise<void> {
    if (this.#tip !== null) {
      const stored = this.at(0);
      if (stored !== null && stored.header.stateRoot !== genesis.header.stateRoot) {
        throw new QuorateError(
          'genesis/mismatch',
          `the application makes state root ${genesis.header.stateRoot} of genesis, the block store holds ${stored.header.stateRoot}: ` +
            'the application or its version changed',
        );
      }
      return;
    }
    await this.#begin(fromGenesis(genesis, validators, at));
  }

  /** Begins the chain at a proven block of history that this node did not replay. The caller has verified the proof. */
  async adoptFloor(floor: Floor): Promise<void> {
    if (this.#tip !== null)
      throw new QuorateError('sync/refused', 'block store: the chain has begun already; a floor needs an empty store');
    await this.#begin(fromFloor(floor));
  }

  async #begin({ block, certificate, writes }: Beginning): Promise<void> {
    const { height } = block.header;
    await this.#writes.commit(writes);
    this.#tip = { block, certificate };
    this.#planned = { height, digest: block.ref.digest };
    this.#kept = { headersFrom: height, bodiesFrom: height + 1 };
  }

  // Candidates.

  /** Bytes of non-finalized bodies as a fraction of their bound: above a half, propose empty blocks. */
  get pressure(): number {
    return this.#candidates.pressure;
  }

  /**
   * Makes a block and its body durable. The caller has checked that the body fits the header. Again, or at the same time,
   * is a no-op; so is a block at or below the finalized height, which nobody needs any more. Rejects `store/full`.
   */
  put(block: Block, body: Body): Promise<void> {
    const { digest } = block.ref;
    const running = this.#putting.get(digest);
    if (running !== undefined) return running;
    if (this.#candidates.has(digest) || block.header.height <= (this.#planned?.height ?? 0)) return Promise.resolve();
    const putting = this.#put(block, body).finally(() => this.#putting.delete(digest));
    this.#putting.set(digest, putting);
    return putting;
  }

  async #put(block: Block, body: Body): Promise<void> {
    const { digest } = block.ref;
    const { height } = block.header;
    const size = bodyBytes(body);
    this.#candidates.add(digest, height, size);
    try {
      await this.#writes.commit([
        record(KEY.header(digest), RECORD.header, block.header),
        record(KEY.body(digest), bodyCodec, body, size),
        record(KEY.candidate(height, digest), RECORD.candidate, { bodyBytes: size }),
      ]);
    } catch (error) {
      this.#candidates.forget(digest);
      throw error;
    }
    this.cache.addHeader(block);
    this.cache.addBody(digest, body, size);
  }

  /** Whether a body is durable here. */
  hasBody(ref: Pick<BlockRef, 'digest'>): boolean {
    if (this.#candidates.has(ref.digest)) return !this.#putting.has(ref.digest);
    const block = this.header(ref);
    if (block === null || block.header.height < this.#kept.bodiesFrom) return false;
    return (this.#finalizing.get(block.header.height) ?? this.digestAt(block.header.height)) === ref.digest;
  }

  // The finalized chain.

  /**
   * Finalizes consecutive heights in one atomic batch; pass what one drained batch finalized together. Heights that are final
   * already are skipped when they agree and throw `consensus/fork` when they do not, as does a block that does not extend the tip;
   * `fork.json` on the disk then holds what shows it.
   * The blocks must have been {@link put}. A certificate may name a descendant of its entry, also a trailing block above an
   * epoch's end (S11): the headers on the way are kept with it. Drops every other candidate at or below the new height.
   */
  async finalize(entries: readonly FinalizedEntry[]): Promise<void> {
    const fresh: NewlyFinal[] = [];
    let planned = this.#planned;
    if (planned === null)
      throw new QuorateError('store/corrupt', 'block store: nothing can be finalized before the chain has begun');
    for (const [index, entry] of entries.entries()) {
      const forked = (block: Block, at: Height, how: string) =>
        this.#forked({ block, entry, height: at, how, fresh, rest: entries.slice(index) });
      for (const block of entry.commit.blocks) {
        const { height, parentDigest } = block.header;
        if (height <= planned.height) {
          const known = this.#knownAt(height, fresh[fresh.length - 1 - (planned.height - height)]?.block.ref.digest);
          if (known !== null && known !== block.ref.digest) throw await forked(block, height, `contradicts ${known}`);
          continue;
        }
        if (height !== planned.height + 1) throw new RangeError(`height ${height} cannot follow ${planned.height}`);
        if (parentDigest !== planned.digest)
          throw await forked(block, planned.height, `does not extend ${planned.digest}`);
        if (!this.#candidates.has(block.ref.digest)) {
          throw new QuorateError(
            'store/corrupt',
            `block store: block ${block.ref.digest} is final at height ${height} but was never stored`,
          );
        }
        fresh.push({ block, entry });
        planned = { height, digest: block.ref.digest };
      }
    }
    if (fresh.length === 0) return this.#writes.commit([]);
    const writes = finalityRecords(fresh, this);
    this.#planned = planned;
    const dropped = this.#rivals(fresh, writes);
    for (const { block } of fresh) this.#finalizing.set(block.header.height, block.ref.digest);
    await this.#writes.commit(writes);
    for (const { block } of fresh) this.#finalizing.delete(block.header.height);
    for (const digest of dropped) this.cache.dropHeader(digest);
    this.#publish(fresh);
  }

  #publish(fresh: readonly NewlyFinal[]): void {
    for (const { block, entry } of fresh) {
      const certificate = entry.finality.grade === 'final' ? entry.finality.certificate : null;
      if (block.header.height > this.finalizedHeight) this.#tip = { block, certificate };
    }
  }

  #knownAt(height: Height, sameBatch: Digest | undefined): Digest | null {
    return sameBatch ?? this.#finalizing.get(height) ?? this.digestAt(height);
  }

  async #forked(found: Contradiction): Promise<QuorateError> {
    return forkError(found, await this.#reportParts());
  }

  /**
   * The error of a verified Finalization that contradicts what is final here, where the blocks below it are not at hand: `fork.json`
   * on the disk then holds what shows it. `ours` is the one it contradicts; null for what finalized the tip.
   */
  async contradicted(ours: Certificate | null, theirs: Certificate): Promise<QuorateError> {
    return certificateForkError({ ours, theirs, top: this.finalizedHeight }, await this.#reportParts());
  }

  async #reportParts(): Promise<ForkReportParts> {
    await this.#writes.idle(); // what is on its way to disk may be one side of the fork
    return { reads: this, genesis: this.#genesis, disk: this.#disk, suite: this.#suite };
  }

  /** Removes the candidate entries of what became final, and everything of the candidates that can never be. */
  #rivals(fresh: readonly NewlyFinal[], writes: StoreWrite[]): Digest[] {
    const final = new Set(fresh.map(({ block }) => block.ref.digest));
    const dropped: Digest[] = [];
    for (const { digest, height } of this.#candidates.takeUpTo(this.#planned?.height ?? 0)) {
      writes.push(removal(KEY.candidate(height, digest)));
      if (final.has(digest)) continue;
      writes.push(removal(KEY.header(digest)), removal(KEY.body(digest)));
      this.cache.dropBody(digest);
      dropped.push(digest);
    }
    return dropped;
  }

  // Epochs.

  /** Keeps, for ever, what takes a light client from `epoch` to the next, and the next set. Again is a no-op. */
  async endEpoch(epoch: Epoch, proof: FinalityProof, next: ValidatorSet): Promise<void> {
    await this.#writes.commit([
      record(KEY.epochProof(epoch), RECORD.epochProof, proof),
      record(KEY.validators(epoch + 1), RECORD.validators, next),
    ]);
  }

  /** Adds the set of an epoch, the proof of its first block and its last header, proven from a trusted header. Done by state sync. */
  async saveEpoch(
    epoch: Epoch,
    set: ValidatorSet,
    { opening, last }: { readonly opening: FinalityProof | null; readonly last: Header | null },
  ): Promise<void> {
    const writes = [record(KEY.validators(epoch), RECORD.validators, set)];
    if (opening !== null) writes.push(record(KEY.opening(epoch), RECORD.opening, opening));
    if (last !== null) writes.push(record(KEY.closing(epoch), RECORD.closing, last));
    await this.#writes.commit(writes);
  }

  // Execution.

  /**
   * Records what execution gave, before the application commits it; `staged` when the block brought validator updates.
   * The same batch prunes a few heights below `keep`, never at or above `height`.
   */
  async recordExecution(
    height: Height,
    execution: ExecutionRecord,
    receipts: ReceiptsRecord | null,
    staged: Staged | null,
    keep: Retention,
  ): Promise<void> {
    const step = outcomeStep(this.store, this.#kept, { height, execution, receipts, staged }, keep);
    for (const digest of step.pruned) this.cache.dropHeader(digest);
    this.#kept = step.kept;
    await this.#writes.commit(step.writes);
  }

  /** Replaces the staged set in force from a height on: when a provisional one was confirmed or corrected. */
  async saveStaged(height: Height, staged: Staged): Promise<void> {
    await this.#writes.commit([record(KEY.staged(height), RECORD.staged, staged)]);
  }

  async recordDivergence(divergence: Divergence): Promise<void> {
    await this.#writes.commit([record(KEY.divergence, RECORD.divergence, divergence)]);
  }

  /** Waits for writes on their way, then closes the store. */
  async close(): Promise<void> {
    await this.#writes.idle();
    await this.store.close();
  }
}
