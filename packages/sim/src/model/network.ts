import type { Nodes } from './nodes.ts';
import type { Model } from './options.ts';
import type { Name, Vocabulary } from './vocabulary.ts';

/**
 * What was said in a global state, and what follows from it. Messages are never lost and may be delivered at any time, again and
 * again, so what is in flight is what was ever signed. Byzantine validators sign everything, so they need no state. A certificate
 * is there as soon as a quorum signed, whoever put it together.
 */
export class Network {
  readonly #words: Vocabulary;
  readonly #nodes: Nodes;
  readonly #model: Model;
  readonly #byzantine: number;
  /** Who signed, by statement: bits of validators. */
  #signers = new Int32Array(256);
  readonly #said: Name[] = [];
  /** Statements with a quorum behind them. */
  readonly certified: Name[] = [];
  readonly #nullified: boolean[] = [];

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
    this.#words = nodes.words;
    this.#model = nodes.words.model;
    this.#byzantine = bitsOf(this.#model.byzantine);
  }

  /** Reads a global state: one name for each honest validator. */
  read(state: Int32Array): void {
    const { honest, views, threshold, byzantine } = this.#model;
    for (const statement of this.#said) this.#signers[statement] = 0;
    this.#said.length = 0;
    this.certified.length = 0;
    for (let view = 1; view <= views; view++) this.#nullified[view] = false;
    for (let position = 0; position < honest.length; position++) {
      for (const statement of this.#nodes.signed[state[position] as number] ?? []) {
        this.#sign(statement, 1 << (honest[position] as number));
      }
    }
    // Votes of Byzantine validators alone matter only where the leader gives its view up.
    for (const leader of byzantine) {
      if (leader >= views) continue;
      this.#sign(this.#words.nameOf({ kind: 'nullify', epoch: 0, view: leader + 1 }), 0);
    }
    this.#said.sort((a, b) => a - b);
    for (const statement of this.#said) {
      if (this.weightOf(statement) < threshold) continue;
      this.certified.push(statement);
      const { kind, view } = this.#words.statement(statement);
      if (kind === 'nullify') this.#nullified[view] = true;
    }
  }

  #sign(statement: Name, who: number): void {
    if (statement >= this.#signers.length) {
      const longer = new Int32Array(2 * statement);
      longer.set(this.#signers);
      this.#signers = longer;
    }
    if (this.#signers[statement] === 0) {
      this.#said.push(statement);
      this.#signers[statement] = this.#byzantine | SAID;
    }
    this.#signers[statement] = (this.#signers[statement] as number) | who;
  }

  weightOf(statement: Name): number {
    return bits((this.#signers[statement] as number) & ~SAID);
  }

  /** The names of everything that others can make happen to the validator at a position. */
  happenings(state: Int32Array, position: number, into: Name[]): void {
    const { honest } = this.#model;
    const self = honest[position] as number;
    for (const statement of this.certified) into.push(this.#nodes.nameOf({ kind: 'certificate', statement }));
    for (const statement of this.#said) {
      const leader = 1 << this.#words.leaderOf(this.#words.statement(statement).view);
      const signers = (this.#signers[statement] as number) & ~SAID & ~(1 << self);
      const others = bits(signers & ~leader);
      const name = this.#nodes.nameOf({ kind: 'votes', statement, others, leader: false });
      if (others > 0) into.push(name);
      if ((signers & leader) !== 0) {
        into.push(this.#nodes.nameOf({ kind: 'votes', statement, others, leader: true }));
      }
    }
    for (let other = 0; other < honest.length; other++) {
      if (other === position) continue;
      for (const block of this.#nodes.proposed[state[other] as number] ?? []) {
        into.push(this.#nodes.nameOf({ kind: 'proposal', block }));
      }
    }
    into.push(...this.#menu());
  }

  /**
   * What Byzantine leaders can propose now: on genesis and on every notarized block of an earlier view, two different blocks with
   * all that justifies them, or one that lacks a Nullification.
   */
  #menu(): Name[] {
    const words = this.#words;
    const { byzantine, views } = this.#model;
    const names: Name[] = [];
    const propose = (view: number, parent: Name, parentView: number, certificates: Name[]): void => {
      const missing: number[] = [];
      for (let at = parentView + 1; at < view; at++) {
        if (this.#nullified[at]) certificates.push(words.nameOf({ kind: 'nullify', epoch: 0, view: at }));
        else missing.push(at);
      }
      const letters = missing.length === 0 ? ['A', 'B'] : ['X'];
      const justification = missing.length === 0 ? certificates : certificates.slice(0, parentView > 0 ? 1 : 0);
      for (const letter of letters) {
        const block = words.propose(view, parent, justification, letter);
        names.push(this.#nodes.nameOf({ kind: 'proposal', block }));
      }
    };
    for (const leader of byzantine) {
      const view = leader + 1;
      if (view > views) continue;
      propose(view, 0, 0, []);
      for (const statement of this.certified) {
        const { kind, view: parentView, ...rest } = words.statement(statement);
        if (kind !== 'notarize' || parentView >= view || !('block' in rest)) continue;
        propose(view, words.find(rest.block), parentView, [statement]);
      }
    }
    return names;
  }

  /** What is wrong with this state, or null: agreement, one notarization per view, and which certificates exclude each other. */
  fault(state: Int32Array): string | null {
    return this.#certificateFault() ?? this.#disagreement(state);
  }

  #certificateFault(): string | null {
    const words = this.#words;
    for (let i = 0; i < this.certified.length; i++) {
      for (let j = i + 1; j < this.certified.length; j++) {
        const [a, b] = [words.statement(this.certified[i] as Name), words.statement(this.certified[j] as Name)];
        if (a.view !== b.view) continue;
        const both = `${words.describe(a)} and ${words.describe(b)} both have a quorum`;
        if (a.kind === b.kind)
          return `one ${a.kind === 'notarize' ? 'Notarization' : 'Finalization'} per view: ${both}`;
        const kinds = [a.kind, b.kind];
        if (!kinds.includes('finalize')) continue;
        if (kinds.includes('nullify')) return `Finalization excludes Nullification: ${both}`;
        if ('block' in a && 'block' in b && a.block !== b.block) return `Finalization of what is notarized: ${both}`;
      }
    }
    return null;
  }

  #disagreement(state: Int32Array): string | null {
    const { honest } = this.#model;
    const words = this.#words;
    for (let i = 1; i < honest.length; i++) {
      const one = this.#nodes.chains[state[i] as number] ?? [];
      for (let j = 0; j < i; j++) {
        const two = this.#nodes.chains[state[j] as number] ?? [];
        const common = Math.min(one.length, two.length);
        for (let height = 0; height < common; height++) {
          if (one[height] === two[height]) continue;
          const [a, b] = [words.title(one[height] as Name), words.title(two[height] as Name)];
          return `agreement: at height ${height + 1} one finalized ${a}, another ${b}`;
        }
      }
    }
    return null;
  }
}

/** Marks a statement as said even when nobody's bit is set. */
const SAID = 1 << 30;

function bitsOf(indices: readonly number[]): number {
  return indices.reduce((all, index) => all | (1 << index), 0);
}

function bits(of: number): number {
  let left = of;
  let count = 0;
  for (; left !== 0; left &= left - 1) count++;
  return count;
}
