import {
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
  votes: Held[];
  /** A check of its votes is under way. */
  checking: boolean;
}

interface Held {
  readonly vote: Vote;
  readonly ballot: Ballot;
  verified: boolean;
}

export type Admission =
  | { readonly kind: 'added' | 'repeated' | 'blocked' }
  | { readonly kind: 'conflict'; readonly first: Vote };

const ADDED: Admission = { kind: 'added' };
const REPEATED: Admission = { kind: 'repeated' };
const BLOCKED: Admission = { kind: 'blocked' };

/** S4: the votes of one view. One slot per signer and kind; a second different vote never overwrites and is not counted. */
export class Tally {
  readonly #validators: ValidatorSet;
  readonly #slots: Readonly<Record<StatementKind, Map<SignerIndex, Held>>> = {
    notarize: new Map(),
    nullify: new Map(),
    finalize: new Map(),
  };
  /** Slots that take nothing more: hardly ever one. */
  #blocked: { readonly kind: StatementKind; readonly signer: SignerIndex }[] = [];
  /** In the order of their first votes: one for each kind unless somebody misbehaves. */
  #ballots: Ballot[] = [];

  constructor(validators: ValidatorSet) {
    this.#validators = validators;
  }

  /** Offers a vote whose signer is its authenticated sender. */
  add(vote: Vote): Admission {
    const { statement, signer } = vote;
    if (this.#isBlocked(statement.kind, signer)) return BLOCKED;
    const slots = this.#slots[statement.kind];
    const first = slots.get(signer);
    if (first !== undefined) {
      return sameStatement(first.vote.statement, statement) ? REPEATED : { kind: 'conflict', first: first.vote };
    }
    const ballot = this.#ballot(statement);
    const held: Held = { vote, ballot, verified: false };
    slots.set(signer, held);
    ballot.votes.push(held);
    ballot.weight += this.#validators.weightOf(signer);
    return ADDED;
  }

  /** The vote of a signer in its slot. */
  voteOf(kind: StatementKind, signer: SignerIndex): Vote | undefined {
    return this.#slots[kind].get(signer)?.vote;
  }

  /** Weight behind a statement, checked or not. */
  weightFor(statement: Statement): number {
    return this.#find(statement)?.weight ?? 0;
  }

  /** Begins a check of what was not checked yet: the votes to check, or `null` when a check is under way already. */
  beginCheck(statement: Statement): Vote[] | null {
    const ballot = this.#ballot(statement);
    if (ballot.checking) return null;
    ballot.checking = true;
    const votes: Vote[] = [];
    for (const held of ballot.votes) if (!held.verified) votes.push(held.vote);
    return votes;
  }

  endCheck(statement: Statement): void {
    this.#ballot(statement).checking = false;
  }

  markVerified(vote: Vote): void {
    const held = this.#slots[vote.statement.kind].get(vote.signer);
    if (held?.vote === vote) held.verified = true;
  }

  /** The checked votes of a statement when they weigh q, else `null`. */
  quorum(statement: Statement): Vote[] | null {
    const ballot = this.#find(statement);
    if (ballot === undefined) return null;
    const votes: Vote[] = [];
    let weight = 0;
    for (const { vote, verified } of ballot.votes) {
      if (!verified) continue;
      votes.push(vote);
      weight += this.#validators.weightOf(vote.signer); // one slot per signer: none counts twice
    }
    return weight >= this.#validators.quorum ? votes : null;
  }

  /** A bad signature: the slot is emptied and takes nothing more from this signer. */
  block(vote: Vote): void {
    const { statement, signer } = vote;
    if (!this.#isBlocked(statement.kind, signer)) this.#blocked.push({ kind: statement.kind, signer });
    const held = this.#slots[statement.kind].get(signer);
    if (held === undefined || !sameStatement(held.vote.statement, statement)) return;
    this.#slots[statement.kind].delete(signer);
    const { ballot } = held;
    ballot.votes = ballot.votes.filter((other) => other !== held);
    ballot.weight -= this.#validators.weightOf(signer);
  }

  /** Forgets the votes of a kind that a certificate replaced. */
  forget(kind: StatementKind): void {
    this.#ballots = this.#ballots.filter((ballot) => ballot.statement.kind !== kind);
    this.#slots[kind].clear();
  }

  /** The votes held, one for each signer and kind. */
  votes(): Vote[] {
    return this.#ballots.flatMap((ballot) => ballot.votes.map((held) => held.vote));
  }

  copy(): Tally {
    const copy = new Tally(this.#validators);
    copy.#blocked = [...this.#blocked];
    for (const ballot of this.#ballots) {
      const own: Ballot = { ...ballot, votes: [] };
      copy.#ballots.push(own);
      for (const held of ballot.votes) {
        const mine: Held = { ...held, ballot: own };
        own.votes.push(mine);
        copy.#slots[own.statement.kind].set(held.vote.signer, mine);
      }
    }
    return copy;
  }

  #isBlocked(kind: StatementKind, signer: SignerIndex): boolean {
    return this.#blocked.length > 0 && this.#blocked.some((slot) => slot.kind === kind && slot.signer === signer);
  }

  #find(statement: Statement): Ballot | undefined {
    for (const ballot of this.#ballots) {
      if (ballot.statement === statement || sameStatement(ballot.statement, statement)) return ballot;
    }
    return undefined;
  }

  #ballot(statement: Statement): Ballot {
    const known = this.#find(statement);
    if (known !== undefined) return known;
    const ballot: Ballot = { statement, weight: 0, votes: [], checking: false };
    this.#ballots.push(ballot);
    return ballot;
  }
}
