import { hash as digest } from 'node:crypto';
import { createEd25519Suite } from '@quorate/crypto';
import {
  type ApplicationBlock,
  type BlockRef,
  type Digest,
  type Execution,
  type GenesisView,
  type Hash,
  type Misbehavior,
  type SecretKey,
  type SignedItem,
  type Store,
  toHex,
} from '@quorate/kernel';
import {
  type Action,
  addressOf,
  createLedger,
  encodeLedgerGenesis,
  type Ledger,
  type LedgerGenesis,
  type LedgerOptions,
  signTransaction,
  transactionBytes,
} from '@quorate/ledger';
import sodium from 'sodium-native';
import { MemoryStore } from './memory-store.mjs';

export const hash: Hash = (bytes) => digest('sha256', bytes, 'buffer');
export const suite = createEd25519Suite();

export const STAKE = 5_000_000n;
export const BALANCE = 1_000_000_000n;
const USERS = 6;
const VALIDATORS = 3;

export function keyOf(seed: number): SecretKey {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, seed);
  return suite.secretFromSeed(bytes);
}

/** Accounts with money. */
export const users: readonly SecretKey[] = Array.from({ length: USERS }, (_, i) => keyOf(i + 1));
export const addresses: readonly Uint8Array[] = users.map((key) => addressOf(hash, key.publicKey));
/** Voting keys of the genesis validators; the stake of validator i belongs to user i. */
export const voters: readonly SecretKey[] = Array.from({ length: VALIDATORS }, (_, i) => keyOf(1000 + i));

/** Node keys of the genesis validators. */
const nodes: readonly SecretKey[] = Array.from({ length: VALIDATORS }, (_, i) => keyOf(4000 + i));

export const genesisState: LedgerGenesis = {
  accounts: addresses.map((address) => ({ address, balance: BALANCE })),
  stakes: voters.map((voter, i) => ({ publicKey: voter.publicKey, owner: at(addresses, i), amount: STAKE })),
  minimumFee: 100n,
  feePerByte: 1n,
  maximumDataBytes: 65_536,
  unbondingDelay: 5,
  unbondingHours: 0,
  stakeUnit: 1_000_000n,
};

export const genesis: GenesisView = {
  chainId: 'ledger-test',
  time: 1_000_000,
  digest: '11'.repeat(32),
  consensus: {
    mechanism: 'simplex',
    delta: 1000,
    maxTimeout: 60_000,
    epochLength: 2,
    maxBlockBytes: 1 << 20,
    evidenceWindow: 1,
    upgradeHeight: 0,
  },
  validators: voters.map((voter, i) => ({
    publicKey: voter.publicKey,
    weight: 5,
    proof: voter.prove(),
    peer: toHex(at(nodes, i).publicKey),
    address: '',
  })),
  appState: encodeLedgerGenesis(hash, genesisState),
};

/** The element, which exists. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list.at(index);
  if (item === undefined) throw new RangeError(`no element ${index}`);
  return item;
}

export function verifySignatures(items: readonly SignedItem[]): number[] {
  const bad: number[] = [];
  items.forEach(({ publicKey, message, signature }, i) => {
    const [s, m, k] = [Buffer.from(signature), Buffer.from(message), Buffer.from(publicKey)];
    if (!sodium.crypto_sign_verify_detached(s, m, k)) bad.push(i);
  });
  return bad;
}

const FAST_KEYS = new Map<string, SecretKey>();

/** The same key, signing fast. */
function fast(key: SecretKey): SecretKey {
  const name = Buffer.from(key.publicKey).toString('hex');
  const known = FAST_KEYS.get(name);
  if (known) return known;
  const [publicKey, secretKey] = [Buffer.alloc(32), Buffer.alloc(64)];
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, Buffer.from(key.export()));
  const quick: SecretKey = {
    ...key,
    sign: (message) => {
      const signature = Buffer.alloc(64);
      sodium.crypto_sign_detached(signature, Buffer.from(message), secretKey);
      return signature;
    },
  };
  FAST_KEYS.set(name, quick);
  return quick;
}

export interface Wish {
  readonly nonce: number;
  readonly fee?: bigint;
  readonly expiry?: number;
  readonly chainId?: string;
}

/** A signed transaction; the fee is the least unless told otherwise. */
export function sign(key: SecretKey, action: Action, wish: Wish): Uint8Array {
  const { nonce, expiry = 0, chainId = genesis.chainId } = wish;
  const size = transactionBytes({ chainId, publicKey: key.publicKey, nonce, fee: 0n, expiry, action });
  const fee = wish.fee ?? genesisState.minimumFee + genesisState.feePerByte * BigInt(size);
  return signTransaction(hash, fast(key), { chainId, nonce, fee, expiry, action });
}

export function transfer(from: number, to: number, amount: bigint, wish: Wish): Uint8Array {
  return sign(at(users, from), { kind: 'transfer', to: at(addresses, to), amount }, wish);
}

export function openLedger(
  store: Store,
  options: Partial<LedgerOptions> = {},
  verify: typeof verifySignatures = verifySignatures,
): Promise<Ledger> {
  return createLedger(options, { store, hash, verifySignatures: verify, votingSuite: suite });
}

/** A ledger at the end of its own chain. */
export class LedgerChain {
  readonly ledger: Ledger;
  readonly blocks: ApplicationBlock[] = [];
  readonly executions: Execution[] = [];
  #refs = 0;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  static async begin(
    store: Store = new MemoryStore(),
    options: Partial<LedgerOptions> = {},
    from: GenesisView = genesis,
  ): Promise<LedgerChain> {
    const ledger = await openLedger(store, options);
    await ledger.initChain(from);
    return new LedgerChain(ledger);
  }

  get height(): number {
    return this.blocks.length;
  }

  get head(): BlockRef {
    return this.blocks.at(-1)?.block ?? { epoch: 0, view: 0, digest: genesis.digest };
  }

  get root(): Digest {
    return this.executions.at(-1)?.stateRoot ?? '';
  }

  /** A block on the head. */
  block(transactions: readonly Uint8Array[], extra: Partial<ApplicationBlock> = {}): ApplicationBlock {
    const height = this.height + 1;
    const name = Buffer.from(hash(new TextEncoder().encode(`block ${height} ${this.#refs++}`))).toString('hex');
    return {
      height,
      epoch: 0,
      time: genesis.time + 1000 * height,
      parent: this.head,
      proposer: at(voters, 0).publicKey,
      evidence: [],
      nextEpochStart: 1000,
      block: { epoch: 0, view: height, digest: name },
      transactions,
      ...extra,
    };
  }

  /** Executes and commits a block on the head. */
  async add(transactions: readonly Uint8Array[], extra: Partial<ApplicationBlock> = {}): Promise<Execution> {
    const block = this.block(transactions, extra);
    const execution = await this.ledger.finalizeBlock(block);
    await this.ledger.commit(block.block);
    this.blocks.push(block);
    this.executions.push(execution);
    return execution;
  }

  /** Why a block with these transactions is invalid on the head, or `null`. */
  async fault(transactions: readonly Uint8Array[]): Promise<string | null> {
    const verdict = await this.ledger.processProposal(this.block(transactions));
    return verdict.kind === 'valid' ? null : verdict.reason;
  }

  async value(path: string, data: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    const { value } = await this.ledger.query({ path, data, height: 0, prove: false });
    return value;
  }
}

/** Verified misbehaviour of a voting key. */
export function misbehaviorOf(voter: SecretKey, view = 7): Misbehavior {
  const vote = (block: Digest) => ({
    statement: { kind: 'notarize' as const, epoch: 0, view, block },
    signer: 0,
    signature: new Uint8Array(64),
  });
  return {
    evidence: { kind: 'conflicting-notarize', first: vote('11'.repeat(32)), second: vote('22'.repeat(32)) },
    offender: voter.publicKey,
    epoch: 0,
    weight: 5,
    totalWeight: 15,
  };
}
