import type { Effect, Millis, Statement, StatementKind, View } from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';

export interface RepetitionOptions {
  /** The view of the block that was final at the start of this life. */
  readonly floor: View;
  /** Δ in ms. */
  readonly delta: Millis;
  /** Gets what is wrong, without who it is. */
  readonly fault: (sentence: string) => void;
}

/** Ts as the protocol has it, in Δ (S9), and how much later a step may show that it passed. */
const STANDSTILL = 10;
const TOLERANCE = 2;

/** Egress is capped: who says so much at one standstill may say the rest at the next. */
const CAPPED = 256;

/** Views below the newest one of which everything is demanded: older ones may be forgotten while a Finalization waits for its blocks. */
const RECENT = 32;

/** What is said again: a vote of one's own, or a certificate. */
interface Saying {
  readonly what: 'vote' | 'certificate';
  readonly kind: StatementKind;
  readonly view: View;
}

/**
 * S9, asked of one honest engine in one life: as long as nothing becomes final it says again, every Ts, what it has said above its floor, its
 * own votes and the certificates that it showed. Liveness alone does not show that it does: most of what a network loses is said again
 * by those who give views up.
 */
export class Repetition {
  readonly #delta: Millis;
  readonly #fault: (sentence: string) => void;
  readonly #said = new Map<string, Saying>();
  /** Since when nothing became final and nothing was said again. */
  #since: Millis | null = null;
  #newest: View = 0;
  #floor: View;
  /** It had more to say than goes at once, and nothing became final since. */
  #capped = false;

  constructor({ floor, delta, fault }: RepetitionOptions) {
    this.#floor = floor;
    this.#delta = delta;
    this.#fault = fault;
  }

  /** One step of the engine, at `now`; `timer` is what it was woken by, if anything. */
  step(now: Millis, timer: string | null, effects: readonly Effect<SimplexMessage>[]): void {
    this.#since ??= now;
    if (timer === 'standstill') {
      this.#repeats(effects);
      this.#since = now;
    } else if (now > this.#since + (STANDSTILL + TOLERANCE) * this.#delta) {
      this.#fault(`nothing became final for ${now - this.#since} ms and it says nothing again`);
      this.#since = now;
    }
    for (const effect of effects) {
      if (effect.kind === 'broadcast') this.#heard(effect.message);
      else if (effect.kind === 'finalized' && effect.finality.grade === 'final') {
        this.#since = now;
        this.#raise(effect.finality.certificate.statement.view);
      }
    }
  }

  #raise(floor: View): void {
    this.#floor = floor;
    this.#capped = false;
    for (const [name, { view }] of this.#said) if (view <= floor) this.#said.delete(name);
  }

  #heard(message: SimplexMessage): void {
    const saying = sayingOf(message);
    if (saying === null || saying.view <= this.#floor) return;
    this.#newest = Math.max(this.#newest, saying.view);
    this.#said.set(nameOf(saying), saying);
  }

  #repeats(effects: readonly Effect<SimplexMessage>[]): void {
    const again = new Set<string>();
    let count = 0;
    for (const effect of effects) {
      if (effect.kind !== 'broadcast') continue;
      count++;
      const saying = sayingOf(effect.message);
      if (saying !== null) again.add(nameOf(saying));
    }
    this.#capped ||= count >= CAPPED;
    if (this.#capped) return;
    for (const [name, { what, kind, view }] of this.#said) {
      if (view < this.#newest - RECENT || again.has(name)) continue;
      this.#fault(`at a standstill it does not say its ${kind} ${what} of view ${view} again`);
      return;
    }
  }
}

/** What a message is to be repeated as: a proposal is a Notarize vote. */
function sayingOf(message: SimplexMessage): Saying | null {
  switch (message.kind) {
    case 'vote':
      return sayingFor('vote', message.vote.statement);
    case 'certificate':
      return sayingFor('certificate', message.certificate.statement);
    case 'proposal':
      return { what: 'vote', kind: 'notarize', view: message.header.view };
    default:
      return null;
  }
}

function sayingFor(what: Saying['what'], { kind, view }: Statement): Saying {
  return { what, kind, view };
}

function nameOf({ what, kind, view }: Saying): string {
  return `${what}/${kind}/${view}`;
}
