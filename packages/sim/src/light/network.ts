import {
  type Block,
  type BlockRef,
  blockOf,
  blockOfHeader,
  type Certificate,
  type Digest,
  type Effect,
  type Output,
  type SignerIndex,
  type Statement,
  unreachable,
  type Vote,
} from '@quorate/kernel';
import { Decisions } from '../decisions.ts';
import { CalendarQueue } from '../queue/calendar.ts';
import { digestText } from '../random.ts';
import { Archive } from './archive.ts';
import { blockFor, engineFor } from './building.ts';
import { BEGINNING, type Committee, LIGHT_CHAIN, signerOf } from './committee.ts';
import { type Crash, type Cut, FaultPlan } from './faults.ts';
import { type AnyInput, EVENT, KINDS, type Parcel, PLACE } from './happenings.ts';
import { Links } from './links.ts';
import { drawAt, mix, quickHash, RunningHash, wordOf } from './mixing.ts';
import { LightNode } from './node.ts';
import type { LightOptions, Route } from './options.ts';
import type { Attack, AttackPort, LightProtocol } from './protocol.ts';
import { LightScheme } from './scheme.ts';
import { Watch } from './watch.ts';

/** Finalized blocks after which a node's journal is replaced by its engine's checkpoint. */
const CHECKPOINT_EVERY = 16;

/**
 * Engines alone: no keys, no bodies, no files, no promises. Discrete events over typed arrays, one virtual clock in µs, every choice by
 * counter from the seed or from a list of decisions. Equal options give equal hashes.
 */
export class LightNetwork<M, R> {
  readonly options: LightOptions<M, R>;
  readonly nodes: readonly LightNode[];
  readonly watch: Watch;
  readonly decisions: Decisions;
  readonly #protocol: LightProtocol<unknown, unknown>;
  readonly #committee: Committee;
  readonly #scheme: LightScheme;
  readonly #queue = new CalendarQueue<unknown>();
  readonly #hash = new RunningHash();
  readonly #archive: Archive;
  readonly #plan: FaultPlan | null;
  readonly #links: Links;
  readonly #byPeer: readonly (readonly LightNode[])[];
  readonly #disk: number;
  readonly #application: number;
  readonly #bad = new Set<Digest>();
  /** Nodes and what they are to step on, in turn; emptied by its count, so that its memory serves again. */
  readonly #inbox: (LightNode | AnyInput)[] = [];
  #inboxed = 0;
  #draining = false;
  #micros = 0;
  #nowMs = BEGINNING;
  #timers = 0;
  #steps = 0;
  #restarts = 0;
  #finalized = 0;
  #pruneAt = 16;

  constructor(options: LightOptions<M, R>) {
    const { committee, seed, delays } = options;
    const size = committee.validators.size;
    this.options = options;
    this.#protocol = options.protocol as LightProtocol<unknown, unknown>;
    this.#committee = committee;
    this.#scheme = new LightScheme(size);
    this.#disk = Math.round((options.disk ?? 1) * 1000);
    this.#application = Math.round((options.application ?? 0) * 1000);
    const signers = [...Array(size).keys(), ...(options.twins ?? [])];
    this.#plan =
      options.faults === undefined
        ? null
        : new FaultPlan(
            options.faults,
            { seed, nodes: signers.length, stableAt: options.stableAt ?? Infinity, traffics: this.#protocol.traffics },
            options.decisions,
          );
    this.#links = new Links({
      seed,
      nodes: signers.length,
      delays,
      jitter: options.jitter ?? 0,
      stableAt: (options.stableAt ?? Number.POSITIVE_INFINITY) * 1000,
      plan: this.#plan,
      route: (options.route as Route<unknown> | undefined) ?? null,
    });
    this.decisions = this.#plan?.decisions ?? options.decisions ?? Decisions.listed([]);
    const { genesis } = committee;
    this.watch = new Watch({
      weights: committee.weights,
      genesis: genesis.ref.digest,
      conflict: (a, b) => this.#protocol.conflict(a, b),
    });
    const isHonest = (signer: SignerIndex): boolean =>
      options.byzantine?.has(signer) !== true && options.twins?.includes(signer) !== true;
    this.nodes = signers.map(
      (signer, place) => new LightNode(place, signer, isHonest(signer), this.#engine(signer, genesis, null), genesis),
    );
    this.#archive = new Archive(this.nodes.length);
    this.#byPeer = committee.weights.map((_, signer) => this.nodes.filter((node) => node.signer === signer));
    this.#hash.mix(seed);
    for (const node of this.nodes) {
      if (options.absent?.includes(node.signer)) node.up = false;
      else this.#schedule(0, EVENT.start, node.place, 0, null);
    }
    for (const crash of this.#plan?.crashes ?? []) this.#schedule(crash.at * 1000, EVENT.crash, crash.node, 0, crash);
    for (const cut of this.#plan?.cuts ?? []) {
      this.#schedule(cut.at * 1000, EVENT.cut, 0, 0, cut);
      this.#schedule((cut.at + cut.ms) * 1000, EVENT.heal, 0, 0, cut);
    }
  }

  /** Equal for equal options and equal code: of every event, every signature and every commit. */
  get hash(): string {
    return this.#hash.text;
  }

  /** Steps of engines so far. */
  get events(): number {
    return this.#steps;
  }

  /** Messages sent, one per receiver, and how many of them faults took. */
  get messages(): number {
    return this.#links.messages;
  }

  get lost(): number {
    return this.#links.lost;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Commits at honest nodes, all together. */
  get finalized(): number {
    return this.#finalized;
  }

  /** Virtual ms since the beginning. */
  get elapsed(): number {
    return this.#micros / 1000;
  }

  get honest(): readonly LightNode[] {
    return this.nodes.filter((node) => node.honest);
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Runs events until `until` (virtual ms since the beginning) or until engines took `maxSteps` steps in all. */
  run(until: number, maxSteps = Number.POSITIVE_INFINITY): void {
    const end = until * 1000;
    const queue = this.#queue;
    while (queue.peek() <= end && this.#steps < maxSteps) {
      const payload = queue.pop();
      this.#advance(queue.time);
      this.#happen(queue.kind & KINDS, this.nodes[queue.kind >> PLACE] as LightNode, queue.word, payload);
    }
    if (this.#steps < maxSteps && Number.isFinite(end)) this.#advance(end);
  }

  /** An event of a node at a time in µs, with a number and an object of its own. */
  #schedule(time: number, kind: number, place: number, number: number, object: unknown): void {
    this.#queue.push(time, 0, kind | (place << PLACE), number, object);
  }

  #advance(time: number): void {
    this.#micros = time;
    this.#nowMs = BEGINNING + Math.floor(time / 1000);
  }

  #happen(kind: number, node: LightNode, number: number, object: unknown): void {
    const hash = this.#hash;
    hash.mix(this.#micros | 0);
    hash.mix((node.place << 8) ^ kind ^ Math.floor(this.#micros / 0x1_0000_0000));
    switch (kind) {
      case EVENT.deliver: {
        if (!node.up) return;
        const { message, from, shape, carried } = object as Parcel;
        hash.mix(shape.word);
        if (carried !== null) this.#archive.hold(carried, node.place);
        const peer = this.#committee.peers[from.signer] as string;
        this.#step(node, { kind: 'message', now: this.#nowMs, from: peer, message });
        return;
      }
      case EVENT.timer: {
        const timer = object as string;
        if (node.timers.get(timer) !== number) return;
        node.timers.delete(timer);
        this.#step(node, { kind: 'timer', now: this.#nowMs, timer });
        return;
      }
      case EVENT.durable:
        if (node.life === number) this.#durable(node);
        return;
      case EVENT.seek:
        if (node.life === number) this.#seek(node, object as BlockRef);
        return;
      case EVENT.answer:
        if (node.life === number) this.#step(node, { ...(object as AnyInput), now: this.#nowMs });
        return;
      case EVENT.crash:
        this.#crash(node, object as Crash);
        return;
      case EVENT.restart:
        this.#restart(node);
        return;
      case EVENT.cut:
        this.#links.cuts.add(object as Cut);
        return;
      case EVENT.heal:
        this.#links.cuts.delete(object as Cut);
        return;
      case EVENT.start:
        this.#start(node);
        return;
    }
  }

  #engine(signer: SignerIndex, floor: Block, floorCertificate: Certificate | null): LightNode['engine'] {
    const { delta, schedule = null, lastHeight } = this.options;
    const parts = { committee: this.#committee, suite: this.#scheme.suite, delta, schedule, lastHeight };
    return engineFor(this.#protocol.mechanism, parts, { signer, floor, floorCertificate });
  }

  #start(node: LightNode): void {
    this.#step(node, { kind: 'start', now: this.#nowMs, restored: node.journal });
    this.#tellPeers(node);
  }

  #tellPeers(node: LightNode): void {
    const connected: string[] = [];
    for (const peer of this.nodes) {
      if (peer.up && peer.signer !== node.signer) connected.push(this.#committee.peers[peer.signer] as string);
    }
    this.#step(node, { kind: 'peers', now: this.#nowMs, connected });
  }

  #crash(node: LightNode, { index, down }: Crash): void {
    if (!node.up) return;
    node.lose(drawAt(this.options.seed, digestText('prefix'), index));
    this.#schedule(this.#micros + down * 1000, EVENT.restart, node.place, 0, null);
    for (const other of this.nodes) if (other.up) this.#tellPeers(other);
  }

  #restart(node: LightNode): void {
    this.#restarts++;
    node.up = true;
    if (this.options.forgetful) node.forget(this.#committee.genesis);
    node.engine = this.#engine(node.signer, node.floor, node.floorCertificate);
    this.#start(node);
    for (const other of this.nodes) if (other.up && other !== node) this.#tellPeers(other);
  }

  /** One step, then every step that follows from it at once. */
  #step(node: LightNode, input: AnyInput): void {
    this.#inbox[this.#inboxed++] = node;
    this.#inbox[this.#inboxed++] = input;
    this.#drain();
  }

  #drain(): void {
    const inbox = this.#inbox;
    if (this.#draining || this.#inboxed === 0) return;
    this.#draining = true;
    // Steps are appended while the list is read; it is short.
    for (let at = 0; at < this.#inboxed; at += 2) {
      const whose = inbox[at] as LightNode;
      if (!whose.up) continue;
      this.#steps++;
      this.#output(whose, whose.engine.step(inbox[at + 1] as AnyInput));
    }
    this.#inboxed = 0;
    this.#draining = false;
  }

  /** Records first, then effects. */
  #output(node: LightNode, output: Output<unknown, unknown>): void {
    const then = node.take(output, this.#disk > 0);
    if (then === 'write') this.#schedule(this.#micros + this.#disk, EVENT.durable, node.place, node.life, null);
    if (then === 'perform' && output.effects.length > 0) this.#perform(node, output.effects);
  }

  #durable(node: LightNode): void {
    const { due, again } = node.written();
    if (again) this.#schedule(this.#micros + this.#disk, EVENT.durable, node.place, node.life, null);
    // All the steps that follow from these effects come after all of them.
    const draining = this.#draining;
    this.#draining = true;
    for (const effects of due) this.#perform(node, effects);
    this.#draining = draining;
    this.#drain();
  }

  #perform(node: LightNode, effects: readonly Effect<unknown>[]): void {
    const attack = this.options.byzantine?.get(node.signer);
    if (attack !== undefined) (attack as Attack<unknown>)(this.#port(node), effects);
    else for (const effect of effects) this.#effect(node, effect);
  }

  #port(self: LightNode): AttackPort<unknown> {
    return {
      self,
      nodes: this.nodes,
      nowMs: this.#nowMs,
      perform: (effect) => this.#effect(self, effect),
      transmit: (to, message) => this.#transmit(this.#parcel(self, message), to),
      vote: (statement) => this.#vote(self, statement),
      join: (signatures) => this.#scheme.suite.aggregate(signatures),
      block: (header, valid) => {
        const block = blockOfHeader(quickHash, LIGHT_CHAIN, header);
        this.#archive.add(block, self.place);
        if (!valid) this.#bad.add(block.ref.digest);
        return block.ref.digest;
      },
      draw: (view) => {
        const index = self.lies.get(view) ?? 0;
        self.lies.set(view, index + 1);
        return drawAt(this.options.seed, mix(digestText('byzantine') ^ self.place, view), index);
      },
    };
  }

  #vote(node: LightNode, statement: Statement): Vote {
    this.watch.signed(node.signer, node.honest, statement);
    return { statement, signer: node.signer, signature: this.#scheme.sign(node.signer, statement) };
  }

  #effect(node: LightNode, effect: Effect<unknown>): void {
    switch (effect.kind) {
      case 'broadcast': {
        const parcel = this.#parcel(node, effect.message);
        const { nodes } = this;
        for (let place = 0; place < nodes.length; place++) {
          const to = nodes[place] as LightNode;
          if (to.signer !== node.signer) this.#transmit(parcel, to);
        }
        return;
      }
      case 'send': {
        const parcel = this.#parcel(node, effect.message);
        for (const to of this.#byPeer[signerOf(effect.to)] ?? []) this.#transmit(parcel, to);
        return;
      }
      case 'setTimer': {
        const number = ++this.#timers;
        node.timers.set(effect.timer, number);
        const at = Math.round((effect.at - BEGINNING) * 1000);
        this.#schedule(Math.max(at, this.#micros), EVENT.timer, node.place, number, effect.timer);
        return;
      }
      case 'cancelTimer':
        node.timers.delete(effect.timer);
        return;
      case 'sign': {
        const { statement } = effect;
        const named = blockOf(statement);
        this.#hash.mix(named === null ? statement.view : wordOf(named));
        const { signature } = this.#vote(node, statement);
        this.#step(node, { kind: 'signed', now: this.#nowMs, statement, signature });
        return;
      }
      case 'verify': {
        const { request, items } = effect;
        this.#step(node, { kind: 'verified', now: this.#nowMs, request, invalid: this.#scheme.findInvalid(items) });
        return;
      }
      case 'build': {
        const isOnGenesis = effect.build.parent === this.#committee.genesis;
        const own = { nowMs: this.#nowMs, place: node.place, number: node.built++, isOnGenesis };
        const block = blockFor(effect.build, own);
        this.#archive.add(block, node.place);
        this.#answer(node, { kind: 'built', now: this.#nowMs, request: effect.request, block });
        return;
      }
      case 'judge': {
        const verdict = this.#bad.has(effect.block.ref.digest) ? 'invalid' : 'valid';
        this.#answer(node, { kind: 'judged', now: this.#nowMs, request: effect.request, verdict });
        return;
      }
      case 'certify':
        this.#answer(node, { kind: 'certified', now: this.#nowMs, request: effect.request, ok: true });
        return;
      case 'fetch':
        for (const ref of effect.wants) {
          if (node.wants.has(ref.digest)) continue;
          node.wants.set(ref.digest, ref);
          this.#seek(node, ref);
        }
        return;
      case 'finalized':
        this.#commit(node, effect);
        return;
      case 'forked':
        if (node.honest) this.watch.fault(`node ${node.place} sees a fork`);
        return;
      case 'blame':
        this.#accused(node, signerOf(effect.peer), 'blames', `: ${effect.reason}`);
        return;
      case 'evidence':
        this.#accused(node, effect.evidence.first.signer, 'has evidence against');
        return;
      case 'epochEnded':
        return;
      default:
        unreachable(effect);
    }
  }

  /** An honest node must never hold anything against another one. */
  #accused(by: LightNode, signer: SignerIndex, how: string, why = ''): void {
    if (by.honest && this.nodes[signer]?.honest) this.watch.fault(`node ${by.place} ${how} the honest ${signer}${why}`);
  }

  #parcel(from: LightNode, message: unknown): Parcel {
    const shape = this.#protocol.shapeOf(message);
    if (from.honest) {
      for (const certificate of this.#protocol.mechanism.signedIn(message).certificates) {
        this.watch.certificate(certificate, from);
      }
    }
    const carried = shape.carries === null ? null : this.#archive.digestOf(shape.carries);
    if (carried !== null) this.options.onProposed?.(carried, from.signer, this.elapsed);
    return { message, from, shape, carried };
  }

  #transmit(parcel: Parcel, to: LightNode): void {
    const deliver = (time: number): void => this.#schedule(time, EVENT.deliver, to.place, 0, parcel);
    const at = this.#links.arrival(parcel.from, to, parcel.message, parcel.shape, this.#micros, deliver);
    if (at >= 0) deliver(at);
  }

  #answer(node: LightNode, input: AnyInput): void {
    if (this.#application === 0) this.#step(node, input);
    else this.#schedule(this.#micros + this.#application, EVENT.answer, node.place, node.life, input);
  }

  /** A block that is here, or was pushed with its proposal, is available at once; another comes from a node that has it, a round trip away. */
  #seek(node: LightNode, ref: BlockRef): void {
    if (!node.wants.has(ref.digest)) return;
    const block = this.#archive.get(ref.digest);
    if (block !== undefined && this.#archive.holds(ref.digest, node.place)) {
      node.wants.delete(ref.digest);
      this.#step(node, { kind: 'available', now: this.#nowMs, block });
      return;
    }
    for (const other of this.nodes) {
      if (!other.up || other === node || !this.#archive.holds(ref.digest, other.place)) continue;
      const trip = this.#links.roundTrip(node, other, this.#micros);
      if (trip < 0) continue;
      this.#archive.hold(ref.digest, node.place);
      this.#schedule(this.#micros + trip, EVENT.seek, node.place, node.life, ref);
      return;
    }
    this.#schedule(this.#micros + 1000 * this.options.delta, EVENT.seek, node.place, node.life, ref);
  }

  #commit(node: LightNode, { commit, finality }: Extract<Effect<unknown>, { kind: 'finalized' }>): void {
    const block = commit.blocks[commit.blocks.length - 1];
    if (node.honest) {
      this.#finalized++;
      if (finality.grade === 'final') this.watch.finalizing(finality.certificate, node, this.#protocol);
      this.watch.committed(node, commit);
    }
    if (block === undefined) return;
    this.#hash.mix(wordOf(block.ref.digest) ^ node.place);
    node.floor = block;
    node.floorCertificate = finality.grade === 'final' ? finality.certificate : null;
    node.height = commit.index;
    node.finalDigest = block.ref.digest;
    this.options.onFinal?.(block, node, this.elapsed);
    if (++node.sinceCheckpoint >= CHECKPOINT_EVERY && node.writing === null) {
      node.sinceCheckpoint = 0;
      node.journal = node.engine.checkpoint();
    }
    if (commit.index >= this.#pruneAt) this.#prune();
  }

  /** Blocks that every node has as final are asked for by nobody. */
  #prune(): void {
    this.#pruneAt += 16;
    let least = Number.POSITIVE_INFINITY;
    for (const node of this.nodes) {
      const gone = this.options.absent?.includes(node.signer) === true;
      if (!gone && node.height < least) least = node.height;
    }
    this.#archive.forgetBelow(least);
    this.watch.forgetBelow(least);
  }
}
