import { initialiseGate, openGate, sha256 } from '@quorate/crypto';
import {
  type ConsensusParameters,
  type Digest,
  type Genesis,
  type Height,
  isQuorateError,
  type PeerId,
  type Ports,
  type QuorateError,
  type SecretKey,
  type SignatureSuite,
  type Signer,
  toHex,
  type Validator,
  ValidatorSet,
} from '@quorate/kernel';
import { createReplica, type Log, type Replica, type ReplicaOptions, type ReplicaStatus } from '@quorate/replica';
import { Checkers } from './checkers/checkers.ts';
import type { ClockOptions } from './clock.ts';
import type { Decisions } from './decisions.ts';
import type { DiskOptions } from './disk.ts';
import { Incarnation } from './incarnation.ts';
import { type Boot, Machine, type Program } from './machine.ts';
import { type NetworkOptions, SimulatedNetwork } from './network.ts';
import { type Entry, Register, registerTransaction } from './register.ts';
import { simulatedSuite } from './suite.ts';
import { World } from './world.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly chainId?: string;
  /** Validators of genesis, by weight. */
  readonly weights: readonly number[];
  /** Suite of the votes; the simulated one unless a test is about a real one. */
  readonly suite?: SignatureSuite;
  /** Further machines: with `candidates` keys that may join the set later, and without keys. */
  readonly candidates?: number;
  readonly observers?: number;
  /** Whether the application executes on uncommitted parents. */
  readonly speculative?: boolean;
  readonly consensus?: Partial<ConsensusParameters>;
  readonly replica?: Partial<ReplicaOptions>;
  readonly network?: NetworkOptions;
  readonly disk?: DiskOptions;
  readonly clock?: (index: number) => ClockOptions;
  readonly log?: (node: string) => Log;
  /** Where faults come from; drawn from the seed unless told otherwise. */
  readonly decisions?: Decisions;
  /** The order of simultaneous events; `fifo` unless told otherwise. */
  readonly ties?: 'fifo' | 'seeded';
}

/** A validator that breaks the rules: what it gives its replica instead of honest ports. */
export type Guise = (ports: Ports, secret: SecretKey) => Ports;

/** A replica with what a scenario wants to see of it. */
export interface Running extends Program {
  readonly replica: Replica;
  /** Why the replica stopped itself, or `null`. */
  halted: QuorateError | null;
}

/** One machine of a cluster. */
export interface Member {
  readonly name: string;
  readonly peer: PeerId;
  readonly machine: Machine<Running>;
  /** The voting key; `null` for an observer. */
  readonly secret: SecretKey | null;
  /** As it would stand in a validator set, with weight 1. */
  readonly validator: Validator | null;
}

const CONSENSUS: ConsensusParameters = {
  mechanism: 'simplex',
  delta: 200,
  maxTimeout: 60_000,
  epochLength: 50,
  maxBlockBytes: 1 << 20,
  evidenceWindow: 1000,
  upgradeHeight: 0,
};

/** A network of full replicas in one world, with the checkers watching. */
export class Cluster {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly suite: SignatureSuite;
  readonly genesis: Genesis;
  readonly #members: Member[];
  readonly checkers = new Checkers();
  readonly #options: ClusterOptions;
  readonly #nonces = new Map<string, number>();
  /** Members that break the rules, and how. What they say of themselves is not checked. */
  readonly guises = new Map<Member, Guise>();
  /** Checkpoints from which members without a past join. */
  readonly joins = new Map<Member, NonNullable<ReplicaOptions['stateSync']>>();

  private constructor(
    options: ClusterOptions,
    parts: { world: World; network: SimulatedNetwork; suite: SignatureSuite; genesis: Genesis },
    members: Member[],
  ) {
    this.#options = options;
    this.world = parts.world;
    this.network = parts.network;
    this.suite = parts.suite;
    this.genesis = parts.genesis;
    this.#members = members;
  }

  /** A cluster whose homes are prepared and whose machines are off. */
  static async create(options: ClusterOptions): Promise<Cluster> {
    const { seed, decisions, ties = 'fifo' } = options;
    const world = new World({ seed, ties, ...(decisions === undefined ? {} : { decisions }) });
    const network = new SimulatedNetwork(world, options.network);
    const suite = options.suite ?? simulatedSuite();
    const keys = world.stream('keys');
    const draft = (index: number, keyed: boolean) => {
      const secret = keyed ? suite.secretFromSeed(keys.bytes(32)) : null;
      const peer = toHex(keys.bytes(32));
      const validator =
        secret === null
          ? null
          : { publicKey: secret.publicKey, weight: 1, proof: secret.prove(), peer, address: `n${index}:1` };
      return { name: `n${index}`, peer, secret, validator };
    };
    const { weights, candidates = 0, observers = 0 } = options;
    const keyed = weights.length + candidates;
    const drafts = Array.from({ length: keyed + observers }, (_, index) => draft(index, index < keyed));
    const validators = new ValidatorSet(
      weights.flatMap((weight, index) => {
        const validator = drafts[index]?.validator;
        return validator === null || validator === undefined ? [] : [{ ...validator, weight }];
      }),
    );
    const genesis: Genesis = {
      chainId: options.chainId ?? 'simulated',
      time: world.start - 1000,
      suite: suite.name,
      consensus: { ...CONSENSUS, ...options.consensus },
      validators,
      application: 'register',
      appState: new TextEncoder().encode('{}'),
    };
    const cluster = new Cluster(
      options,
      { world, network, suite, genesis },
      drafts.map((one, index) => ({
        ...one,
        machine: new Machine<Running>(world, network, {
          name: one.name,
          peer: one.peer,
          ...(options.disk === undefined ? {} : { disk: options.disk }),
          ...(options.clock === undefined ? {} : { clock: options.clock(index) }),
        }),
      })),
    );
    for (const { machine, secret } of cluster.members) {
      if (secret === null) continue;
      const disk = machine.disk.port(new Incarnation(world, 'setup'));
      await world.complete(initialiseGate({ chainId: genesis.chainId, secret }, { disk }));
    }
    return cluster;
  }

  get members(): readonly Member[] {
    return this.#members;
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
      else member.machine.start((boot) => this.#boot(member, boot));
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
    const program = this.member(index).machine.program;
    if (program === null || program.halted !== null) return null;
    try {
      return program.replica.status();
    } catch (error) {
      // It stops in this very moment, or its store failed and answers nothing any more.
      if (isQuorateError(error)) return null;
      throw error;
    }
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
    const { name, machine } = this.member(index);
    const replica = machine.program?.replica;
    if (replica === undefined) return null;
    const nonce = entry.nonce ?? (this.#nonces.get(sender) ?? 0) + 1;
    this.#nonces.set(sender, nonce);
    const tx = registerTransaction({ sender, nonce, value: `${sender} ${nonce}`, ...entry });
    const id = toHex(sha256(tx));
    this.checkers.offer(id);
    const honest = !this.guises.has(this.member(index));
    const settle = async (): Promise<void> => {
      const result = await replica.submit(tx);
      if (result.kind === 'rejected') return;
      const status = await replica.settled(id);
      if (honest) this.checkers.settled(name, id, status);
    };
    settle().catch(() => {}); // a node that stops answers nobody
    return id;
  }

  /** A steady load: a transaction of a fresh sender at a random living member, every `interval` ms, some with `padding` bytes more, until the returned function is called. */
  load(interval: number, padding = 0): () => void {
    const stream = this.world.stream('load');
    let stopped = false;
    let count = 0;
    const next = (): void => {
      if (stopped) return;
      const running = this.members.flatMap(({ machine }, index) => (machine.program === null ? [] : [index]));
      if (running.length > 0) {
        const large = padding > 0 && count % 4 === 0;
        const entry = large ? { padding: new Uint8Array(padding) } : {};
        this.submit(stream.pick(running), `load ${count++ % 50}`, entry);
        if (count % 5 === 0) this.#read(stream.pick(running), `load ${stream.below(50)}`);
      }
      this.world.schedule(interval, 'load', next);
    };
    next();
    return () => {
      stopped = true;
    };
  }

  /** Reads the value of a sender at a member, for the checkers. */
  #read(index: number, sender: string): void {
    const member = this.member(index);
    const replica = member.machine.program?.replica;
    if (replica === undefined || this.guises.has(member)) return;
    const data = new TextEncoder().encode(sender);
    replica.query({ path: '', data, height: 0, prove: false }).then(
      ({ height, value }) => this.checkers.read(member.name, sender, height, new TextDecoder().decode(value)),
      () => {}, // a node that stops answers nobody
    );
  }

  /** Checks what only holds at rest, as {@link inspect}, and throws nothing: proofs and evidence that honest replicas serve, too. */
  examine(): void {
    const dishonest = new Set(
      [...this.guises.keys()].flatMap(({ secret }) => (secret === null ? [] : [toHex(secret.publicKey)])),
    );
    for (const { name, replica } of this.#honest()) {
      for (const { offender } of replica.evidence(1000)) this.checkers.accused(name, toHex(offender), dishonest);
      const top = replica.status().executedHeight;
      for (let height = top; height > Math.max(0, top - 12); height--) {
        const [block, proof] = [replica.block(height), replica.finalityProof(height)];
        if (block !== null && proof !== null) this.checkers.chain?.proof(name, block.digest, proof);
      }
      this.#recall(name, replica);
    }
    this.checkers.checkTold();
  }

  /** Honest members that run. */
  *#honest(): Iterable<{ readonly name: string; readonly replica: Replica }> {
    for (const [index, member] of this.members.entries()) {
      const replica = member.machine.program?.replica;
      if (replica === undefined || this.guises.has(member) || this.statusOf(index) === null) continue;
      yield { name: member.name, replica };
    }
  }

  #recall(name: string, replica: Replica): void {
    const find = (id: Digest): Height | null => {
      const status = replica.transaction(id);
      return status.kind === 'final' ? status.height : null;
    };
    this.checkers.checkAcknowledged(name, replica.status().executedHeight, find, keptFrom(replica));
  }

  /** Checks what only holds at rest: acknowledged transactions are where they were said to be, on every living member. */
  inspect(): void {
    for (const { name, replica } of this.#honest()) this.#recall(name, replica);
    this.checkers.checkTold();
    this.checkers.demand(`seed ${this.world.seed}`);
  }

  async #boot(member: Member, boot: Boot): Promise<Running> {
    const { name } = member;
    const log: Log = this.#options.log?.(name) ?? (() => {});
    const guise = this.guises.get(member);
    const signer = await this.#signer(member, boot, log);
    const store = await boot.disk.openStore('application');
    const committed = (height: Height, _block: Digest, stateRoot: Digest): void => {
      if (guise === undefined) this.checkers.committed(name, height, stateRoot);
    };
    const application = new Register({ speculative: this.#options.speculative ?? true }, { store, committed });
    const ports = boot.ports(guise === undefined ? this.checkers.watch(name, signer) : signer);
    const replica = createReplica(
      {
        genesis: this.genesis,
        retainBlocks: 0,
        mempool: { maxBytes: 8 << 20, maxTransactions: 10_000, maxPerSender: 1000 },
        snapshotInterval: 0,
        keepSnapshots: 0,
        stateSync: this.joins.get(member) ?? null,
        protocolVersion: 1,
        ...this.#options.replica,
        ...(boot.protocolVersion === null ? {} : { protocolVersion: boot.protocolVersion }),
      },
      {
        ports: guise === undefined || member.secret === null ? ports : guise(ports, member.secret),
        application,
        suite: this.suite,
        hash: sha256,
        log,
      },
    );
    const running: Running = { replica, halted: null, stop: () => replica.stop() };
    void replica.halted.then((error) => {
      running.halted = error;
      this.world.note('halted', `${name} ${error.code}`);
    });
    await replica.start();
    if (guise === undefined) this.checkers.restarted(name, replica.status().executedHeight);
    this.#follow(member, replica);
    return running;
  }

  /** Watches every block that a replica gives out, from the first that it still has. */
  #follow(member: Member, replica: Replica): void {
    const { name } = member;
    const subscription = replica.follow(keptFrom(replica), (block) => {
      const { header, digest } = block;
      if (!this.guises.has(member)) this.checkers.observe(name, block);
      this.world.note('finalized', `${name} ${header.height} ${digest}`);
    });
    void subscription.ended.then((error) => {
      if (isQuorateError(error, 'subscription/pruned')) this.#follow(member, replica);
    });
  }

  async #signer({ secret }: Member, { disk }: Boot, log: Log): Promise<Signer> {
    if (secret === null) {
      return { publicKey: null, sign: async () => [], raiseFloor: async () => {}, issued: () => false };
    }
    const { chainId } = this.genesis;
    return openGate({ chainId, secret, allowFresh: false }, { disk, log });
  }
}

/** The least height whose body a replica still has. */
function keptFrom(replica: Replica): Height {
  let from = replica.status().executedHeight + 1;
  while (from > 1 && replica.block(from - 1) !== null) from--;
  return from;
}

/** The code of a typed error, or what else it is. */
export function codeOf(error: unknown): string | null {
  return error === null ? null : isQuorateError(error) ? error.code : String(error);
}
