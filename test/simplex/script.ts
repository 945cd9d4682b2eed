import {
  type Block,
  blockOf,
  type Certificate,
  certificateCodec,
  type Digest,
  type Effect,
  encode,
  type Header,
  type Input,
  justificationDigest,
  type RequestId,
  type SignerIndex,
  type Statement,
  type StatementKind,
  toHex,
  type ValidatorSet,
  type View,
} from '@quorate/kernel';
import { Simplex, type SimplexMessage, type SimplexOptions, type SimplexRecord } from '@quorate/simplex';
import { LeaderSchedule } from '../../packages/simplex/src/leader.ts';
import {
  CHAIN,
  certificateBy,
  childOf,
  digestOfText,
  genesisOf,
  holds,
  NOTHING,
  peerOf,
  sha256,
  sign,
  suite,
  validatorsOf,
  voteBy,
} from './world.ts';

type In = Input<SimplexMessage, SimplexRecord>;
type Body = In extends infer I ? (I extends In ? Omit<I, 'now'> : never) : never;

/** One engine under a script: readable inputs in, readable effects out. Signatures and checks are answered at once. */
export class Script {
  readonly validators: ValidatorSet;
  readonly genesis: Block;
  readonly options: SimplexOptions;
  engine: Simplex;
  now = 2000;
  /** Everything so far, as text. */
  readonly lines: string[] = [];
  /** What the latest input led to. */
  latest: string[] = [];
  effects: Effect<SimplexMessage>[] = [];
  journal: SimplexRecord[] = [];
  /** Whether the gate answers; when not, `sign` waits for `answerSignatures`. */
  signs = true;
  readonly #names = new Map<Digest, string>();
  readonly #blocks = new Map<string, { readonly block: Block; readonly justification: readonly Certificate[] }>();
  readonly #requests = new Map<string, RequestId>();
  readonly #timers = new Map<string, number>();
  #leaders: LeaderSchedule;

  constructor(options: Partial<SimplexOptions> & { readonly weights?: readonly number[]; readonly leads?: View } = {}) {
    const { weights = [1, 1, 1, 1], leads, ...rest } = options;
    this.validators = validatorsOf(weights);
    this.genesis = genesisOf(this.validators);
    this.#leaders = new LeaderSchedule(this.validators, this.genesis.ref.digest, sha256);
    const others = this.validators.members.map((_, index) => index);
    // By default a validator that leads none of the first three views.
    const idle = others.find((index) => ![1, 2, 3].some((view) => this.#leaders.at(view) === index)) ?? 0;
    this.options = {
      chainId: CHAIN,
      epoch: 0,
      validators: this.validators,
      self: leads === undefined ? idle : this.#leaders.at(leads),
      floor: this.genesis,
      floorView: 0,
      floorCertificate: null,
      epochStart: this.genesis.ref.digest,
      lastHeight: 100,
      speculative: true,
      timing: { delta: 100 },
      ...rest,
    };
    this.engine = new Simplex(this.options, { hash: sha256, suite });
    this.#names.set(this.genesis.ref.digest, 'G');
    this.#blocks.set('G', { block: this.genesis, justification: [] });
  }

  leader(view: View): SignerIndex {
    return this.#leaders.at(view);
  }

  get self(): SignerIndex {
    return this.options.self ?? -1;
  }

  /** Indices of the others, lowest first. */
  get others(): SignerIndex[] {
    return this.validators.members.flatMap((_, index) => (index === this.self ? [] : [index]));
  }

  note(text: string): this {
    this.lines.push('', `# ${text}`);
    return this;
  }

  start(): this {
    return this.step({ kind: 'start', restored: this.journal }, 'start');
  }

  step(body: Body, what: string): this {
    this.lines.push(`> ${what}`);
    this.latest = [];
    this.effects = [];
    this.#step(body);
    this.lines.push(...this.latest);
    return this;
  }

  #step(body: Body): void {
    const { persist, effects } = this.engine.step({ ...body, now: this.now } as In);
    this.journal.push(...persist);
    for (const record of persist) this.latest.push(`    write ${this.#record(record)}`);
    const answers: Body[] = [];
    for (const effect of effects) {
      this.effects.push(effect);
      const line = this.#effect(effect);
      if (line !== null) this.latest.push(`    ${line}`);
      if (effect.kind === 'sign' && this.signs) answers.push(this.signed(effect.statement));
      if (effect.kind === 'verify') {
        const invalid = effect.items.flatMap((item, index) => (holds(this.validators, item) ? [] : [index]));
        answers.push({ kind: 'verified', request: effect.request, invalid });
      }
      if ('request' in effect) this.#requests.set(effect.kind, effect.request);
      if (effect.kind === 'setTimer') this.#timers.set(effect.timer, effect.at);
      if (effect.kind === 'cancelTimer') this.#timers.delete(effect.timer);
    }
    for (const answer of answers) this.#step(answer);
  }

  signed(statement: Statement): Body {
    return { kind: 'signed', statement, signature: sign(this.self, statement) };
  }

  /** Names a block; its justification is Notarization (or Finalization) of the parent and Nullifications between. */
  block(
    name: string,
    parentName: string,
    view: View,
    fields: Partial<Header> = {},
    given?: readonly Certificate[],
  ): this {
    const parent = this.get(parentName);
    const parentView = parent.header.view;
    const own = parentView > 0 ? [this.certificate('notarize', parentView, parentName)] : [];
    const between = Array.from({ length: Math.max(0, view - parentView - 1) }, (_, i) =>
      this.certificate('nullify', parentView + 1 + i),
    );
    const justification = given ?? [...own, ...between];
    const digest = justificationDigest(
      sha256,
      justification.map((certificate) => encode(certificateCodec, certificate)),
    );
    const time = parent.header.time + 10;
    const block = childOf(parent, parentView, { epoch: 0, view, time, justificationDigest: digest, ...fields }, name);
    this.#names.set(block.ref.digest, name);
    this.#blocks.set(name, { block, justification });
    return this;
  }

  /** The fields that make a block empty: execution copied from the parent. */
  emptyOn(parentName: string): Partial<Header> {
    const { executedHeight, stateRoot, receiptsRoot } = this.get(parentName).header;
    return { txRoot: NOTHING, evidenceRoot: NOTHING, executedHeight, stateRoot, receiptsRoot };
  }

  get(name: string): Block {
    const found = this.#blocks.get(name);
    if (found === undefined) throw new Error(`no block ${name}`);
    return found.block;
  }

  statement(kind: StatementKind, view: View, name = ''): Statement {
    return kind === 'nullify' ? { kind, epoch: 0, view } : { kind, epoch: 0, view, block: this.get(name).ref.digest };
  }

  /** A certificate by the lowest quorum, or by `signers`. */
  certificate(kind: StatementKind, view: View, name = '', signers: readonly SignerIndex[] = [0, 1, 2]): Certificate {
    return certificateBy(this.validators, signers, this.statement(kind, view, name));
  }

  message(from: SignerIndex, message: SimplexMessage): this {
    return this.step({ kind: 'message', from: peerOf(from), message }, `${this.#message(message)} from ${from}`);
  }

  /** The leader's proposal of a named block, followed by its body unless `body` is false. */
  propose(name: string, { body = true, from }: { body?: boolean; from?: SignerIndex } = {}): this {
    const { block, justification } = this.#blocks.get(name) ?? { block: this.get(name), justification: [] };
    const leader = from ?? this.leader(block.ref.view);
    const signature = sign(leader, this.statement('notarize', block.ref.view, name));
    this.message(leader, { kind: 'proposal', header: block.header, signature, justification });
    return body ? this.available(name) : this;
  }

  available(name: string): this {
    return this.step({ kind: 'available', block: this.get(name) }, `available ${name}`);
  }

  vote(from: SignerIndex, kind: StatementKind, view: View, name = ''): this {
    return this.message(from, { kind: 'vote', vote: voteBy(from, this.statement(kind, view, name)) });
  }

  receive(kind: StatementKind, view: View, name = '', from: SignerIndex = this.others[0] ?? 0): this {
    return this.message(from, { kind: 'certificate', certificate: this.certificate(kind, view, name) });
  }

  judge(verdict: 'valid' | 'invalid'): this {
    return this.step({ kind: 'judged', request: this.#request('judge'), verdict }, `judged ${verdict}`);
  }

  certify(ok: boolean): this {
    return this.step({ kind: 'certified', request: this.#request('certify'), ok }, `certified ${ok ? 'yes' : 'no'}`);
  }

  /** Finishes the header that was asked for, as block `name`. */
  built(name: string, fields: Partial<Header> = {}): this {
    const asked = this.build;
    const time = asked.parent.header.time + 10;
    const copied = asked.content === 'empty' ? this.emptyOn(this.#name(asked.parent.ref.digest)) : {};
    const { epoch, view, justificationDigest: digest } = asked;
    const parentView = asked.parent === this.genesis ? 0 : asked.parent.header.view;
    const last = asked.lastOfEpoch ? { nextValidatorsRoot: digestOfText('next set') } : {};
    const header = { epoch, view, time, justificationDigest: digest, ...copied, ...last, ...fields };
    const block = childOf(asked.parent, parentView, header, name);
    this.#names.set(block.ref.digest, name);
    this.#blocks.set(name, { block, justification: [] });
    this.step({ kind: 'built', request: this.#request('build'), block }, `built ${name}`);
    return this;
  }

  buildFailed(): this {
    return this.step({ kind: 'built', request: this.#request('build'), block: null }, 'built nothing');
  }

  #asked: Extract<Effect<SimplexMessage>, { kind: 'build' }>['build'] | null = null;
  get build(): Extract<Effect<SimplexMessage>, { kind: 'build' }>['build'] {
    if (this.#asked === null) throw new Error('no build was asked for');
    return this.#asked;
  }

  /** Lets a timer ring when it is due. */
  ring(timer: string): this {
    const at = this.#timers.get(timer);
    if (at === undefined) throw new Error(`no timer ${timer}: ${[...this.#timers.keys()].join(' ')}`);
    this.#timers.delete(timer);
    this.now = Math.max(this.now, at);
    return this.step({ kind: 'timer', timer }, `timer ${timer}`);
  }

  timerAt(timer: string): number | undefined {
    return this.#timers.get(timer);
  }

  /** Kills the engine and starts another on the same journal. */
  restart(floor?: Partial<SimplexOptions>): this {
    this.engine = new Simplex({ ...this.options, ...floor }, { hash: sha256, suite });
    this.#timers.clear();
    return this.step({ kind: 'start', restored: [...this.journal] }, 'restart');
  }

  /** Whether some line of the latest step contains all the words. */
  said(...words: readonly string[]): boolean {
    return this.latest.some((line) => words.every((word) => line.includes(word)));
  }

  /** Whether some line ever contained all the words. */
  everSaid(...words: readonly string[]): boolean {
    return this.lines.some((line) => !line.startsWith('>') && words.every((word) => line.includes(word)));
  }

  text(): string {
    return `${this.lines.join('\n').trim()}\n`;
  }

  #request(kind: string): RequestId {
    const request = this.#requests.get(kind);
    if (request === undefined) throw new Error(`nothing was asked: ${kind}`);
    return request;
  }

  #name(digest: Digest): string {
    return this.#names.get(digest) ?? digest.slice(0, 8);
  }

  #statement(statement: Statement): string {
    const block = blockOf(statement);
    return `${statement.kind} ${statement.view}${block === null ? '' : ` ${this.#name(block)}`}`;
  }

  #certificate(certificate: Certificate): string {
    const nouns = { notarize: 'Notarization', nullify: 'Nullification', finalize: 'Finalization' } as const;
    const { statement } = certificate;
    const block = blockOf(statement);
    return `${nouns[statement.kind]}(${statement.view}${block === null ? '' : ` ${this.#name(block)}`})`;
  }

  #message(message: SimplexMessage): string {
    switch (message.kind) {
      case 'proposal': {
        const name = this.#name(this.#digestOf(message.header));
        return `proposal ${message.header.view} ${name} [${message.justification.map((c) => this.#certificate(c)).join(' ')}]`;
      }
      case 'vote':
        return `vote ${this.#statement(message.vote.statement)} of ${message.vote.signer}`;
      case 'certificate':
        return this.#certificate(message.certificate);
      case 'want':
        return `want ${message.certificates.map((ref) => `${ref.kind} ${ref.view}`).join(', ')}`;
      case 'wantJustification':
        return `wantJustification ${message.view} ${this.#name(message.block)} from ${message.from}`;
      case 'justification':
        return `justification ${message.view} ${this.#name(message.block)} ${message.from}+${message.certificates.length}`;
    }
  }

  #digestOf(header: Header): Digest {
    for (const { block } of this.#blocks.values()) if (block.header === header) return block.ref.digest;
    return toHex(sha256(new TextEncoder().encode(JSON.stringify(header))));
  }

  #record(record: SimplexRecord): string {
    switch (record.kind) {
      case 'voted':
        return `voted ${this.#statement(record.statement)}`;
      case 'proposal':
        return `proposal ${record.header.view} ${this.#name(this.#digestOf(record.header))}`;
      case 'certificate':
        return this.#certificate(record.certificate);
    }
  }

  #effect(effect: Effect<SimplexMessage>): string | null {
    switch (effect.kind) {
      case 'send':
        return `send to ${this.validators.indexOfPeer(effect.to) ?? 'an observer'}: ${this.#message(effect.message)}`;
      case 'broadcast':
        return `broadcast ${this.#message(effect.message)}`;
      case 'setTimer':
        return `set ${effect.timer} in ${effect.at - this.now}`;
      case 'cancelTimer':
        return this.#timers.has(effect.timer) ? `cancel ${effect.timer}` : null;
      case 'sign':
        return `sign ${this.#statement(effect.statement)}`;
      case 'verify':
        return `verify ${effect.items.map((item) => (item.kind === 'vote' ? `vote of ${item.vote.signer}` : this.#certificate(item.certificate))).join(', ')}`;
      case 'build': {
        this.#asked = effect.build;
        const { view, height, parent, content, lastOfEpoch } = effect.build;
        return `build ${content} block ${height} in view ${view} on ${this.#name(parent.ref.digest)}${lastOfEpoch ? ', last of the epoch' : ''}`;
      }
      case 'judge':
        return `judge ${this.#name(effect.block.ref.digest)} on ${this.#name(effect.parent.ref.digest)}`;
      case 'certify':
        return `certify ${this.#name(effect.block.ref.digest)}`;
      case 'fetch':
        return `fetch ${effect.wants.map((ref) => this.#name(ref.digest)).join(' ')} from ${effect.hint.map((peer) => this.validators.indexOfPeer(peer)).join(' ')}`;
      case 'finalized': {
        const [block] = effect.commit.blocks;
        const by = effect.finality.grade === 'final' ? this.#certificate(effect.finality.certificate) : '';
        return `finalized ${effect.commit.index} ${this.#name(block?.ref.digest ?? '')} by ${by}`;
      }
      case 'epochEnded':
        return `epoch ${effect.epoch} ended with ${this.#name(effect.last.ref.digest)} by ${this.#certificate(effect.proof)}`;
      case 'forked': {
        const certificates = [effect.first, effect.second].flatMap((one) =>
          one === null ? [] : [this.#certificate(one)],
        );
        const branch = effect.commits.map(({ previous }) => this.#name(previous)).join(' ');
        return `fork: ${certificates.join(' and ')}${branch === '' ? '' : `, on ${branch}`}`;
      }
      case 'evidence':
        return `evidence ${effect.evidence.kind} of ${effect.evidence.first.signer}`;
      case 'blame':
        return `blame ${this.validators.indexOfPeer(effect.peer) ?? 'an observer'}: ${effect.reason}`;
    }
  }
}
