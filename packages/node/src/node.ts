import { readFile } from 'node:fs/promises';
import { openGate, type SuiteRegistry } from '@quorate/crypto';
import {
  type Application,
  type Clock,
  checkGenesis,
  type Digest,
  type Disk,
  type Genesis,
  genesisDigest,
  type Hash,
  QuorateError,
  type Random,
  type Signer,
  type ValidatorSet,
} from '@quorate/kernel';
import { demandTrustingPeriod } from '@quorate/ledger';
import { createReplica, type Log, type Replica, type ReplicaOptions, type ReplicaStatus } from '@quorate/replica';
import { type ApplicationFactory, checkedApplication, ledgerFactory, loadApplication } from './application.ts';
import { NodeDisk } from './disk/node-disk.ts';
import { readGenesis, readKey } from './home.ts';
import { createLogging } from './logging.ts';
import { createNodeHash } from './native/node-hash.ts';
import { createNativeSuites } from './native/suites.ts';
import { createClock, createRandom } from './ports.ts';
import { type NodeConfig, parsePeer } from './settings.ts';
import { EmulatedTransport } from './transport/emulation.ts';
import { createTlsMesh, type TlsMesh, type TlsMeshLimits } from './transport/mesh.ts';
import { loneliness, quietAfter, type Sight, Watch } from './watch.ts';

/** Protocol versions that this software speaks, both included. */
export const PROTOCOL_VERSIONS = { min: 1, max: 2 } as const;
export const SOFTWARE = 'quorate/0.1.0';

/** Behind the chain by more than this, a node is not ready (architecture, "Failure policy"). */
const MAX_EXECUTION_LAG = 16;
const HOUR_MS = 3_600_000;
const WATCH_MS = 1000;

export interface NodeOptions {
  /** The home folder, with genesis.json and keys/node.json at least. */
  readonly home: string;
  readonly config: NodeConfig;
}

/** What a caller may decide otherwise than configuration can: tests, the devnet, flags that must not be stored. */
export interface NodeOverrides {
  readonly log?: Log;
  readonly application?: ApplicationFactory;
  /**
   * What to do when the signing gate has no state for the key: `false` (the default) observes until the next epoch boundary,
   * `'genesis'` knows that the key was made for this chain a moment ago, `'operator'` is `--i-know-this-key-never-signed`.
   */
  readonly freshGate?: false | 'genesis' | 'operator';
  /** Of the key files; otherwise `keys.passphraseFile` or QUORATE_PASSPHRASE. */
  readonly passphrase?: string;
  readonly protocolVersions?: { readonly min: number; readonly max: number };
  readonly clock?: Clock;
  readonly random?: Random;
  /** Ms from a clock that never goes back, by which the node tells that its chain stands still. */
  readonly monotonic?: () => number;
  readonly transport?: Partial<TlsMeshLimits>;
}

/** Something that serves as long as the node runs: the public API, for one. */
export interface NodeService {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether a node can be relied on, for load balancers and people. */
export interface Readiness {
  readonly ready: boolean;
  readonly phase: Phase;
  /** Why it is not ready, in sentences. */
  readonly reasons: readonly string[];
  readonly height: number;
  readonly executionLag: number;
  readonly syncing: boolean;
  /** Why a node with a key does not vote, or null. */
  readonly silent: string | null;
  readonly peers: number;
}

export type Phase = 'new' | 'starting' | 'running' | 'stopping' | 'stopped' | 'halted';

interface Parts {
  readonly genesis: Genesis;
  readonly genesisDigest: Digest;
  readonly disk: NodeDisk;
  readonly transport: TlsMesh;
  readonly emulation: EmulatedTransport | null;
  readonly application: Application;
  readonly replica: Replica;
  readonly signer: Signer;
  readonly suites: SuiteRegistry;
  readonly hash: Hash;
  readonly log: Log;
  readonly monotonic: () => number;
}

/**
 * Puts a node together from its home folder: nothing runs before {@link QuorateNode.start}. Throws `config/invalid`,
 * `genesis/invalid`, `key/*`, `gate/*`, `store/*` and `disk/*`, with everything that was opened closed again.
 */
export async function createNode(options: NodeOptions, overrides: NodeOverrides = {}): Promise<QuorateNode> {
  const { home, config } = options;
  const log = overrides.log ?? createLogging(config.log).log;
  const hash = createNodeHash();
  const genesis = await readGenesis(home);
  // Accounts and nodes speak Ed25519 whatever the validators vote with.
  const suites = createNativeSuites(genesis.suite === 'bls12-381' ? ['ed25519', 'bls12-381'] : ['ed25519']);
  const suite = suites.get(genesis.suite);
  checkGenesis(genesis, suite);
  const passphrase = overrides.passphrase ?? (await readPassphrase(config));
  const nodeKey = await readKey(home, 'node', passphrase, suites);
  if (nodeKey === null || nodeKey.suite !== 'ed25519') {
    throw new QuorateError(
      'key/invalid',
      `${home}: keys/node.json must hold the Ed25519 node key: make one with "quorate keys"`,
    );
  }
  const votingKey = await readKey(home, 'validator', passphrase, suites);
  if (votingKey !== null && votingKey.suite !== genesis.suite) {
    const problem = `is a ${votingKey.suite} key, this chain votes with ${genesis.suite}`;
    throw new QuorateError('key/invalid', `${home}: keys/validator.json ${problem}`);
  }

  const disk = await NodeDisk.open(home);
  const opened: (() => Promise<void>)[] = [() => disk.close()];
  try {
    const signer =
      votingKey === null
        ? observer()
        : await openGate(
            { chainId: genesis.chainId, secret: votingKey, allowFresh: overrides.freshGate ?? false },
            { disk, log },
          );
    const application = await openApplication({ config, genesis, disk, hash, suites, log }, overrides.application);
    opened.unshift(() => application.close());
    const transport = await createTlsMesh(
      {
        listen: config.p2p.listen,
        chainId: genesis.chainId,
        genesis: genesisDigest(hash, genesis),
        protocol: overrides.protocolVersions ?? PROTOCOL_VERSIONS,
        software: SOFTWARE,
        peers: config.p2p.peers.flatMap((text) => parsePeer(text) ?? []),
        limits: {
          observers: config.p2p.maxObservers,
          observersPerIp: config.p2p.maxObserversPerAddress,
          ...overrides.transport,
        },
      },
      { nodeKey: nodeKey.export(), log },
    );
    opened.unshift(() => transport.stop());
    const monotonic = overrides.monotonic ?? (() => performance.now());
    const emulation = config.p2p.emulation ? emulated(transport, monotonic) : null;
    const ports = {
      clock: overrides.clock ?? createClock(),
      random: overrides.random ?? createRandom(),
      transport: emulation ?? transport,
      disk,
      signer,
    };
    const replica = createReplica(
      {
        genesis,
        retainBlocks: config.retention.blocks,
        mempool: config.mempool,
        snapshotInterval: config.snapshots.interval,
        keepSnapshots: config.snapshots.keep,
        stateSync: trustedBlock(config, genesis, hash),
        protocolVersion: (overrides.protocolVersions ?? PROTOCOL_VERSIONS).max,
      },
      { ports, application, suite, hash, log },
    );
    if (emulation !== null)
      log('warn', 'messages to peers can be slowed, lost and cut by the admin socket: p2p.emulation');
    const common = { genesis, genesisDigest: genesisDigest(hash, genesis), disk, application, monotonic };
    const parts = { ...common, transport, emulation };
    return new QuorateNode(options, { ...parts, replica, signer, suites, hash, log });
  } catch (error) {
    for (const close of opened) await close().catch(() => {});
    throw error;
  }
}

function emulated(transport: TlsMesh, now: () => number): EmulatedTransport {
  const after = (ms: number, run: () => void): void => {
    setTimeout(run, ms).unref();
  };
  return new EmulatedTransport(transport, { now, after, chance: Math.random });
}

/** A node on a real machine: a replica on real ports, and what serves beside it. */
export class QuorateNode {
  readonly home: string;
  readonly config: NodeConfig;
  readonly genesis: Genesis;
  readonly genesisDigest: Digest;
  readonly replica: Replica;
  readonly transport: TlsMesh;
  /** What slows and cuts the messages to peers, where the configuration allows it. */
  readonly emulation: EmulatedTransport | null;
  readonly application: Application;
  readonly disk: Disk;
  readonly signer: Signer;
  readonly suites: SuiteRegistry;
  readonly hash: Hash;
  readonly log: Log;
  /** Resolves with the reason when the node stopped itself; everything is closed by then. Never rejects. */
  readonly halted: Promise<QuorateError>;
  readonly #home: NodeDisk;
  readonly #services: NodeService[] = [];
  #phase: Phase = 'new';
  #haltedWith: QuorateError | null = null;
  #stopping: Promise<void> | null = null;
  readonly #watch: Watch;
  readonly #monotonic: () => number;
  #startFailed = false;
  #watching: NodeJS.Timeout | null = null;

  /** Use {@link createNode}. */
  constructor(options: NodeOptions, parts: Parts) {
    this.home = options.home;
    this.config = options.config;
    this.genesis = parts.genesis;
    this.genesisDigest = parts.genesisDigest;
    this.replica = parts.replica;
    this.transport = parts.transport;
    this.emulation = parts.emulation;
    this.application = parts.application;
    this.disk = parts.disk;
    this.signer = parts.signer;
    this.suites = parts.suites;
    this.hash = parts.hash;
    this.log = parts.log;
    this.#home = parts.disk;
    this.#monotonic = parts.monotonic;
    const quietMs = quietAfter(parts.genesis.consensus.delta);
    this.#watch = new Watch({ quietMs }, { look: () => this.#sight(), log: parts.log });
    this.halted = parts.replica.halted.then(async (error) => {
      this.#haltedWith = error;
      await this.#close();
      return error;
    });
  }

  /** Adds a service; it starts and stops with the node. */
  attach(service: NodeService): void {
    if (this.#phase !== 'new') throw new QuorateError('rpc/failed', 'services are attached before the node starts');
    this.#services.push(service);
  }

  /** Starts services first: they tell who asks that the node is not ready while the replica restores. */
  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new QuorateError('rpc/failed', `this node is ${this.#phase}: make another one`);
    this.#phase = 'starting';
    try {
      for (const service of this.#services) await service.start();
      this.#watching = setInterval(() => this.#watch.tick(this.#monotonic()), WATCH_MS);
      await this.replica.start();
    } catch (error) {
      this.#startFailed = true;
      await this.stop();
      throw error;
    }
    if (this.#phase !== 'starting') return;
    this.#phase = 'running';
    const { chainId } = this.genesis;
    this.log('info', 'running', {
      chainId,
      peer: this.transport.self,
      listen: this.transport.address,
      home: this.home,
    });
  }

  /** Finishes what is in hand, makes it durable and closes everything. Safe to call again. */
  async stop(): Promise<void> {
    await this.#close();
  }

  get phase(): Phase {
    return this.#haltedWith === null ? this.#phase : 'halted';
  }

  ready(): Readiness {
    const { phase } = this;
    const alone = phase === 'running' || phase === 'starting' ? loneliness(this.#sight()) : null;
    if (phase !== 'running') {
      const reason = this.#haltedWith === null ? `the node is ${phase}` : `halted: ${this.#haltedWith.message}`;
      const nothing = { height: 0, executionLag: 0, syncing: phase === 'starting', silent: null };
      const reasons = [reason, alone, this.#joining()].filter((each) => each !== null);
      return { ready: false, phase, reasons, ...nothing, peers: this.transport.reach().connected };
    }
    const { height, executedHeight, syncing, silent, peers } = this.replica.status();
    const executionLag = Math.max(0, height - executedHeight);
    const reasons: string[] = alone === null ? [] : [alone];
    const stalled = this.#watch.stalled(this.#monotonic());
    if (stalled !== null) reasons.push(stalled);
    if (syncing) reasons.push('synchronising with the network');
    if (executionLag > MAX_EXECUTION_LAG) {
      reasons.push(`execution is ${executionLag} blocks behind: proposing empty blocks until it catches up`);
    }
    return { ready: reasons.length === 0, phase, reasons, height, executionLag, syncing, silent, peers: peers.length };
  }

  /** Counters of the ports, for status and metrics; those of the replica are in its status. */
  counters(): Readonly<Record<string, number>> {
    return this.transport.counters();
  }

  #sight(): Sight {
    const { validators, height, syncing, peers } = this.#standing();
    const key = this.signer.publicKey;
    const self = key === null ? null : validators.indexOfKey(key);
    const members = [self, ...peers.map((peer) => validators.indexOfPeer(peer))].filter((index) => index !== null);
    return {
      ...this.transport.reach(),
      sufficesAlone: validators.size === 1 && self !== null,
      syncing,
      height,
      silent: this.signer.silent ?? null,
      running: this.#phase === 'running',
      weight: { connected: validators.weightOfAll(members), total: validators.total, needed: validators.quorum },
    };
  }

  /** Where the replica stands; at genesis while it opens its files and after it failed. */
  #standing(): Pick<ReplicaStatus, 'height' | 'syncing' | 'peers'> & { readonly validators: ValidatorSet } {
    const { validators } = this.genesis;
    try {
      const { epoch, height, syncing, peers } = this.replica.status();
      const current = epoch > 0 ? (this.replica.validators(epoch) ?? validators) : validators;
      return { validators: current, height, syncing, peers };
    } catch {
      return { validators, height: 0, syncing: false, peers: [] };
    }
  }

  /** Why the replica, which has started to join, does not get on with it, or null. */
  #joining(): string | null {
    if (this.#phase !== 'starting') return null;
    try {
      return this.replica.status().joining;
    } catch {
      return null; // it opens its files
    }
  }

  #close(): Promise<void> {
    this.#stopping ??= this.#closeAll();
    return this.#stopping;
  }

  async #closeAll(): Promise<void> {
    this.#phase = 'stopping';
    if (this.#watching !== null) clearInterval(this.#watching);
    const closing: (() => Promise<void>)[] = [
      ...[...this.#services].reverse().map((service) => () => service.stop()),
      () => this.replica.stop(),
      () => this.transport.stop(),
      () => this.application.close(),
      () => this.#home.close(),
    ];
    for (const close of closing) {
      try {
        await close();
      } catch (error) {
        this.log('warn', 'closing failed', { reason: error instanceof Error ? error.message : String(error) });
      }
    }
    this.#phase = 'stopped';
    // What never ran does not tell that it stopped: whoever started it says why.
    if (!this.#startFailed) this.log('info', 'stopped', { home: this.home });
  }
}

/** The signer of a node without a voting key. */
function observer(): Signer {
  return {
    publicKey: null,
    sign: async (statements) =>
      statements.map((statement) => ({ kind: 'refused', statement, reason: 'this node has no voting key' })),
    raiseFloor: async () => {},
    issued: () => false,
  };
}

async function openApplication(
  parts: Pick<Parts, 'genesis' | 'disk' | 'hash' | 'suites' | 'log'> & { readonly config: NodeConfig },
  override: ApplicationFactory | undefined,
): Promise<Application> {
  const { config, genesis, disk, hash, suites, log } = parts;
  let factory = override;
  if (factory === undefined && config.app !== null) factory = await loadApplication(config.app);
  if (factory === undefined && genesis.application === 'ledger') {
    factory = ledgerFactory({ account: suites.get('ed25519'), voting: suites.get(genesis.suite) });
  }
  if (factory === undefined) {
    const problem = `this chain runs the application ${genesis.application}: name its module with --app`;
    throw new QuorateError('config/invalid', `app: ${problem}`);
  }
  const context = { genesis, hash, log, store: await disk.openStore('application') };
  const own = override === undefined ? config.app : null;
  const application = own === null ? await factory(context) : await checkedApplication(own, factory, context);
  const { name } = await application.info();
  if (name !== genesis.application) {
    await application.close();
    throw new QuorateError('config/invalid', `app: the application is ${name}, this chain runs ${genesis.application}`);
  }
  return application;
}

async function readPassphrase(config: NodeConfig): Promise<string | null> {
  const file = config.keys.passphraseFile;
  if (file === null) return process.env.QUORATE_PASSPHRASE ?? null;
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new QuorateError('config/invalid', `keys.passphraseFile: ${problem}`, { cause: error });
  }
}

/** Throws `config/invalid` when the block is named by half, or may be older than stake of this chain stays locked. */
function trustedBlock(config: NodeConfig, genesis: Genesis, hash: Hash): ReplicaOptions['stateSync'] {
  const { height, digest, trustingHours } = config.stateSync;
  if (height === 0 && digest === '') return null;
  if (height === 0 || digest === '') {
    throw new QuorateError('config/invalid', 'stateSync: height and digest belong together: give both or neither');
  }
  const trustingPeriod = trustingHours * HOUR_MS;
  demandTrustingPeriod(hash, genesis, trustingPeriod);
  return { trusted: { height, digest }, trustingPeriod };
}
