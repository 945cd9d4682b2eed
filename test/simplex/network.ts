import {
  type Block,
  type BlockRef,
  blockOf,
  type Certificate,
  type Digest,
  type Effect,
  type Evidence,
  type Header,
  type Input,
  type SignerIndex,
  type Statement,
  type TimerKey,
  type ValidatorSet,
} from '@quorate/kernel';
import type { Simplex, SimplexMessage, SimplexOptions, SimplexParts, SimplexRecord } from '@quorate/simplex';
import {
  CHAIN,
  childOf,
  digestOfText,
  genesisOf,
  holds,
  NOTHING,
  peerOf,
  randomOf,
  sha256,
  sign,
  suite,
  validatorsOf,
} from './world.ts';

type In = Input<SimplexMessage, SimplexRecord>;
type Body = In extends infer I ? (I extends In ? Omit<I, 'now'> : never) : never;
type Engine = Pick<Simplex, 'step' | 'checkpoint' | 'status'>;

/** What a Byzantine validator does with the effects of its honest engine: it may add, drop and change them. */
export type Decorator = (network: Network, self: Node, effects: readonly Effect<SimplexMessage>[]) => void;

export interface NetworkOptions {
  readonly seed: number;
  readonly weights: readonly number[];
  readonly engine: new (options: SimplexOptions, parts: SimplexParts) => Engine;
  readonly byzantine?: ReadonlyMap<SignerIndex, Decorator>;
  /** Until then messages are lost, doubled, slow, and validators crash. */
  readonly stableAt: number;
  readonly loss?: number;
  readonly slowest?: number;
  readonly crashes?: number;
  readonly delta?: number;
  readonly speculative?: boolean;
  readonly certify?: boolean;
  readonly lastHeight?: number;
  /** Weight that engines and checks take for a quorum, to show that a wrong one is noticed. */
  readonly quorum?: number;
  /** Whether a restarted validator starts from genesis with an empty journal, as if it had forgotten its floor. */
  readonly forgetful?: boolean;
  /** Whether a message from one to another passes at this time. */
  readonly passes?: (now: number, from: SignerIndex, to: SignerIndex, message: SimplexMessage) => boolean;
  /** Byzantine validators that run an honest engine on each side of the network under one key, and where each other one is. */
  readonly twins?: {
    readonly of: readonly SignerIndex[];
    readonly side: (index: SignerIndex) => number;
    readonly healAt: number;
  };
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** One validator: an engine, its durable journal, block store and floor, and what is not durable yet. */
export class Node {
  readonly index: SignerIndex;
  life = 0;
  up = true;
  engine: Engine;
  journal: SimplexRecord[] = [];
  readonly blocks = new Map<Digest, Block>();
  floor: Block;
  floorView = 0;
  floorCertificate: Certificate | null = null;
  readonly finalized = new Map<number, Digest>();
  timers = new Map<TimerKey, number>();
  wants = new Map<Digest, BlockRef>();
  evidence: Evidence[] = [];
  /** What justified its final blocks and made them final. */
  readonly committed: Certificate[] = [];
  forks: Extract<Effect<SimplexMessage>, { kind: 'forked' }>[] = [];
  ended = 0;
  highest = 0;

  /** Of a network whose Byzantine validators are on both sides. */
  readonly side: number;

  constructor(index: SignerIndex, engine: Engine, floor: Block, side = 0) {
    this.index = index;
    this.side = side;
    this.engine = engine;
    this.floor = floor;
  }
}

/** A seeded network of Simplex engines in one process: discrete events, no clock, every choice drawn from the seed. */
export class Network {
  readonly options: NetworkOptions;
  readonly validators: ValidatorSet;
  readonly genesis: Block;
  readonly nodes: Node[];
  readonly random: () => number;
  now = 1000;
  readonly faults: string[] = [];
  /** Every signature that an honest key made, to check by arithmetic of our own. */
  readonly #signed = new Map<string, string>();
  readonly #built = new WeakMap<Header, Block>();
  readonly #queue: Event[] = [];
  #order = 0;
  #digest = 17;

  constructor(options: NetworkOptions) {
    this.options = options;
    this.random = randomOf(options.seed);
    this.validators = validatorsOf(options.weights);
    if (options.quorum !== undefined) Object.defineProperty(this.validators, 'quorum', { value: options.quorum });
    this.genesis = genesisOf(this.validators);
    const { twins } = options;
    const node = (index: SignerIndex, side: number): Node =>
      new Node(index, this.#engine(index, this.genesis, 0, null), this.genesis, side);
    this.nodes = options.weights.map((_, index) => node(index, twins?.side(index) ?? 0));
    for (const index of twins?.of ?? []) this.nodes.push(node(index, 1 - (twins?.side(index) ?? 0)));
    for (const node of this.nodes) this.at(Math.floor(this.random() * 20), () => this.#start(node));
    for (let i = 0; i < (options.crashes ?? 0); i++) {
      const node = this.nodes[Math.floor(this.random() * this.nodes.length)] as Node;
      this.at(this.random() * (options.stableAt - 1000), () => this.#crash(node));
    }
  }

  /** A digest of everything that happened. */
  get hash(): number {
    return this.#digest >>> 0;
  }

  isHonest(index: SignerIndex): boolean {
    return this.options.byzantine?.has(index) !== true && this.options.twins?.of.includes(index) !== true;
  }

  get honest(): Node[] {
    return this.nodes.filter((node) => this.isHonest(node.index));
  }

  run(until: number): void {
    while (this.#queue.length > 0) {
      const event = this.#pop();
      if (event.at > until) {
        this.#push(event);
        break;
      }
      this.now = event.at;
      event.run();
    }
    this.now = until;
  }

  at(delay: number, run: () => void): void {
    this.#push({ at: this.now + Math.ceil(delay), order: this.#order++, run });
  }

  #engine(index: SignerIndex, floor: Block, floorView: number, floorCertificate: Certificate | null): Engine {
    const { options } = this;
    return new options.engine(
      {
        chainId: CHAIN,
        epoch: 0,
        validators: this.validators,
        self: index,
        floor,
        floorView,
        floorCertificate,
        epochStart: this.genesis.ref.digest,
        lastHeight: options.lastHeight ?? 1_000_000,
        speculative: options.speculative ?? true,
        certify: options.certify ?? false,
        timing: { delta: options.delta ?? 50, maxTimeout: 2000 },
      },
      { hash: sha256, suite },
    );
  }

  #start(node: Node): void {
    this.input(node, { kind: 'start', restored: node.journal });
    this.input(node, {
      kind: 'peers',
      connected: this.nodes.filter((peer) => peer !== node).map((peer) => peerOf(peer.index)),
    });
  }

  #crash(node: Node): void {
    if (!node.up) return;
    node.up = false;
    node.life++;
    node.timers = new Map();
    node.wants = new Map();
    this.at(this.random() * 800, () => {
      node.up = true;
      if (this.options.forgetful) {
        node.journal = [];
        node.engine = this.#engine(node.index, this.genesis, 0, null);
      } else {
        if (this.random() < 0.5) {
          // The replica replaces its journal by a checkpoint now and then.
          const compacted = this.#engine(node.index, node.floor, node.floorView, node.floorCertificate);
          compacted.step({ now: this.now, kind: 'start', restored: node.journal });
          node.journal = compacted.checkpoint();
        }
        node.engine = this.#engine(node.index, node.floor, node.floorView, node.floorCertificate);
      }
      this.#start(node);
    });
  }

  /** Steps an engine; its records are durable a moment later, and only then its effects run. A crash in between loses both. */
  input(node: Node, body: Body): void {
    if (!node.up) return;
    const { persist, effects } = node.engine.step({ ...body, now: this.now } as In);
    const life = node.life;
    const perform = (): void => {
      if (node.life !== life) {
        // Crashed before the write returned: some prefix of the records may have reached the disk all the same.
        if (this.random() < 0.3)
          node.journal.push(...persist.slice(0, Math.floor(this.random() * (persist.length + 1))));
        return;
      }
      node.journal.push(...persist);
      const decorator = this.options.byzantine?.get(node.index);
      if (decorator !== undefined) decorator(this, node, effects);
      else for (const effect of effects) this.perform(node, effect);
    };
    if (persist.length === 0) perform();
    else this.at(1, perform);
  }

  perform(node: Node, effect: Effect<SimplexMessage>): void {
    switch (effect.kind) {
      case 'send': {
        for (const to of this.nodes) if (peerOf(to.index) === effect.to) this.transmit(node, to, effect.message);
        return;
      }
      case 'broadcast':
        for (const to of this.nodes) if (to.index !== node.index) this.transmit(node, to, effect.message);
        return;
      case 'setTimer': {
        node.timers.set(effect.timer, effect.at);
        const life = node.life;
        this.at(Math.max(0, effect.at - this.now), () => {
          if (node.life !== life || node.timers.get(effect.timer) !== effect.at) return;
          node.timers.delete(effect.timer);
          this.input(node, { kind: 'timer', timer: effect.timer });
        });
        return;
      }
      case 'cancelTimer':
        node.timers.delete(effect.timer);
        return;
      case 'sign':
        this.#checkSignature(node.index, effect.statement);
        this.input(node, {
          kind: 'signed',
          statement: effect.statement,
          signature: sign(node.index, effect.statement),
        });
        return;
      case 'verify': {
        const invalid = effect.items.flatMap((item, index) =>
          holds(this.validators, item, this.options.quorum) ? [] : [index],
        );
        this.#later(node, 2 * this.random(), { kind: 'verified', request: effect.request, invalid });
        return;
      }
      case 'build': {
        const { build } = effect;
        const common = {
          epoch: 0,
          view: build.view,
          time: Math.max(this.now, build.parent.header.time + 1),
          justificationDigest: build.justificationDigest,
        };
        const { executedHeight, stateRoot, receiptsRoot } = build.parent.header;
        const copied = { txRoot: NOTHING, executedHeight, stateRoot, receiptsRoot };
        const last = build.lastOfEpoch ? { nextValidatorsRoot: digestOfText('next set') } : {};
        const parentView = build.parent === this.genesis ? 0 : build.parent.ref.view;
        const fields = build.content === 'empty' ? { ...common, ...copied, ...last } : { ...common, ...last };
        const block = childOf(
          build.parent,
          parentView,
          fields,
          `of view ${build.view}${node.side === 0 ? '' : ' on the other side'}`,
        );
        node.blocks.set(block.ref.digest, block);
        this.#built.set(block.header, block);
        this.#later(node, 1 + this.random() * 3, { kind: 'built', request: effect.request, block });
        return;
      }
      case 'judge':
        this.#later(node, 1 + this.random() * 10, {
          kind: 'judged',
          request: effect.request,
          verdict: effect.block.header.protocolVersion === 1 ? 'valid' : 'invalid',
        });
        return;
      case 'certify':
        this.#later(node, this.random() * 30, { kind: 'certified', request: effect.request, ok: true });
        return;
      case 'fetch':
        for (const ref of effect.wants) {
          if (!node.wants.has(ref.digest)) {
            node.wants.set(ref.digest, ref);
            this.#seek(node, ref, node.life);
          }
        }
        return;
      case 'finalized':
        this.#finalized(node, effect);
        return;
      case 'epochEnded':
        node.ended++;
        return;
      case 'evidence':
        node.evidence.push(effect.evidence);
        return;
      case 'forked':
        node.forks.push(effect);
        return;
      case 'blame':
        if (this.nodes.some((peer) => peerOf(peer.index) === effect.peer && this.isHonest(peer.index))) {
          this.faults.push(`${node.index} blames the honest ${effect.peer.slice(0, 2)}: ${effect.reason}`);
        }
    }
  }

  /** Whether one hears the other. */
  #meets(a: Node, b: Node): boolean {
    const { twins } = this.options;
    return twins === undefined || a.side === b.side || this.now >= twins.healAt;
  }

  transmit(from: Node, to: Node, message: SimplexMessage): void {
    const { options } = this;
    if (!this.#meets(from, to)) return;
    const stable = this.now >= options.stableAt;
    if (options.passes?.(this.now, from.index, to.index, message) === false) return;
    if (!stable && this.random() < (options.loss ?? 0)) return;
    const copies = !stable && this.random() < 0.1 ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const delay = 1 + this.random() * (stable ? 10 : this.random() < 0.2 ? (options.slowest ?? 10) : 10);
      this.at(delay, () => {
        if (!to.up) return;
        this.#mix(to.index, message);
        if (message.kind === 'proposal' && this.random() < 0.8) this.#sendBody(to, from, message);
        this.input(to, { kind: 'message', from: peerOf(from.index), message });
      });
    }
  }

  /** A leader's replica pushes the body along with most proposals. */
  #sendBody(to: Node, from: Node, message: Extract<SimplexMessage, { kind: 'proposal' }>): void {
    const block = this.#built.get(message.header);
    if (block === undefined || !from.blocks.has(block.ref.digest)) return;
    to.blocks.set(block.ref.digest, block);
    this.#later(to, this.random() * 10, { kind: 'available', block });
  }

  #seek(node: Node, ref: BlockRef, life: number): void {
    if (node.life !== life || !node.wants.has(ref.digest)) return;
    const own = node.blocks.get(ref.digest);
    const holder = this.nodes.find((peer) => peer.up && this.#meets(node, peer) && peer.blocks.has(ref.digest));
    const found = own ?? holder?.blocks.get(ref.digest);
    if (found !== undefined && (own !== undefined || this.now >= this.options.stableAt || this.random() < 0.5)) {
      node.wants.delete(ref.digest);
      node.blocks.set(ref.digest, found);
      this.#later(node, own === undefined ? 1 + this.random() * 10 : 0, { kind: 'available', block: found });
    } else this.at(30, () => this.#seek(node, ref, life));
  }

  #later(node: Node, delay: number, body: Body): void {
    const life = node.life;
    this.at(delay, () => {
      if (node.life === life) this.input(node, body);
    });
  }

  #finalized(node: Node, { commit, finality }: Extract<Effect<SimplexMessage>, { kind: 'finalized' }>): void {
    if (!this.isHonest(node.index)) return;
    const block = commit.blocks[0] as Block;
    if (this.options.twins !== undefined) {
      node.committed.push(...commit.justification, ...(finality.grade === 'final' ? [finality.certificate] : []));
    }
    const { digest } = block.ref;
    this.#mixText(`${node.index} finalized ${commit.index} ${digest}`);
    if (commit.index !== block.header.height)
      this.faults.push(`commit ${commit.index} holds height ${block.header.height}`);
    const before = node.finalized.get(commit.index - 1) ?? this.genesis.ref.digest;
    if (before !== commit.previous) this.faults.push(`${node.index} skipped below height ${commit.index}`);
    node.finalized.set(commit.index, digest);
    node.highest = Math.max(node.highest, commit.index);
    node.floor = block;
    node.floorView = block.ref.view;
    node.floorCertificate = finality.grade === 'final' ? finality.certificate : null;
    for (const other of this.honest) {
      const theirs = other.finalized.get(commit.index);
      if (theirs !== undefined && theirs !== digest) this.faults.push(`height ${commit.index} is final in two ways`);
    }
  }

  /** S10 with arithmetic of our own. */
  #checkSignature(signer: SignerIndex, statement: Statement): void {
    if (!this.isHonest(signer)) return;
    const place = `${signer}/${statement.view}`;
    const said = (kind: string): string | undefined => this.#signed.get(`${place}/${kind}`);
    const text = blockOf(statement) ?? '';
    const before = said(statement.kind);
    if (before !== undefined && before !== text)
      this.faults.push(`${signer} signed two ${statement.kind} in view ${statement.view}`);
    if (
      said(statement.kind === 'nullify' ? 'finalize' : statement.kind === 'finalize' ? 'nullify' : '-') !== undefined
    ) {
      this.faults.push(`${signer} signed nullify and finalize in view ${statement.view}`);
    }
    this.#signed.set(`${place}/${statement.kind}`, text);
  }

  #mix(to: SignerIndex, message: SimplexMessage): void {
    const what =
      message.kind === 'vote'
        ? message.vote.statement
        : message.kind === 'certificate'
          ? message.certificate.statement
          : message.kind === 'proposal'
            ? message.header
            : message;
    this.#mixText(`${to}${message.kind}${'view' in what ? what.view : ''}`);
  }

  #mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#digest = Math.imul(this.#digest ^ text.charCodeAt(i), 0x0100_0193);
    this.#digest = Math.imul(this.#digest ^ this.now, 0x85eb_ca6b);
  }

  // A binary heap by time, then by order of scheduling.
  #push(event: Event): void {
    const heap = this.#queue;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(event, heap[up] as Event)) break;
      heap[at] = heap[up] as Event;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event {
    const heap = this.#queue;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1] as Event, heap[down] as Event)) down++;
      if (!before(heap[down] as Event, last)) break;
      heap[at] = heap[down] as Event;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
