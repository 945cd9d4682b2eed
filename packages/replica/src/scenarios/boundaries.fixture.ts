import { type BoundaryCrash, Cluster, codeOf, type Tear } from '@quorate/sim';

/** What a power cut does to unsynced bytes, one of them in each run. */
export const TORN: readonly Tear[] = ['lose', 'prefix', 'sectors'];

/** Heights within which every boundary is tried. */
const HEIGHTS = 3;
const VICTIM = 1;

export interface Crash extends BoundaryCrash {
  readonly seed: number;
  /** The effect of the victim's first life at which it crashes, from 1. */
  readonly at: number;
  /** The operation of its second life, reads included, at which it crashes again, from 1; never when absent. */
  readonly again?: number;
  /** What is gone besides when it comes back, by the beginning of the names: each of journal and gate stands in for the other. */
  readonly lost?: 'journal/' | 'gate/';
}

/** A home that starts from nothing, so that the first boundaries are those of a first start. */
function create(seed: number): Promise<Cluster> {
  return Cluster.create({ seed, weights: [1, 1, 1, 1], consensus: { epochLength: 4 } });
}

/** Kinds of the effects that the victim has on the way to the last height, in order, when nothing happens to it. */
export async function effectsUntried(seed: number): Promise<readonly string[]> {
  const cluster = await create(seed);
  const { machine } = cluster.member(VICTIM);
  machine.disk.boundaries.log = [];
  cluster.start();
  cluster.load(20);
  if (!(await cluster.reaches(HEIGHTS))) throw new Error('an undisturbed cluster stands still');
  return machine.disk.boundaries.log;
}

/** Operations of a second life up to the point where it runs. */
export async function operationsOfRestart(seed: number): Promise<number> {
  const cluster = await create(seed);
  const { machine } = cluster.member(VICTIM);
  cluster.start();
  cluster.load(20);
  await cluster.reaches(HEIGHTS);
  machine.crash();
  const before = machine.disk.boundaries.operations;
  cluster.start(VICTIM);
  await cluster.world.runUntil(() => machine.program !== null, 10_000);
  return machine.disk.boundaries.operations - before;
}

/**
 * Crashes one of four validators there, goes on without it, starts it again. Throws on a violation, on a node that does not
 * come back, on a network that stands still. `false` when the run never came to that boundary.
 */
export async function survives({ seed, at, again, lost, ...how }: Crash): Promise<boolean> {
  const cluster = await create(seed);
  const { world } = cluster;
  const { machine } = cluster.member(VICTIM);
  const name = `seed ${seed}, boundary ${at} ${how.side}, ${how.tear}, again at ${again ?? 'none'}, lost ${lost ?? 'nothing'}`;
  machine.crashAt(at, how);
  cluster.start();
  cluster.load(20);
  const highest = (): number => cluster.checkers.height;
  await world.runUntil(() => machine.crashes > 0 || highest() >= HEIGHTS + 2, 60_000);
  if (machine.crashes === 0) return false;
  await world.runFor(120);
  if (lost !== undefined) machine.disk.lose(lost);
  if (again !== undefined) {
    machine.crashAt(again, { ...how, counted: 'operations' });
    cluster.start(VICTIM);
    await world.runUntil(() => machine.crashes > 1 || machine.program !== null, 10_000);
    machine.disarm();
    await world.runFor(50);
  }
  if (!machine.alive) cluster.start(VICTIM);
  const target = Math.max(HEIGHTS, highest()) + 2;
  const reached = await cluster.reaches(target, 60_000, [0, 1, 2, 3]);
  const halted = codeOf(machine.failure ?? machine.program?.halted ?? null);
  if (halted !== null) throw new Error(`${name}: the node did not come back: ${halted}`);
  if (!reached) throw new Error(`${name}: no further block for all within a minute`);
  cluster.inspect();
  return true;
}
