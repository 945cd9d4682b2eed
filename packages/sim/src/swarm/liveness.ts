import { toHex } from '@quorate/kernel';
import { isTwoThirds, Membership } from '../checkers/sets.ts';
import type { Cluster } from '../cluster.ts';
import { Draws } from '../random.ts';
import type { Configuration } from './configuration.ts';

/** What a healed core has to show, and by when. */
export interface Progress {
  /** Members of the core. */
  readonly core: readonly number[];
  /** Height that all of them must reach. */
  readonly target: number;
  /** Within so many virtual ms. */
  readonly within: number;
  /** Views without finalization that are no livelock. */
  readonly heat: number;
  /** Once it has shown that: within so many virtual ms it makes final what a client submits at any of its members. */
  readonly inclusion: number;
}

/** Heights that a healed core must add. */
const PROGRESS = 3;

/**
 * A random quorum core: honest members with an undamaged disk whose weight is more than two thirds in every set that may come
 * to vote, whatever changes of the set are still under way.
 */
export function coreOf(cluster: Cluster, maimed: ReadonlySet<number>): number[] {
  const sets = setsInSight(cluster);
  const able = cluster.members.flatMap((member, index) =>
    member.secret === null || cluster.guises.has(member) || maimed.has(index) ? [] : [index],
  );
  const core = new Set(able);
  // By a number of each member's own: who is able says nothing about the order of the others.
  const lots = new Map(able.map((index) => [index, new Draws(cluster.world.seed, `core/${index}`).at(0)]));
  for (const index of able.toSorted((a, b) => (lots.get(a) ?? 0) - (lots.get(b) ?? 0))) {
    core.delete(index);
    if (!sets.every((set) => isTwoThirds(set.weightOfAll(keysOf(cluster, core)), set.total))) core.add(index);
  }
  return [...core].sort((a, b) => a - b);
}

/** Whether these members outweigh two thirds of every set in sight: else nobody promises anything. */
export function isQuorate(cluster: Cluster, core: readonly number[]): boolean {
  return setsInSight(cluster).every((set) => isTwoThirds(set.weightOfAll(keysOf(cluster, core)), set.total));
}

function keysOf(cluster: Cluster, indices: Iterable<number>): string[] {
  return [...indices].flatMap((index) => {
    const { secret } = cluster.member(index);
    return secret === null ? [] : [toHex(secret.publicKey)];
  });
}

/** Every set from the newest of the log on that may come to vote: changes still under way may apply or not, and breakers may be removed. */
function setsInSight(cluster: Cluster): Membership[] {
  const { chain } = cluster.checkers;
  const { members, genesis } = cluster;
  const first = new Membership(genesis.validators.members);
  if (chain === null) return [first];
  const epoch = Math.max(0, Math.ceil(chain.height / genesis.consensus.epochLength) - 1);
  const known = [epoch, epoch + 1].flatMap((at) => chain.setOf(at) ?? []);
  const outside = members.slice(genesis.validators.size).flatMap(({ validator }) => validator ?? []);
  // Candidates only ever have weight 1 or 2, or none: the heaviest is the worst for a core that does without them.
  const heavy = known.map((set) => set.after(outside.map((validator) => ({ ...validator, weight: 2 }))));
  const without = known.map((set) => set.after(outside.map((validator) => ({ ...validator, weight: 0 }))));
  return outside.length === 0 ? known : [...known, ...heavy, ...without];
}

/**
 * The bound of the protocol, after which a core that is healed at once must have added {@link PROGRESS} heights. With Δ, the cap
 * T = max(maxTimeout, 3Δ), δ the link delay and n the number of views in one turn of the leader schedule:
 *
 * - Views until an honest member of the core leads: fewer than n, since the smooth weighted round robin gives everybody a view per
 *   turn. A boundary between epochs begins a schedule anew: n more.
 * - Each view that comes to nothing lasts at most tAdvance·α^k ≤ T, and 2δ until its Nullification is everywhere. k is the number of
 *   views without finalization so far, those of the safety phase included, so the back-off may stand anywhere up to the cap.
 * - Before that, everybody must be in one view: what is missing is said again every Ts = 10Δ (S9) and fetched in 2δ, after
 *   connections are made again (detection and handshake, below 2 s) and blocks that were missed are fetched.
 *
 * A view that succeeds takes 3Δ at most and resets the back-off; the next ones start from tAdvance = 3Δ, unless nobody of the core
 * leads for more than four views: then they back off again.
 *
 * Inclusion, from then on: a member proposes what was submitted to it in the next view that it leads, which comes within two turns,
 * counted as above. Somebody without weight tells everybody at once (10 ms, then one delay), and one of those leads no later. The
 * transaction has the highest priority, so it stands in that proposal, unless the leader's execution is behind: one more such wait.
 * Views that members of the core lead succeed now, within 3Δ each; the others, at most as many in a turn as those outside weigh, come
 * to nothing and back off one after the other. The block is executed at its submitter 2Δ later, or fetched from another peer once one
 * that is gone was given 5 s to answer.
 */
function boundOf(
  cluster: Cluster,
  configuration: Configuration,
  core: readonly number[],
): Pick<Progress, 'within' | 'heat' | 'inclusion'> {
  const { delta, latency, jitter } = configuration;
  const { maxTimeout } = cluster.genesis.consensus;
  const weights = cluster.checkers.chain?.setOf(0)?.members.map(({ weight }) => weight) ?? configuration.weights;
  const candidates = cluster.members.length - configuration.weights.length;
  const turn = weights.reduce((sum, weight) => sum + weight, 0) + 2 * candidates;
  const views = 2 * turn;
  const backOff = backOffAt(cluster);
  const round = 2 * (latency + jitter);
  const lasts = (skipped: number): number =>
    Math.min(Math.max(maxTimeout, 3 * delta), 3 * delta * power(skipped)) + round;
  let first = 0;
  for (let view = 0; view < views; view++) first += lasts(backOff + view);
  let later = 0;
  for (let view = 0; view < views; view++) later += lasts(view);
  const inside = core.reduce((sum, index) => sum + (configuration.weights[index] ?? 0), 0);
  let wait = views * (3 * delta + round);
  for (let view = 0; view < 2 * (turn - inside); view++) wait += lasts(view);
  const gather = 10 * delta + 2000 + 20 * round;
  return {
    within: gather + first + PROGRESS * (later + 3 * delta),
    heat: backOff + 2 * views,
    inclusion: 2 * wait + 2 * delta + 5000 + 2 * round,
  };
}

/** Growth of a timeout after views without finalization: 1.2 per view beyond the fourth. */
function power(skipped: number): number {
  let scale = 1;
  for (let view = 4; view < skipped && scale < 1e6; view++) scale *= 1.2;
  return scale;
}

function backOffAt(cluster: Cluster): number {
  let most = 0;
  for (const index of cluster.members.keys()) {
    most = Math.max(most, cluster.statusOf(index)?.engine.viewsSinceFinalized ?? 0);
  }
  return most;
}

/** What the core promises from now on. */
export function promiseOf(cluster: Cluster, configuration: Configuration, core: readonly number[]): Progress {
  return { core, target: cluster.checkers.height + PROGRESS, ...boundOf(cluster, configuration, core) };
}
