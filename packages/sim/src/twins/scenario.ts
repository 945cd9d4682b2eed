import { QuorateError, type SignerIndex } from '@quorate/kernel';
import { CanonicalWords, type Renaming } from './symmetry.ts';

/** Which scenarios there are. */
export interface TwinsSpace {
  /** Validators of equal weight, from 4. */
  readonly validators: number;
  /** So many of them, the first ones, run twice. */
  readonly twins: number;
  /** Views whose leaders and partitions are chosen; later ones are led in turn and reach everybody. */
  readonly views: number;
  /** `step`: a partition for every phase of a view. `view`: one for all of them, as Twins was published. */
  readonly partitions: 'step' | 'view';
  /** Phases of a view, as the protocol has them. */
  readonly phases: number;
}

/** Who leads each view and who hears whom in each of its phases. */
export interface TwinsScenario {
  readonly leaders: readonly SignerIndex[];
  /** `sides[view − 1][phase]`: bit p is the side of the node at place p. Nodes on one side hear each other. */
  readonly sides: readonly (readonly number[])[];
}

const LEADERS = 0;
const SIDES = 1;
const MAX_NODES = 12;

/**
 * All scenarios up to renaming of validators and of the two copies of one. Places 0 … n−1 are the first copies of the validators, the
 * places after them the second copies of validators 0 … k−1. Throws `config/invalid` for a space that is empty or too large.
 */
export class TwinsScenarios {
  readonly space: TwinsSpace;
  readonly #words: CanonicalWords;

  constructor(space: TwinsSpace) {
    const { validators, twins, views, partitions, phases } = space;
    const nodes = validators + twins;
    if (!(validators >= 1 && twins >= 0 && twins <= validators && views >= 1 && phases >= 1)) {
      throw new QuorateError(
        'config/invalid',
        `there are no scenarios of ${validators} validators, ${twins} of them twins`,
      );
    }
    if (nodes > MAX_NODES) {
      throw new QuorateError(
        'config/invalid',
        `scenarios have at most ${MAX_NODES} nodes, twins included, not ${nodes}`,
      );
    }
    this.space = space;
    const perView = [LEADERS, ...Array.from({ length: partitions === 'step' ? phases : 1 }, () => SIDES)];
    const positions = Array.from({ length: views }, () => perView).flat();
    this.#words = new CanonicalWords([validators, 2 ** (nodes - 1)], positions, renamings(validators, twins));
  }

  /** How many there are, exactly. */
  get size(): bigint {
    return this.#words.size;
  }

  /** The scenario of this index below `size`. Throws `config/invalid` for another. */
  at(index: bigint): TwinsScenario {
    const { views, partitions, phases } = this.space;
    const word = this.#words.at(index);
    const perView = word.length / views;
    const leaders: SignerIndex[] = [];
    const sides: number[][] = [];
    for (let view = 0; view < views; view++) {
      const letters = word.slice(view * perView, (view + 1) * perView);
      leaders.push(letters[0] ?? 0);
      // The node at place 0 is on side 0: swapping the names of the sides changes nothing.
      const chosen = letters.slice(1).map((letter) => letter << 1);
      sides.push(partitions === 'step' ? chosen : Array.from({ length: phases }, () => chosen[0] ?? 0));
    }
    return { leaders, sides };
  }
}

/** Permutations of validators that keep twins twins, times swaps of the copies of each, as what they do to leaders and to sides. */
function renamings(validators: number, twins: number): Renaming[] {
  const nodes = validators + twins;
  const all: Renaming[] = [];
  const first = permutations(Array.from({ length: twins }, (_, index) => index));
  const rest = permutations(Array.from({ length: validators - twins }, (_, index) => twins + index));
  for (const ofTwins of first) {
    for (const ofRest of rest) {
      const signers = [...ofTwins, ...ofRest];
      for (let swaps = 0; swaps < 2 ** twins; swaps++) {
        const places = Array.from({ length: nodes }, (_, place) => {
          const signer = place < validators ? place : place - validators;
          const to = signers[signer] as number;
          const second = place >= validators !== (signer < twins && ((swaps >> signer) & 1) === 1);
          return second ? validators + to : to;
        });
        const sides = Array.from({ length: 2 ** (nodes - 1) }, (_, letter) => {
          let image = 0;
          for (let place = 0; place < nodes; place++) {
            if (((letter << 1) >> place) & 1) image |= 1 << (places[place] as number);
          }
          // Side 0 is the one of place 0.
          return (image & 1 ? ~image & (2 ** nodes - 1) : image) >> 1;
        });
        all.push([signers, sides]);
      }
    }
  }
  return all;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((others) => [item, ...others]),
  );
}
