import { QuorateError } from '@quorate/kernel';

/** What one renaming does to the letters of each alphabet: `images[alphabet][letter]`. */
export type Renaming = readonly (readonly number[])[];

/** A subgroup of the renamings, by their indices, with what was counted under it. */
interface Subgroup {
  readonly elements: readonly number[];
  /** Words that differ under it, from a position to the end. */
  readonly counts: Map<number, bigint>;
  /** By alphabet: the least letter of each orbit, and the renamings that leave it as it is. */
  readonly orbits: Map<number, readonly { readonly letter: number; readonly fixing: Subgroup }[]>;
}

/**
 * Words over given alphabets, one letter per position, up to renaming: two words are the same scenario when a renaming takes one to the
 * other. Counts them exactly (Burnside's lemma) and gives the `index`-th one without listing the others, by choosing letter after
 * letter among the orbits of the renamings that leave everything chosen before as it is.
 */
export class CanonicalWords {
  readonly size: bigint;
  readonly #alphabets: readonly number[];
  readonly #positions: readonly number[];
  readonly #renamings: readonly Renaming[];
  /** Letters that a renaming leaves as they are: `[renaming][alphabet]`. */
  readonly #fixed: readonly (readonly number[])[];
  readonly #subgroups = new Map<string, Subgroup>();
  readonly #whole: Subgroup;

  /** `alphabets`: letters in each. `positions`: the alphabet of each position. `renamings`: a group, the identity included. */
  constructor(alphabets: readonly number[], positions: readonly number[], renamings: readonly Renaming[]) {
    this.#alphabets = alphabets;
    this.#positions = positions;
    this.#renamings = renamings;
    this.#fixed = renamings.map((renaming) =>
      renaming.map((images) => images.filter((image, letter) => image === letter).length),
    );
    this.#whole = this.#subgroup(renamings.map((_, index) => index));
    this.size = this.#count(this.#whole, 0);
  }

  /** The word of this index, from 0 to `size` − 1: the least of its class. Throws `config/invalid` for another index. */
  at(index: bigint): number[] {
    if (index < 0n || index >= this.size) {
      throw new QuorateError('config/invalid', `there is no scenario ${index}: there are ${this.size}`);
    }
    const word: number[] = [];
    let group = this.#whole;
    let left = index;
    this.#positions.forEach((alphabet, position) => {
      for (const { letter, fixing } of this.#orbits(group, alphabet)) {
        const below = this.#count(fixing, position + 1);
        if (left < below) {
          word.push(letter);
          group = fixing;
          return;
        }
        left -= below;
      }
    });
    return word;
  }

  #count(group: Subgroup, position: number): bigint {
    const known = group.counts.get(position);
    if (known !== undefined) return known;
    let sum = 0n;
    for (const element of group.elements) {
      let fixed = 1n;
      for (let at = position; at < this.#positions.length; at++) {
        fixed *= BigInt(this.#fixed[element]?.[this.#positions[at] as number] ?? 0);
      }
      sum += fixed;
    }
    const count = sum / BigInt(group.elements.length);
    group.counts.set(position, count);
    return count;
  }

  #orbits(group: Subgroup, alphabet: number): readonly { readonly letter: number; readonly fixing: Subgroup }[] {
    const known = group.orbits.get(alphabet);
    if (known !== undefined) return known;
    const orbits: { letter: number; fixing: Subgroup }[] = [];
    const seen = new Set<number>();
    for (let letter = 0; letter < (this.#alphabets[alphabet] ?? 0); letter++) {
      if (seen.has(letter)) continue;
      const fixing: number[] = [];
      for (const element of group.elements) {
        const image = this.#renamings[element]?.[alphabet]?.[letter] ?? letter;
        seen.add(image);
        if (image === letter) fixing.push(element);
      }
      orbits.push({ letter, fixing: this.#subgroup(fixing) });
    }
    group.orbits.set(alphabet, orbits);
    return orbits;
  }

  #subgroup(elements: readonly number[]): Subgroup {
    const key = elements.join(' ');
    const known = this.#subgroups.get(key);
    if (known !== undefined) return known;
    const made: Subgroup = { elements, counts: new Map(), orbits: new Map() };
    this.#subgroups.set(key, made);
    return made;
  }
}

/**
 * Numbers below `size`, each once, in an order drawn from the seed: `(start + i · stride) mod size` with a stride that shares no factor
 * with the size.
 */
export function withoutReplacement(size: bigint, seed: number): (i: bigint) => bigint {
  if (size <= 1n) return () => 0n;
  // About the golden section of the size: no two near draws are near each other.
  let stride = ((size * 618_033_989n) / 1_000_000_000n + BigInt(2 * Math.abs(Math.trunc(seed)))) % size;
  while (gcd(stride, size) !== 1n) stride = (stride + 1n) % size;
  const start = (BigInt(Math.abs(Math.trunc(seed))) * 2_654_435_761n) % size;
  return (i) => (start + i * stride) % size;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
