import type { SignerIndex } from '@quorate/kernel';
import { type Body, Broken, boot, type Happened, Local, Replica } from './local.ts';
import type { Name, Vocabulary } from './vocabulary.ts';

/** Something that can happen to one validator. */
export type Happening =
  | { readonly kind: 'timer'; readonly timer: string }
  | { readonly kind: 'answer'; readonly key: string }
  | { readonly kind: 'proposal'; readonly block: Name }
  | { readonly kind: 'certificate'; readonly statement: Name }
  /** The fewest votes of a statement that make a difference, of at most `others`, and the vote of the view's leader or not. */
  | { readonly kind: 'votes'; readonly statement: Name; readonly others: number; readonly leader: boolean }
  | { readonly kind: 'restart'; readonly from: 'floor' | 'genesis' }
  /** As `of`, but power fails after so many records. */
  | { readonly kind: 'cut'; readonly of: Name; readonly after: number; readonly from: 'floor' | 'genesis' };

export function isCrash(happening: Happening): boolean {
  return happening.kind === 'restart' || happening.kind === 'cut';
}

/** A name below this stands for a broken rule, see {@link Nodes.broken}. */
const BROKEN = -2;
const UNKNOWN = -1;

/**
 * The states of single validators and how they lead to each other. The real engine takes each step once for each pair of such a
 * state and an input; a model of many validators looks the result up.
 */
export class Nodes {
  readonly words: Vocabulary;
  readonly locals: Local[] = [];
  /** What a state's validator has signed and proposed, and what may happen to it of itself; by state. */
  readonly signed: (readonly Name[])[] = [];
  readonly proposed: (readonly Name[])[] = [];
  readonly chains: (readonly Name[])[] = [];
  readonly own: (readonly Name[])[] = [];
  /** Equal where the same was signed, proposed and finalized: what others can see, and what the invariants are about. */
  readonly says: Name[] = [];
  readonly happenings: Happening[] = [];
  readonly broken: string[] = [];
  /** Steps that engines really took. */
  steps = 0;
  readonly #byImage = new Map<string, Name>();
  readonly #happeningNames = new Map<string, Name>();
  readonly #next: Int32Array[] = [];
  readonly #records: Int32Array[] = [];
  readonly #roles: string[];
  readonly #saidNames = new Map<string, Name>();

  constructor(words: Vocabulary) {
    this.words = words;
    const { model } = words;
    this.#roles = Array.from({ length: model.validators }, (_, index) =>
      model.symmetry && index >= model.views ? 'follower' : `validator ${index + 1}`,
    );
  }

  /** Validators of one role are interchangeable: those that lead no view of the model. */
  roleOf(index: SignerIndex): string {
    return this.#roles[index] ?? '';
  }

  nameOf(happening: Happening): Name {
    const key = Object.values(happening).join('/');
    let name = this.#happeningNames.get(key);
    if (name === undefined) {
      name = this.happenings.push(happening) - 1;
      this.#happeningNames.set(key, name);
    }
    return name;
  }

  happening(name: Name): Happening {
    const happening = this.happenings[name];
    if (happening === undefined) throw new RangeError(`nothing is named ${name}`);
    return happening;
  }

  local(name: Name): Local {
    const local = this.locals[name];
    if (local === undefined) throw new RangeError(`no state ${name}`);
    return local;
  }

  /** The state of a validator that was just switched on for the first time. */
  start(self: SignerIndex): Name {
    const { words } = this;
    const { engine: maker } = words.model;
    const local = new Local(words, self, new maker(words.options(self), { hash: words.hash, suite: words.suite }));
    new Replica(local).take([{ kind: 'start', restored: [] }]);
    return this.#intern(local);
  }

  /** The state after a happening; the same when nothing changed; below −1 when a rule was broken: see {@link brokenRule}. */
  next(from: Name, happening: Name): Name {
    let row = this.#next[from];
    if (row === undefined || happening >= row.length) {
      const longer = new Int32Array(Math.max(64, 2 * happening)).fill(UNKNOWN);
      if (row !== undefined) longer.set(row);
      row = longer;
      this.#next[from] = row;
    }
    const known = row[happening] as number;
    if (known !== UNKNOWN) return known;
    const found = this.#take(from, happening);
    row[happening] = found;
    return found;
  }

  brokenRule(name: Name): string {
    return this.broken[BROKEN - name] ?? 'nothing';
  }

  #intern(local: Local): Name {
    const image = local.image(this.roleOf(local.self));
    const known = this.#byImage.get(image);
    if (known !== undefined) return known;
    const name = this.locals.push(local) - 1;
    this.#byImage.set(image, name);
    this.signed.push([...local.signed].sort((a, b) => a - b));
    this.proposed.push([...local.proposed].sort((a, b) => a - b));
    this.chains.push([...local.chain]);
    const said = [this.signed[name], this.proposed[name], this.chains[name]].join('/');
    if (!this.#saidNames.has(said)) this.#saidNames.set(said, this.#saidNames.size);
    this.says.push(this.#saidNames.get(said) ?? 0);
    this.own.push([
      ...[...local.timers].sort().map((timer) => this.nameOf({ kind: 'timer', timer })),
      ...[...local.owed.keys()].sort().map((key) => this.nameOf({ kind: 'answer', key })),
    ]);
    return name;
  }

  #take(from: Name, name: Name): Name {
    const happening = this.happening(name);
    try {
      const after = this.#perform(this.local(from), happening, from, name);
      return after === null ? from : this.#intern(after);
    } catch (error) {
      const rule = error instanceof Broken ? error.message : `the engine threw ${String(error)}`;
      return BROKEN - (this.broken.push(rule) - 1);
    }
  }

  /** `null`: nothing happened. */
  #perform(local: Local, happening: Happening, from: Name, name: Name): Local | null {
    switch (happening.kind) {
      case 'votes':
        return this.#fewestVotes(local, happening);
      case 'restart':
        return this.#restarted(local.copy(), happening.from);
      case 'cut': {
        const copy = local.copy();
        const inputs = this.#inputs(copy, this.happening(happening.of));
        if (inputs === null) return null;
        const { records } = this.#run(copy, inputs, happening.after);
        return records < happening.after ? null : this.#restarted(copy, happening.from);
      }
      default: {
        const copy = local.copy();
        const inputs = this.#inputs(copy, happening);
        if (inputs === null) return null;
        const { records } = this.#run(copy, inputs);
        this.#noteRecords(from, name, records);
        return copy;
      }
    }
  }

  #run(local: Local, inputs: readonly Body[], power?: number): Happened {
    this.steps++;
    return new Replica(local, power).take(inputs);
  }

  #noteRecords(from: Name, happening: Name, records: number): void {
    let row = this.#records[from];
    if (row === undefined || happening >= row.length) {
      const longer = new Int32Array(Math.max(64, 2 * happening));
      if (row !== undefined) longer.set(row);
      row = longer;
      this.#records[from] = row;
    }
    row[happening] = records;
  }

  /** How many records a happening writes, once {@link next} was asked about it. */
  recordsOf(from: Name, happening: Name): number {
    return this.#records[from]?.[happening] ?? 0;
  }

  #inputs(local: Local, happening: Happening): Body[] | null {
    const { words } = this;
    switch (happening.kind) {
      case 'timer':
        if (!local.timers.delete(happening.timer)) return null;
        return [{ kind: 'timer', timer: happening.timer }];
      case 'answer': {
        const answer = local.owed.get(happening.key);
        if (!local.owed.delete(happening.key) || answer === undefined) return null;
        return [answer];
      }
      case 'proposal': {
        const message = words.proposals.get(happening.block);
        if (message === undefined) return null;
        const leader = words.leaderOf(message.header.view);
        return leader === local.self ? null : [{ kind: 'message', from: this.#peer(leader), message }];
      }
      case 'certificate': {
        const certificate = words.certificate(happening.statement);
        const other = (local.self + 1) % words.model.validators;
        return [{ kind: 'message', from: this.#peer(other), message: { kind: 'certificate', certificate } }];
      }
      default:
        return null;
    }
  }

  #peer(index: SignerIndex): string {
    return this.words.validators.at(index)?.peer ?? '';
  }

  /**
   * Votes that only fill slots can as well come later, just before the one that makes the difference: so they are given
   * together, as few as make one. Whose they are is nothing to the rules, except for the leader's.
   */
  #fewestVotes(local: Local, { statement: name, others, leader }: Extract<Happening, { kind: 'votes' }>): Local | null {
    const { words } = this;
    const statement = words.statement(name);
    const first = words.leaderOf(statement.view);
    const pool = Array.from({ length: words.model.validators }, (_, index) => index).filter(
      (index) => index !== local.self && index !== first,
    );
    for (let count = leader ? 0 : 1; count <= others; count++) {
      const senders = [...(leader ? [first] : []), ...pool.slice(0, count)];
      const copy = local.copy();
      const inputs = senders.map(
        (sender): Body => ({
          kind: 'message',
          from: this.#peer(sender),
          message: { kind: 'vote', vote: words.vote(sender, statement) },
        }),
      );
      if (this.#run(copy, inputs).visible) return copy;
    }
    return null;
  }

  #restarted(local: Local, from: 'floor' | 'genesis'): Local {
    const { words } = this;
    const { engine, forgetful } = words.model;
    const genesis = { block: words.genesis, view: 0, certificate: null };
    const floor = from === 'floor' && !forgetful ? local.floor : genesis;
    if (forgetful) local.journal = [];
    boot(local, engine, floor);
    this.#run(local, [{ kind: 'start', restored: local.journal }]);
    return local;
  }
}
