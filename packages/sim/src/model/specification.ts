import { blockOf, type Digest, type Statement } from '@quorate/kernel';
import { Nodes } from './nodes.ts';
import { type EngineMaker, modelOf } from './options.ts';
import { type Name, Vocabulary } from './vocabulary.ts';

/** A proposal of the specification; a block is its letter and its view, `G0` is genesis. */
interface Proposed {
  readonly block: string;
  readonly parent: string;
  readonly final: boolean;
}

/** The state of one validator in the specification: `Local` of specs/simplex.qnt, without what is empty. */
interface Specified {
  readonly view: number;
  readonly floor: string;
  readonly notarized?: readonly string[];
  readonly nullified?: readonly number[];
  readonly finalizeVoted?: readonly string[];
  readonly notarizations?: readonly string[];
  readonly nullifications?: readonly number[];
  readonly seen?: readonly Proposed[];
  readonly equivocated?: readonly number[];
  readonly rejected?: readonly number[];
}

/** A step of a trace: an action of the specification with what it chose, then the state of the validator it was about. */
export type TraceStep =
  | readonly ['timeout' | 'leaderGaveUp' | 'crash', number, Specified]
  | readonly ['receiveProposal', number, Proposed, Specified]
  | readonly ['notarization' | 'finalization', number, string, Specified]
  | readonly ['nullification', number, number, Specified]
  | readonly ['byzantinePropose', number, string, string, boolean];

/** The bounds of one module of specs/simplex.qnt. */
export interface SpecificationBounds {
  readonly validators: number;
  /** By the view that they lead, from 1. */
  readonly byzantine: readonly number[];
  readonly views: number;
  readonly heights: number;
}

/**
 * Has real engines take the steps of a trace of the specification and compares what they know after each one.
 * Returns the first difference, or null.
 */
export function replayTrace(
  bounds: SpecificationBounds,
  trace: readonly TraceStep[],
  engine?: EngineMaker,
): string | null {
  return new Replay(bounds, engine).run(trace);
}

class Replay {
  readonly #words: Vocabulary;
  readonly #nodes: Nodes;
  readonly #states = new Map<number, Name>();
  /** Blocks of the specification by their names here, and back. */
  readonly #blocks = new Map<string, Name>([['G0', 0]]);
  readonly #heights: number;

  constructor(bounds: SpecificationBounds, engine?: EngineMaker) {
    const made = engine === undefined ? {} : { engine };
    const model = modelOf({ mechanism: 'simplex', ...bounds, ...made, symmetry: false });
    this.#words = new Vocabulary(model);
    this.#nodes = new Nodes(this.#words);
    this.#heights = bounds.heights;
    for (const index of model.honest) {
      this.#states.set(index + 1, this.#nodes.start(index));
      this.#noteProposals(index + 1);
    }
  }

  run(trace: readonly TraceStep[]): string | null {
    for (const [index, step] of trace.entries()) {
      const at = `step ${index + 1}, ${step
        .slice(0, -1)
        .map((part) => JSON.stringify(part))
        .join(' ')}`;
      if (step[0] === 'byzantinePropose') {
        this.#propose(step[1], step[2], step[3], step[4]);
        continue;
      }
      const who = step[1];
      const happening = this.#happening(step);
      const from = this.#states.get(who);
      if (happening === null || from === undefined) return `${at}: the engines cannot do that`;
      const next = this.#nodes.next(from, happening);
      if (next < 0) return `${at}: ${this.#nodes.brokenRule(next)}`;
      this.#states.set(who, next);
      this.#noteProposals(who);
      const specified = step[step.length - 1] as Specified;
      const [expected, found] = [this.#expected(specified), this.#found(next)];
      if (expected !== found) return `${at}: the specification has\n${expected}\nthe engine has\n${found}`;
    }
    return null;
  }

  #happening(step: Exclude<TraceStep, readonly ['byzantinePropose', ...unknown[]]>): Name | null {
    const nodes = this.#nodes;
    const [action, who] = step;
    const local = nodes.local(this.#states.get(who) ?? -1);
    const { view } = local.engine.memory;
    switch (action) {
      case 'timeout':
        return nodes.nameOf({ kind: 'timer', timer: `${view}/advance` });
      case 'leaderGaveUp': {
        const statement = this.#words.nameOf({ kind: 'nullify', epoch: 0, view });
        return nodes.nameOf({ kind: 'votes', statement, others: 0, leader: true });
      }
      case 'crash':
        return nodes.nameOf({ kind: 'restart', from: 'floor' });
      case 'receiveProposal': {
        const block = this.#blocks.get(step[2].block);
        return block === undefined ? null : nodes.nameOf({ kind: 'proposal', block });
      }
      case 'notarization':
        return this.#certificate('notarize', step[2]);
      case 'finalization':
        return this.#certificate('finalize', step[2]);
      case 'nullification':
        return this.#certified({ kind: 'nullify', epoch: 0, view: step[2] });
    }
  }

  #certificate(kind: 'notarize' | 'finalize', title: string): Name | null {
    const name = this.#blocks.get(title);
    return name === undefined ? null : this.#certified(this.#statement(kind, name));
  }

  #statement(kind: 'notarize' | 'finalize', name: Name): Statement {
    const { view, digest } = this.#words.blockNamed(name).ref;
    return { kind, epoch: 0, view, block: digest };
  }

  #certified(statement: Statement): Name {
    return this.#nodes.nameOf({ kind: 'certificate', statement: this.#words.nameOf(statement) });
  }

  #propose(view: number, letter: string, parentTitle: string, final: boolean): void {
    const words = this.#words;
    const parent = this.#blocks.get(parentTitle) ?? 0;
    const certificates: Name[] = [];
    if (letter !== 'X') {
      const parentView = words.blockNamed(parent).ref.view;
      if (parent !== 0) certificates.push(words.nameOf(this.#statement(final ? 'finalize' : 'notarize', parent)));
      for (let at = parentView + 1; at < view; at++) {
        certificates.push(words.nameOf({ kind: 'nullify', epoch: 0, view: at }));
      }
    }
    this.#blocks.set(`${letter}${view}`, words.propose(view, parent, certificates, letter));
  }

  /** An honest leader's block has the letter A in the specification. */
  #noteProposals(who: number): void {
    for (const name of this.#nodes.proposed[this.#states.get(who) ?? -1] ?? []) {
      this.#blocks.set(`A${this.#words.blockNamed(name).ref.view}`, name);
    }
  }

  #title(digest: Digest | null): string {
    const name = this.#words.find(digest);
    for (const [title, held] of this.#blocks) if (held === name) return title;
    return `unknown block ${name}`;
  }

  /** What the specification says of a validator, in the words of {@link #found}: it never forgets what is below the floor. */
  #expected(local: Specified): string {
    const floor = viewOf(local.floor);
    const blocks = (held: readonly string[] = []): string[] => held.filter((block) => viewOf(block) > floor);
    const views = (held: readonly number[] = []): number[] => held.filter((view) => view > floor);
    const height = this.#words.blockNamed(this.#blocks.get(local.floor) ?? 0).header.height;
    if (height >= this.#heights) return `ended ${local.floor}`;
    const accepted = (local.notarizations ?? []).map(viewOf);
    return textOf({
      view: local.view,
      floor: local.floor,
      notarized: blocks(local.notarized),
      nullified: views(local.nullified),
      finalizeVoted: blocks(local.finalizeVoted),
      notarizations: blocks(local.notarizations),
      nullifications: views(local.nullifications),
      seen: blocks((local.seen ?? []).map(({ block }) => block)),
      // Asked for by nothing once the Notarization is accepted.
      equivocated: views(local.equivocated).filter((view) => !accepted.includes(view)),
      rejected: views(local.rejected),
    });
  }

  #found(state: Name): string {
    const { engine, ended } = this.#nodes.local(state);
    const { memory } = engine;
    const floor = this.#title(memory.floor.block.ref.digest);
    if (ended) return `ended ${floor}`;
    const rounds = [...memory.rounds.values()];
    const blocks = (of: (round: (typeof rounds)[number]) => Digest | null): string[] =>
      rounds.flatMap((round) => (of(round) === null ? [] : [this.#title(of(round))]));
    const views = (of: (round: (typeof rounds)[number]) => boolean): number[] =>
      rounds.flatMap((round) => (of(round) ? [round.view] : []));
    return textOf({
      view: memory.view,
      floor,
      notarized: blocks((round) => round.notarized),
      nullified: views((round) => round.nullified),
      finalizeVoted: blocks((round) => round.finalizeVoted),
      notarizations: blocks((round) =>
        round.accepted && round.notarization ? blockOf(round.notarization.statement) : null,
      ),
      nullifications: views((round) => round.nullification !== null),
      seen: blocks((round) => round.proposal?.block.ref.digest ?? null),
      equivocated: views((round) => round.equivocated && !round.accepted),
      rejected: views((round) => round.verdict === 'invalid'),
    });
  }
}

function viewOf(title: string): number {
  return Number(title.slice(1));
}

function textOf(fields: Readonly<Record<string, string | number | readonly (string | number)[]>>): string {
  return Object.entries(fields)
    .map(([name, held]) => `${name} ${typeof held === 'object' ? [...held].sort().join(' ') : held}`)
    .join(', ');
}
