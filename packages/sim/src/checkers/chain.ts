import {
  type Certificate,
  concatBytes,
  encode,
  type Genesis,
  headerCodec,
  type SignatureSuite,
  toHex,
} from '@quorate/kernel';
import type { FinalityProof, FinalizedBlock } from '@quorate/replica';
import { sha256 } from '../hash.ts';
import { nameOf, proofFault, unsoundness } from './certificates.ts';
import { RegisterModel } from './register-model.ts';
import { Membership } from './sets.ts';

/** Tells of something that must never happen, and did. */
export type Report = (checker: string, sentence: string) => void;

/** Where the log has a transaction. */
export interface Place {
  readonly height: number;
  readonly index: number;
  readonly code: number;
}

interface Link {
  readonly digest: string;
  readonly time: number;
  readonly epoch: number;
  readonly view: number;
  readonly receipts: string;
  /** Fingerprint of header and transactions, as whoever was first gave them out. */
  readonly content: string;
}

export interface ChainParts {
  readonly genesis: Genesis;
  readonly suite: SignatureSuite;
  readonly report: Report;
  /** Whether a client offered this transaction; absent: everything may be in a block. */
  readonly offered?: (id: string) => boolean;
  /** The latest time, Unix ms, that a block may carry which these voters made final by now; absent: any. */
  readonly latestTime?: (voters: Membership) => number;
}

/**
 * The finalized log, rebuilt from what replicas give out: it must link, contain only what was offered, commit nothing twice, do what
 * a sequential register does, and every certificate must hold under the set that the log itself gives.
 */
export class Chain {
  readonly #parts: ChainParts;
  readonly #links = new Map<number, Link>();
  readonly #places = new Map<string, Place>();
  readonly #sets = new Map<number, Membership>();
  readonly #waiting = new Map<number, { readonly by: string; readonly block: FinalizedBlock }>();
  readonly #sound = new Set<string>();
  readonly #staged: Membership[];
  readonly model = new RegisterModel();
  #height = 0;

  constructor(parts: ChainParts) {
    this.#parts = parts;
    const first = new Membership(parts.genesis.validators.members);
    this.#sets.set(0, first);
    this.#staged = [first];
  }

  /** Height up to which the log is rebuilt. */
  get height(): number {
    return this.#height;
  }

  /** Where the log has a transaction: the place where it took effect, else the first. */
  placeOf(id: string): Place | null {
    return this.#places.get(id) ?? null;
  }

  /** Who votes in an epoch, as far as the log says by now. */
  setOf(epoch: number): Membership | null {
    return this.#sets.get(epoch) ?? null;
  }

  /** A replica gave out a block. */
  observe(by: string, block: FinalizedBlock): void {
    const { height } = block.header;
    const known = this.#links.get(height);
    if (known !== undefined) {
      if (known.digest === block.digest && known.receipts !== receiptsOf(block)) {
        this.#parts.report('state', `${by} has other receipts at height ${height}`);
      }
      if (known.digest === block.digest && known.content !== contentOf(block)) {
        this.#parts.report('agreement', `${by} gives out something else as ${block.digest} at height ${height}`);
      }
      this.#certificate(by, block);
      return;
    }
    if (!this.#waiting.has(height)) this.#waiting.set(height, { by, block });
    for (;;) {
      const next = this.#waiting.get(this.#height + 1);
      if (next === undefined) return;
      this.#waiting.delete(this.#height + 1);
      this.#append(next.by, next.block);
    }
  }

  /** A replica served a proof of a block that it calls final. */
  proof(by: string, digest: string, proof: FinalityProof): void {
    const members = this.#sets.get(proof.certificate.statement.epoch);
    if (members === undefined) return;
    const { chainId } = this.#parts.genesis;
    const fault = proofFault({ chainId, suite: this.#parts.suite, members }, digest, proof);
    if (fault !== null)
      this.#parts.report('certificates', `${by} proves block ${digest} with a proof that fails: ${fault}`);
  }

  #append(by: string, block: FinalizedBlock): void {
    const { report, offered = () => true, genesis } = this.#parts;
    const { header, digest, body, receipts } = block;
    const { height, epoch } = header;
    const parent = this.#links.get(height - 1);
    const voters = this.setOf(epoch);
    const latest = voters === null ? Number.POSITIVE_INFINITY : (this.#parts.latestTime?.(voters) ?? header.time);
    if (header.time > latest)
      report('time', `${by}: height ${height} is ${Math.ceil(header.time - latest)} ms later than any clock allows`);
    const { epochLength } = genesis.consensus;
    const own = Math.ceil(height / epochLength) - 1;
    if (epoch !== own) report('validity', `${by} has a block of epoch ${epoch} at height ${height}`);
    if (parent !== undefined) {
      if (header.parentDigest !== parent.digest)
        report('validity', `${by} has a block at height ${height} that is no child`);
      if (header.time <= parent.time) report('validity', `${by}: time stands still at height ${height}`);
      if (epoch === parent.epoch && header.view <= parent.view)
        report('validity', `${by}: the view falls at height ${height}`);
    }
    const { codes, updates } = this.model.apply(height, body.transactions, body.evidence, (at) => this.setOf(at));
    body.transactions.forEach((bytes, index) => {
      const id = toHex(sha256(bytes));
      const code = receipts[index]?.code ?? -1;
      if (!offered(id)) report('validity', `${by} has ${id} at height ${height}, which nobody offered`);
      if (code !== codes[index]) {
        report(
          'linearizability',
          `${by} has code ${code} for transaction ${index} of height ${height}, not ${codes[index]}`,
        );
      }
      const before = this.#places.get(id);
      if (before?.code === 0 && code === 0)
        report('double commit', `${by} has ${id} at heights ${before.height} and ${height}`);
      if (before === undefined || before.code !== 0) this.#places.set(id, { height, index, code });
    });
    if (receipts.length !== body.transactions.length)
      report('validity', `${by} has ${receipts.length} receipts at height ${height}`);
    this.#links.set(height, {
      digest,
      time: header.time,
      epoch,
      view: header.view,
      receipts: receiptsOf(block),
      content: contentOf(block),
    });
    this.#height = height;
    const before = this.#staged[height - 1];
    if (before !== undefined) this.#staged[height] = before.after(updates);
    if (height % epochLength === 0) {
      const next = this.#staged[header.executedHeight];
      if (next !== undefined) this.#sets.set(epoch + 1, next);
    }
    this.#certificate(by, block);
  }

  #certificate(by: string, { finality, digest, header }: FinalizedBlock): void {
    if (finality.grade !== 'final') {
      this.#parts.report('certificates', `${by} has grade ${finality.grade} at height ${header.height}`);
      return;
    }
    const { certificate } = finality;
    if (certificate.statement.kind !== 'finalize') {
      this.#parts.report(
        'certificates',
        `${by} calls ${digest} final by a certificate of ${certificate.statement.kind}`,
      );
    }
    this.#verify(by, certificate);
  }

  #verify(by: string, certificate: Certificate): void {
    const members = this.#sets.get(certificate.statement.epoch);
    const name = nameOf(certificate);
    if (members === undefined || this.#sound.has(name)) return;
    this.#sound.add(name);
    const { suite, genesis, report } = this.#parts;
    const fault = unsoundness({ chainId: genesis.chainId, suite, members }, certificate);
    if (fault !== null) report('certificates', `${by} holds ${JSON.stringify(certificate.statement)}: ${fault}`);
  }
}

function receiptsOf({ receipts }: FinalizedBlock): string {
  return receipts.map(({ code, log }) => `${code} ${log}`).join('\n');
}

function contentOf({ header, body }: FinalizedBlock): string {
  return toHex(sha256(concatBytes(encode(headerCodec, header), ...body.transactions)));
}
