import { openGate, sha256 } from '@quorate/crypto';
import {
  type Application,
  type ApplicationBlock,
  bytes,
  concatBytes,
  type Digest,
  type Disk,
  decode,
  digest,
  type Execution,
  encode,
  fromHex,
  type Genesis,
  type PeerId,
  type Ports,
  type SecretKey,
  type SnapshotCapability,
  type SnapshotInfo,
  type Store,
  struct,
  toHex,
  u53,
  type Validator,
  ValidatorSet,
  type ValidatorUpdate,
} from '@quorate/kernel';
import { Machine, SimulatedNetwork, simulatedSuite, World } from '@quorate/sim';
import type { Replica, ReplicaOptions } from './api.ts';
import { createReplica } from './replica.ts';

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();
const STATE = utf8.encode('state');
const SNAPSHOT = utf8.encode('snapshot/');
const AFTER_SNAPSHOTS = utf8.encode('snapshot0');
const stateCodec = struct<{ height: number; block: Digest; root: Digest; count: number; spare: Uint8Array }>({
  height: u53,
  block: digest,
  root: digest,
  count: u53,
  spare: bytes(8),
});
type RegisterState = { height: number; block: Digest; root: Digest; count: number; spare: Uint8Array };

/**
 * An application whose state is a running digest of all transactions and offenders, durable on the simulated disk.
 * `bad…` is refused, `forged…` too and for ever, `poison…` makes execution throw, `set:<key>:<weight>:<peer>` changes the validators.
 */
export class RegisterApplication implements Application {
  readonly capabilities;
  readonly snapshots: SnapshotCapability;
  readonly #store: Store;
  #committed: RegisterState;
  readonly #candidates = new Map<Digest, RegisterState>();
  /** Adds this to every state root it computes from height `wrongFrom` on. */
  wrongFrom: number | null = null;

  private constructor(store: Store, committed: RegisterState, speculative: boolean) {
    this.#store = store;
    this.#committed = committed;
    this.capabilities = { speculative, rollback: false, snapshots: true, extensions: false };
    this.snapshots = this.#snapshots();
  }

  static async open(disk: Disk, genesis: Digest, speculative: boolean): Promise<RegisterApplication> {
    const store = await disk.openStore('application');
    const stored = store.get(STATE);
    const nothing = {
      height: 0,
      block: genesis,
      root: toHex(sha256(utf8.encode('empty'))),
      count: 0,
      spare: new Uint8Array(),
    };
    return new RegisterApplication(store, stored === undefined ? nothing : decode(stateCodec, stored), speculative);
  }

  info() {
    const { height, block, root } = this.#committed;
    return Promise.resolve({ name: 'register', version: '1', height, block, stateRoot: root });
  }

  initChain() {
    return Promise.resolve({ stateRoot: this.#committed.root });
  }

  checkTx(tx: Uint8Array) {
    const text = fromUtf8.decode(tx);
    if (text.startsWith('bad')) return Promise.resolve({ kind: 'rejected', reason: 'it is bad' } as const);
    if (text.startsWith('forged'))
      return Promise.resolve({ kind: 'rejected', reason: 'it is forged', inadmissible: true } as const);
    const sender = toHex(sha256(tx)).slice(0, 8);
    return Promise.resolve({ kind: 'admitted', sender, nonce: 0n, next: 0n, priority: 1n, expiry: null } as const);
  }

  prepareProposal(_context: unknown, candidates: readonly Uint8Array[]) {
    return Promise.resolve([...candidates]);
  }

  processProposal(block: ApplicationBlock) {
    const bad = block.transactions.some((tx) => fromUtf8.decode(tx).startsWith('bad'));
    return Promise.resolve(
      bad ? ({ kind: 'invalid', reason: 'a bad transaction' } as const) : ({ kind: 'valid' } as const),
    );
  }

  finalizeBlock(block: ApplicationBlock): Promise<Execution> {
    const texts = block.transactions.map((tx) => fromUtf8.decode(tx));
    if (texts.some((text) => text.startsWith('poison'))) throw new Error('poisoned');
    const parent =
      this.#committed.block === block.parent.digest ? this.#committed : this.#candidates.get(block.parent.digest);
    const before = parent ?? (block.height === 1 ? this.#committed : undefined);
    if (before === undefined) throw new Error(`no state of ${block.parent.digest}`);
    let root = before.root;
    for (const tx of block.transactions) root = toHex(sha256(concatBytes(fromHex(root), tx)));
    for (const { offender, weight, totalWeight } of block.evidence)
      root = toHex(sha256(concatBytes(fromHex(root), utf8.encode(`jail ${weight}/${totalWeight}`), offender)));
    if (this.wrongFrom !== null && block.height >= this.wrongFrom) root = toHex(sha256(fromHex(root)));
    const count = before.count + block.transactions.length;
    this.#candidates.set(block.block.digest, {
      height: block.height,
      block: block.block.digest,
      root,
      count,
      spare: new Uint8Array(),
    });
    const receipts = texts.map((text) => ({ code: 0, log: text.slice(0, 20), events: [], data: new Uint8Array() }));
    return Promise.resolve({ stateRoot: root, receipts, validatorUpdates: texts.flatMap(updateIn), events: [] });
  }

  async commit(block: { readonly digest: Digest }) {
    const state = this.#candidates.get(block.digest);
    if (state === undefined) throw new Error(`no candidate ${block.digest}`);
    await this.#store.write([{ key: STATE, value: encode(stateCodec, state) }]);
    this.#committed = state;
    for (const [name, candidate] of this.#candidates)
      if (candidate.height <= state.height) this.#candidates.delete(name);
    return { retainHeight: 0 };
  }

  query() {
    const value = utf8.encode(String(this.#committed.count));
    return Promise.resolve({ code: 0, log: '', height: this.#committed.height, value, proof: new Uint8Array() });
  }

  close() {
    return this.#store.close();
  }

  /** A snapshot is one chunk: the committed state. */
  #snapshots(): SnapshotCapability {
    const taken = (): { key: Uint8Array; info: SnapshotInfo }[] =>
      [...this.#store.range({ from: SNAPSHOT, to: AFTER_SNAPSHOTS })].map(([key, value]) => {
        const { height } = decode(stateCodec, value);
        const digest = toHex(sha256(value));
        return { key, info: { height, format: 1, chunks: 1, digest, metadata: new Uint8Array() } };
      });
    let offered: SnapshotInfo | null = null;
    return {
      take: async (keep) => {
        const value = encode(stateCodec, this.#committed);
        await this.#store.write([{ key: snapshotKey(this.#committed.height), value }]);
        await this.#store.write(
          taken()
            .slice(0, -keep)
            .map(({ key }) => ({ key, value: null })),
        );
      },
      list: () => Promise.resolve(taken().map(({ info }) => info)),
      load: (height) => Promise.resolve(this.#store.get(snapshotKey(height)) ?? null),
      offer: (info) => {
        offered = info;
        return Promise.resolve('accept');
      },
      apply: async (_chunk, value) => {
        if (toHex(sha256(value)) !== offered?.digest) return 'bad';
        await this.#store.write([{ key: STATE, value }]);
        this.#committed = decode(stateCodec, value);
        return 'done';
      },
    };
  }
}

function snapshotKey(height: number): Uint8Array {
  return concatBytes(SNAPSHOT, utf8.encode(String(height).padStart(10, '0')));
}

function updateIn(text: string): ValidatorUpdate[] {
  const [word, key, weight, peer] = text.split(':');
  if (word !== 'set' || key === undefined || weight === undefined || peer === undefined) return [];
  return [{ publicKey: fromHex(key), weight: Number(weight), proof: new Uint8Array(), peer, address: '' }];
}

export interface ClusterOptions {
  readonly seed: number;
  /** Genesis validators. */
  readonly validators?: number;
  /** Further machines: with a key, but outside the genesis set. */
  readonly observers?: number;
  readonly speculative?: boolean;
  readonly consensus?: Partial<Genesis['consensus']>;
  readonly replica?: Partial<ReplicaOptions>;
  /** Changes what a machine gives its replica. */
  readonly ports?: (ports: Ports) => Ports;
}

/** A network of replicas in one simulated world. */
export class Cluster {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly suite = simulatedSuite();
  readonly genesis: Genesis;
  readonly machines: Machine<Replica>[] = [];
  readonly secrets: SecretKey[] = [];
  readonly options: ClusterOptions;
  readonly applications = new Map<number, RegisterApplication>();
  /** The checkpoints from which nodes join by state sync. */
  readonly joins = new Map<number, NonNullable<ReplicaOptions['stateSync']>>();
  readonly logs: string[] = [];

  constructor(options: ClusterOptions) {
    this.options = options;
    const { seed, validators = 4, observers = 0, speculative = true, ports = (same: Ports) => same } = options;
    this.world = new World({ seed });
    this.network = new SimulatedNetwork(this.world);
    const { suite } = this;
    const members: Validator[] = [];
    for (let index = 0; index < validators + observers; index++) {
      const secret = suite.secretFromSeed(sha256(utf8.encode(`key ${index}`)));
      this.secrets.push(secret);
      if (index < validators) {
        members.push({
          publicKey: secret.publicKey,
          weight: 1,
          proof: new Uint8Array(),
          peer: this.peer(index),
          address: '',
        });
      }
    }
    this.genesis = {
      chainId: 'test',
      time: this.world.start,
      suite: 'simulated',
      consensus: {
        mechanism: 'simplex',
        delta: 1000,
        maxTimeout: 60_000,
        epochLength: 1000,
        maxBlockBytes: 1 << 20,
        evidenceWindow: 1000,
        upgradeHeight: 0,
        ...options.consensus,
      },
      validators: new ValidatorSet(members),
      application: 'register',
      appState: new Uint8Array(),
    };
    for (let index = 0; index < validators + observers; index++) {
      const machine = new Machine<Replica>(this.world, this.network, { name: `node${index}`, peer: this.peer(index) });
      this.machines.push(machine);
    }
    this.#boot = async (index, boot) => {
      const secret = this.secrets[index];
      if (secret === undefined) throw new Error('no such node');
      const gate = await openGate({ chainId: 'test', secret, allowFresh: 'genesis' }, { disk: boot.disk });
      const application = await RegisterApplication.open(boot.disk, '00'.repeat(32), speculative);
      this.applications.set(index, application);
      const replica = createReplica(
        {
          genesis: this.genesis,
          retainBlocks: 0,
          mempool: { maxBytes: 8 << 20, maxTransactions: 10_000, maxPerSender: 1000 },
          snapshotInterval: 0,
          keepSnapshots: 0,
          stateSync: this.joins.get(index) ?? null,
          protocolVersion: 2,
          ...options.replica,
        },
        {
          ports: ports(boot.ports(gate)),
          application,
          suite,
          hash: sha256,
          log: (level, message, fields) => {
            const line = `${Math.round(this.world.elapsed)} node${index} ${level} ${message} ${JSON.stringify(fields ?? {})}`;
            if (level !== 'debug') this.logs.push(line);
          },
        },
      );
      await replica.start();
      return replica;
    };
  }

  readonly #boot: (index: number, boot: Parameters<Parameters<Machine<Replica>['start']>[0]>[0]) => Promise<Replica>;

  peer(index: number): PeerId {
    return toHex(sha256(utf8.encode(`peer ${index}`)));
  }

  start(...indices: readonly number[]): void {
    for (const index of indices.length === 0 ? this.machines.keys() : indices) {
      this.machines[index]?.start((boot) => this.#boot(index, boot));
    }
  }

  /** Another machine with the voting key of a node, under a node key of its own: what must never run beside it. Its index. */
  twin(index: number): number {
    const secret = this.secrets[index];
    if (secret === undefined) throw new Error('no such node');
    const name = `node${this.machines.length}`;
    this.machines.push(new Machine<Replica>(this.world, this.network, { name, peer: this.peer(this.machines.length) }));
    this.secrets[this.machines.length - 1] = secret;
    return this.machines.length - 1;
  }

  replica(index: number): Replica {
    const program = this.machines[index]?.program;
    if (program == null) {
      const failure = this.machines[index]?.failure;
      throw new Error(`node${index} does not run: ${String(failure)}\n${this.logs.slice(-20).join('\n')}`);
    }
    return program;
  }

  height(index: number): number {
    return this.machines[index]?.program?.status().height ?? 0;
  }

  /** Runs until every one of these nodes has finalized `height`; throws when they do not within `limit` virtual ms. */
  async reach(height: number, indices: readonly number[] = [...this.machines.keys()], limit = 60_000): Promise<void> {
    const done = await this.world.runUntil(() => indices.every((index) => this.height(index) >= height), limit);
    if (done) return;
    const heights = this.machines.map(
      (machine, index) => `${index}: ${this.height(index)} ${String(machine.failure ?? '')}`,
    );
    throw new Error(`height ${height} was not reached:\n${heights.join('\n')}\n${this.logs.slice(-30).join('\n')}`);
  }
}
