import {
  blockOf,
  type SignerIndex,
  type Statement,
  type StatementKind,
  sameStatement,
  type ValidatorSet,
  type Vote,
} from '@quorate/kernel';

/** The votes of one statement. */
interface Ballot {
  readonly statement: Statement;
  weight: number;
  readonly votes: Map<SignerIndex, { readonly vote: Vote; verified: boolean }>;
  /** A check of its votes is under way. */
  checking: boolean;
}

export type Admission =
  | { readonly kind: 'added' | 'repeated' | 'blocked' }
  | { readonly kind: 'conflict'; readonly first: Vote };

/** S4: the votes of one view. One slot per signer and kind; a second different vote never overwrites and is not counted. */
export class Tally {
  readonly #validators: ValidatorSet;
  readonly #slots = new Map<string, Vote>();
  readonly #blocked = new Set<string>();
  readonly #ballots = new Map<string, Ballot>();

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  /** Offers a vote whose signer is its authenticated sender. */
  add(vote: Vote): Admission {
    const slot = slotOf(vote.statement.kind, vote.signer);
    if (this.#blocked.has(slot)) return { kind: 'blocked' };
    const first = this.#slots.get(slot);
    if (first !== undefined) {
      return sameStatement(first.statement, vote.statement) ? { kind: 'repeated' } : { kind: 'conflict', first };
    }
    this.#slots.set(slot, vote);
    const ballot = this.#ballot(vote.statement);
    ballot.votes.set(vote.signer, { vote, verified: false });
    ballot.weight += this.#validators.weightOf(vote.signer);
    return { kind: 'added' };
  }

  /** The vote of a signer in its slot. */
  voteOf(kind: StatementKind, signer: SignerIndex): Vote | undefined {
    return this.#slots.get(slotOf(kind, signer));
  }

  /** Weight behind a statement, checked or not. */
  weightFor(statement: Statement): number {
    return this.#ballots.get(keyOf(statement))?.weight ?? 0;
  }

  /** Begins a check of what was not checked yet: the votes to check, or `null` when a check is under way already. */
  beginCheck(statement: Statement): Vote[] | null {
    const ballot = this.#ballot(statement);
    if (ballot.checking) return null;
    ballot.checking = true;
    return [...ballot.votes.values()].filter((held) => !held.verified).map((held) => held.vote);
  }

  endCheck(statement: Statement): void {
    this.#ballot(statement).checking = false;
  }

  markVerified(vote: Vote): void {
    const held = this.#ballots.get(keyOf(vote.statement))?.votes.get(vote.signer);
    if (held?.vote === vote) held.verified = true;
  }

  /** The checked votes of a statement when they weigh q, else `null`. */
  quorum(statement: Statement): Vote[] | null {
    const ballot = this.#ballots.get(keyOf(statement));
    if (ballot === undefined) return null;
    const votes = [...ballot.votes.values()].filter((held) => held.verified).map((held) => held.vote);
    const weight = this.#validators.weightOfAll(votes.map((vote) => vote.signer));
    return weight >= this.#validators.quorum ? votes : null;
  }

  /** A bad signature: the slot is emptied and takes nothing more from this signer. */
  block(vote: Vote): void {
    const slot = slotOf(vote.statement.kind, vote.signer);
    this.#blocked.add(slot);
    const held = this.#slots.get(slot);
    if (held === undefined || !sameStatement(held.statement, vote.statement)) return;
    this.#slots.delete(slot);
    const ballot = this.#ballot(vote.statement);
    if (ballot.votes.delete(vote.signer)) ballot.weight -= this.#validators.weightOf(vote.signer);
  }

  /** Forgets the votes of a kind that a certificate replaced. */
  forget(kind: StatementKind): void {
    for (const [key, ballot] of this.#ballots) if (ballot.statement.kind === kind) this.#ballots.delete(key);
    for (const [slot, vote] of this.#slots) if (vote.statement.kind === kind) this.#slots.delete(slot);
  }

  #ballot(statement: Statement): Ballot {
    const key = keyOf(statement);
    const known = this.#ballots.get(key);
    if (known !== undefined) return known;
    const ballot: Ballot = { statement, weight: 0, votes: new Map(), checking: false };
    this.#ballots.set(key, ballot);
    return ballot;
  }
}

function slotOf(kind: StatementKind, signer: SignerIndex): string {
  return `${kind}/${signer}`;
}

function keyOf(statement: Statement): string {
  return `${statement.kind}/${blockOf(statement) ?? ''}`;
}
