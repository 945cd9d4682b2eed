import { blockOf, type Digest, type Epoch, type Statement, type StatementKind, type View } from '@quorate/kernel';

interface Signed {
  readonly block: Digest | null;
  readonly signature: Uint8Array;
}

/** What was signed in one view: at most one statement of each kind, and never both a nullify and a finalize. */
type ViewMarks = { readonly [K in StatementKind]?: Signed };

interface EpochMarks {
  floor: View;
  readonly views: Map<View, ViewMarks>;
}

export type Judgement =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly why: 'below' | 'conflict' | 'full'; readonly reason: string };

/** The newest epoch and the one before it are remembered; statements of older ones are refused. */
const RETAINED_EPOCHS = 2;
/** Views above the floor that one epoch may hold: signing stops there rather than growing without bound. */
const MAX_VIEWS = 65_536;

/**
 * The high-water marks of the signing gate, as a pure structure: per epoch a floor, and for each view above it the digest
 * notarized, whether it was nullified, and the digest finalized (simplex.md, "Signing gate").
 */
export class HighWaterMarks {
  readonly #epochs = new Map<Epoch, EpochMarks>();
  #newest: Epoch = 0;

  /** The oldest epoch in which anything may still be signed. */
  get lowestEpoch(): Epoch {
    return Math.max(0, this.#newest - RETAINED_EPOCHS + 1);
  }

  /** Whether nothing was ever signed or finalized, as far as is remembered. */
  get empty(): boolean {
    return this.#epochs.size === 0;
  }

  /** Whether this statement may be signed after everything recorded so far. */
  judge(statement: Statement): Judgement {
    const { kind, epoch, view } = statement;
    const refuse = (why: 'below' | 'conflict' | 'full', reason: string): Judgement => ({
      kind: 'refused',
      why,
      reason,
    });
    if (epoch < this.lowestEpoch) {
      return refuse('below', `epoch ${epoch} is over: the lowest retained epoch is ${this.lowestEpoch}`);
    }
    const marks = this.#epochs.get(epoch);
    const floor = marks?.floor ?? 0;
    if (view <= floor) return refuse('below', `view ${view} of epoch ${epoch} is not above the floor ${floor}`); // S10
    const known = marks?.views.get(view);
    const same = known?.[kind];
    if (same !== undefined) {
      if (same.block === blockOf(statement)) return { kind: 'repeat', signature: same.signature };
      return refuse('conflict', `another ${kind} was signed in view ${view} of epoch ${epoch}`); // S10
    }
    const rival = kind === 'nullify' ? known?.finalize : kind === 'finalize' ? known?.nullify : undefined;
    if (rival !== undefined) {
      const signed = kind === 'nullify' ? 'finalize' : 'nullify';
      return refuse('conflict', `${signed} was signed in view ${view} of epoch ${epoch}, so ${kind} never is`); // S10
    }
    if (known === undefined && (marks?.views.size ?? 0) >= MAX_VIEWS) {
      return refuse('full', `the gate is full: ${MAX_VIEWS} views of epoch ${epoch} without finalization`);
    }
    return { kind: 'new' };
  }

  /** Records a statement that {@link judge} called new. */
  record(statement: Statement, signature: Uint8Array): void {
    const { views } = this.#epoch(statement.epoch);
    const signed: Signed = { block: blockOf(statement), signature };
    views.set(statement.view, { ...views.get(statement.view), [statement.kind]: signed });
  }

  /** Raises the floor of an epoch and forgets what lies at or below it. `false` when it was there already. */
  raise(epoch: Epoch, view: View): boolean {
    if (epoch < this.lowestEpoch) return false;
    const known = this.#epochs.get(epoch);
    if (known !== undefined && view <= known.floor) return false;
    const marks = this.#epoch(epoch);
    marks.floor = view;
    for (const signed of marks.views.keys()) if (signed <= view) marks.views.delete(signed);
    return true;
  }

  /** Whether this exact statement was signed. Of what was forgotten (at or below a floor, older epochs) the answer is yes. */
  holds(statement: Statement): boolean {
    const judgement = this.judge(statement);
    if (judgement.kind === 'repeat') return true;
    return statement.epoch < this.lowestEpoch || statement.view <= (this.#epochs.get(statement.epoch)?.floor ?? 0);
  }

  /** The floor of an epoch and the statements above it, by view. Of an epoch too old to be remembered the floor is above every view. */
  signed(epoch: Epoch): { readonly floor: View; readonly statements: readonly Statement[] } {
    if (epoch < this.lowestEpoch) return { floor: Number.MAX_SAFE_INTEGER, statements: [] };
    const statements: Statement[] = [];
    for (const entry of this.entries()) {
      if (entry.kind === 'signed' && entry.statement.epoch === epoch) statements.push(entry.statement);
    }
    return { floor: this.#epochs.get(epoch)?.floor ?? 0, statements };
  }

  /** Floors and statements that rebuild these marks, in canonical order. */
  *entries(): Generator<
    | { readonly kind: 'floor'; readonly epoch: Epoch; readonly view: View }
    | { readonly kind: 'signed'; readonly statement: Statement; readonly signature: Uint8Array }
  > {
    for (const [epoch, { floor, views }] of [...this.#epochs].sort(([a], [b]) => a - b)) {
      yield { kind: 'floor', epoch, view: floor };
      for (const [view, { notarize, nullify, finalize }] of [...views].sort(([a], [b]) => a - b)) {
        if (notarize?.block) {
          const statement: Statement = { kind: 'notarize', epoch, view, block: notarize.block };
          yield { kind: 'signed', statement, signature: notarize.signature };
        }
        if (nullify)
          yield { kind: 'signed', statement: { kind: 'nullify', epoch, view }, signature: nullify.signature };
        if (finalize?.block) {
          const statement: Statement = { kind: 'finalize', epoch, view, block: finalize.block };
          yield { kind: 'signed', statement, signature: finalize.signature };
        }
      }
    }
  }

  #epoch(epoch: Epoch): EpochMarks {
    let marks = this.#epochs.get(epoch);
    if (marks === undefined) {
      marks = { floor: 0, views: new Map() };
      this.#epochs.set(epoch, marks);
    }
    if (epoch > this.#newest) {
      this.#newest = epoch;
      for (const old of this.#epochs.keys()) if (old < this.lowestEpoch) this.#epochs.delete(old);
    }
    return marks;
  }
}
