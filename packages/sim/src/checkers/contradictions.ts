import { type SignatureSuite, type Statement, signedBytes, toHex, type Vote } from '@quorate/kernel';
import type { Membership } from './sets.ts';

/** Where a replica stands when a vote is handed to it. */
export interface Standing {
  readonly epoch: number;
  readonly view: number;
  readonly finalizedView: number;
}

/** A vote that came straight from its signer. */
export interface Delivery {
  /** Name of the member. */
  readonly to: string;
  /** Which of its lives. */
  readonly life: number;
  /** Virtual ms. */
  readonly at: number;
  readonly vote: Vote;
}

export interface ContradictionsParts {
  readonly chainId: string;
  readonly suite: SignatureSuite;
  /** Who votes in an epoch. */
  readonly setOf: (epoch: number) => Membership | null;
}

/** Two votes of one key that no correct validator signs both, handed to a member one right after the other. */
export interface Contradiction {
  readonly key: string;
  readonly life: number;
  readonly epoch: number;
  readonly view: number;
  readonly at: number;
}

/** Two votes that come so close after one another, in virtual ms, are judged together: no certificate replaces the first in between. */
const AT_ONCE = 2;
/** Views ahead of its own for which a replica keeps votes (S4). */
const WINDOW = 64;

/**
 * Contradictions that a member was handed under its own eyes: two votes with good signatures, straight from their signer, of an epoch and
 * a view in which it collects votes, and nothing about votes in between. It has no excuse for not holding evidence (S4).
 */
export class Contradictions {
  readonly #parts: ContradictionsParts;
  readonly #last = new Map<string, Delivery>();
  readonly #seen = new Map<string, Contradiction[]>();

  constructor(parts: ContradictionsParts) {
    this.#parts = parts;
  }

  /** What a member was handed so far, in all its lives. */
  seenBy(name: string): readonly Contradiction[] {
    return this.#seen.get(name) ?? [];
  }

  /** Something else about votes was handed to a member. */
  interrupted(to: string): void {
    this.#last.delete(to);
  }

  /** A vote of `peer` was handed to a member; `standing` is asked only when it contradicts the one before. */
  hear(delivery: Delivery, peer: string, standing: () => Standing | null): void {
    const { to, life, at, vote } = delivery;
    const { statement, signer } = vote;
    const before = this.#last.get(to);
    const member = this.#parts.setOf(statement.epoch)?.members[signer];
    this.#last.delete(to);
    if (member === undefined || member.peer !== peer || !this.#isSigned(vote, member.publicKey)) return;
    this.#last.set(to, delivery);
    if (before?.life !== life || at - before.at > AT_ONCE || before.vote.signer !== signer) return;
    if (!contradict(before.vote.statement, statement)) return;
    const stands = standing();
    if (stands === null || stands.epoch !== statement.epoch) return;
    const { epoch, view } = statement;
    if (view <= stands.finalizedView || view > stands.view + WINDOW) return;
    const seen = this.#seen.get(to) ?? [];
    this.#seen.set(to, seen);
    seen.push({ key: toHex(member.publicKey), life, epoch, view, at });
  }

  #isSigned({ statement, signature }: Vote, publicKey: Uint8Array): boolean {
    return this.#parts.suite.verify({ publicKey, message: signedBytes(this.#parts.chainId, statement), signature });
  }
}

/** Whether no correct validator signs both of two statements, under one key. */
export function contradict(one: Statement, other: Statement): boolean {
  if (one.epoch !== other.epoch || one.view !== other.view) return false;
  const kinds = [one.kind, other.kind].sort().join();
  return kinds === 'finalize,nullify' || (one.kind === other.kind && JSON.stringify(one) !== JSON.stringify(other));
}
