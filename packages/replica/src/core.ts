import {
  type Application,
  type Block,
  type Certificate,
  type Effect,
  type EngineStatus,
  type Epoch,
  encode,
  type Height,
  isQuorateError,
  type Millis,
  type PeerId,
  QuorateError,
  type TimerKey,
  unreachable,
} from '@quorate/kernel';
import type { FinalizedBlock, ReplicaOptions, ReplicaParts, ReplicaStatus, SubmitResult } from './api.ts';
import type { BlockStore } from './block-store.ts';
import { BlockSync } from './block-sync.ts';
import { Counters } from './counters.ts';
import { Dissemination } from './dissemination.ts';
import { type LookingBackParts, learnLacked } from './earlier-epochs.ts';
import { type EpochState, Epochs } from './epochs.ts';
import { EvidencePool } from './evidence-pool.ts';
import { createExecutor, type ExecutedBlock, type Executor } from './executor.ts';
import { Finalizer } from './finalizer.ts';
import { Followers } from './follow.ts';
import { Gossip } from './gossip.ts';
import { Ingress } from './ingress.ts';
import { Late } from './late.ts';
import { Loop, recordsOf } from './loop.ts';
import type { Mechanism } from './mechanism.ts';
import { Mempool } from './mempool.ts';
import type { Opened } from './opening.ts';
import { Peers } from './peers.ts';
import { Proposer } from './proposer.ts';
import { describeLoss, isOver, type Loss, recall } from './recall.ts';
import { Rhythm } from './rhythm.ts';
import { Signing } from './signing.ts';
import { stateSync } from './state-sync.ts';
import { serveStateSync } from './state-sync-serving.ts';
import { SyncRequests } from './sync-requests.ts';
import { StampedTime } from './time.ts';
import { Transactions } from './transactions.ts';
import { Verification } from './verification.ts';
import { envelopeCodec, type GossipMessage, type SyncMessage, syncCodec } from './wire.ts';

/** How long state sync may find nobody who proves what it needs, and how often it asks. */
const STATE_SYNC_PATIENCE_MS = 180_000;
const STATE_SYNC_PAUSE_MS = 1_000;

/** Everything that runs between start and stop, and how it is wired: one direction, see the architecture's "How data flows". */
export class Core<M, R> {
  readonly application: Application;
  readonly store: BlockStore;
  readonly transactions: Transactions;
  readonly #mechanism: Mechanism<M, R>;
  readonly #options: ReplicaOptions;
  readonly #parts: ReplicaParts;
  readonly #opened: Opened;
  readonly #halt: (error: QuorateError) => void;
  readonly #time: StampedTime;
  readonly #counters = new Counters();
  readonly #peers: Peers;
  readonly #epochs: Epochs;
  readonly #mempool: Mempool;
  readonly #loop: Loop<M, R>;
  readonly #ingress: Ingress<M>;
  readonly #finalizer: Finalizer;
  readonly #dissemination: Dissemination;
  readonly #blockSync: BlockSync;
  readonly #requests: SyncRequests;
  readonly #signing: Signing;
  readonly #verification: Verification;
  readonly #executor = new Late<Executor>('executor');
  readonly #evidence = new Late<EvidencePool>('evidence pool');
  readonly #followers = new Late<Followers>('followers');
  readonly #proposer = new Late<Proposer>('proposer');
  readonly #gossip = new Late<Gossip>('gossip');
  readonly #timers = new Map<TimerKey, () => void>();
  readonly #rhythm = new Rhythm();
  #executedWaiters: (() => void)[] = [];
  /** Pauses that end early when the node stops. */
  readonly #pauses = new Set<() => void>();
  #learningSets: Promise<void> | null = null;
  #epoch: EpochState | null = null;
  #loss: Loss | null = null;
  #stopping: Promise<void> | null = null;

  constructor(
    mechanism: Mechanism<M, R>,
    options: ReplicaOptions,
    parts: ReplicaParts,
    opened: Opened,
    halt: (error: QuorateError) => void,
  ) {
    const { genesis, mempool } = options;
    const { ports, hash, suite } = parts;
    const { clock, transport, signer } = ports;
    const { store, application } = opened;
    this.#mechanism = mechanism;
    this.#options = options;
    this.#parts = parts;
    this.#opened = opened;
    this.#halt = halt;
    this.store = store;
    this.application = application;
    this.#time = new StampedTime(clock, store.begun ? store.tip().block.header.time : 0);
    const now = (): Millis => this.#time.now();
    const counters = this.#counters;
    const log = parts.log;
    this.#peers = new Peers(transport, counters, (peer, reason) =>
      log('warn', 'a peer was expelled', { peer, reason }),
    );
    const peers = this.#peers;
    this.#epochs = new Epochs({
      genesis,
      store,
      hash,
      suite,
      transport,
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
    this.#mempool = new Mempool(mempool, {
      application,
      hash,
      dropped: (id, drop) => this.transactions.dropped(id, drop),
    });
    this.#verification = new Verification(hash, { chainId: genesis.chainId, suite, validators: genesis.validators });
    this.#loop = new Loop(
      {
        maxWaitingPerPeer: 2048,
        maxWaiting: 16_384,
        maxBytesPerPeer: 16 << 20,
        maxBytes: 128 << 20,
        maxBatch: 512,
      },
      {
        journal: opened.journal,
        recordCodec: mechanism.recordCodec,
        counters,
        now,
        perform: (epoch, effect) => this.#perform(epoch, effect),
        flush: () => this.#signing.flush(),
        settled: (status) => store.finalizedHeight >= status.finalizedHeight,
        halt,
      },
    );
    this.#signing = new Signing(
      { delta: genesis.consensus.delta, listen: this.#mustListen() },
      {
        signer,
        clock,
        now,
        counters,
        log,
        answer: (outcome) => this.#loop.own(outcome.statement.epoch, outcome),
        hearing: () => this.#hearsQuorum(),
        blame: (peer, reason) => this.#peers.blame(peer, 'invalid', reason, now()),
        progress: () => ({ view: this.#loop.status()?.view ?? 0, syncing: this.#blockSync.syncing }),
        halt,
      },
    );
    this.#finalizer = new Finalizer({
      store,
      finalized: (block) => this.#finalized(block),
      ended: (epoch, last) => this.#ended(epoch, last),
      halt,
    });
    this.#dissemination = new Dissemination(
      {
        chainId: genesis.chainId,
        maxBlockBytes: genesis.consensus.maxBlockBytes,
        grace: Math.ceil(genesis.consensus.delta / 2),
      },
      {
        store,
        transport,
        peers,
        clock,
        hash,
        now,
        counters,
        standing: () => {
          const status = this.#loop.status();
          const { view, finalizedView, finalizedHeight } = status ?? STARTING;
          return { epoch: this.#loop.epoch, view, finalizedView, finalizedHeight };
        },
        leader: (view) => this.#epoch?.leaderPeer(view) ?? null,
        available: (block) => this.#available(block),
      },
    );
    this.#blockSync = new BlockSync({
      genesis,
      store,
      transport,
      peers,
      clock,
      hash,
      now,
      counters,
      log,
      epoch: () => Math.max(0, this.#loop.epoch),
      lag: () => this.#executor.orNull?.lag ?? 0,
      fault: (certificate) => this.#verification.fault(certificate),
      proven: (from, blocks, certificate) => this.#proven(from, blocks, certificate),
    });
    this.#requests = new SyncRequests(transport, clock);
    this.#ingress = new Ingress({
      messageCodec: mechanism.messageCodec,
      consensus: genesis.consensus,
      peers,
      clock,
      now,
      counters,
      epoch: () => this.#epoch?.epoch ?? null,
      engine: (epoch, from, message, bytes) => this.#message(epoch, from, message, bytes),
      outdated: (from) => this.#blockSync.correct(from),
      behind: () => this.#blockSync.check(),
      bodies: (from, message) =>
        this.#epoch === null ? Promise.resolve() : this.#dissemination.receive(from, message),
      gossip: (from, message) => this.#gossiped(from, message),
      sync: (from, message) => this.#synced(from, message),
      connected: (connected, news) => this.#connected(connected, news),
      failed: (error) => halt(asFailure(error, 'handling a message failed')),
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
    const {
      genesis,
      stateSync: trusted,
      retainBlocks,
      snapshotInterval,
      keepSnapshots,
      protocolVersion,
    } = this.#options;
    const { ports, hash, suite, log } = this.#parts;
    const { store, application } = this;
    const now = (): Millis => this.#time.now();
    this.#epochs.admit(store.begun ? this.#epochs.epochAfter(store.tip().block) : 0);
    ports.transport.start(this.#ingress);
    if (trusted !== null && !store.begun) await this.#syncState(trusted);
    const executor = this.#executor.set(
      await createExecutor(
        { genesis, retainBlocks, snapshotInterval, keepSnapshots },
        {
          application,
          store,
          hash,
          log,
          proposerOf: (epoch, view) => this.#epochs.proposerOf(epoch, view),
          learnSets: () => this.#learnSets(),
          executed: (done) => this.#executed(done),
          halted: (error) => this.#halt(error),
        },
      ),
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
      new Followers({}, { clock: ports.clock, block: (height) => this.finalizedBlock(height) }, executor.height),
    );
    const { transport, clock } = ports;
    this.#gossip.set(new Gossip({ transport, peers: this.#peers, clock, counters: this.#counters, evidence }));
    this.#proposer.set(
      new Proposer(
        { genesis, protocolVersion },
        {
          store,
          executor,
          mempool: this.#mempool,
          evidence,
          clock,
          hash,
          now,
          time: () => this.#time.proposed(),
          rhythm: this.#rhythm,
          counters: this.#counters,
          log,
          epoch: (epoch) => this.#epochs.state(epoch),
          push: (block, body) => this.#dissemination.push(block, body),
          built: (epoch, request, block) => {
            if (block !== null) this.#rhythm.saw(block.ref.digest, this.#time.now());
            this.#loop.own(epoch, { kind: 'built', request, block });
          },
          judged: (epoch, request, verdict) => this.#loop.own(epoch, { kind: 'judged', request, verdict }),
          missing: () => this.#counters.add('judge.ancestor-missing'),
          halt: this.#halt,
        },
      ),
    );
    executor.advance();
    const { block: tip } = store.tip();
    if (!this.#proposer.value.speaksAfter(tip.header.height)) return;
    const epoch = this.#epochs.epochAfter(tip);
    if (epoch > tip.header.epoch)
      await this.#epochs.end(
        tip,
        executor,
        () => this.#nextExecution(),
        (ended) => this.#learn(ended),
      );
    await this.#enter(epoch);
    this.#signing.begin();
    this.#learnSets().catch((error: unknown) => {
      if (this.#stopping === null) this.#halt(asFailure(error, 'learning earlier validator sets failed'));
    });
  }

  /** Joins by a snapshot. Peers have yet to connect, and one may be too young to prove anything: so it tries for a while. */
  async #syncState(trusted: NonNullable<ReplicaOptions['stateSync']>): Promise<void> {
    const { log } = this.#parts;
    const { genesis } = this.#options;
    const now = (): Millis => this.#time.now();
    const began = now();
    let told = '';
    for (;;) {
      try {
        const { application, store } = this;
        await stateSync({ genesis, ...trusted }, { application, store, log, ...this.#questions() });
        return;
      } catch (error) {
        const mayPass = isQuorateError(error, 'sync/refused') && now() - began < STATE_SYNC_PATIENCE_MS;
        if (!mayPass || this.#stopping !== null) throw error;
        if (this.#peers.connected.length > 0 && error.message !== told) {
          told = error.message;
          log('warn', 'state sync tries again', { reason: told });
        }
      }
      await this.#pause();
    }
  }

  /**
   * Earlier validator sets that this node lacks because an older release began its store by state sync: asked of the peers until
   * one proves them. Resolves at once when none is lacked.
   */
  #learnSets(): Promise<void> {
    this.#learningSets ??= this.#untilLearned().finally(() => {
      this.#learningSets = null;
    });
    return this.#learningSets;
  }

  async #untilLearned(): Promise<void> {
    const { genesis } = this.#options;
    let told = '';
    for (;;) {
      try {
        await learnLacked(this.store, this.#executor.value.height, { genesis, ...this.#questions() });
        return;
      } catch (error) {
        if (!isQuorateError(error, 'sync/refused') || this.#stopping !== null) throw error;
        if (error.message !== told) {
          told = error.message;
          this.#parts.log('warn', 'earlier validator sets are not known and are asked for again', { reason: told });
        }
      }
      await this.#pause();
    }
  }

  /** What asking peers needs. */
  #questions(): Omit<LookingBackParts, 'genesis'> {
    const { hash, suite } = this.#parts;
    const now = (): Millis => this.#time.now();
    return {
      suite,
      hash,
      now,
      peers: () => this.#peers.connected,
      ask: (peer, request) => this.#requests.ask(peer, request),
      blame: (peer, reason) => this.#peers.blame(peer, 'invalid', reason, now()),
    };
  }

  /** A while before peers are asked again. Throws when the node stopped. */
  async #pause(): Promise<void> {
    let cancel: () => void = () => {};
    let wake: () => void = () => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#pauses.add(wake);
      cancel = this.#parts.ports.clock.after(STATE_SYNC_PAUSE_MS, resolve);
    });
    cancel();
    this.#pauses.delete(wake);
    if (this.#stopping !== null) throw new QuorateError('rpc/unavailable', 'the node stopped');
  }

  /** Finishes the batch in hand, makes everything durable, closes files and the transport. */
  stop(): Promise<void> {
    this.#stopping ??= this.#close();
    return this.#stopping;
  }

  async submit(tx: Uint8Array): Promise<SubmitResult> {
    const now = this.#time.now();
    const result = await this.#mempool.add(tx, now);
    switch (result.kind) {
      case 'accepted':
        this.#took(tx, result.id, null);
        return { kind: 'accepted', id: result.id };
      case 'known':
      case 'settled':
        return { kind: 'accepted', id: result.id };
      case 'rejected':
        this.transactions.refused(result.id, result.reason);
        return result;
      default:
        return unreachable(result);
    }
  }

  finalizedBlock(height: number): FinalizedBlock | null {
    const { store } = this;
    const block = height < 1 ? null : store.at(height);
    const body = block === null ? null : store.body(block.ref);
    const outcome = store.receipts(height);
    const coverage = store.certificateFor(height);
    if (block === null || body === null || outcome === null || coverage === null) return null;
    return {
      header: block.header,
      digest: block.ref.digest,
      body,
      receipts: outcome.receipts,
      events: outcome.events,
      finality: { grade: 'final', ...coverage },
      finalizedAt: store.finalizedAt(height) ?? block.header.time,
    };
  }

  status(): ReplicaStatus {
    const { genesis } = this.#options;
    const { store } = this;
    const tip = store.begun ? store.tip().block : null;
    const executor = this.#executor.orNull;
    const engine = this.#loop.status() ?? STARTING;
    const self = this.#epoch?.self ?? null;
    return {
      chainId: genesis.chainId,
      genesis: this.#epochs.genesis,
      mechanism: this.#mechanism.name,
      role: self === null ? 'observer' : 'validator',
      silent: this.#silence(self),
      signer: self,
      epoch: engine.epoch,
      view: engine.view,
      height: store.finalizedHeight,
      digest: tip?.ref.digest ?? this.#epochs.genesis,
      stateRoot: executor?.stateRoot ?? tip?.header.stateRoot ?? this.#epochs.genesis,
      executedHeight: executor?.height ?? 0,
      lastBlockTime: tip?.header.time ?? genesis.time,
      peers: this.#peers.connected,
      syncing: this.#blockSync.syncing,
      mempool: { transactions: this.#mempool.size, bytes: this.#mempool.bytes },
      engine,
      counters: this.#counters.counts(),
      samples: this.#counters.samples(),
    };
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
    const { used, free } = await this.#parts.ports.disk.usage();
    return { used, free, journal: this.#opened.journal.size };
  }

  /** A validator that has run before, or joins a chain that runs, listens for a second process with its key. */
  #mustListen(): boolean {
    const { store, restored } = this.#opened;
    const moved = (store.begun && store.finalizedHeight > 0) || restored.length > 0;
    return moved || this.#parts.ports.signer.neverSigned === false;
  }

  #silence(self: number | null): string | null {
    const { signer } = this.#parts.ports;
    if (signer.publicKey === null) return null;
    if (self === null) return 'this key is not in the validator set';
    const loss = this.#loss === null || isOver(this.#loss, this.store) ? null : describeLoss(this.#loss);
    return signer.silent ?? this.#signing.silent ?? loss ?? this.#proposer.orNull?.hindrance ?? null;
  }

  // Epochs and finality.

  async #enter(epoch: Epoch): Promise<void> {
    const { genesis } = this.#options;
    const { hash, suite, ports } = this.#parts;
    const state = this.#epochs.state(epoch);
    const { block: floor, certificate } = this.store.tip();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    if (state.self !== null) await ports.signer.enterEpoch?.(epoch, { live: !this.#blockSync.syncing });
    if (this.#stopping !== null) return;
    this.#epoch = state;
    this.#peers.setValidators(state.validators);
    this.#epochs.admit(epoch);
    this.#verification.enter(state.voting);
    this.#signing.enter(epoch, state.self, state.voting, floor.ref.epoch === epoch ? floor.ref.view : 0);
    const engine = this.#mechanism.createEngine({
      chainId: genesis.chainId,
      hash,
      suite,
      parameters: genesis.consensus,
      epoch,
      validators: state.validators,
      self: state.self,
      epochStart: state.start,
      floor,
      floorCertificate: certificate,
      speculative: this.application.capabilities.speculative,
    });
    const { statements, loss } = recall(ports.signer, this.store, state);
    this.#loss = loss;
    if (loss !== null) this.#parts.log('error', describeLoss(loss), { ...loss });
    const restored = recordsOf(this.#mechanism.recordCodec, epoch, this.#opened.restored);
    // The gate speaks last: it knows what others may hold of us.
    this.#loop.run(epoch, engine, [...restored, ...statements.map((one) => this.#mechanism.votedRecord(one))]);
    this.#loop.own(epoch, { kind: 'peers', connected: this.#peers.connected });
    this.#ingress.enter(epoch);
    this.#dissemination.prune(epoch, 0);
    this.#parts.log('info', 'entered an epoch', { epoch, height: floor.header.height, signer: state.self });
    this.#blockSync.moved();
  }

  async #ended(epoch: Epoch, last: Block): Promise<void> {
    if (this.#loop.epoch !== epoch) return;
    await this.#epochs.end(
      last,
      this.#executor.value,
      () => this.#nextExecution(),
      (ended) => this.#learn(ended),
    );
    await this.#enter(epoch + 1);
  }

  /** A block is final and durable. */
  async #finalized(block: Block): Promise<void> {
    const { epoch, view } = block.ref;
    this.#counters.add('finalized.batches');
    if (!this.#proposer.value.speaksAfter(block.header.height)) return;
    this.#executor.value.advance();
    this.#dissemination.prune(epoch, view);
    this.#proposer.value.advanced(block.header.height);
    this.#blockSync.moved();
    await this.#signing.raiseFloor(epoch, view);
  }

  #executed(done: ExecutedBlock): void {
    const { height } = done.block.header;
    const now = this.#time.now();
    this.transactions.executed(height, done.transactions, done.receipts);
    this.#mempool
      .committed(height, done.transactions, now)
      .catch((error: unknown) => this.#halt(asFailure(error, 'the mempool failed')));
    this.#evidence.orNull
      ?.included(height, done.body.evidence)
      .catch((error: unknown) => this.#halt(asFailure(error, 'storing evidence failed')));
    this.#followers.orNull?.advance(height);
    this.#counters.add('blocks');
    this.#counters.add('transactions', done.transactions.length);
    if (this.#epoch !== null) {
      this.#loop.own(this.#epoch.epoch, { kind: 'executed', height, stateRoot: done.stateRoot });
    }
    this.#proposer.orNull?.advanced(this.store.finalizedHeight);
    for (const wake of this.#executedWaiters.splice(0)) wake();
    this.#blockSync.check();
  }

  #nextExecution(): Promise<void> {
    return new Promise((resolve) => {
      this.#executedWaiters.push(resolve);
    });
  }

  /** After state sync: what the epoch that ended committed to, asked of every peer in turn until one proves it. */
  async #learn(last: Block): Promise<void> {
    for (;;) {
      for (const peer of this.#peers.connected) {
        try {
          const answer = await this.#requests.ask(peer, { kind: 'epochs', from: last.header.epoch });
          const found =
            answer.kind === 'epochs' ? answer.proofs.find(({ epoch }) => epoch === last.header.epoch) : undefined;
          if (found === undefined) continue;
          await this.#executor.value.learnNextSet(last, found.next);
          return;
        } catch (error) {
          if (isQuorateError(error, 'rpc/unavailable')) throw error;
          if (!isQuorateError(error, 'sync/refused') && !isQuorateError(error, 'proof/invalid')) throw error;
          this.#parts.log('warn', 'a peer could not name the next validators', { peer, reason: error.message });
        }
      }
      await new Promise<void>((resolve) => {
        this.#parts.ports.clock.after(1_000, resolve);
      });
      if (this.#stopping !== null) throw new QuorateError('rpc/unavailable', 'the node stopped');
    }
  }

  // Effects of the engine.

  #perform(epoch: Epoch, effect: Effect<M>): void {
    if (epoch !== this.#loop.epoch) return;
    const { clock } = this.#parts.ports;
    switch (effect.kind) {
      case 'send':
        this.#send([effect.to], epoch, effect.message);
        break;
      case 'broadcast':
        this.#send(this.#peers.connected, epoch, effect.message);
        break;
      case 'setTimer': {
        const { timer } = effect;
        this.#timers.get(timer)?.();
        const fire = (): void => {
          this.#timers.delete(timer);
          this.#loop.own(epoch, { kind: 'timer', timer });
        };
        this.#timers.set(timer, clock.after(Math.max(0, effect.at - this.#time.now()), fire));
        break;
      }
      case 'cancelTimer':
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        break;
      case 'sign':
        this.#signing.ask(effect.statement);
        break;
      case 'verify': {
        const invalid = this.#verification.invalid(effect.items);
        this.#counters.add('verified', effect.items.length);
        this.#loop.own(epoch, { kind: 'verified', request: effect.request, invalid });
        break;
      }
      case 'build':
        this.#proposer.value.build(effect.request, effect.build);
        break;
      case 'judge':
        this.#rhythm.saw(effect.block.ref.digest, this.#time.now());
        this.#proposer.value.judge(effect.request, effect.block, effect.parent);
        break;
      case 'certify':
        this.#loop.own(epoch, { kind: 'certified', request: effect.request, ok: true });
        break;
      case 'fetch':
        this.#dissemination.fetch(effect.wants, effect.hint);
        break;
      case 'finalized':
        for (const { ref } of effect.commit.blocks) {
          const took = this.#rhythm.finalized(ref.digest, this.#time.now());
          if (took !== null) this.#counters.sample('finality', took);
          this.#proposer.value.finalized(ref);
        }
        this.#finalizer.finalized(effect.commit, effect.finality, this.#time.now());
        break;
      case 'epochEnded':
        this.#finalizer.ended(effect.epoch, effect.last);
        break;
      case 'evidence':
        this.#keepEvidence(effect.evidence);
        break;
      case 'blame':
        this.#peers.blame(effect.peer, 'misbehaved', effect.reason, this.#time.now());
        break;
      default:
        unreachable(effect);
    }
  }

  #send(to: readonly PeerId[], epoch: Epoch, message: M): void {
    const payload = encode(this.#mechanism.messageCodec, message);
    const bytes = encode(envelopeCodec, { epoch, payload });
    for (const peer of to) {
      if (this.#parts.ports.transport.send(peer, 'votes', bytes)) this.#counters.add('sent.votes', bytes.length);
      else this.#counters.add('dropped.send');
    }
  }

  #keepEvidence(evidence: Parameters<EvidencePool['add']>[0]): void {
    this.#evidence.value.add(evidence).then(
      (outcome) => {
        if (outcome.kind !== 'added') return;
        this.#parts.log('warn', 'a validator broke the rules', { kind: evidence.kind, signer: evidence.first.signer });
        this.#gossip.value.evidence();
        this.#proposer.value.wake();
      },
      (error: unknown) => this.#halt(asFailure(error, 'storing evidence failed')),
    );
  }

  // What peers send.

  #message(epoch: Epoch, from: PeerId, message: M, bytes: number): void {
    // What finds no room is not looked at either.
    if (!this.#loop.message(epoch, from, message, bytes)) return;
    const { votes, certificates } = this.#mechanism.signedIn(message);
    this.#signing.watch(from, votes, certificates);
  }

  #available(block: Block): void {
    this.#loop.own(block.ref.epoch, { kind: 'available', block });
    this.#proposer.value.advanced(this.store.finalizedHeight);
  }

  #proven(from: PeerId, blocks: readonly Block[], certificate: Certificate): void {
    const { epoch } = certificate.statement;
    for (const block of blocks) this.#loop.own(epoch, { kind: 'available', block });
    this.#loop.own(epoch, { kind: 'message', from, message: this.#mechanism.certificateMessage(certificate) });
  }

  #took(tx: Uint8Array, id: string, from: PeerId | null): void {
    this.transactions.accepted(id, this.#time.now());
    // What a validator sends, it sends to everybody; what an observer sends may have reached only us.
    if (from === null || !this.#peers.isValidator(from)) this.#gossip.value.transaction(tx, from);
    this.#proposer.value.wake();
  }

  async #gossiped(from: PeerId, message: GossipMessage): Promise<void> {
    if (this.#epoch === null) return;
    const now = this.#time.now();
    switch (message.kind) {
      case 'transactions':
        for (const tx of message.transactions) {
          const result = await this.#mempool.add(tx, now);
          if (result.kind === 'accepted') this.#took(tx, result.id, from);
          else if (result.kind === 'rejected') this.#counters.add('gossip.rejected');
        }
        return;
      case 'evidence':
        for (const piece of message.evidence) {
          const outcome = await this.evidence.add(piece);
          if (outcome.kind === 'false') this.#peers.blame(from, 'invalid', outcome.reason, now);
          if (outcome.kind !== 'added') continue;
          this.#gossip.value.evidence();
          this.#proposer.value.wake();
        }
        return;
      default:
        return unreachable(message);
    }
  }

  async #synced(from: PeerId, message: SyncMessage): Promise<void> {
    const now = this.#time.now();
    const { transport } = this.#parts.ports;
    switch (message.kind) {
      case 'tip':
        if (this.#epoch === null) return this.#peers.setTip(from, message, now);
        await this.#blockSync.receive(from, message);
        if (this.#blockSync.syncing) this.#signing.suspect();
        return;
      case 'wantRange':
      case 'range':
        if (this.#epoch !== null) await this.#blockSync.receive(from, message);
        return;
      case 'ask': {
        if (this.#epoch === null || !this.#peers.mayAsk(from, 1, now)) return this.#counters.add('dropped.requests');
        const answer = await serveStateSync(message.ask, {
          genesis: this.#options.genesis,
          application: this.application,
          store: this.store,
        });
        const bytes = encode(syncCodec, { kind: 'answer', request: message.request, answer });
        this.#peers.mayAsk(from, bytes.length / 65_536, now);
        transport.send(from, 'sync', bytes);
        return;
      }
      case 'answer':
        if (!this.#requests.answered(from, message.request, message.answer))
          this.#counters.add('dropped.sync-unsolicited');
        return;
      default:
        return unreachable(message);
    }
  }

  /** Whether we and the connected validators could form a quorum. */
  #hearsQuorum(): boolean {
    if (this.#epoch === null || this.#epoch.self === null) return false;
    const { validators, self } = this.#epoch;
    const heard = this.#peers.validators.map((peer) => validators.indexOfPeer(peer) ?? self);
    return validators.weightOfAll([self, ...heard]) >= validators.quorum;
  }

  #connected(connected: readonly PeerId[], news: readonly PeerId[]): void {
    if (this.#epoch === null) return;
    this.#signing.connected();
    this.#loop.own(this.#epoch.epoch, { kind: 'peers', connected });
    for (const peer of news) {
      this.#blockSync.greet(peer);
      this.#gossip.value.greet(peer);
    }
    this.#blockSync.check();
  }

  async #close(): Promise<void> {
    const { journal, store, evidenceStore, application } = this.#opened;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#requests.stop();
    this.#signing.stop();
    this.#blockSync.stop();
    this.#dissemination.stop();
    this.#gossip.orNull?.stop();
    this.#proposer.orNull?.stop();
    this.transactions.stop();
    this.#followers.orNull?.stop();
    const executed = this.#executor.orNull?.stop();
    for (const wake of [...this.#executedWaiters.splice(0), ...this.#pauses]) wake();
    await this.#loop.stop();
    await this.#ingress.stop();
    await this.#finalizer.stop();
    await executed;
    await this.#parts.ports.transport.stop();
    await journal.close();
    await evidenceStore.close();
    await store.close();
    await application.close();
  }
}

function asFailure(error: unknown, what: string): QuorateError {
  return isQuorateError(error) ? error : new QuorateError('replica/failed', what, { cause: error });
}

const STARTING: EngineStatus = {
  epoch: 0,
  view: 0,
  leader: null,
  finalizedHeight: 0,
  finalizedView: 0,
  viewsSinceFinalized: 0,
  nullifiedViews: 0,
  dropped: {},
};
