import {
  concatBytes,
  type Digest,
  fromHex,
  type Hash,
  type SignerIndex,
  type ValidatorSet,
  type View,
  Writer,
} from '@quorate/kernel';

const DOMAIN = new TextEncoder().encode('quorate/leaders/1');

/** The set's indices in an order drawn from the digest of the epoch's start (Fisher–Yates). */
function shuffled(size: number, seed: Digest, hash: Hash): SignerIndex[] {
  const order = Array.from({ length: size }, (_, index) => index);
  const root = fromHex(seed);
  for (let last = size - 1; last > 0; last--) {
    const counter = new Writer(4);
    counter.u32(last);
    const drawn = hash(concatBytes(DOMAIN, root, counter.finish()));
    const pick = new DataView(drawn.buffer, drawn.byteOffset, 4).getUint32(0) % (last + 1);
    const moved = order[last] as number;
    order[last] = order[pick] as number;
    order[pick] = moved;
  }
  return order;
}

/**
 * leader(e, v): smooth weighted round robin over the set, shuffled once per epoch.
 * Every view, each credit grows by the weight; the greatest credit leads and pays the total weight.
 */
export class LeaderSchedule {
  readonly #order: readonly SignerIndex[];
  readonly #weights: readonly number[];
  readonly #total: number;
  readonly #credits: number[];
  /** Leaders of the views `#first`, `#first + 1`, … */
  #leaders: SignerIndex[] = [];
  #first: View = 1;

  constructor(validators: ValidatorSet, epochStart: Digest, hash: Hash) {
    this.#order = shuffled(validators.size, epochStart, hash);
    this.#weights = this.#order.map((index) => validators.weightOf(index));
    this.#total = validators.total;
    this.#credits = this.#order.map(() => 0);
  }

  /** The leader of `view` ≥ 1. Costs one pass over the set per view not asked for before: ask for views near the present only. */
  at(view: View): SignerIndex {
    if (view < this.#first) throw new RangeError(`view ${view} was forgotten: the floor is above it`);
    while (this.#first + this.#leaders.length <= view) this.#leaders.push(this.#next());
    return this.#leaders[view - this.#first] as SignerIndex;
  }

  /** Views up to `view` will not be asked for again. */
  forget(view: View): void {
    if (view < this.#first) return;
    this.at(view);
    this.#leaders = this.#leaders.slice(view + 1 - this.#first);
    this.#first = view + 1;
  }

  #next(): SignerIndex {
    let best = 0;
    for (let i = 0; i < this.#credits.length; i++) {
      this.#credits[i] = (this.#credits[i] as number) + (this.#weights[i] as number);
      if ((this.#credits[i] as number) > (this.#credits[best] as number)) best = i;
    }
    this.#credits[best] = (this.#credits[best] as number) - this.#total;
    return this.#order[best] as SignerIndex;
  }
}
