import { initialiseGate, openGate, sha256 } from '@quorate/crypto';
import {
  type ConsensusParameters,
  type Digest,
  type Genesis,
  type Height,
  isQuorateError,
  type PeerId,
  type QuorateError,
  type SecretKey,
  type SignatureSuite,
  type Signer,
  toHex,
  type Validator,
  ValidatorSet,
} from '@quorate/kernel';
import { createReplica, type Log, type Replica, type ReplicaOptions } from '@quorate/replica';
import { Checkers } from './checkers.ts';
import type { ClockOptions } from './clock.ts';
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
}

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
    const world = new World({ seed: options.seed });
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
    return this.member(index).machine.program?.replica.status().height ?? 0;
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
    const settle = async (): Promise<void> => {
      const result = await replica.submit(tx);
      if (result.kind === 'rejected') return;
      const status = await replica.settled(id);
      if (status.kind === 'final') this.checkers.acknowledge(name, id, status.height);
    };
    settle().catch(() => {}); // a node that stops answers nobody
    return id;
  }

  /** A steady load: a transaction of a fresh sender at a random living member, every `interval` ms, until the returned function is called. */
  load(interval: number): () => void {
    const stream = this.world.stream('load');
    let stopped = false;
    let count = 0;
    const next = (): void => {
      if (stopped) return;
      const running = this.members.flatMap(({ machine }, index) => (machine.program === null ? [] : [index]));
      if (running.length > 0) this.submit(stream.pick(running), `load ${count++ % 50}`);
      this.world.schedule(interval, 'load', next);
    };
    next();
    return () => {
      stopped = true;
    };
  }

  /** Checks what only holds at rest: acknowledged transactions are where they were said to be, on every living member. */
  inspect(): void {
    for (const { name, machine } of this.alive) {
      const replica = machine.program?.replica;
      if (replica === undefined) continue;
      this.checkers.checkAcknowledged(name, replica.status().executedHeight, (id) => {
        const status = replica.transaction(id);
        return status.kind === 'final' ? status.height : null;
      });
    }
    this.checkers.demand(`seed ${this.world.seed}`);
  }

  async #boot(member: Member, boot: Boot): Promise<Running> {
    const { name } = member;
    const log: Log = this.#options.log?.(name) ?? (() => {});
    const signer = await this.#signer(member, boot, log);
    const store = await boot.disk.openStore('application');
    const application = new Register(
      { speculative: this.#options.speculative ?? true },
      { store, committed: (height, _block, stateRoot) => this.checkers.committed(name, height, stateRoot) },
    );
    const replica = createReplica(
      {
        genesis: this.genesis,
        retainBlocks: 0,
        mempool: { maxBytes: 8 << 20, maxTransactions: 10_000, maxPerSender: 1000 },
        snapshotInterval: 0,
        keepSnapshots: 0,
        stateSync: null,
        protocolVersion: 1,
        ...this.#options.replica,
      },
      { ports: boot.ports(this.checkers.watch(name, signer)), application, suite: this.suite, hash: sha256, log },
    );
    const running: Running = { replica, halted: null, stop: () => replica.stop() };
    void replica.halted.then((error) => {
      running.halted = error;
      this.world.note('halted', `${name} ${error.code}`);
    });
    await replica.start();
    replica.follow(1, ({ header, digest }) => {
      this.checkers.finalized(name, header.height, digest);
      this.world.note('finalized', `${name} ${header.height} ${digest}`);
    });
    return running;
  }

  async #signer({ secret }: Member, { disk }: Boot, log: Log): Promise<Signer> {
    if (secret === null) {
      return { publicKey: null, sign: async () => [], raiseFloor: async () => {}, issued: () => false };
    }
    const { chainId } = this.genesis;
    return openGate({ chainId, secret, allowFresh: false }, { disk, log });
  }
}

/** The code of a typed error, or what else it is. */
export function codeOf(error: unknown): string | null {
  return error === null ? null : isQuorateError(error) ? error.code : String(error);
}
