import type { Certificate, Commit, Digest, SignerIndex, Statement, View } from '@quorate/kernel';
import type { LightNode } from './node.ts';

/** Signatures that are remembered, as views times validators; at least so many views. */
const REMEMBERED = 1 << 12;
const REMEMBERED_VIEWS = 64;
/** Views of which it is remembered which certificates were checked. */
const CHECKED_VIEWS = 16;
const MAX_VIOLATIONS = 100;

/** Who signed a statement, honest or not. */
interface Signed {
  readonly statement: Statement;
  readonly by: Uint8Array;
}

export interface WatchOptions {
  readonly weights: readonly number[];
  readonly genesis: Digest;
  readonly conflict: (a: Statement, b: Statement) => boolean;
}

/**
 * What must never happen, whatever fails: checked in every run, from what engines did and with arithmetic of its own. Violations are
 * texts, the first hundred of them.
 */
export class Watch {
  readonly violations: string[] = [];
  readonly #weights: readonly number[];
  readonly #total: number;
  readonly #conflict: (a: Statement, b: Statement) => boolean;
  readonly #views = new Map<View, Signed[]>();
  readonly #checked = new Map<View, Set<Certificate>>();
  readonly #remembered: number;
  /** The one block of each height. */
  readonly #final = new Map<number, Digest>();

  constructor({ weights, genesis, conflict }: WatchOptions) {
    this.#weights = weights;
    this.#total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#remembered = Math.max(REMEMBERED_VIEWS, Math.floor(REMEMBERED / weights.length));
    this.#conflict = conflict;
    this.#final.set(0, genesis);
  }

  /** A key signed: an honest one at most one statement of a kind in a view, and none that contradicts another. */
  signed(signer: SignerIndex, honest: boolean, statement: Statement): void {
    let view = this.#views.get(statement.view);
    if (view === undefined) {
      view = [];
      this.#views.set(statement.view, view);
      if (this.#views.size > this.#remembered) dropOldest(this.#views);
    }
    let own: Signed | null = null;
    for (const other of view) {
      if (isSame(other.statement, statement)) own = other;
      else if (honest && other.by[signer] === 1 && this.#conflict(other.statement, statement)) {
        this.fault(
          `validator ${signer} signed ${other.statement.kind} and then ${statement.kind} in view ${statement.view}`,
        );
      }
    }
    if (own === null) {
      own = { statement, by: new Uint8Array(this.#weights.length) };
      view.push(own);
    }
    own.by[signer] = 1;
  }

  /** A certificate that an honest engine shows: more than two thirds of the weight signed it. */
  certificate(certificate: Certificate, node: LightNode): void {
    const { statement, signers } = certificate;
    const view = this.#views.get(statement.view);
    if (view === undefined) {
      const isForgotten = this.#views.size >= this.#remembered;
      if (!isForgotten)
        this.fault(`node ${node.place} shows a certificate of view ${statement.view}, where nobody signed`);
      return;
    }
    let checked = this.#checked.get(statement.view);
    if (checked === undefined) {
      checked = new Set();
      this.#checked.set(statement.view, checked);
      if (this.#checked.size > CHECKED_VIEWS) dropOldest(this.#checked);
    }
    if (checked.has(certificate)) return;
    checked.add(certificate);
    const by = view.find((one) => isSame(one.statement, statement))?.by;
    let weight = 0;
    for (let signer = 0; signer < this.#weights.length; signer++) {
      if ((((signers[signer >> 3] ?? 0) >> (signer & 7)) & 1) === 0) continue;
      if (by?.[signer] !== 1) {
        this.fault(`a ${statement.kind} certificate of view ${statement.view} names ${signer}, who did not sign it`);
        return;
      }
      weight += this.#weights[signer] as number;
    }
    if (3 * weight <= 2 * this.#total) {
      this.fault(`a ${statement.kind} certificate of view ${statement.view} has ${weight} of ${this.#total} behind it`);
    }
  }

  /** An honest node commits: in order from what it holds to be final, and the same as everybody else. */
  committed(node: LightNode, commit: Commit): void {
    const block = commit.blocks[commit.blocks.length - 1];
    if (block === undefined) {
      this.fault(`node ${node.place} committed nothing at ${commit.index}`);
      return;
    }
    const { digest } = block.ref;
    if (commit.index === node.height + 1) {
      if (commit.previous !== node.finalDigest || block.header.parentDigest !== node.finalDigest) {
        this.fault(`node ${node.place} committed height ${commit.index} on another block than its last`);
      }
    } else if (commit.index > node.height) {
      this.fault(`node ${node.place} committed height ${commit.index} after ${node.height}`);
    }
    if (commit.index !== block.header.height) {
      this.fault(`node ${node.place} committed height ${block.header.height} as ${commit.index}`);
    }
    const known = this.#final.get(commit.index);
    if (known === undefined) this.#final.set(commit.index, digest);
    else if (known !== digest) this.fault(`height ${commit.index} is final in two ways: node ${node.place} disagrees`);
  }

  /** Every node is above this height for good: no node commits at or below it again. */
  forgetBelow(height: number): void {
    for (const held of this.#final.keys()) {
      if (held >= height) return;
      this.#final.delete(held);
    }
  }

  /** What an honest node holds for the proof of a final block. */
  finalizing(
    certificate: Certificate,
    node: LightNode,
    { finalizes }: { readonly finalizes: (certificate: Certificate) => boolean },
  ): void {
    this.certificate(certificate, node);
    if (!finalizes(certificate)) {
      this.fault(`node ${node.place} calls final what a ${certificate.statement.kind} vote backs`);
    }
  }

  fault(text: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push(text);
  }
}

function dropOldest(map: Map<View, unknown>): void {
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

function isSame(a: Statement, b: Statement): boolean {
  return (
    a === b ||
    (a.kind === b.kind &&
      a.epoch === b.epoch &&
      ('block' in a ? a.block : null) === ('block' in b ? b.block : null) &&
      a.view === b.view)
  );
}
