import { createHash } from 'node:crypto';
import {
  type Application,
  type ApplicationBlock,
  type Block,
  type Body,
  blockOfHeader,
  bodyRoots,
  type Certificate,
  certify,
  conflictOf,
  type Digest,
  type Disk,
  type Epoch,
  type Evidence,
  type Execution,
  epochOf,
  type Genesis,
  genesisBlock,
  type Hash,
  type Header,
  type Height,
  lastHeightOf,
  QuorateError,
  type Receipt,
  receiptsRoot,
  type SecretKey,
  type SignatureSuite,
  type SnapshotCapability,
  type SnapshotInfo,
  type Store,
  signedBytes,
  toHex,
  ValidatorSet,
  type ValidatorUpdate,
  ZERO_DIGEST,
} from '@quorate/kernel';
import type { FinalityProof } from './api.ts';
import type { FinalizedEntry } from './store-finality.ts';

export const sha256: Hash = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest());
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

export const tx = (text: string): Uint8Array => utf8.encode(text);

/** The process ended here. */
class Crash extends Error {}

/** Counts durable operations and ends the process at one of them. */
export class Fate {
  /** The operation that does not return, counted from 0; null for none. */
  at: number | null = null;
  /** Whether that operation still happens. */
  happens = false;
  count = 0;
  dead = false;

  async run(operation: () => void): Promise<void> {
    await Promise.resolve();
    if (this.dead) throw new Crash('dead');
    if (this.count++ === this.at) {
      if (this.happens) operation();
      this.dead = true;
      throw new Crash('crashed');
    }
    operation();
  }
}

/** A disk with stores and whole files, in memory: batches are atomic, a crash happens before or after one. */
export class MemoryDisk {
  readonly stores = new Map<string, Map<string, Uint8Array>>();
  readonly files = new Map<string, Uint8Array>();

  port(fate: Fate = new Fate()): Disk {
    const unused = (): never => {
      throw new QuorateError('disk/failed', 'this disk has no append-only files');
    };
    return {
      openFile: unused,
      listFiles: unused,
      removeFile: unused,
      replaceFile: (name, bytes) => fate.run(() => void this.files.set(name, bytes.slice())),
      readFile: (name) => Promise.resolve(this.files.get(name) ?? null),
      usage: unused,
      openStore: (name) => Promise.resolve(this.#store(name, fate)),
    };
  }

  #store(name: string, fate: Fate): Store {
    const records = this.stores.get(name) ?? new Map<string, Uint8Array>();
    this.stores.set(name, records);
    return {
      get: (key) => records.get(toHex(key))?.slice(),
      range: ({ from, to, limit, reverse }) => {
        const low = from === undefined ? '' : toHex(from);
        const high = to === undefined ? 'g' : toHex(to);
        const keys = [...records.keys()].filter((key) => key >= low && key < high).sort();
        if (reverse === true) keys.reverse();
        return keys
          .slice(0, limit)
          .map(
            (key) => [Uint8Array.from(Buffer.from(key, 'hex')), records.get(key)?.slice() ?? new Uint8Array()] as const,
          );
      },
      write: (batch) =>
        fate.run(() => {
          for (const { key, value } of batch) {
            if (value === null) records.delete(toHex(key));
            else records.set(toHex(key), value.slice());
          }
        }),
      close: () => Promise.resolve(),
    };
  }
}

interface State {
  readonly height: Height;
  readonly block: Digest;
  readonly log: readonly string[];
}

function rootOf(log: readonly string[]): Digest {
  return toHex(sha256(utf8.encode(JSON.stringify(log))));
}

/**
 * A state machine whose state is the list of all transactions. `weight/INDEX/WEIGHT` changes a validator, `bad` makes a block
 * invalid, `throw` makes it throw. Keeps its committed state in `disk`, which survives a crash.
 */
export class ListApplication implements Application {
  readonly capabilities;
  readonly snapshots: SnapshotCapability;
  readonly calls: string[] = [];
  /** Offenders as blocks named them: `KEY WEIGHT/TOTAL`. */
  readonly offenders: string[] = [];
  readonly disk: { state: State | null; snapshots: Map<Height, string> };
  /** Spoils the state root of this height. */
  wrongAt: Height | null = null;
  retainHeight: (height: Height) => Height = (height) => height;
  readonly #keys: readonly ValidatorUpdate[];
  readonly #fate: Fate;
  #committed: State = { height: 0, block: ZERO_DIGEST, log: [] };
  #candidates = new Map<Digest, State>();
  #restoring: { info: SnapshotInfo; digests: string[]; root: Digest; block: Digest; text: string } | null = null;

  constructor(
    keys: readonly ValidatorUpdate[],
    options: { speculative?: boolean; disk?: ListApplication['disk']; fate?: Fate } = {},
  ) {
    this.capabilities = {
      speculative: options.speculative ?? true,
      rollback: false,
      snapshots: true,
      extensions: false,
    };
    this.#keys = keys;
    this.#fate = options.fate ?? new Fate();
    this.disk = options.disk ?? { state: null, snapshots: new Map() };
    if (this.disk.state !== null) this.#committed = this.disk.state;
    this.snapshots = this.#snapshots();
  }

  info() {
    const { height, block, log } = this.#committed;
    return Promise.resolve({ name: 'list', version: '1', height, block, stateRoot: rootOf(log) });
  }

  initChain() {
    this.calls.push('initChain');
    this.#committed = { height: 0, block: ZERO_DIGEST, log: ['genesis'] };
    return Promise.resolve({ stateRoot: rootOf(this.#committed.log) });
  }

  checkTx() {
    return Promise.resolve({ kind: 'rejected' as const, reason: 'not here' });
  }

  prepareProposal(_context: unknown, candidates: readonly Uint8Array[]) {
    return Promise.resolve([...candidates]);
  }

  processProposal(block: ApplicationBlock) {
    this.calls.push(`process ${block.height}`);
    this.#stateOf(block.parent.digest);
    const bad = block.transactions.some((each) => fromUtf8.decode(each) === 'bad');
    return Promise.resolve(bad ? { kind: 'invalid' as const, reason: 'bad' } : { kind: 'valid' as const });
  }

  finalizeBlock(block: ApplicationBlock): Promise<Execution> {
    this.calls.push(`finalize ${block.height}`);
    const parent = this.#stateOf(block.parent.digest);
    const texts = block.transactions.map((each) => fromUtf8.decode(each));
    if (texts.includes('throw')) return Promise.reject(new Error('asked to throw'));
    for (const { offender, weight, totalWeight } of block.evidence)
      this.offenders.push(`${toHex(offender)} ${weight}/${totalWeight}`);
    const log = [...parent.log, ...texts];
    this.#candidates.set(block.block.digest, { height: block.height, block: block.block.digest, log });
    const stateRoot = block.height === this.wrongAt ? rootOf(['wrong']) : rootOf(log);
    return Promise.resolve({
      stateRoot,
      receipts: receiptsOf(texts),
      validatorUpdates: updatesOf(this.#keys, texts),
      events: [],
    });
  }

  async commit(block: { readonly digest: Digest }) {
    const state = this.#candidates.get(block.digest);
    if (state === undefined) throw new Error(`no candidate ${block.digest}`);
    this.calls.push(`commit ${state.height}`);
    await this.#fate.run(() => {
      this.disk.state = state;
    });
    this.#committed = state;
    // Its rivals go: what does not descend from it.
    for (const [digest, other] of this.#candidates) {
      const descends = other.height > state.height && state.log.every((each, index) => other.log[index] === each);
      if (!descends) this.#candidates.delete(digest);
    }
    return { retainHeight: this.retainHeight(state.height) };
  }

  query() {
    return Promise.resolve({ code: 0, log: '', height: 0, value: new Uint8Array(), proof: new Uint8Array() });
  }

  close() {
    return Promise.resolve();
  }

  #stateOf(digest: Digest): State {
    const state = this.#candidates.get(digest);
    if (state !== undefined) return state;
    if (digest === this.#committed.block || this.#committed.height === 0) return this.#committed;
    throw new Error(`asked about ${digest}, which is neither committed nor a candidate`);
  }

  #snapshots(): SnapshotCapability {
    const chunksOf = (text: string): string[] => text.match(/.{1,64}/gs) ?? [];
    const digestOf = (text: string): string => toHex(sha256(utf8.encode(text)));
    const infoOf = (height: Height, text: string): SnapshotInfo => {
      const digests = chunksOf(text).map(digestOf);
      const metadata = utf8.encode(digests.join());
      return { height, format: 1, chunks: digests.length, digest: toHex(sha256(metadata)), metadata };
    };
    return {
      take: (keep) => {
        const { snapshots } = this.disk;
        snapshots.set(this.#committed.height, JSON.stringify(this.#committed));
        for (const old of [...snapshots.keys()].sort((a, b) => a - b)) if (snapshots.size > keep) snapshots.delete(old);
        return Promise.resolve();
      },
      list: () => Promise.resolve([...this.disk.snapshots].map(([height, text]) => infoOf(height, text))),
      load: (height, _format, chunk) => {
        const text = chunksOf(this.disk.snapshots.get(height) ?? '')[chunk];
        return Promise.resolve(text === undefined ? null : utf8.encode(text));
      },
      offer: (info, target) => {
        if (toHex(sha256(info.metadata)) !== info.digest) return Promise.resolve('reject');
        const digests = fromUtf8.decode(info.metadata).split(',');
        if (digests.length !== info.chunks) return Promise.resolve('reject');
        this.#restoring = { info, digests, root: target.stateRoot, block: target.block.digest, text: '' };
        return Promise.resolve('accept');
      },
      apply: (chunk, bytes) => {
        const restoring = this.#restoring;
        if (restoring === null) return Promise.reject(new Error('nothing is restored'));
        if (toHex(sha256(bytes)) !== restoring.digests[chunk]) return Promise.resolve('bad');
        restoring.text += fromUtf8.decode(bytes);
        if (chunk + 1 < restoring.info.chunks) return Promise.resolve('more');
        const state = JSON.parse(restoring.text) as State;
        if (rootOf(state.log) === restoring.root && state.block === restoring.block) {
          this.#committed = state;
          this.disk.state = state;
        }
        return Promise.resolve('done');
      },
    };
  }
}

function receiptsOf(texts: readonly string[]): Receipt[] {
  return texts.map((text) => ({ code: 0, log: '', events: [], data: utf8.encode(`did ${text}`) }));
}

function updatesOf(keys: readonly ValidatorUpdate[], texts: readonly string[]): ValidatorUpdate[] {
  return texts.flatMap((text) => {
    const [word, index, weight] = text.split('/');
    const key = word === 'weight' ? keys[Number(index)] : undefined;
    return key === undefined ? [] : [{ ...key, weight: Number(weight) }];
  });
}

/** One block of the fixture's chain, as the engine would finalize it. */
export interface Made {
  readonly block: Block;
  readonly body: Body;
  readonly entry: FinalizedEntry;
}

/** A chain that validators really signed, with the outcomes that {@link ListApplication} gives. */
export class ChainFixture {
  readonly suite: SignatureSuite;
  readonly keys: SecretKey[];
  readonly updates: ValidatorUpdate[];
  readonly genesis: Genesis;
  readonly sets = new Map<Epoch, ValidatorSet>();
  readonly made: Made[] = [];
  readonly logs: string[][] = [['genesis']];
  readonly receiptRoots: Digest[];
  readonly start: Block;
  #staged: ValidatorSet;
  #view = 0;

  constructor(
    suite: SignatureSuite,
    options: { epochLength?: number; evidenceWindow?: number; chainId?: string } = {},
  ) {
    this.suite = suite;
    this.keys = Array.from({ length: 6 }, (_, i) => suite.secretFromSeed(sha256(utf8.encode(`key ${i}`))));
    this.updates = this.keys.map(({ publicKey }, i) => ({
      publicKey,
      weight: 1,
      proof: new Uint8Array(),
      peer: toHex(sha256(utf8.encode(`peer ${i}`))),
      address: '',
    }));
    this.#staged = new ValidatorSet(this.updates.slice(0, 4));
    this.sets.set(0, this.#staged);
    this.genesis = {
      chainId: options.chainId ?? 'fixture',
      time: 1_000_000,
      suite: 'simulated',
      consensus: {
        mechanism: 'simplex',
        delta: 1_000,
        maxTimeout: 60_000,
        epochLength: options.epochLength ?? 10,
        maxBlockBytes: 1 << 20,
        evidenceWindow: options.evidenceWindow ?? 1_000,
        upgradeHeight: 0,
      },
      validators: this.#staged,
      application: 'list',
      appState: new Uint8Array(),
    };
    this.start = genesisBlock(sha256, this.genesis, rootOf(['genesis']));
    this.receiptRoots = [this.start.header.receiptsRoot];
  }

  get tip(): Block {
    return this.made[this.made.length - 1]?.block ?? this.start;
  }

  at(height: Height): Made {
    const made = this.made[height - 1];
    if (made === undefined) throw new RangeError(`no height ${height}`);
    return made;
  }

  setOf(epoch: Epoch): ValidatorSet {
    const set = this.sets.get(epoch);
    if (set === undefined) throw new RangeError(`no epoch ${epoch}`);
    return set;
  }

  stateRoot(height: Height): Digest {
    return rootOf(this.logs[height] ?? []);
  }

  proposerOf = (epoch: Epoch, view: number): Uint8Array => {
    const { members } = this.setOf(epoch);
    return members[view % members.length]?.publicKey ?? new Uint8Array();
  };

  /** A block on the tip that nobody finalized. */
  propose(texts: readonly string[], fields: Partial<Header> = {}): { block: Block; body: Body } {
    return this.proposeOn(this.tip, this.logs.length - 1, texts, fields);
  }

  /** A block on any parent, claiming the state after `parent` as the fixture knows it for `executed`. */
  proposeOn(
    parent: Block,
    executed: Height,
    texts: readonly string[],
    fields: Partial<Header> = {},
    evidence: readonly Evidence[] = [],
  ): { block: Block; body: Body } {
    const body: Body = { transactions: texts.map((text) => tx(text)), evidence: [...evidence] };
    const height = parent.header.height + 1;
    const epoch = fields.epoch ?? epochOf(this.genesis.consensus, height);
    const fresh = parent.header.epoch !== epoch;
    if (fresh) this.#view = 0;
    this.#view++;
    const last = height === lastHeightOf(this.genesis.consensus, epoch);
    const header: Header = {
      epoch,
      view: this.#view,
      height,
      parentView: fresh ? 0 : parent.header.view,
      parentDigest: parent.ref.digest,
      time: parent.header.time + 100,
      ...bodyRoots(sha256, body),
      executedHeight: executed,
      stateRoot: this.stateRoot(executed),
      receiptsRoot: this.receiptRoots[executed] ?? ZERO_DIGEST,
      validatorsRoot: this.setOf(epoch).root(sha256),
      nextValidatorsRoot: last ? this.#staged.root(sha256) : null,
      justificationDigest: ZERO_DIGEST,
      protocolVersion: 1,
      ...fields,
    };
    return { block: blockOfHeader(sha256, this.genesis.chainId, header), body };
  }

  certificate(block: Block, signers?: readonly number[]): Certificate {
    const set = this.setOf(block.ref.epoch);
    const statement = {
      kind: 'finalize' as const,
      epoch: block.ref.epoch,
      view: block.ref.view,
      block: block.ref.digest,
    };
    const message = signedBytes(this.genesis.chainId, statement);
    const votes = set.members.flatMap(({ publicKey }, signer) => {
      const key = this.keys.find((each) => toHex(each.publicKey) === toHex(publicKey));
      const signs = signers === undefined || signers.includes(signer);
      return key === undefined || !signs ? [] : [{ statement, signer, signature: key.sign(message) }];
    });
    return certify({ suite: this.suite, validators: set }, votes);
  }

  /** Two votes of one validator for two blocks of a view. */
  offence(epoch: Epoch, signer: number): Evidence {
    const key = this.keys.find(
      ({ publicKey }) => toHex(publicKey) === toHex(this.setOf(epoch).at(signer)?.publicKey ?? new Uint8Array()),
    );
    const [a, b] = ['aa', 'bb'].map((block) => {
      const statement = { kind: 'notarize' as const, epoch, view: 1, block: block.repeat(32) };
      return {
        statement,
        signer,
        signature: key?.sign(signedBytes(this.genesis.chainId, statement)) ?? new Uint8Array(),
      };
    });
    const evidence = a === undefined || b === undefined ? null : conflictOf(a, b);
    if (evidence === null) throw new Error('no conflict');
    return evidence;
  }

  entry(block: Block, certified: Block = block, certificate = this.certificate(certified)): FinalizedEntry {
    return {
      commit: {
        index: block.header.height,
        previous: block.header.parentDigest,
        leader: 0,
        blocks: [block],
        justification: [this.certificate(certified)],
      },
      finality: { grade: 'final', certificate, certifiedHeight: certified.header.height },
      at: block.header.time + 5,
    };
  }

  /** Adds a finalized block of these transactions. */
  extend(texts: readonly string[] = [], evidence: readonly Evidence[] = []): Made {
    const { block, body } = this.proposeOn(this.tip, this.logs.length - 1, texts, {}, evidence);
    const { height, epoch } = block.header;
    const made = { block, body, entry: this.entry(block) };
    if (height === lastHeightOf(this.genesis.consensus, epoch)) this.sets.set(epoch + 1, this.#staged);
    this.made.push(made);
    this.logs.push([...(this.logs[height - 1] ?? []), ...texts]);
    this.receiptRoots.push(receiptsRoot(sha256, receiptsOf(texts)));
    this.#staged = this.#staged.updated(updatesOf(this.updates, texts)) ?? this.#staged;
    return made;
  }

  /** `count` blocks, one transaction each. */
  grow(count: number): void {
    for (let i = 0; i < count; i++) this.extend([`tx ${this.made.length + 1}`]);
  }

  proof(height: Height): FinalityProof {
    const { block } = this.at(height);
    return { headers: [block.header], certificate: this.certificate(block) };
  }
}
