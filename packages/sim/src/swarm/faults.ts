import type { PeerId } from '@quorate/kernel';
import type { ReplicaStatus } from '@quorate/replica';
import { groups, isolated, oneWay } from '../barrier.ts';
import { type Cluster, codeOf, type Member } from '../cluster.ts';
import { numberIn, type PlannedFault } from './plan.ts';

/** What the faults of a run have done so far. */
export interface Damage {
  /** Crash-restarts of validators. */
  restarts: number;
  /** Members that lost what only an operator can bring back: never part of a healed core. */
  readonly maimed: Set<number>;
}

/** Reasons for which a replica may stop itself, by the faults that its machine has met. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  full: ['disk/full'],
  fsync: ['disk/failed'],
  flip: ['journal/corrupt', 'store/corrupt', 'gate/corrupt', 'disk/corrupt', 'disk/failed', 'application/diverged'],
};

/** How often the operator looks, in ms. */
const ROUND = 400;
/** How long the adversary stays with one prey, in ms. */
const STRIKE = 50;
/** Starts that fail before the operator gives a machine up. */
const PATIENCE = 3;

/** Carries out the planned faults of a run, and plays the operator who starts again what stopped. */
export class Faults {
  readonly #cluster: Cluster;
  readonly damage: Damage = { restarts: 0, maimed: new Set() };
  /** Until when the operator leaves a member off, in virtual ms. */
  readonly #off = new Map<number, number>();
  /** What befell each member, by kind of choice. */
  readonly #met = new Map<number, Set<string>>();
  readonly #failures = new Map<number, number>();
  /** What ends the faults that last. */
  readonly #lasting = new Set<() => void>();
  #over = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Schedules every fault. */
  plan(faults: readonly PlannedFault[]): void {
    for (const fault of faults) {
      this.#cluster.world.schedule(fault.at, `fault/${fault.family}`, () => {
        if (!this.#over) this.#strike(fault);
      });
    }
    this.#cluster.world.schedule(ROUND, 'operator', () => this.#tend());
  }

  /** No fault begins any more, and whatever lasted ends everywhere or, when `everywhere` is false, stays as it is. */
  end(everywhere: boolean): void {
    this.#over = true;
    if (everywhere) for (const release of [...this.#lasting]) release();
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
    this.#restart(index);
  }

  #strike({ choice }: PlannedFault): void {
    const { world, network, members } = this.#cluster;
    const for_ = (): number => numberIn(choice, 'for');
    const member = (field = 'node'): Member | undefined => members[numberIn(choice, field)];
    const node = typeof choice.node === 'number' ? choice.node : -1;
    const target = members[node];
    if (target !== undefined) this.#mark(node, choice.kind);
    switch (choice.kind) {
      case 'crash':
        this.#crash(node, choice.power === true, numberIn(choice, 'down'));
        return;
      case 'crash-all':
        members.forEach((_, index) => {
          this.#crash(index, choice.power === true, numberIn(choice, 'down'));
        });
        return;
      case 'crash-at': {
        const how = { power: choice.power === true, side: choice.after === true ? 'after' : 'before' } as const;
        target?.machine.crashAt(Math.max(1, numberIn(choice, 'effect')), how);
        return;
      }
      case 'pause':
        target?.machine.pause(for_());
        return;
      case 'partition': {
        const sides = String(choice.sides ?? '');
        const peersOf = (side: string): PeerId[] =>
          members.flatMap(({ peer }, index) => (sides[index] === side ? [peer] : []));
        this.#last(network.raise(groups([peersOf('0'), peersOf('1')])), for_());
        return;
      }
      case 'block':
      case 'clog': {
        const [from, to] = [member('from'), member('to')];
        if (from === undefined || to === undefined) return;
        const how = choice.kind === 'block' ? 'cut' : 'clogged';
        this.#last(network.raise(oneWay(from.peer, to.peer, how)), for_());
        return;
      }
      case 'cut':
        this.#hunt(world.elapsed + for_(), () => leaderOf(this.#cluster), 'cut');
        return;
      case 'starve':
        this.#hunt(world.elapsed + for_(), () => farthestOf(this.#cluster), 'clogged');
        return;
      case 'stall':
        if (target === undefined) return;
        target.machine.disk.slowness = numberIn(choice, 'factor');
        this.#last(() => {
          target.machine.disk.slowness = 1;
        }, for_());
        return;
      case 'full':
        if (target === undefined) return;
        target.machine.disk.capacity = target.machine.disk.used + numberIn(choice, 'room');
        this.#last(() => {
          target.machine.disk.capacity = Number.MAX_SAFE_INTEGER;
        }, for_());
        return;
      case 'fsync':
        if (target !== undefined) target.machine.disk.failingSyncs = numberIn(choice, 'count');
        return;
      case 'jump':
        target?.machine.clock.jump(numberIn(choice, 'ms'));
        return;
      case 'drift':
        target?.machine.clock.runFast(numberIn(choice, 'percent') / 100);
        return;
      case 'flip':
        if (target !== undefined) this.#flip(node, target, choice);
        return;
      case 'lose':
        if (target !== undefined) this.#lose(node, target, choice);
        return;
      case 'weight':
        if (target?.validator != null) this.#change(target, numberIn(choice, 'weight'));
        return;
      case 'join':
        this.#join();
        return;
    }
  }

  #mark(index: number, kind: string): void {
    const met = this.#met.get(index) ?? new Set();
    met.add(kind);
    this.#met.set(index, met);
  }

  /** Ends a fault in `ms`, or earlier when all faults end. */
  #last(release: () => void, ms: number): void {
    const once = (): void => {
      if (this.#lasting.delete(once)) release();
    };
    this.#lasting.add(once);
    this.#cluster.world.schedule(ms, 'fault/over', () => {
      if (!this.#over) once();
    });
  }

  #crash(index: number, power: boolean, down: number): void {
    const member = this.#cluster.members[index];
    if (member === undefined || !member.machine.alive) return;
    member.machine.crash({ power });
    this.#leaveOff(index, down);
  }

  #leaveOff(index: number, down: number): void {
    const { world } = this.#cluster;
    this.#off.set(index, world.elapsed + down);
    world.schedule(down, 'fault/restart', () => {
      const until = this.#off.get(index);
      if (this.#over || until === undefined || until > world.elapsed) return;
      this.#off.delete(index);
      this.#restart(index);
    });
  }

  #restart(index: number): void {
    const { machine, secret } = this.#cluster.member(index);
    if (machine.alive || machine.lives === 0) return;
    this.#cluster.start(index);
    if (secret !== null) this.damage.restarts++;
  }

  /** Cuts off the prey of the moment, or holds its messages back, until `until`: an adversary that looks before it strikes. */
  #hunt(until: number, preyOf: () => PeerId | null, how: 'cut' | 'clogged'): void {
    const { world, network } = this.#cluster;
    let release: () => void = () => {};
    const turn = (): void => {
      release();
      if (this.#over || world.elapsed >= until) return;
      const prey = preyOf();
      if (prey !== null) {
        release = network.raise(isolated([prey], 'both', how));
        this.#last(release, STRIKE);
      }
      world.schedule(STRIKE, 'fault/hunt', turn);
    };
    turn();
  }

  /** A bit of a file inverts while the machine is off. */
  #flip(index: number, { machine }: Member, choice: PlannedFault['choice']): void {
    machine.crash();
    this.#leaveOff(index, 100);
    this.damage.maimed.add(index);
    const names = machine.disk.fileNames().filter((name) => !name.startsWith('gate/'));
    const name = names[numberIn(choice, 'file') % Math.max(1, names.length)];
    const size = name === undefined ? 0 : (machine.disk.peek(name)?.length ?? 0);
    if (name === undefined || size === 0) return;
    machine.disk.flip(
      name,
      Math.floor((numberIn(choice, 'place') * size) / 10_000) % size,
      numberIn(choice, 'bit') & 7,
    );
  }

  /** The disk is gone, but for the gate: what an operator may bring back is never a gate. */
  #lose(index: number, { name, machine }: Member, choice: PlannedFault['choice']): void {
    machine.crash();
    if (choice.what === 'journal') machine.disk.lose('journal/');
    else this.#wipe(machine);
    this.damage.maimed.add(index);
    this.#cluster.checkers.forget(name);
    this.#leaveOff(index, numberIn(choice, 'down'));
  }

  #wipe(machine: Member['machine']): void {
    for (const file of [...machine.disk.fileNames(), ...machine.disk.storeNames()]) {
      if (!file.startsWith('gate/')) machine.disk.lose(file);
    }
  }

  /** Somebody who runs proposes a change of the validator set. */
  #change({ validator }: Member, weight: number): void {
    const running = this.#cluster.members.findIndex(({ machine }) => machine.program !== null);
    if (running < 0 || validator === null) return;
    this.#cluster.submit(running, `governance ${Math.round(this.#cluster.world.elapsed)}`, {
      validators: [{ ...validator, weight }],
    });
  }

  /** An observer without a past joins from a block that is final. */
  #join(): void {
    const { members, joins } = this.#cluster;
    const index = members.findIndex(({ secret }) => secret === null);
    const newcomer = members[index];
    const source = members.find(
      (member) => member.machine.program?.halted === null && !this.#cluster.guises.has(member),
    );
    const replica = source?.machine.program?.replica;
    if (newcomer === undefined || newcomer.machine.lives > 0 || replica === undefined || source === undefined) return;
    const status = this.#cluster.statusOf(members.indexOf(source));
    const block = status === null ? null : replica.block(Math.max(1, status.executedHeight - 10));
    if (block !== null) {
      joins.set(newcomer, {
        trusted: { height: block.header.height, digest: block.digest },
        trustingPeriod: 3_600_000,
      });
    }
    this.#cluster.start(index);
  }

  /** An operator looks after the machines every now and then. */
  #tend(): void {
    this.#cluster.members.forEach(({ machine }, index) => {
      if (this.#off.has(index) || machine.lives === 0) return;
      if (machine.program !== null && machine.program.halted !== null) this.#bury(index);
      if (!machine.alive && (this.#failures.get(index) ?? 0) < PATIENCE) {
        if (machine.failure !== null) this.#failedStart(index, machine.failure);
        if (!this.#over || !this.damage.maimed.has(index)) this.#restart(index);
      }
    });
    this.#cluster.world.schedule(ROUND, 'operator', () => this.#tend());
  }

  /** A replica stopped itself: was there a reason? */
  #bury(index: number): void {
    const { machine } = this.#cluster.member(index);
    this.#judge(index, machine.program?.halted ?? null);
    machine.crash({ power: false });
  }

  #failedStart(index: number, failure: unknown): void {
    this.#failures.set(index, (this.#failures.get(index) ?? 0) + 1);
    this.#judge(index, failure);
    const { name, machine } = this.#cluster.member(index);
    // What a damaged disk needs: everything but the gate begins anew.
    if (this.damage.maimed.has(index)) {
      this.#wipe(machine);
      this.#cluster.checkers.forget(name);
    }
  }

  #judge(index: number, error: unknown): void {
    const member = this.#cluster.member(index);
    const code = codeOf(error);
    if (code === null || this.#cluster.guises.has(member)) return;
    const expected = [...(this.#met.get(index) ?? [])].flatMap((kind) => EXPECTED[kind] ?? []);
    if (expected.includes(code)) return;
    const text = error instanceof Error ? error.message : String(error);
    this.#cluster.checkers.stopped(member.name, `${code}: ${text}`);
  }
}

/** The replica that has come farthest: who would make progress next. */
function farthest(cluster: Cluster): { readonly member: Member; readonly status: ReplicaStatus } | null {
  let best: { readonly member: Member; readonly status: ReplicaStatus } | null = null;
  for (const [index, member] of cluster.members.entries()) {
    const status = cluster.statusOf(index);
    if (status === null) continue;
    const ahead = best === null ? 1 : status.epoch - best.status.epoch || status.view - best.status.view;
    if (ahead > 0) best = { member, status };
  }
  return best;
}

function farthestOf(cluster: Cluster): PeerId | null {
  return farthest(cluster)?.member.peer ?? null;
}

/** The node key of whoever leads, as the replica that has come farthest sees it. */
function leaderOf(cluster: Cluster): PeerId | null {
  const best = farthest(cluster);
  if (best === null || best.status.engine.leader === null) return null;
  const set = best.member.machine.program?.replica.validators(best.status.epoch);
  return set?.at(best.status.engine.leader)?.peer ?? null;
}
