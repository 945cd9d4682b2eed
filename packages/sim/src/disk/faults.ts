import { QuorateError } from '@quorate/kernel';
import type { Choice } from '../decisions.ts';
import type { Stream } from '../random.ts';
import type { World } from '../world.ts';

/** What is asked of a disk. */
export type Operation = 'look' | 'read' | 'get' | 'append' | 'truncate' | 'sync' | 'batch' | 'replace' | 'remove';

/** How often things go wrong, as a fraction of the operations that can fail this way. */
export interface DiskFaults {
  /** Syncs, batches and replacements that fail with `disk/failed`; what they should have made durable never will be. */
  readonly failed: number;
  /** Appends, batches and replacements that fail with `disk/full`. */
  readonly full: number;
  /** Operations that take up to {@link longest} ms more than usual, and all behind them too. */
  readonly stall: number;
  /** Longest stall, in ms. */
  readonly longest: number;
  /** Operations at which one bit inverts somewhere at rest: in a file, or in a value of a store. */
  readonly flip: number;
  /** Appends that land on a sector elsewhere, leaving zeros where they belong. */
  readonly misdirectedWrite: number;
  /** Reads of a file that give a sector of elsewhere. */
  readonly misdirectedRead: number;
  /** Reads that give what was there before the last change: of a file that was replaced, of a key of a store. */
  readonly stale: number;
  /**
   * Places, by the beginning of their names, that flips, misdirection and stale reads leave alone. The signing gate unless told
   * otherwise: with a record of it that vanished silently a key may contradict itself, like one whose backup was put back.
   */
  readonly spare: readonly string[];
}

export const NO_FAULTS: DiskFaults = {
  failed: 0,
  full: 0,
  stall: 0,
  longest: 2000,
  flip: 0,
  misdirectedWrite: 0,
  misdirectedRead: 0,
  stale: 0,
  spare: ['gate/'],
};

/** A place for a bit or a sector: a file, or the value of a key. */
export interface Spot {
  readonly place: string;
  /** Of a store: the key in hexadecimal. */
  readonly key?: string;
  readonly offset: number;
}

/** What a source of faults has to know of the disk. */
export interface Platter {
  /** A byte at rest, outside what the guard protects; `null` when there is none. */
  randomByte(stream: Stream): Spot | null;
  /** A sector of a file; `null` when there is none. */
  randomSector(stream: Stream): Spot | null;
}

/**
 * Who decides what may be damaged without anybody noticing at once. It permits only what the protocol claims to survive and keeps
 * the account; see `Atlas`.
 */
export interface Guard {
  permits(place: string): boolean;
  /** It happened. `kind`: of the choice. */
  damaged(place: string, kind: string): void;
}

/** Draws of a spot before a fault is given up. */
const TRIES = 8;

const SILENT: ReadonlySet<string> = new Set(['flip', 'misdirect', 'stale']);
const KINDS: Readonly<Record<Operation, ReadonlySet<string>>> = {
  look: new Set(['stall', 'flip']),
  read: new Set(['stall', 'flip', 'misdirect', 'stale']),
  get: new Set(['flip', 'stale']),
  append: new Set(['stall', 'flip', 'full', 'misdirect']),
  truncate: new Set(['stall', 'flip']),
  sync: new Set(['stall', 'flip', 'fail']),
  batch: new Set(['stall', 'flip', 'fail', 'full']),
  replace: new Set(['stall', 'flip', 'fail', 'full']),
  remove: new Set(['stall', 'flip']),
};

/** Asks once per operation of one disk, in the domain `disk/<name>`, what goes wrong with it. */
export class FaultSource {
  /** May change while the world runs. */
  rates: DiskFaults = NO_FAULTS;
  guard: Guard | null = null;
  /** Somebody looks on from outside: nothing goes wrong with that, and it does not count. */
  asleep = false;
  readonly #world: World;
  readonly #domain: string;
  readonly #platter: Platter;
  readonly #stream: Stream;
  #operation: Operation = 'look';
  #place = '';
  #older = false;

  constructor(world: World, name: string, platter: Platter) {
    this.#world = world;
    this.#domain = `disk/${name}`;
    this.#platter = platter;
    this.#stream = world.stream(`disk/${name}/faults`);
  }

  /**
   * The fault of one operation on `place`, or null. `older`: whether there is an earlier content that a read could give.
   * Throws `config/invalid` for a listed choice that this operation does not know.
   */
  ask(operation: Operation, place: string, older = false): Choice | null {
    if (this.asleep) return null;
    this.#operation = operation;
    this.#place = place;
    this.#older = older;
    const choice = this.#world.decisions.decide(this.#domain, this.#draw);
    if (choice === null) return null;
    if (!KINDS[operation].has(choice.kind)) {
      // A list that was shortened meets other operations than the run it came from.
      if (isKnown(choice.kind)) return null;
      throw new QuorateError('config/invalid', `${this.#domain}: a disk knows no fault "${choice.kind}"`);
    }
    // A flip, and a write that went astray, hurt the place that they hit.
    if (SILENT.has(choice.kind)) this.guard?.damaged(hit(choice, operation, place), choice.kind);
    if (choice.kind === 'misdirect' && operation === 'append') this.guard?.damaged(place, choice.kind); // what it leaves out
    return choice;
  }

  readonly #draw = (): Choice | null => {
    const { rates } = this;
    if (rates === NO_FAULTS) return null;
    const operation = this.#operation;
    let left = this.#stream.fraction();
    const falls = (kind: string, rate: number): boolean => {
      if (!KINDS[operation].has(kind)) return false;
      left -= rate;
      return left < 0;
    };
    if (falls('flip', rates.flip)) return this.#flip();
    if (falls('stall', rates.stall)) {
      return { kind: 'stall', ms: Math.max(1, Math.round(rates.longest * this.#stream.fraction())) };
    }
    if (falls('fail', rates.failed)) return { kind: 'fail' };
    if (falls('full', rates.full)) return { kind: 'full' };
    if (falls('misdirect', operation === 'read' ? rates.misdirectedRead : rates.misdirectedWrite)) {
      return this.#misdirect();
    }
    if (falls('stale', rates.stale) && this.#older && this.#permits(this.#place)) return { kind: 'stale' };
    return null;
  };

  #flip(): Choice | null {
    const spot = this.#spot((stream) => this.#platter.randomByte(stream));
    const bit = this.#stream.below(8);
    return spot === null ? null : { kind: 'flip', ...spot, bit };
  }

  #misdirect(): Choice | null {
    const spot = this.#spot((stream) => this.#platter.randomSector(stream));
    const into = this.#stream.below(1 << 16); // which sector of a read it takes the place of, modulo their number
    return spot === null || !this.#permits(this.#place) ? null : { kind: 'misdirect', ...spot, into };
  }

  /** A spot that may be damaged; `null` when a few draws find none. */
  #spot(draw: (stream: Stream) => Spot | null): Spot | null {
    for (let tries = 0; tries < TRIES; tries++) {
      const spot = draw(this.#stream);
      if (spot !== null && this.#permits(spot.place)) return spot;
    }
    return null;
  }

  #permits(place: string): boolean {
    if (this.rates.spare.some((prefix) => place.startsWith(prefix))) return false;
    return this.guard === null || this.guard.permits(place);
  }
}

function isKnown(kind: string): boolean {
  return Object.values(KINDS).some((kinds) => kinds.has(kind));
}

/** The place that a fault hurts: a read that goes wrong that which is read, everything else that which it names. */
function hit({ kind, place: named }: Choice, operation: Operation, place: string): string {
  const misread = kind === 'stale' || (kind === 'misdirect' && operation === 'read');
  return misread || typeof named !== 'string' ? place : named;
}

/** The spot that a choice names; `null` when it names none. */
export function spotOf(choice: Choice): Spot | null {
  const { place, key, offset } = choice;
  if (typeof place !== 'string' || typeof offset !== 'number' || !Number.isInteger(offset) || offset < 0) return null;
  return { place, offset, ...(typeof key === 'string' ? { key } : {}) };
}
