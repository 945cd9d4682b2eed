import { type Digest, type Genesis, type Height, isQuorateError, type SignatureSuite, toHex } from '@quorate/kernel';
import type { ReplicaOptions, ReplicaStatus } from '@quorate/replica';
import { Checkers } from './checkers/checkers.ts';
import { bootReplica } from './cluster/booting.ts';
import { Clients } from './cluster/clients.ts';
import { type Foundation, found } from './cluster/founding.ts';
import { examine, recall, type Witness } from './cluster/inspection.ts';
import { answerOf, type ClusterOptions, type Guise, type Member, type Running } from './cluster/member.ts';
import { type Boot, Machine } from './machine.ts';
import type { SimulatedNetwork } from './network.ts';
import type { Entry } from './register.ts';
import type { World } from './world.ts';

/** A network of full replicas in one world, with the checkers watching. */
export class Cluster {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly suite: SignatureSuite;
  readonly genesis: Genesis;
  readonly options: ClusterOptions;
  readonly checkers = new Checkers();
  /** Members that break the rules, and how. What they say of themselves is not checked. */
  readonly guises = new Map<Member, Guise>();
  /** Checkpoints from which members without a past join. */
  readonly joins = new Map<Member, NonNullable<ReplicaOptions['stateSync']>>();
  readonly #members: Member[];
  readonly #clients = new Clients(this);

  private constructor(options: ClusterOptions, { world, network, suite, genesis, members }: Foundation) {
    this.options = options;
    this.world = world;
    this.network = network;
    this.suite = suite;
    this.genesis = genesis;
    this.#members = members;
  }

  /** A cluster whose homes are prepared and whose machines are off. */
  static async create(options: ClusterOptions): Promise<Cluster> {
    return new Cluster(options, await found(options));
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Whether a member keeps the rules. */
  isHonest(member: Member): boolean {
    return !this.guises.has(member);
  }

  /** A second home with the key of a member and a copy of its disk as it is now, off; under its node key or one of its own. Returns its index. */
  duplicate(index: number, { samePeer }: { readonly samePeer: boolean }): number {
    const original = this.member(index);
    const name = `${original.name}'`;
    const peer = samePeer ? original.peer : toHex(this.world.stream('keys').bytes(32));
    const machine = new Machine<Running>(this.world, this.network, { name, peer });
    machine.disk.copyFrom(original.machine.disk);
    this.#members.push({ ...original, name, peer, machine });
    return this.#members.length - 1;
  }

  /** Members by index. */
  member(index: number): Member {
    const member = this.members[index];
    if (member === undefined) throw new RangeError(`no member ${index}`);
    return member;
  }

  /** Turns machines on: those of the given indices, or all. */
  start(...indices: readonly number[]): void {
    const chosen = indices.length === 0 ? this.members : indices.map((index) => this.member(index));
    for (const member of chosen) {
      if (member.machine.lives > 0) member.machine.restart();
      else member.machine.start((boot: Boot) => bootReplica(this, member, boot));
    }
  }

  /** Members that run and have not stopped themselves. */
  get alive(): readonly Member[] {
    return this.members.filter(({ machine }) => machine.program !== null && machine.program.halted === null);
  }

  /** The executed height of a member; 0 while it is off. */
  heightOf(index: number): Height {
    return this.statusOf(index)?.height ?? 0;
  }

  /** What the replica of a member says of itself; null while none runs. */
  statusOf(index: number): ReplicaStatus | null {
    const member = this.member(index);
    const { program } = member.machine;
    return program === null || program.halted !== null ? null : answerOf(member, (replica) => replica.status());
  }

  /** Runs until every living member (or those of `indices`) has got `count` heights beyond the highest that anybody has now. */
  async advances(count: number, limit = 60_000, indices?: readonly number[]): Promise<boolean> {
    const target = this.checkers.height + count;
    return this.reaches(target, limit, indices);
  }

  /** Runs until every living member (or those of `indices`) has finalized `height`. */
  async reaches(height: Height, limit = 60_000, indices?: readonly number[]): Promise<boolean> {
    const behind = (): boolean => {
      const members =
        indices?.map((index) => this.member(index)) ?? this.members.filter(({ machine }) => machine.alive);
      return (
        members.length === 0 || members.some(({ machine }) => (machine.program?.replica.status().height ?? 0) < height)
      );
    };
    const reached = await this.world.runUntil(() => !behind(), limit);
    this.checkers.demand(`seed ${this.world.seed}`);
    return reached;
  }

  /** Submits a transaction of `sender` at a member; the checkers hear when it is called final. */
  submit(index: number, sender: string, entry: Partial<Entry> = {}): Digest | null {
    return this.#clients.submit(this.member(index), sender, entry);
  }

  /** A steady load: a transaction of a fresh sender at a random living member, every `interval` ms, some with `padding` bytes more, until the returned function is called. */
  load(interval: number, padding = 0): () => void {
    return this.#clients.load(interval, padding);
  }

  /**
   * Checks what only holds at rest, as {@link inspect}, and throws nothing: proofs and evidence that honest replicas serve, too. A
   * replica may refuse to answer with an error that `excused` knows a reason for.
   */
  examine(excused: (name: string, error: unknown) => boolean = () => false): void {
    const breakers = [...this.guises.keys()].flatMap(({ secret }) => (secret === null ? [] : [secret.publicKey]));
    examine({ checkers: this.checkers, breakers, excused }, this.#witnesses());
    this.checkers.checkTold();
  }

  /** Checks what only holds at rest: acknowledged transactions are where they were said to be, on every living member. */
  inspect(): void {
    for (const witness of this.#witnesses()) witness.ask(() => recall(this.checkers, witness));
    this.checkers.checkTold();
    this.checkers.demand(`seed ${this.world.seed}`);
  }

  /** Honest members that run. */
  *#witnesses(): Iterable<Witness> {
    for (const [index, member] of this.members.entries()) {
      const replica = member.machine.program?.replica;
      if (replica === undefined || !this.isHonest(member) || this.statusOf(index) === null) continue;
      yield { name: member.name, replica, ask: (question) => member.machine.disk.aside(question) };
    }
  }
}

/** The code of a typed error, or what else it is. */
export function codeOf(error: unknown): string | null {
  return error === null ? null : isQuorateError(error) ? error.code : String(error);
}
