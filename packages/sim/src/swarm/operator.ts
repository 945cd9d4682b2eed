import { Atlas, type Damage } from '../atlas.ts';
import type { Member } from '../cluster/member.ts';
import { type Cluster, codeOf } from '../cluster.ts';
import { failureIsHonest, remedyFor } from '../honest-ends.ts';

/** How often the operator looks, in ms. */
const ROUND = 400;
/** Starts that fail before the operator gives a machine up. */
const PATIENCE = 3;

/**
 * Looks after the machines of a cluster: starts again what stopped, does to a damaged disk what the manual says, and asks of every
 * replica that stopped itself whether it had a reason.
 */
export class Operator {
  readonly #cluster: Cluster;
  /** Crash-restarts of validators. */
  restarts = 0;
  /** What befell the disks. Who stands in it is never part of a healed core. */
  readonly #atlas: Atlas;
  /** Until when a member stays off, in virtual ms. */
  readonly #off = new Map<number, number>();
  /** Faults of its disk that a member may stop for, though nothing is damaged: `full`, `fail`. */
  readonly #met = new Map<number, Set<string>>();
  readonly #failures = new Map<number, number>();
  /** Places of a disk that were damaged or taken away since the last start, by the beginning of their names. */
  readonly #lost = new Map<number, Set<string>>();
  #over = false;

  /** `frail`: members whose disks may be damaged. */
  constructor(cluster: Cluster, frail: readonly number[]) {
    this.#cluster = cluster;
    const weights = cluster.genesis.validators.members.map(
      ({ weight }, index) => [cluster.member(index).name, weight] as const,
    );
    this.#atlas = new Atlas({ weights: new Map(weights) });
    cluster.members.forEach(({ machine }, index) => {
      const damaged = (place: string, kind: string): void => this.damaged(index, { place, kind });
      machine.disk.guard = { permits: () => frail.includes(index), damaged };
    });
  }

  /** Members that lost what only an operator can bring back. */
  get maimed(): ReadonlySet<number> {
    const damaged = new Set(this.#atlas.damaged);
    return new Set([...this.#cluster.members.keys()].filter((index) => damaged.has(this.#cluster.member(index).name)));
  }

  /**
   * The disk of a member was damaged. A process that runs knows what it did: only its next start may show that something is gone,
   * or one that is under way.
   */
  damaged(index: number, damage: Damage): void {
    const { name, machine } = this.#cluster.member(index);
    this.#atlas.record(name, damage);
    this.#lose(index, damage.place);
    if (machine.program !== null) return;
    this.#forget(index);
    // What a start under way has read already shows at the next one.
    this.#lose(index, damage.place);
  }

  /** Begins to look, every now and then. */
  begin(): void {
    this.#cluster.world.schedule(ROUND, 'operator', () => this.#tend());
  }

  /** No fault begins any more: who is off by a fault stays so until it is healed, and the maimed are left alone. */
  end(): void {
    this.#over = true;
  }

  /** A fault befell a member: what its replica may stop for from now on. */
  mark(index: number, kind: string): void {
    const met = this.#met.get(index) ?? new Set();
    met.add(kind);
    this.#met.set(index, met);
  }

  /** A member dies, and comes back after `down` ms. */
  crash(index: number, power: boolean, down: number): void {
    const member = this.#cluster.members[index];
    if (member === undefined || !member.machine.alive) return;
    member.machine.crash({ power });
    this.leaveOff(index, down);
  }

  /** Starts a member again in `down` ms, and not before. */
  leaveOff(index: number, down: number): void {
    const { world } = this.#cluster;
    this.#off.set(index, world.elapsed + down);
    world.schedule(down, 'fault/restart', () => {
      const until = this.#off.get(index);
      if (this.#over || until === undefined || until > world.elapsed) return;
      this.#off.delete(index);
      this.#restart(index);
    });
  }

  /** Makes a member healthy: its disk, its clock, its process. */
  heal(index: number): void {
    const member = this.#cluster.member(index);
    const { disk, clock } = member.machine;
    disk.capacity = Number.MAX_SAFE_INTEGER;
    disk.failingSyncs = 0;
    disk.slowness = 1;
    disk.faults = {};
    clock.mend();
    member.machine.disarm();
    this.#off.delete(index);
    this.#failures.delete(index);
    if (member.machine.program !== null && member.machine.program.halted !== null) this.#bury(index);
    // Damage that nobody has read yet shows when its owner starts again.
    else if (this.#isMaimed(index)) member.machine.crash({ power: false });
    this.#restart(index);
  }

  #restart(index: number): void {
    const { machine, secret } = this.#cluster.member(index);
    const { disk } = machine;
    if (machine.alive || machine.lives === 0) return;
    this.#forget(index);
    // A disk that works again is no reason to stop from now on.
    if (disk.failingSyncs === 0 && disk.capacity === Number.MAX_SAFE_INTEGER) this.#met.delete(index);
    this.#cluster.start(index);
    if (secret !== null) this.restarts++;
  }

  #tend(): void {
    this.#cluster.members.forEach(({ machine }, index) => {
      if (this.#off.has(index) || machine.lives === 0) return;
      if (machine.program !== null && machine.program.halted !== null) this.#bury(index);
      if (!machine.alive && (this.#failures.get(index) ?? 0) < PATIENCE) {
        if (machine.failure !== null) this.#failedStart(index, machine.failure);
        if (!this.#over || !this.#isMaimed(index)) this.#restart(index);
      }
    });
    this.#cluster.world.schedule(ROUND, 'operator', () => this.#tend());
  }

  /** A replica stopped itself: was there a reason? */
  #bury(index: number): void {
    const { machine } = this.#cluster.member(index);
    const error = machine.program?.halted ?? null;
    this.#judge(index, error);
    machine.crash({ power: false });
    if (this.#isMaimed(index)) this.#remedy(index, remedyFor(error) ?? []);
  }

  #failedStart(index: number, failure: unknown): void {
    this.#failures.set(index, (this.#failures.get(index) ?? 0) + 1);
    this.#judge(index, failure);
    // What stops a start may be anywhere: everything begins anew.
    if (this.#isMaimed(index)) this.#remedy(index, ['']);
  }

  /** Takes away what is damaged, by the beginning of its names; never the gate. */
  #remedy(index: number, places: readonly string[]): void {
    const { machine } = this.#cluster.member(index);
    for (const place of places) {
      wipe(machine, place);
      this.#lose(index, place);
    }
  }

  #lose(index: number, place: string): void {
    const lost = this.#lost.get(index) ?? new Set();
    lost.add(place);
    this.#lost.set(index, lost);
  }

  /** What a start, now or under way, may lack. Damage to a chain may show at any later start, a journal is read as a whole at the next. */
  #forget(index: number): void {
    const { name } = this.#cluster.member(index);
    const damages = this.#atlas.damagesOf(name).map(({ place }) => place);
    const lost = [...(this.#lost.get(index) ?? [])];
    this.#lost.delete(index);
    const chain = [...damages, ...lost].some((place) => covers(place, 'blocks') || covers(place, 'application'));
    const journal = lost.some((place) => covers(place, 'journal/'));
    if (chain || journal) this.#cluster.checkers.forget(name, { chain, journal });
  }

  #judge(index: number, error: unknown): void {
    const member = this.#cluster.member(index);
    if (error === null || !this.#cluster.isHonest(member) || this.excuses(member.name, error)) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#cluster.checkers.stopped(member.name, `${codeOf(error)}: ${text}`);
  }

  /** Whether what befell the disk of a member is reason enough for its replica to answer, or to end, with this error. */
  excuses(name: string, error: unknown): boolean {
    const index = this.#cluster.members.findIndex((member) => member.name === name);
    const met = [...(this.#met.get(index) ?? [])].map((kind) => ({ place: '', kind }));
    // Who lost something begins anew, and complains of nothing.
    const damages = this.#atlas.damagesOf(name).filter(({ kind }) => kind !== 'lose');
    return failureIsHonest(error, [...damages, ...met]);
  }

  #isMaimed(index: number): boolean {
    return this.#atlas.damagesOf(this.#cluster.member(index).name).length > 0;
  }
}

/** Whether damage to `place` concerns what begins with `prefix`. */
function covers(place: string, prefix: string): boolean {
  return place.startsWith(prefix) || prefix.startsWith(place);
}

/** Takes everything from a disk whose name begins like this, but for the gate: what an operator may bring back is never a gate. */
export function wipe({ disk }: Member['machine'], prefix = ''): void {
  for (const file of [...disk.fileNames(), ...disk.storeNames()]) {
    if (file.startsWith(prefix) && !file.startsWith('gate/')) disk.lose(file);
  }
}
