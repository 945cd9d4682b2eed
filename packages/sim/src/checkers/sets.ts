import { compareBytes, toHex, type Validator, type ValidatorUpdate } from '@quorate/kernel';

/** Whether `part` is more than two thirds of `whole`. Weights here are small enough for exact products. */
export function isTwoThirds(part: number, whole: number): boolean {
  return 3 * part > 2 * whole;
}

/** Whether `part` is at least one third of `whole`: what a fork must convict. */
export function isThird(part: number, whole: number): boolean {
  return 3 * part >= whole;
}

/** A validator set as the checkers keep it: by voting key, updated by their own rules, never by the replica's. */
export class Membership {
  readonly #members: ReadonlyMap<string, Validator>;

  constructor(members: Iterable<Validator>) {
    this.#members = new Map([...members].map((member) => [toHex(member.publicKey), member]));
  }

  /** In the order of bitmaps: by voting key. */
  get members(): readonly Validator[] {
    return [...this.#members.values()].sort((a, b) => compareBytes(a.publicKey, b.publicKey));
  }

  get total(): number {
    let total = 0;
    for (const { weight } of this.#members.values()) total += weight;
    return total;
  }

  weightOf(key: string): number {
    return this.#members.get(key)?.weight ?? 0;
  }

  weightOfAll(keys: Iterable<string>): number {
    let weight = 0;
    for (const key of new Set(keys)) weight += this.weightOf(key);
    return weight;
  }

  /** After updates: weight 0 removes. */
  after(updates: readonly ValidatorUpdate[]): Membership {
    const members = new Map(this.#members);
    for (const update of updates) {
      const key = toHex(update.publicKey);
      if (update.weight === 0) members.delete(key);
      else members.set(key, update);
    }
    return new Membership(members.values());
  }

  /** The same keys with the same weights. */
  equals(other: readonly Validator[]): boolean {
    return (
      other.length === this.#members.size &&
      other.every(({ publicKey, weight }) => this.#members.get(toHex(publicKey))?.weight === weight)
    );
  }
}
