import {
  type Codec,
  type ConsensusParameters,
  type Digest,
  decode,
  type Epoch,
  type Evidence,
  encode,
  epochOf,
  evidenceCodec,
  evidenceFault,
  fromHex,
  type Hash,
  type Height,
  lastHeightOf,
  nullable,
  offenceId,
  QuorateError,
  type SignatureSuite,
  type Store,
  type StoreWrite,
  struct,
  u53,
  type ValidatorSet,
} from '@quorate/kernel';
import type { EvidenceRecord } from './api.ts';

export interface EvidencePoolOptions {
  readonly chainId: string;
  readonly consensus: Pick<ConsensusParameters, 'epochLength' | 'evidenceWindow'>;
  /** Offences that may wait for a block; more are refused. Those in blocks are at most one for each validator of an admissible epoch, and all kept. */
  readonly maxWaiting?: number;
}

export interface EvidencePoolParts {
  /** Belongs to the pool alone. */
  readonly store: Store;
  readonly suite: SignatureSuite;
  readonly hash: Hash;
  /** The set that voted in an epoch, or `null` when this node does not know it. */
  readonly validators: (epoch: Epoch) => ValidatorSet | null;
}

export type EvidenceOutcome =
  | { readonly kind: 'added' }
  | { readonly kind: 'known' }
  /** Cannot be judged or kept here: the sender did nothing wrong. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Proves nothing: whoever sent it as proof misbehaved. */
  | { readonly kind: 'false'; readonly reason: string };

interface Kept {
  readonly id: Digest;
  readonly evidence: Evidence;
  readonly offender: Uint8Array;
  readonly seq: number;
  readonly height: Height | null;
  unsent: boolean;
}

/** An offence in the store. */
export const keptCodec: Codec<{ evidence: Evidence; height: Height | null; seq: number }> = struct<{
  evidence: Evidence;
  height: Height | null;
  seq: number;
}>({ evidence: evidenceCodec, height: nullable(u53), seq: u53 });

/** Key of the finalized height at which the pool began. Offences have keys of 32 bytes. */
const BEGINNING = Uint8Array.of(0);

/**
 * Verified evidence: durable before it counts, one piece per validator and epoch, until it is too old to be admissible. What a
 * block carried is never forgotten before that: nodes that remember different offences disagree about which blocks are valid.
 */
export class EvidencePool {
  readonly #options: Required<EvidencePoolOptions>;
  readonly #parts: EvidencePoolParts;
  /** In order of arrival. */
  readonly #kept = new Map<Digest, Kept>();
  readonly #entering = new Set<Digest>();
  #seq = 0;
  #height: Height;
  /** What blocks up to this height carried is not known here. */
  readonly #began: Height;

  private constructor(options: EvidencePoolOptions, parts: EvidencePoolParts, height: Height, began: Height) {
    this.#options = { maxWaiting: 4096, ...options };
    this.#parts = parts;
    this.#height = height;
    this.#began = began;
  }

  /**
   * What the store holds, at the finalized height `height`. All of it counts as not yet gossiped. An empty store begins there:
   * after a state sync, say, whose node never saw the blocks up to it. Throws `store/corrupt`.
   */
  static async open(options: EvidencePoolOptions, parts: EvidencePoolParts, height: Height): Promise<EvidencePool> {
    const began = await beginningOf(parts.store, height);
    const pool = new EvidencePool(options, parts, height, began);
    const found: Kept[] = [];
    const unknown: StoreWrite[] = []; // of epochs whose validators were forgotten
    for (const [key, value] of parts.store.range({})) {
      if (sameKey(key, BEGINNING)) continue;
      try {
        const { evidence, height: includedAt, seq } = decode(keptCodec, value);
        const offender = pool.#offenderOf(evidence);
        const id = offenceId(parts.hash, evidence);
        if (offender === null) unknown.push({ key, value: null });
        else found.push({ id, evidence, offender, seq, height: includedAt, unsent: true });
      } catch (error) {
        const name = Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('');
        throw new QuorateError('store/corrupt', `evidence ${name} in the store does not decode`, { cause: error });
      }
    }
    if (unknown.length > 0) await parts.store.write(unknown);
    for (const kept of found.sort((a, b) => a.seq - b.seq)) {
      pool.#kept.set(kept.id, kept);
      pool.#seq = kept.seq + 1;
    }
    return pool;
  }

  /** Whether this offence is durable here. */
  has(offence: Digest): boolean {
    return this.#kept.has(offence);
  }

  /** Verifies and keeps a piece of evidence; durable when the promise resolves. Rejects only when the store does. */
  async add(evidence: Evidence): Promise<EvidenceOutcome> {
    const id = offenceId(this.#parts.hash, evidence);
    if (this.#kept.has(id) || this.#entering.has(id)) return { kind: 'known' };
    const { epoch } = evidence.first.statement;
    if (this.#height >= this.#expiryOf(epoch)) return { kind: 'ignored', reason: `epoch ${epoch} is too long ago` };
    const validators = this.#parts.validators(epoch);
    if (validators === null) return { kind: 'ignored', reason: `the validators of epoch ${epoch} are not known here` };
    const offender = this.#offenderOf(evidence);
    if (offender === null) return { kind: 'false', reason: 'its signer is not in the set' };

    // What finds no room is not verified either: nobody pays for evidence that is sent again and again.
    let waiting = this.#entering.size;
    for (const { height } of this.#kept.values()) if (height === null) waiting++;
    if (waiting >= this.#options.maxWaiting) return { kind: 'ignored', reason: `${waiting} offences wait already` };
    const { chainId } = this.#options;
    const fault = evidenceFault({ chainId, suite: this.#parts.suite, validators }, evidence);
    if (fault !== null) return { kind: 'false', reason: fault };

    const kept: Kept = { id, evidence, offender, seq: this.#seq++, height: null, unsent: true };
    this.#entering.add(id);
    try {
      await this.#parts.store.write([writeOf(kept)]);
      if (!this.#kept.has(id)) this.#kept.set(id, kept);
    } finally {
      this.#entering.delete(id);
    }
    return { kind: 'added' };
  }

  /**
   * Evidence for the next block, oldest first; `excluded` names offences that unfinalized ancestors already carry. A block that
   * repeats an offence is invalid, so what a block from before this pool began may carry is left to those who saw that block.
   */
  pending(max: number, excluded: ReadonlySet<Digest> = new Set()): Evidence[] {
    return this.#waiting(max, ({ id, evidence }) => !excluded.has(id) && this.#mayPropose(evidence));
  }

  /** Evidence that this node knows to be in no block, for a peer that may not have it, oldest first. */
  waiting(max: number): Evidence[] {
    return this.#waiting(max, () => true);
  }

  /**
   * Why a block at `height` must not carry this evidence, or `null`: a false claim, a window that closed, an offence that the
   * finalized chain has punished. The caller checks unfinalized ancestors and repetitions within the block, by {@link offenceId}.
   */
  fault(evidence: Evidence, height: Height): string | null {
    const { epoch } = evidence.first.statement;
    if (height > this.#expiryOf(epoch)) return `epoch ${epoch} is too long ago`;
    const id = offenceId(this.#parts.hash, evidence);
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.height !== null && kept.height < height) {
      return `the block at height ${kept.height} carries it already`;
    }
    const validators = this.#parts.validators(epoch);
    if (validators === null) return `no validators are known for epoch ${epoch}`;
    return evidenceFault({ chainId: this.#options.chainId, suite: this.#parts.suite, validators }, evidence);
  }

  /** A finalized block carries these: they no longer wait, and stay known until they are too old. Also drops what is. Rejects when the store does. */
  async included(height: Height, evidence: readonly Evidence[]): Promise<void> {
    this.#height = Math.max(this.#height, height);
    const changed: Kept[] = [];
    for (const piece of evidence) {
      const id = offenceId(this.#parts.hash, piece);
      const offender = this.#offenderOf(piece);
      if (offender === null) continue;
      const seq = this.#kept.get(id)?.seq ?? this.#seq++;
      changed.push({ id, evidence: piece, offender, seq, height, unsent: false });
    }
    const expired = [...this.#kept.values()].filter((kept) => this.#height >= this.#expiryOf(epochOfEvidence(kept)));
    if (changed.length === 0 && expired.length === 0) return;
    for (const kept of changed) this.#kept.set(kept.id, kept);
    for (const kept of expired) this.#kept.delete(kept.id);
    await this.#parts.store.write([
      ...changed.map(writeOf),
      ...expired.map((kept) => ({ key: fromHex(kept.id), value: null })),
    ]);
  }

  /** Evidence that waits and was not yet gossiped, at most `max`: it counts as sent from now on. */
  unsent(max: number): Evidence[] {
    const chosen: Evidence[] = [];
    for (const kept of this.#kept.values()) {
      if (chosen.length >= max) break;
      if (!kept.unsent || kept.height !== null) continue;
      kept.unsent = false;
      chosen.push(kept.evidence);
    }
    return chosen;
  }

  /** What is known, newest first. */
  list(limit: number): EvidenceRecord[] {
    return [...this.#kept.values()]
      .reverse()
      .slice(0, limit)
      .map(({ evidence, offender, height }) => ({ evidence, offender, height }));
  }

  #waiting(max: number, wanted: (kept: Kept) => boolean): Evidence[] {
    const chosen: Evidence[] = [];
    for (const kept of this.#kept.values()) {
      if (chosen.length >= max) break;
      if (kept.height === null && this.#height < this.#expiryOf(epochOfEvidence(kept)) && wanted(kept)) {
        chosen.push(kept.evidence);
      }
    }
    return chosen;
  }

  /**
   * Whether every block that may carry an offence lies above where the pool began. A view says nothing about that, since votes
   * can be signed ahead of it; an epoch does, since its set is not known before it begins.
   */
  #mayPropose({ first }: Evidence): boolean {
    return this.#began === 0 || first.statement.epoch > epochOf(this.#options.consensus, this.#began);
  }

  #expiryOf(epoch: Epoch): Height {
    return expiryOf(this.#options.consensus, epoch);
  }

  #offenderOf(evidence: Evidence): Uint8Array | null {
    const { statement, signer } = evidence.first;
    return this.#parts.validators(statement.epoch)?.at(signer)?.publicKey ?? null;
  }
}

/** Where the pool of a store began; where it stands now when the store is new. Throws `store/corrupt`. */
async function beginningOf(store: Store, height: Height): Promise<Height> {
  const kept = store.get(BEGINNING);
  if (kept === undefined) {
    await store.write([{ key: BEGINNING, value: encode(u53, height) }]);
    return height;
  }
  try {
    return decode(u53, kept);
  } catch (error) {
    throw new QuorateError('store/corrupt', 'the height at which the evidence store began does not decode', {
      cause: error,
    });
  }
}

/** Makes a store of evidence begin anew, for a node whose chain does, and keeps what it holds. */
export async function forgetBeginning(store: Store): Promise<void> {
  if (store.get(BEGINNING) !== undefined) await store.write([{ key: BEGINNING, value: null }]);
}

/** The last height at which offences of an epoch are admissible. */
function expiryOf(consensus: EvidencePoolOptions['consensus'], epoch: Epoch): Height {
  return lastHeightOf(consensus, epoch) + consensus.evidenceWindow;
}

/** The oldest epoch whose offences a block above `height` may carry. */
export function oldestAdmissible(consensus: EvidencePoolOptions['consensus'], height: Height): Epoch {
  return epochOf(consensus, Math.max(1, height + 1 - consensus.evidenceWindow));
}

function epochOfEvidence({ evidence }: Kept): Epoch {
  return evidence.first.statement.epoch;
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function writeOf({ id, evidence, height, seq }: Kept): StoreWrite {
  return { key: fromHex(id), value: encode(keptCodec, { evidence, height, seq }) };
}
