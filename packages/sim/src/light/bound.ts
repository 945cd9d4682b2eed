/** What the bound of one leader and one receiver follows from. */
export interface BoundOptions {
  /** Voting weights, by validator. */
  readonly weights: readonly number[];
  /** One-way delays in ms, `[from][to]`. */
  readonly delays: readonly (readonly number[])[];
  /** Validators that take part; the others neither speak nor count. */
  readonly alive: readonly boolean[];
  /** Quorums, one after another, that a block needs after its proposal has arrived. */
  readonly phases: number;
}

/**
 * The earliest time, in ms after the leader speaks, at which each validator can hold the last of the quorums: nothing but the speed of the
 * links and the weight of a quorum, no disk, no computing, no jitter. A vote goes to everybody when its voter has what it votes for;
 * whoever holds a quorum passes it on. Infinity where no quorum of the living is reached.
 */
export function physicalBound({ weights, delays, alive, phases }: BoundOptions, leader: number): number[] {
  const delay = (from: number, to: number): number => (from === to ? 0 : (delays[from]?.[to] ?? 0));
  let ready = weights.map((_, at) => (alive[at] === true ? delay(leader, at) : Number.POSITIVE_INFINITY));
  for (let phase = 0; phase < phases; phase++) {
    const votes = ready;
    const held = weights.map((_, at) =>
      alive[at] === true
        ? quorumTime(
            weights,
            votes.map((cast, from) => cast + delay(from, at)),
          )
        : Number.POSITIVE_INFINITY,
    );
    ready = passedOn(held, alive, delay);
  }
  return ready;
}

/** When more than two thirds of the weight have arrived. */
function quorumTime(weights: readonly number[], arrivals: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = arrivals.map((at, from) => ({ at, weight: weights[from] ?? 0 })).sort((a, b) => a.at - b.at);
  let weight = 0;
  for (const vote of order) {
    weight += vote.weight;
    if (3 * weight > 2 * total) return vote.at;
  }
  return Number.POSITIVE_INFINITY;
}

/** Whoever holds a certificate sends it to everybody: settled in the order of time, as in Dijkstra's algorithm. */
function passedOn(
  held: readonly number[],
  alive: readonly boolean[],
  delay: (from: number, to: number) => number,
): number[] {
  const times = [...held];
  const open = new Set(times.keys());
  while (open.size > 0) {
    let first = -1;
    for (const at of open) if (first < 0 || (times[at] as number) < (times[first] as number)) first = at;
    open.delete(first);
    for (const to of open) {
      const passed = (times[first] as number) + delay(first, to);
      if (alive[to] === true && passed < (times[to] as number)) times[to] = passed;
    }
  }
  return times;
}
