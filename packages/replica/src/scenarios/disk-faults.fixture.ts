import { Atlas, Cluster, type Decision, type DiskFaults, failureIsHonest, type Member, remedyFor } from '@quorate/sim';

export interface DamagedRun {
  readonly seed: number;
  readonly faults: Partial<DiskFaults>;
  /** Virtual ms during which the disks misbehave. */
  readonly during: number;
}

export interface DamagedOutcome {
  /** Codes with which replicas stopped, in order. */
  readonly ends: readonly string[];
  /** Ends that the damage does not explain. */
  readonly dishonest: readonly string[];
  readonly decisions: readonly Decision[];
  readonly height: number;
  readonly recovered: boolean;
}

/**
 * Four validators under load on disks that misbehave, an operator beside them who does what each error message says, and crashes.
 * Afterwards the disks behave, and everybody has to come back. Throws on a violation.
 */
export async function damagedRun({ seed, faults, during }: DamagedRun): Promise<DamagedOutcome> {
  const cluster = await Cluster.create({ seed, weights: [1, 1, 1, 1], consensus: { epochLength: 20 } });
  const { world } = cluster;
  const atlas = new Atlas({ weights: new Map(cluster.members.map(({ name }) => [name, 1])) });
  const ends: string[] = [];
  const dishonest: string[] = [];
  const stream = world.stream('operator');

  const tend = ({ name, machine }: Member): void => {
    const error = machine.failure ?? machine.program?.halted ?? null;
    if (error === null) return;
    ends.push(String(error));
    const damages = [...atlas.damagesOf(name), { place: '', kind: 'fail' }, { place: '', kind: 'full' }];
    const remedy = remedyFor(error);
    if (!failureIsHonest(error, damages) || remedy === null) {
      const known = atlas.damagesOf(name).map(({ place, kind }) => `${kind} ${place}`);
      dishonest.push(`${name} at ${world.elapsed}: ${error} after ${known.join(', ') || 'nothing'}`);
    }
    machine.crash();
    for (const place of remedy ?? []) machine.disk.lose(place);
    if (remedy?.includes('blocks')) {
      atlas.mended(name);
      cluster.checkers.forget(name); // it begins anew
    }
    machine.restart();
  };
  const watch = (): void => {
    for (const member of cluster.members) tend(member);
    world.schedule(250, 'operator', watch);
  };

  cluster.start();
  cluster.load(40);
  await cluster.reaches(5);
  for (const { name, machine } of cluster.members) {
    machine.disk.guard = atlas.guard(name);
    machine.disk.faults = faults;
  }
  watch();
  const end = world.elapsed + during;
  while (world.elapsed < end) {
    await world.runFor(stream.between(200, 2500));
    const { machine } = stream.pick(cluster.members);
    if (!machine.alive) continue;
    machine.crash({ power: stream.chance(0.6) });
    machine.restartAfter(stream.between(0, 400));
    cluster.checkers.demand(`seed ${seed}`);
  }
  for (const { machine } of cluster.members) machine.disk.faults = {};
  // What lies damaged on a disk without having been read may still stop its owner: a restart reads it.
  const recovered = await cluster.advances(5, 120_000, [0, 1, 2, 3]);
  try {
    cluster.inspect();
  } catch (error) {
    // Who asks for a record that is damaged hears so; that is no wrong answer.
    if (!cluster.members.some(({ name }) => failureIsHonest(error, atlas.damagesOf(name)))) throw error;
  }
  return { ends, dishonest, decisions: world.decisions.taken, height: cluster.checkers.height, recovered };
}
