import {
  blockOf,
  type Effect,
  type Engine,
  type Height,
  type Millis,
  type SignerIndex,
  type Statement,
  type View,
} from '@quorate/kernel';
import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { BEGINNING, signerOf } from './committee.ts';
import type { LightProtocol } from './protocol.ts';
import { Repetition } from './repetition.ts';

type Mechanism = LightProtocol<SimplexMessage, SimplexRecord>['mechanism'];

export interface ObserverParts {
  /** Whether a signer keeps the rules. */
  readonly isHonest: (signer: SignerIndex) => boolean;
  /** Gets what must not happen: `checker: sentence`. */
  readonly fault: (sentence: string) => void;
  /** Δ in ms. */
  readonly delta: Millis;
  /** The height that ends the epoch, or null. */
  readonly lastHeight: Height | null;
  readonly log: ((line: string) => void) | null;
  /** Called before every step; what it throws ends the run. */
  readonly beforeStep: () => void;
}

/**
 * A mechanism whose engines are watched from outside: what the network cannot see of them, and what happens in words. An engine lives
 * from a start to a crash, and so does what is asked of it here.
 */
export function observed(mechanism: Mechanism, parts: ObserverParts): Mechanism {
  return {
    ...mechanism,
    createEngine: (context) => {
      const { height, view } = context.floor.header;
      const isOver = parts.lastHeight !== null && height >= parts.lastHeight;
      const signer = context.self ?? -1;
      return new Observed(mechanism.createEngine(context), { signer, floor: view, isOver }, parts);
    },
  };
}

/** One engine in one life. */
export class Observed implements Engine<SimplexMessage, SimplexRecord> {
  readonly #engine: Engine<SimplexMessage, SimplexRecord>;
  readonly #signer: SignerIndex;
  readonly #parts: ObserverParts;
  readonly #counts: boolean;
  readonly #beganOver: boolean;
  readonly #repetition: Repetition;
  #ended = false;
  #view = 0;

  constructor(
    engine: Engine<SimplexMessage, SimplexRecord>,
    { signer, floor, isOver }: { readonly signer: SignerIndex; readonly floor: View; readonly isOver: boolean },
    parts: ObserverParts,
  ) {
    this.#beganOver = isOver;
    this.#engine = engine;
    this.#signer = signer;
    this.#parts = parts;
    this.#counts = parts.isHonest(signer);
    const fault = (sentence: string): void => parts.fault(`repetition: ${signer}: ${sentence}`);
    this.#repetition = new Repetition({ floor, delta: parts.delta, fault });
  }

  /** Whether it began on the last block of its epoch, or has said that the epoch is over. */
  get isOver(): boolean {
    return this.#beganOver || this.#ended;
  }

  step(input: Parameters<Engine<SimplexMessage, SimplexRecord>['step']>[0]) {
    const { log, beforeStep } = this.#parts;
    beforeStep();
    const tell = log === null ? null : (text: string) => log(lineOf(input.now, this.#signer, text));
    if (input.kind === 'start') tell?.(`starts with ${input.restored.length} records`);
    const output = this.#engine.step(input);
    if (this.#counts) this.#afterTheProof(output.effects);
    if (this.#counts && !this.isOver) {
      this.#repetition.step(input.now, input.kind === 'timer' ? input.timer : null, output.effects); // S9
    }
    for (const effect of output.effects) {
      if (this.#counts) this.#judge(effect);
      const text = tell === null ? null : textOf(effect);
      if (text !== null) tell?.(text);
    }
    return output;
  }

  checkpoint(): SimplexRecord[] {
    return this.#engine.checkpoint();
  }

  status() {
    return this.#engine.status();
  }

  /** S11: nobody votes in a later view with the proof in hand that the epoch is over, not even in the step that found it. */
  #afterTheProof(effects: readonly Effect<SimplexMessage>[]): void {
    for (const end of effects) {
      if (end.kind !== 'epochEnded') continue;
      const { view } = end.proof.statement;
      for (const effect of effects) {
        if (effect.kind !== 'sign' || effect.statement.view <= view) continue;
        this.#parts.fault(
          `epochs: ${this.#signer} votes in view ${effect.statement.view} with the proof of view ${view}`,
        );
      }
    }
  }

  #judge(effect: Effect<SimplexMessage>): void {
    const { fault } = this.#parts;
    if (effect.kind === 'epochEnded') {
      if (this.#ended) fault(`epochs: ${this.#signer} says twice that the epoch is over`);
      this.#ended = true;
    } else if (effect.kind === 'sign') {
      if (this.#ended) fault(`epochs: ${this.#signer} votes in view ${effect.statement.view}, after the end`); // S11
    } else if (effect.kind === 'setTimer' && effect.timer.endsWith('/advance')) {
      const view = Number.parseInt(effect.timer, 10);
      if (view <= this.#view) fault(`view entry: ${this.#signer} enters view ${view} after view ${this.#view}`); // S1
      this.#view = view;
    }
  }
}

/** A line of a transcript, in virtual ms. */
function lineOf(now: number, signer: SignerIndex, text: string): string {
  return `${String(now - BEGINNING).padStart(7)}  n${String(signer).padEnd(3)} ${text}`;
}

function textOf(effect: Effect<SimplexMessage>): string | null {
  switch (effect.kind) {
    case 'sign':
      return `votes ${nameOf(effect.statement)}`;
    case 'broadcast':
      return messageText(effect.message);
    case 'send':
      return `${messageText(effect.message)} → n${signerOf(effect.to)}`;
    case 'finalized':
      return `finalizes height ${effect.commit.index}: ${effect.commit.blocks.map(({ ref }) => short(ref.digest)).join(' ')}`;
    case 'setTimer':
      return effect.timer.endsWith('/advance') ? `enters view ${Number.parseInt(effect.timer, 10)}` : null;
    case 'build':
      return `builds height ${effect.build.height} in view ${effect.build.view} on view ${effect.build.parent.ref.view}`;
    case 'epochEnded':
      return 'knows that the epoch is over';
    case 'blame':
      return `BLAMES n${signerOf(effect.peer)}: ${effect.reason}`;
    case 'evidence':
      return `has EVIDENCE: ${effect.evidence.kind} of n${effect.evidence.first.signer}`;
    case 'forked':
      return 'sees a FORK';
    default:
      return null;
  }
}

function messageText(message: SimplexMessage): string {
  switch (message.kind) {
    case 'proposal': {
      const { view, height, parentView } = message.header;
      const shown = message.justification.map(({ statement }) => nameOf(statement)).join(', ');
      return `proposes height ${height} in view ${view} on view ${parentView} [${shown}]`;
    }
    case 'vote':
      return `says ${nameOf(message.vote.statement)}`;
    case 'certificate':
      return `shows the certificate ${nameOf(message.certificate.statement)}`;
    case 'want':
      return `wants ${message.certificates.map(nameOf).join(', ')}`;
    default:
      return `${message.kind} of view ${message.view}`;
  }
}

function nameOf(statement: Statement): string {
  const block = blockOf(statement);
  return `${statement.kind} ${statement.view}${block === null ? '' : ` ${short(block)}`}`;
}

function short(digest: string): string {
  return digest.slice(0, 8);
}
