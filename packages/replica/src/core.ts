import {
  type Application,
  type Block,
  bodyBytes,
  type Clock,
  type Genesis,
  type Hash,
  type Height,
  MAX_TRANSACTION_BYTES,
  type Millis,
  QuorateError,
  type SignatureSuite,
  type Signer,
  type Transport,
} from '@quorate/kernel';
import type { Log, ReplicaOptions, ReplicaParts } from './api.ts';
import type { BlockStore } from './block-store.ts';
import { BlockSync } from './block-sync.ts';
import { Counters } from './counters.ts';
import { CurrentEpoch } from './current-epoch.ts';
import { Dissemination } from './dissemination.ts';
import { Effects } from './effects.ts';
import { Epochs } from './epochs.ts';
import { everyStep } from './every-step.ts';
import { EvidencePool } from './evidence-pool.ts';
import type { ExecutedBlock } from './execution-outcomes.ts';
import { createExecutor, type Executor } from './executor.ts';
import { asFailure } from './failure.ts';
import { Finalizer } from './finalizer.ts';
import { Followers } from './follow.ts';
import { FromPeers } from './from-peers.ts';
import { Gossip } from './gossip.ts';
import { Ingress } from './ingress.ts';
import { Intake } from './intake.ts';
import { joinByStateSync } from './joining.ts';
import { LackingSets } from './lacking-sets.ts';
import { Late } from './late.ts';
import { Loop } from './loop.ts';
import type { Mechanism } from './mechanism.ts';
import { Mempool } from './mempool.ts';
import type { Opened } from './opening.ts';
import { PeerQuestions } from './peer-questions.ts';
import { Peers } from './peers.ts';
import { Proposer } from './proposer.ts';
import { Rhythm } from './rhythm.ts';
import { Signing } from './signing.ts';
import { StatusReport } from './status-report.ts';
import { SyncRequests } from './sync-requests.ts';
import { StampedTime } from './time.ts';
import { Transactions } from './transactions.ts';
import { Verification } from './verification.ts';

/** What nearly every part needs. */
interface Common {
  readonly genesis: Genesis;
  readonly hash: Hash;
  readonly suite: SignatureSuite;
  readonly application: Application;
  readonly store: BlockStore;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly counters: Counters;
  /** Stamped: never goes back. */
  readonly now: () => Millis;
  readonly log: Log;
  readonly halt: (error: QuorateError) => void;
}

/**
 * Everything that runs between start and stop, and how it is wired: one direction, see the architecture's "How data flows".
 * The parts do the work; here stands who hears of what, in which order they start, and what follows from finality and execution.
 */
export class Core<M, R> {
  readonly application: Application;
  readonly store: BlockStore;
  readonly transactions: Transactions;
  readonly intake: Intake;
  readonly report: StatusReport;
  readonly #options: ReplicaOptions;
  readonly #opened: Opened;
  readonly #disk: ReplicaParts['ports']['disk'];
  readonly #common: Common;
  readonly #time: StampedTime;
  readonly #epochs: Epochs;
  readonly #mempool: Mempool;
  readonly #loop: Loop<M, R>;
  readonly #effects: Effects<M, R>;
  readonly #ingress: Ingress<M>;
  readonly #fromPeers: FromPeers<M, R>;
  readonly #current: CurrentEpoch<M, R>;
  readonly #finalizer: Finalizer;
  readonly #dissemination: Dissemination;
  readonly #blockSync: BlockSync;
  readonly #requests: SyncRequests;
  readonly #questions: PeerQuestions;
  readonly #lackingSets: LackingSets;
  readonly #signing: Signing;
  readonly #rhythm = new Rhythm();
  readonly #executor = new Late<Executor>('executor');
  readonly #evidence = new Late<EvidencePool>('evidence pool');
  readonly #followers = new Late<Followers>('followers');
  readonly #proposer = new Late<Proposer>('proposer');
  readonly #gossip = new Late<Gossip>('gossip');
  #stopping: Promise<void> | null = null;

  constructor(
    mechanism: Mechanism<M, R>,
    options: ReplicaOptions,
    parts: ReplicaParts,
    opened: Opened,
    halt: (error: QuorateError) => void,
  ) {
    const { genesis } = options;
    const { hash, suite, log } = parts;
    const { clock, transport, signer, disk } = parts.ports;
    const { store, application } = opened;
    this.#options = options;
    this.#opened = opened;
    this.#disk = disk;
    this.store = store;
    this.application = application;
    this.#time = new StampedTime(clock, store.begun ? store.tip().block.header.time : 0);
    const now = (): Millis => this.#time.now();
    const counters = new Counters();
    const peers = new Peers(transport, counters, (peer, reason) =>
      log('warn', 'a peer was expelled', { peer, reason }),
    );
    const common: Common = {
      genesis,
      hash,
      suite,
      application,
      store,
      clock,
      transport,
      signer,
      peers,
      counters,
      now,
      log,
      halt,
    };
    this.#common = common;
    this.#epochs = new Epochs({
      ...common,
      publicKey: signer.publicKey,
      leaders: (context) => mechanism.leaders(context),
    });
    this.transactions = new Transactions(
      {},
      {
        find: (id) => {
          const place = store.transaction(id);
          const receipt = place === null ? undefined : store.receipts(place.height)?.receipts[place.index];
          return place === null || receipt === undefined ? null : { ...place, receipt };
        },
      },
    );
    // The bytes of a block with one transaction, apart from the transaction's own.
    const around = bodyBytes({ transactions: [new Uint8Array()], evidence: [] });
    const maxTransactionBytes = Math.min(MAX_TRANSACTION_BYTES, genesis.consensus.maxBlockBytes - around);
    this.#mempool = new Mempool(
      { ...options.mempool, maxTransactionBytes },
      { application, hash, dropped: (id, drop) => this.transactions.dropped(id, drop) },
    );
    const verification = new Verification(hash, { chainId: genesis.chainId, suite, validators: genesis.validators });
    this.#loop = new Loop(
      {
        maxWaitingPerPeer: 2048,
        maxWaiting: 16_384,
        maxBytesPerPeer: 16 << 20,
        maxBytes: 128 << 20,
        maxBatch: 512,
      },
      {
        ...common,
        journal: opened.journal,
        recordCodec: mechanism.recordCodec,
        perform: (epoch, effect) => this.#effects.perform(epoch, effect),
        flush: () => this.#signing.flush(),
        settled: (status) => store.finalizedHeight >= status.finalizedHeight,
      },
    );
    const loop = this.#loop;
    this.#signing = new Signing(
      { delta: genesis.consensus.delta, listen: mustListen(opened, signer) },
      {
        ...common,
        answer: (outcome) => loop.own(outcome.statement.epoch, outcome),
        hearing: () => this.#current.hearsQuorum,
        listed: () => this.#current.isListed,
        blame: (peer, reason) => peers.blame(peer, 'invalid', reason, now()),
        progress: () => ({ view: loop.status().view, syncing: this.#blockSync.syncing }),
      },
    );
    this.#finalizer = new Finalizer({
      store,
      finalized: (block) => this.#finalized(block),
      ended: (epoch, last) => this.#current.ended(epoch, last),
      halt,
    });
    this.#dissemination = new Dissemination(
      {
        chainId: genesis.chainId,
        maxBlockBytes: genesis.consensus.maxBlockBytes,
        grace: Math.ceil(genesis.consensus.delta / 2),
      },
      {
        ...common,
        standing: () => {
          const { view, finalizedView, finalizedHeight } = loop.status();
          return { epoch: loop.epoch, view, finalizedView, finalizedHeight };
        },
        leader: (view) => this.#current.state?.leaderPeer(view) ?? null,
        available: (block) => this.#fromPeers.available(block),
      },
    );
    this.#blockSync = new BlockSync({
      ...common,
      epoch: () => Math.max(0, loop.epoch),
      lag: () => this.#executor.orNull?.lag ?? 0,
      fault: (certificate) => verification.fault(certificate),
      proven: (from, blocks, certificate) => this.#fromPeers.proven(from, blocks, certificate),
    });
    this.#ingress = new Ingress({
      ...common,
      messageCodec: mechanism.messageCodec,
      consensus: genesis.consensus,
      epoch: () => this.#current.state?.epoch ?? null,
      engine: (epoch, from, message, bytes) => this.#fromPeers.message(epoch, from, message, bytes),
      outdated: (from) => this.#blockSync.correct(from),
      behind: () => this.#blockSync.check(),
      bodies: async (from, message) => {
        if (this.#current.state !== null) await this.#dissemination.receive(from, message);
      },
      gossip: async (from, message) => {
        if (this.#current.state !== null) await this.intake.gossiped(from, message);
      },
      sync: (from, message) => this.#fromPeers.sync(from, message),
      connected: (connected, news) => this.#fromPeers.connected(connected, news),
      failed: (error) => halt(asFailure(error, 'handling a message failed')),
    });
    this.#requests = new SyncRequests(transport, clock);
    this.#questions = new PeerQuestions({ ...common, requests: this.#requests });

    const late = { executor: this.#executor, evidence: this.#evidence, proposer: this.#proposer, gossip: this.#gossip };
    const shared = {
      ...common,
      mechanism,
      loop,
      verification,
      epochs: this.#epochs,
      signing: this.#signing,
      dissemination: this.#dissemination,
      blockSync: this.#blockSync,
    };
    this.intake = new Intake({ ...common, ...late, mempool: this.#mempool, transactions: this.transactions });
    this.#effects = new Effects({
      ...shared,
      ...late,
      messageCodec: mechanism.messageCodec,
      finalizer: this.#finalizer,
      rhythm: this.#rhythm,
      found: (evidence) => this.intake.found(evidence),
    });
    this.#lackingSets = new LackingSets({ ...common, ...late, questions: this.#questions });
    this.#current = new CurrentEpoch({
      ...shared,
      ...late,
      restored: opened.restored,
      effects: this.#effects,
      ingress: this.#ingress,
      lackingSets: this.#lackingSets,
    });
    const current = this.#current;
    this.#fromPeers = new FromPeers({ ...shared, ...late, current, requests: this.#requests });
    const questions = this.#questions;
    this.report = new StatusReport({
      ...shared,
      ...late,
      mechanism: mechanism.name,
      mempool: this.#mempool,
      current,
      questions,
    });
  }

  get evidence(): EvidencePool {
    return this.#evidence.value;
  }

  get followers(): Followers {
    return this.#followers.value;
  }

  /** Joins the network, catches the application up with the store, and starts the engine of the epoch at hand. */
  async start(): Promise<void> {
    const { genesis, stateSync } = this.#options;
    const { application, store } = this;
    const { transport, log, halt } = this.#common;
    this.#epochs.admit(store.begun ? this.#epochs.epochAfter(store.tip().block) : 0);
    transport.start(this.#ingress);
    if (stateSync !== null && !store.begun) {
      await joinByStateSync({ genesis, ...stateSync }, { application, store, log, questions: this.#questions });
    }
    const executor = await this.#complete();
    executor.advance();
    const { block: tip } = store.tip();
    if (!this.#proposer.value.speaksAfter(tip.header.height)) return;
    const epoch = this.#epochs.epochAfter(tip);
    if (epoch > tip.header.epoch) await this.#current.end(tip);
    await this.#current.enter(epoch);
    this.#signing.begin();
    this.#lackingSets.learnEarlier().catch((error: unknown) => {
      if (this.#stopping === null) halt(asFailure(error, 'learning earlier validator sets failed'));
    });
  }

  /** Makes the parts that need a chain that has begun, with an application that stands on it. */
  async #complete(): Promise<Executor> {
    const common = this.#common;
    const { genesis, suite, hash, store, now } = common;
    const { protocolVersion } = this.#options;
    const executor = this.#executor.set(
      await createExecutor(this.#options, {
        ...common,
        proposerOf: (epoch, view) => this.#epochs.proposerOf(epoch, view),
        learnSets: () => this.#lackingSets.learnEarlier(),
        including: (height, evidence) => this.#evidence.value.included(height, evidence),
        executed: (done) => this.#executed(done),
        halted: common.halt,
      }),
    );
    const evidence = this.#evidence.set(
      await EvidencePool.open(
        { chainId: genesis.chainId, consensus: genesis.consensus },
        {
          store: this.#opened.evidenceStore,
          suite,
          hash,
          validators: (epoch) => (epoch === 0 ? genesis.validators : store.validators(epoch)),
        },
        store.finalizedHeight,
      ),
    );
    this.#followers.set(
      new Followers({}, { ...common, block: (height) => store.finalizedBlock(height) }, executor.height),
    );
    this.#gossip.set(new Gossip({ ...common, evidence }));
    this.#proposer.set(
      new Proposer(
        { genesis, protocolVersion },
        {
          ...common,
          executor,
          mempool: this.#mempool,
          evidence,
          time: () => this.#time.proposed(),
          rhythm: this.#rhythm,
          epoch: (epoch) => this.#epochs.state(epoch),
          push: (block, body) => this.#dissemination.push(block, body),
          built: (epoch, request, block) => {
            if (block !== null) this.#rhythm.saw(block.ref.digest, now());
            this.#loop.own(epoch, { kind: 'built', request, block });
          },
          judged: (epoch, request, verdict) => this.#loop.own(epoch, { kind: 'judged', request, verdict }),
          missing: () => common.counters.add('judge.ancestor-missing'),
        },
      ),
    );
    return executor;
  }

  /** A block is final and durable. */
  async #finalized(block: Block): Promise<void> {
    const { epoch, view } = block.ref;
    this.#common.counters.add('finalized.batches');
    if (!this.#proposer.value.speaksAfter(block.header.height)) return;
    this.#executor.value.advance();
    this.#dissemination.prune(epoch, view);
    this.#proposer.value.advanced(block.header.height);
    this.#blockSync.moved();
    await this.#signing.raiseFloor(epoch, view);
  }

  /** A finalized block is executed, and committed in the application. */
  #executed(done: ExecutedBlock): void {
    const { height } = done.block.header;
    const { counters, now, halt } = this.#common;
    this.transactions.executed(height, done.transactions, done.receipts);
    this.#mempool
      .committed(height, done.transactions, now())
      .then(() => this.#proposer.orNull?.wake()) // what waited for a nonce may be due
      .catch((error: unknown) => halt(asFailure(error, 'the mempool failed')));
    this.#followers.orNull?.advance(height);
    counters.add('blocks');
    counters.add('transactions', done.transactions.length);
    const epoch = this.#current.state?.epoch;
    if (epoch !== undefined) this.#loop.own(epoch, { kind: 'executed', height, stateRoot: done.stateRoot });
    this.#proposer.orNull?.advanced(this.store.finalizedHeight);
    this.#current.executed();
    this.#blockSync.check();
  }

  async takeSnapshot(): Promise<Height> {
    const { snapshots } = this.application;
    if (snapshots?.take === undefined) {
      throw new QuorateError('application/unsupported', 'this application takes no snapshots');
    }
    const { height } = await this.application.info();
    await snapshots.take(this.#options.keepSnapshots);
    return height;
  }

  async diskUsage(): Promise<Readonly<Record<string, number>>> {
    const { used, free } = await this.#disk.usage();
    return { used, free, journal: this.#opened.journal.size };
  }

  /** Finishes the batch in hand, makes everything durable, closes files and the transport. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async #close(): Promise<void> {
    const { journal, store, evidenceStore, application } = this.#opened;
    this.#effects.cancelTimers();
    this.#requests.stop();
    this.#signing.stop();
    this.#blockSync.stop();
    this.#dissemination.stop();
    this.#gossip.orNull?.stop();
    this.#proposer.orNull?.stop();
    this.transactions.stop();
    this.#followers.orNull?.stop();
    const executed = this.#executor.orNull?.stop();
    this.#current.stop();
    this.#questions.stop();
    await everyStep([
      () => this.#loop.stop(),
      () => this.#ingress.stop(),
      () => this.#finalizer.stop(),
      () => executed,
      () => this.#common.transport.stop(),
      () => journal.close(),
      () => evidenceStore.close(),
      () => store.close(),
      () => application.close(),
    ]);
  }
}

/** A validator that has run before, or joins a chain that runs, listens for a second process with its key. */
function mustListen({ store, restored }: Opened, signer: Signer): boolean {
  const moved = (store.begun && store.finalizedHeight > 0) || restored.length > 0;
  return moved || signer.neverSigned === false;
}
