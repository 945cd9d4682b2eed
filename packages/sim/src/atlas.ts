import type { Guard } from './disk/faults.ts';

/** Damage to what one machine had made durable. */
export interface Damage {
  /** File or store, or the beginning of the names of several. */
  readonly place: string;
  /** `flip`, `misdirect`, `stale`, `lose`, `restore`, or a kind of the scenario's own. */
  readonly kind: string;
}

export interface AtlasOptions {
  /** Voting weight by name of the machine; whoever is missing has none. */
  readonly weights: ReadonlyMap<string, number>;
  /** For the over-fault suite alone: permits everything and only keeps the account. */
  readonly overFault?: boolean;
}

/**
 * The account of damaged durable state of a whole cluster, so that faults stay within what the protocol claims to survive: never
 * more than f of the voting weight W is damaged at the same time, f being the largest whole number below W/3. Beyond that a datum
 * may be gone everywhere, and whatever then happens proves nothing (after the fault atlas of TigerBeetle's simulator).
 */
export class Atlas {
  readonly #weights: Map<string, number>;
  readonly #overFault: boolean;
  readonly #damages = new Map<string, Damage[]>();
  readonly #listeners: ((name: string, damage: Damage) => void)[] = [];

  constructor({ weights, overFault = false }: AtlasOptions) {
    this.#weights = new Map(weights);
    this.#overFault = overFault;
  }

  /** The largest weight that may be damaged at once. */
  get budget(): number {
    let total = 0;
    for (const weight of this.#weights.values()) total += weight;
    return Math.ceil(total / 3) - 1;
  }

  /** Weight of the machines that are damaged now. */
  get spent(): number {
    let spent = 0;
    for (const name of this.#damages.keys()) spent += this.#weights.get(name) ?? 0;
    return spent;
  }

  /** Names of the machines that are damaged now, sorted. */
  get damaged(): readonly string[] {
    return [...this.#damages.keys()].sort();
  }

  /** The validator set changed. What is damaged stays so. */
  setWeights(weights: ReadonlyMap<string, number>): void {
    this.#weights.clear();
    for (const [name, weight] of weights) this.#weights.set(name, weight);
  }

  /** Whether this machine may be damaged, or damaged further, without leaving what the protocol claims. */
  permits(name: string): boolean {
    if (this.#overFault || this.#damages.has(name)) return true;
    return this.spent + (this.#weights.get(name) ?? 0) <= this.budget;
  }

  /** It happened, permitted or not: a replayed list may ask for what no draw would. */
  record(name: string, damage: Damage): void {
    const known = this.#damages.get(name) ?? [];
    this.#damages.set(name, known);
    known.push(damage);
    for (const listener of this.#listeners) listener(name, damage);
  }

  /** Damages a machine by `inflict` if that is permitted; whether it was. */
  damage(name: string, damage: Damage, inflict: () => void): boolean {
    if (!this.permits(name)) return false;
    this.record(name, damage);
    inflict();
    return true;
  }

  /** What was damaged on a machine since it was last sound. */
  damagesOf(name: string): readonly Damage[] {
    return this.#damages.get(name) ?? [];
  }

  /** The machine holds again all that it should: it was set up anew and has caught up. */
  mended(name: string): void {
    this.#damages.delete(name);
  }

  /** Whether more than the budget is damaged: what happens from then on is no fault of the protocol. */
  get exceeded(): boolean {
    return this.spent > this.budget;
  }

  /** Hears of every damage. */
  onDamage(listener: (name: string, damage: Damage) => void): void {
    this.#listeners.push(listener);
  }

  /** The guard of one machine's disk. */
  guard(name: string): Guard {
    return {
      permits: () => this.permits(name),
      damaged: (place, kind) => this.record(name, { place, kind }),
    };
  }
}
