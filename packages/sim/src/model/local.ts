import type { Block, Certificate, Effect, Input, SignerIndex } from '@quorate/kernel';
import { blockOf } from '@quorate/kernel';
import type { Simplex, SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { imageOf, imageOfJournal, sorted } from './image.ts';
import type { EngineMaker } from './options.ts';
import type { Name, Vocabulary } from './vocabulary.ts';

type In = Input<SimplexMessage, SimplexRecord>;
export type Body = In extends infer I ? (I extends In ? Omit<I, 'now'> : never) : never;

/** Thrown when a node must not go on: what it did breaks a rule whatever the others did. */
export class Broken extends Error {}
/** The machine loses power: nothing after this happens. */
class PowerLoss extends Error {}

/** Time stands still. */
const NOW = 1000;

export interface LocalFloor {
  readonly block: Block;
  readonly view: number;
  readonly certificate: Certificate | null;
}

/** One honest validator: its engine, what is durable, and what it said. Never changed once it has a name. */
export class Local {
  readonly words: Vocabulary;
  readonly self: SignerIndex;
  engine: Simplex;
  journal: SimplexRecord[] = [];
  /** Timers that may ring, in views of the model. */
  timers = new Set<string>();
  /** Answers that the replica still owes. */
  owed = new Map<string, Body>();
  /** Statements signed, ever. */
  signed = new Set<Name>();
  /** Blocks proposed, ever. */
  proposed = new Set<Name>();
  /** Final blocks by height, from 1. */
  chain: Name[] = [];
  floor: LocalFloor;
  ended = false;

  constructor(words: Vocabulary, self: SignerIndex, engine: Simplex) {
    this.words = words;
    this.self = self;
    this.engine = engine;
    this.floor = { block: words.genesis, view: 0, certificate: null };
  }

  copy(): Local {
    const copy = new Local(this.words, this.self, this.engine.fork());
    copy.journal = [...this.journal];
    copy.timers = new Set(this.timers);
    copy.owed = new Map(this.owed);
    copy.signed = new Set(this.signed);
    copy.proposed = new Set(this.proposed);
    copy.chain = [...this.chain];
    copy.floor = this.floor;
    copy.ended = this.ended;
    return copy;
  }

  /** Two nodes of the same role with equal images behave alike. */
  image(role: string): string {
    const { words } = this;
    const numbers = (names: Iterable<Name>): string => sorted([...names].map(String));
    return [
      role,
      imageOf(this.engine.memory, words),
      `timers ${sorted([...this.timers])} owed ${sorted([...this.owed.keys()])}`,
      `signed ${numbers(this.signed)} proposed ${numbers(this.proposed)} chain ${this.chain.join(' ')} ${this.ended}`,
      words.model.crashes > 0 ? `journal ${imageOfJournal(this.journal, words)} from ${this.floor.view}` : '',
    ].join('\n');
  }
}

/** What one input did, beside the change of state. */
export interface Happened {
  /** Records written. */
  readonly records: number;
  /** Whether anything happened that another delivery of the same votes would not make happen as well. */
  readonly visible: boolean;
}

/** The engine's replica: performs effects as `ports` promise, at once or owed, and watches the rules that bind one node. */
export class Replica {
  readonly #local: Local;
  readonly #words: Vocabulary;
  readonly #left: Body[] = [];
  #records = 0;
  #visible = false;
  #power: number;

  /** Power is lost when more than `power` records have been written. */
  constructor(local: Local, power = Number.POSITIVE_INFINITY) {
    this.#local = local;
    this.#words = local.words;
    this.#power = power;
  }

  /** Takes an input and every answer that follows at once. Throws {@link Broken}. */
  take(inputs: readonly Body[]): Happened {
    this.#left.push(...inputs);
    try {
      for (let body = this.#left.shift(); body !== undefined; body = this.#left.shift()) this.#step(body);
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
    }
    return { records: this.#records, visible: this.#visible };
  }

  #step(body: Body): void {
    const local = this.#local;
    const floor = local.engine.memory.floor.view;
    const { persist, effects } = local.engine.step({ ...body, now: NOW } as In);
    for (const record of persist) {
      if (this.#power-- <= 0) throw new PowerLoss();
      this.#records++;
      this.#visible = true;
      local.journal.push(record);
    }
    const { memory } = local.engine;
    if (memory.floor.view < floor) throw new Broken(`S8: the floor fell from view ${floor} to ${memory.floor.view}`);
    for (const effect of effects) this.#perform(effect);
    if (memory.floor.view > local.floor.view) local.floor = { ...memory.floor };
  }

  #perform(effect: Effect<SimplexMessage>): void {
    const local = this.#local;
    const words = this.#words;
    const { model } = words;
    if (effect.kind !== 'evidence' && effect.kind !== 'blame' && effect.kind !== 'verify') this.#visible = true;
    switch (effect.kind) {
      case 'verify':
        this.#left.push({ kind: 'verified', request: effect.request, invalid: [] });
        return;
      case 'sign': {
        const { statement } = effect;
        if (local.ended) throw new Broken(`S11: signed ${words.describe(statement)} after the end of the epoch`);
        this.#checkSignature(effect.statement);
        local.signed.add(words.nameOf(statement));
        this.#left.push({ kind: 'signed', statement, signature: words.vote(local.self, statement).signature });
        return;
      }
      case 'broadcast':
      case 'send':
        if (effect.message.kind === 'proposal') this.#noteProposal(effect.message);
        return; // votes were noted when signed; certificates are known to all as soon as their votes are signed
      case 'setTimer':
        if (!model.timers) return;
        if (/^\d+\/(leader|advance|finality)$/.test(effect.timer) && Number.parseInt(effect.timer, 10) <= model.views) {
          local.timers.add(effect.timer);
        }
        return;
      case 'cancelTimer':
        local.timers.delete(effect.timer);
        return;
      case 'build':
        if (effect.build.view > model.views) return;
        this.#owe(`build ${effect.build.view}`, {
          kind: 'built',
          request: effect.request,
          block: words.build(effect.build),
        });
        return;
      case 'judge':
        this.#owe(`judge ${effect.block.ref.view}`, { kind: 'judged', request: effect.request, verdict: 'valid' });
        return;
      case 'certify':
        this.#owe(`certify ${effect.block.ref.view}`, { kind: 'certified', request: effect.request, ok: true });
        return;
      case 'fetch':
        for (const { digest } of effect.wants) {
          const name = words.find(digest);
          if (name >= 0) this.#owe(`body ${name}`, { kind: 'available', block: words.blockNamed(name) });
        }
        return;
      case 'finalized':
        this.#checkFinal(effect.commit.index, words.find(effect.commit.blocks[0]?.ref.digest ?? null));
        return;
      case 'epochEnded':
        local.ended = true;
        local.timers.clear();
        return;
      case 'forked':
        throw new Broken('two Finalizations contradict each other');
      case 'blame': {
        const index = words.validators.indexOfPeer(effect.peer);
        if (index === null || model.byzantine.includes(index)) return;
        throw new Broken(`blames the honest validator ${index + 1}: ${effect.reason}`);
      }
      case 'evidence':
        return;
    }
  }

  #owe(key: string, answer: Body): void {
    if (this.#words.model.lateAnswers) this.#local.owed.set(key, answer);
    else this.#left.push(answer);
  }

  #noteProposal(message: Extract<SimplexMessage, { kind: 'proposal' }>): void {
    const words = this.#words;
    const { header } = message;
    for (let name = 0; name < words.blocks.length; name++) {
      if (words.blocks[name]?.header !== header) continue;
      if (!words.proposals.has(name)) words.proposals.set(name, message);
      this.#local.proposed.add(name);
      return;
    }
    throw new Broken(`proposed a block in view ${header.view} that nobody built`);
  }

  /** S10, from the statements alone. */
  #checkSignature(statement: Extract<Effect<SimplexMessage>, { kind: 'sign' }>['statement']): void {
    const words = this.#words;
    for (const name of this.#local.signed) {
      const before = words.statement(name);
      if (before.view !== statement.view) continue;
      const twice = before.kind === statement.kind && blockOf(before) !== blockOf(statement);
      const kinds = [before.kind, statement.kind];
      const mixed = kinds.includes('nullify') && kinds.includes('finalize');
      if (twice || mixed) {
        throw new Broken(`S10: signed ${words.describe(before)} and ${words.describe(statement)}`);
      }
    }
  }

  /** S8 and S11: heights in order without gaps, the same after a restart, none above the end. */
  #checkFinal(height: number, block: Name): void {
    const { chain } = this.#local;
    const words = this.#words;
    if (height > words.model.heights) throw new Broken(`S11: height ${height} is above the end of the epoch`);
    const before = chain[height - 1];
    if (before !== undefined) {
      if (before === block) return;
      throw new Broken(`S8: finalized ${words.title(before)} and ${words.title(block)} at height ${height}`);
    }
    if (height !== chain.length + 1) throw new Broken(`S8: finalized height ${height} after ${chain.length}`);
    const below = chain[height - 2] ?? 0;
    if (words.find(words.blockNamed(block).header.parentDigest) !== below) {
      throw new Broken(`S8: finalized ${words.title(block)} on ${words.title(below)}, which is not its parent`);
    }
    chain.push(block);
  }
}

/** An engine that was just switched on, from a floor and a journal. */
export function boot(local: Local, maker: EngineMaker, floor: LocalFloor): Local {
  const { words, self } = local;
  const options = {
    ...words.options(self),
    floor: floor.block,
    floorView: floor.view,
    floorCertificate: floor.certificate,
  };
  local.engine = new maker(options, { hash: words.hash, suite: words.suite });
  local.timers.clear();
  local.owed.clear();
  local.ended = false;
  return local;
}
