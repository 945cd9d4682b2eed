import {
  type AppEvent,
  type Application,
  type ApplicationBlock,
  type BlockRef,
  bytes,
  type Codec,
  concatBytes,
  type Digest,
  decode,
  type Execution,
  encode,
  fromHex,
  type GenesisView,
  type Height,
  hex,
  isQuorateError,
  list,
  nullable,
  QuorateError,
  type Receipt,
  type SnapshotCapability,
  type SnapshotInfo,
  type Store,
  struct,
  type TxAdmission,
  text,
  toHex,
  u53,
  type ValidatorUpdate,
  validatorUpdatesCodec,
  ZERO_DIGEST,
} from '@quorate/kernel';
import { sha256 } from './hash.ts';

/** What a transaction of the register does, in the name of a sender whose nonces count from 1. */
export interface Entry {
  readonly sender: string;
  readonly nonce: number;
  readonly priority: number;
  readonly expiry: Height | null;
  /** Written under the sender's name. */
  readonly value: string;
  readonly validators: readonly ValidatorUpdate[];
  /** Makes the transaction as large as this. */
  readonly padding: Uint8Array;
}

const entryCodec: Codec<Entry> = struct<{
  sender: string;
  nonce: number;
  priority: number;
  expiry: Height | null;
  value: string;
  validators: ValidatorUpdate[];
  padding: Uint8Array;
}>({
  sender: text(64),
  nonce: u53,
  priority: u53,
  expiry: nullable(u53),
  value: text(1024),
  validators: validatorUpdatesCodec,
  padding: bytes(200 << 10),
}) as Codec<Entry>;

/** The bytes of a transaction. */
export function registerTransaction(entry: Pick<Entry, 'sender' | 'nonce'> & Partial<Entry>): Uint8Array {
  const rest = { priority: 1, expiry: null, value: '', validators: [], padding: new Uint8Array() };
  return Uint8Array.from(encode(entryCodec, { ...rest, ...entry }));
}

interface Row {
  readonly sender: string;
  readonly nonce: number;
  readonly value: string;
}

interface Content {
  readonly height: Height;
  readonly block: Digest;
  /** Ordered by sender. */
  readonly rows: readonly Row[];
  /** Voting keys of validators that evidence removed. */
  readonly punished: readonly Digest[];
}

const rowCodec: Codec<Row> = struct<Row>({ sender: text(64), nonce: u53, value: text(1024) });
const rowsCodec = list(rowCodec, 100_000);
const keysCodec = list(hex(32), 4096);
const contentCodec: Codec<Content> = struct<{ height: Height; block: Digest; rows: Row[]; punished: Digest[] }>({
  height: u53,
  block: hex(32),
  rows: rowsCodec,
  punished: keysCodec,
}) as Codec<Content>;

const CONTENT = new TextEncoder().encode('content');
const LAST_HEIGHT = 10 ** 12 - 1;

function snapshotKey(height: Height): Uint8Array {
  return new TextEncoder().encode(`snapshot/${String(height).padStart(12, '0')}`);
}

function halvesOf(value: Uint8Array): Uint8Array[] {
  const middle = value.length >> 1;
  return [value.slice(0, middle), value.slice(middle)];
}

function infoOf(value: Uint8Array): SnapshotInfo {
  const { height } = decode(contentCodec, value);
  const digest = toHex(sha256(concatBytes(...halvesOf(value).map((half) => sha256(half)))));
  return { height, format: 1, chunks: 2, digest, metadata: new Uint8Array() };
}

function readContent(value: Uint8Array): Content | null {
  try {
    return decode(contentCodec, value);
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
}

export interface RegisterOptions {
  readonly speculative: boolean;
}

/** What an observer of the register may check: every commit, as it happens. */
export type Committed = (height: Height, block: Digest, stateRoot: Digest) => void;

/**
 * A small application for simulations: each sender owns one value and raises its nonce by one with every transaction.
 * Transactions may carry validator updates; evidence removes the offender. Its state is one value in a store.
 */
export class Register implements Application {
  readonly capabilities;
  readonly #store: Store;
  readonly #committed: Committed;
  readonly #candidates = new Map<Digest, Content>();
  readonly snapshots: SnapshotCapability;
  #content: Content;

  constructor({ speculative }: RegisterOptions, parts: { readonly store: Store; readonly committed: Committed }) {
    this.capabilities = { speculative, rollback: false, snapshots: true, extensions: false };
    this.#store = parts.store;
    this.#committed = parts.committed;
    const stored = parts.store.get(CONTENT);
    this.#content =
      stored === undefined ? { height: 0, block: ZERO_DIGEST, rows: [], punished: [] } : decode(contentCodec, stored);
    this.snapshots = this.#snapshots();
  }

  async info() {
    const { height, block } = this.#content;
    return { name: 'register', version: '1', height, block, stateRoot: rootOf(this.#content) };
  }

  async initChain(genesis: GenesisView): Promise<{ readonly stateRoot: Digest }> {
    this.#content = { ...this.#content, block: genesis.digest };
    await this.#store.write([{ key: CONTENT, value: encode(contentCodec, this.#content) }]);
    return { stateRoot: rootOf(this.#content) };
  }

  async checkTx(tx: Uint8Array): Promise<TxAdmission> {
    const entry = readRegisterTransaction(tx);
    if (entry === null) return { kind: 'rejected', reason: 'not a transaction of the register' };
    const last = nonceOf(this.#content, entry.sender);
    if (entry.nonce <= last) return { kind: 'rejected', reason: usedNonce(entry.nonce) };
    const { sender, expiry } = entry;
    const nonce = BigInt(entry.nonce);
    return { kind: 'admitted', sender, nonce, next: BigInt(last + 1), priority: BigInt(entry.priority), expiry };
  }

  async prepareProposal(
    context: { readonly height: Height; readonly parent: BlockRef },
    candidates: readonly Uint8Array[],
    maxBytes: number,
  ): Promise<Uint8Array[]> {
    let state = this.#parentOf(context.parent);
    const chosen: Uint8Array[] = [];
    let left = maxBytes;
    for (const tx of candidates) {
      const entry = readRegisterTransaction(tx);
      if (entry === null || tx.length > left) continue;
      if (entry.nonce !== nonceOf(state, entry.sender) + 1) continue;
      if (entry.expiry !== null && entry.expiry < context.height) continue;
      state = apply(state, entry);
      chosen.push(tx);
      left -= tx.length;
    }
    return chosen;
  }

  async processProposal(block: ApplicationBlock) {
    const bad = block.transactions.findIndex((tx) => readRegisterTransaction(tx) === null);
    return bad < 0
      ? ({ kind: 'valid' } as const)
      : ({ kind: 'invalid', reason: `transaction ${bad} is not one of the register` } as const);
  }

  async finalizeBlock(block: ApplicationBlock): Promise<Execution> {
    let state = this.#parentOf(block.parent);
    const receipts: Receipt[] = [];
    const updates: ValidatorUpdate[] = [];
    const events: AppEvent[] = [];
    for (const tx of block.transactions) {
      const entry = readRegisterTransaction(tx);
      const late = entry?.expiry !== null && entry !== null && entry.expiry < block.height;
      if (entry === null || late || entry.nonce !== nonceOf(state, entry.sender) + 1) {
        receipts.push({ code: 1, log: late ? 'expired' : 'wrong nonce', events: [], data: new Uint8Array() });
        continue;
      }
      state = apply(state, entry);
      updates.push(...entry.validators);
      receipts.push({ code: 0, log: '', events: [], data: new Uint8Array() });
    }
    for (const { offender } of block.evidence) {
      const name = toHex(sha256(offender));
      if (state.punished.includes(name)) continue;
      state = { ...state, punished: [...state.punished, name].sort() };
      updates.push({ publicKey: offender, weight: 0, proof: new Uint8Array(), peer: ZERO_DIGEST, address: '' });
      events.push({ type: 'punished', attributes: { validator: name } });
    }
    state = { ...state, height: block.height, block: block.block.digest };
    this.#candidates.set(block.block.digest, state);
    return { stateRoot: rootOf(state), receipts, validatorUpdates: updates, events };
  }

  async commit(block: BlockRef): Promise<{ readonly retainHeight: Height }> {
    const content = this.#candidates.get(block.digest);
    if (content === undefined) throw new QuorateError('application/failed', `${block.digest} was never executed`);
    if (content.height !== this.#content.height + 1) {
      throw new QuorateError('application/failed', `height ${content.height} after ${this.#content.height}`);
    }
    await this.#store.write([{ key: CONTENT, value: encode(contentCodec, content) }]);
    this.#content = content;
    for (const [digest, { height }] of this.#candidates) if (height <= content.height) this.#candidates.delete(digest);
    this.#committed(content.height, content.block, rootOf(content));
    return { retainHeight: 0 };
  }

  async query({ data }: { readonly data: Uint8Array }) {
    const sender = new TextDecoder().decode(data);
    const row = this.#content.rows.find((one) => one.sender === sender);
    const value = new TextEncoder().encode(row?.value ?? '');
    return { code: 0, log: '', height: this.#content.height, value, proof: new Uint8Array() };
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  /** A snapshot is the content as it is stored, in two chunks. */
  #snapshots(): SnapshotCapability {
    let offered: {
      readonly info: SnapshotInfo;
      readonly target: { readonly stateRoot: Digest; readonly block: BlockRef };
      readonly chunks: Uint8Array[];
    } | null = null;
    return {
      take: async (keep) => {
        const value = encode(contentCodec, this.#content);
        await this.#store.write([{ key: snapshotKey(this.#content.height), value }]);
        const old = this.#taken().slice(0, -keep);
        if (old.length > 0) await this.#store.write(old.map(([key]) => ({ key, value: null })));
      },
      list: async () => this.#taken().map(([, value]) => infoOf(value)),
      load: async (height, _format, chunk) => {
        const value = this.#store.get(snapshotKey(height));
        return value === undefined ? null : (halvesOf(value)[chunk] ?? null);
      },
      offer: async (info, target) => {
        offered = { info, target, chunks: [] };
        return info.chunks === 2 ? 'accept' : 'reject';
      },
      apply: async (chunk, bytes) => {
        if (offered === null || chunk !== offered.chunks.length) return 'bad';
        offered.chunks.push(bytes);
        if (offered.chunks.length < 2) return 'more';
        const { info, target } = offered;
        const { stateRoot, block } = target;
        const read = readContent(concatBytes(...offered.chunks));
        if (read === null || rootOf(read) !== stateRoot) {
          offered.chunks.pop();
          return 'bad';
        }
        // The root covers the rows alone; where they stand is known from whoever proved it.
        const content = { ...read, height: info.height, block: block.digest };
        await this.#store.write([{ key: CONTENT, value: encode(contentCodec, content) }]);
        this.#content = content;
        return 'done';
      },
    };
  }

  #taken(): (readonly [Uint8Array, Uint8Array])[] {
    return [...this.#store.range({ from: snapshotKey(0), to: snapshotKey(LAST_HEIGHT) })];
  }

  #parentOf(parent: BlockRef): Content {
    if (parent.digest === this.#content.block) return this.#content;
    const candidate = this.#candidates.get(parent.digest);
    if (candidate !== undefined && this.capabilities.speculative) return candidate;
    throw new QuorateError('application/failed', `the parent ${parent.digest} is not known here`);
  }
}

/** What the bytes of a transaction say, or null when they say nothing. */
export function readRegisterTransaction(tx: Uint8Array): Entry | null {
  try {
    return decode(entryCodec, tx);
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
}

/** Why a transaction is refused whose nonce the state has used up. */
export function usedNonce(nonce: number): string {
  return `nonce ${nonce} was used`;
}

function nonceOf(content: Content, sender: string): number {
  return content.rows.find((row) => row.sender === sender)?.nonce ?? 0;
}

function apply(content: Content, { sender, nonce, value }: Entry): Content {
  const rows = content.rows.filter((row) => row.sender !== sender);
  rows.push({ sender, nonce, value });
  rows.sort((a, b) => (a.sender < b.sender ? -1 : 1));
  return { ...content, rows };
}

/** Of the content alone, not of how or when it came about. */
function rootOf({ rows, punished }: Content): Digest {
  return toHex(sha256(concatBytes(encode(rowsCodec, [...rows]), ...punished.map((key) => fromHex(key)))));
}
