import {
  type Body,
  type Digest,
  type Genesis,
  genesisDigest,
  type Hash,
  type Height,
  isQuorateError,
  offenceId,
  QuorateError,
  type Store,
  toHex,
  unreachable,
} from '@quorate/kernel';
import { addressOf } from './address.ts';
import { decodeLedgerGenesis, type LedgerGenesis } from './genesis.ts';
import { decodeReturns, decodeStake, decodeStakes, returnsKey, stakeKey, stakesKey } from './state.ts';
import { type Plain, type Subject, Subjects } from './subjects.ts';
import { decodeTransaction, type Transaction } from './transaction.ts';
import { type Difference, differences, type Side } from './trie/difference.ts';
import type { Root } from './trie/trie.ts';
import { Versions } from './trie/versions.ts';

/** What one side of a comparison has. */
export interface ComparedState {
  /** Heights whose state it still has. */
  readonly from: Height;
  readonly to: Height;
  /** The block committed at the height compared; null when that is not recorded. */
  readonly block: Digest | null;
  readonly stateRoot: Digest;
}

/** An entry that the two states do not share; a value is null where there is none. */
export interface StateDifference {
  /** SHA-256 of the key. */
  readonly key: Digest;
  readonly subject: Subject;
  readonly mine: Plain;
  readonly theirs: Plain;
}

export interface StateComparison {
  /** The height whose states were compared. */
  readonly height: Height;
  readonly mine: ComparedState;
  readonly theirs: ComparedState;
  /** In the order of key digests: the first ones, up to the limit. */
  readonly differences: readonly StateDifference[];
  /** Whether these are all. */
  readonly complete: boolean;
}

export interface ComparisonOptions {
  readonly genesis: Genesis;
  /** Most differences that are looked for, at least 1. */
  readonly limit: number;
  /** The height to compare; without it the highest that both have. */
  readonly height?: Height;
}

export interface ComparisonParts {
  /** The stores that the ledgers of two stopped nodes keep their states in, each with a name for messages. Nothing is written. */
  readonly mine: { readonly store: Store; readonly name: string };
  readonly theirs: { readonly store: Store; readonly name: string };
  readonly hash: Hash;
  /** Blocks that may have touched what differs: they name keys whose digests the state holds. Asked only when something differs. */
  readonly bodies?: (height: Height) => Iterable<Body>;
}

/** Pages of each state in memory. */
const CACHE_PAGES = 4096;
/** Heights of unbondings, numbers of the queue of returns, and keys in the latest blocks that are tried. */
const MAX_TRIED = 200_000;

/**
 * Compares the states of two ledgers of one chain by walking both tries: reads what differs and what stands above it. Throws
 * `config/invalid` when a store has no state or both have no height in common, `genesis/mismatch`, `store/corrupt` and
 * `store/version` with the name of the side.
 */
export function compareStates(options: ComparisonOptions, parts: ComparisonParts): StateComparison {
  const { genesis, limit } = options;
  const { hash } = parts;
  const mine = new StoredState(genesis, parts.mine, hash);
  const theirs = new StoredState(genesis, parts.theirs, hash);
  const height = options.height ?? Math.min(mine.to, theirs.to);
  const [left, right] = [mine.at(height), theirs.at(height)];
  if (left === null || right === null) {
    throw new QuorateError(
      'config/invalid',
      `the states after height ${height} cannot be compared: ${mine} and ${theirs}. ` +
        'Compare with a home that was copied soon after this node stopped, or with an older backup of one',
    );
  }
  const found: Difference[] = [];
  let complete = true;
  for (const difference of differences(left, right)) {
    if (found.length === limit) {
      complete = false;
      break;
    }
    found.push(difference);
  }
  return {
    height,
    mine: mine.compared(height, left),
    theirs: theirs.compared(height, right),
    differences: found.length === 0 ? [] : named(found, options, parts, [left, right], height),
    complete,
  };
}

function named(
  found: readonly Difference[],
  { genesis }: ComparisonOptions,
  { hash, bodies }: ComparisonParts,
  versions: readonly Version[],
  height: Height,
): StateDifference[] {
  const begun = decodeLedgerGenesis(hash, { ...genesis, validators: genesis.validators.members });
  const subjects = new Subjects(hash);
  nameEntries(subjects, begun, versions);
  nameBlocks(subjects, hash, versions, bodies?.(height) ?? []);
  const subjectOf = ({ key, mine, theirs }: Difference): Subject =>
    subjects.of(key, mine ?? theirs ?? new Uint8Array());
  // There are many heights at which stake may come back, so they are tried only when something is left.
  if (found.some((each) => subjectOf(each).kind === 'unknown')) {
    const last = height + begun.unbondingDelay;
    for (let due = Math.max(0, last - MAX_TRIED); due <= last; due++) subjects.unbonding(due);
  }
  return found.map((difference) => {
    const subject = subjectOf(difference);
    const [mine, theirs] = [difference.mine, difference.theirs].map((value) =>
      value === null ? null : subjects.decoded(subject, value),
    );
    return { key: toHex(difference.key), subject, mine: mine ?? null, theirs: theirs ?? null };
  });
}

/** A version of a stored state that can be compared and read. */
interface Version extends Side {
  get(key: Uint8Array): Uint8Array | null;
}

/** The state of one stopped node; what it throws bears its name. */
class StoredState {
  readonly #name: string;
  readonly #versions: Versions;
  readonly #hash: Hash;

  constructor(genesis: Genesis, from: ComparisonParts['mine'], hash: Hash) {
    const { store, name } = from;
    this.#name = name;
    this.#hash = hash;
    // However many versions its node was told to keep, those count that are there.
    const options = { keepVersions: Number.POSITIVE_INFINITY, checkpointInterval: 1, cachePages: CACHE_PAGES };
    this.#versions = this.#named(() => new Versions(options, { store, hash }));
    const began = this.#versions.genesis;
    if (began === null) throw new QuorateError('config/invalid', `${name} has no state of the ledger`);
    const digest = genesisDigest(hash, genesis);
    if (began.digest !== digest) {
      throw new QuorateError(
        'genesis/mismatch',
        `${name} has the state of the chain with genesis ${began.digest}, not ${digest}: states of two chains have nothing in common`,
      );
    }
  }

  get to(): Height {
    return this.#versions.height;
  }

  at(height: Height): Version | null {
    const root = this.#named(() => this.#versions.at(height));
    if (root === null) return null;
    const { trie } = this.#versions;
    return {
      root,
      page: (...place) => this.#named(() => trie.page(...place)),
      get: (key) => this.#named(() => trie.get(root, this.#hash(key))),
    };
  }

  compared(height: Height, { root }: { readonly root: Root }): ComparedState {
    const { oldestHeight: from, height: to } = this.#versions;
    const block = this.#named(() => this.#versions.blockAt(height));
    return { from, to, block, stateRoot: toHex(root.digest) };
  }

  toString(): string {
    return `${this.#name} has those of heights ${this.#versions.oldestHeight} to ${this.to}`;
  }

  #named<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      const damaged = error.code.startsWith('codec/') ? 'store/corrupt' : error.code;
      throw new QuorateError(damaged, `${this.#name}: ${error.message}`, { cause: error });
    }
  }
}

/** Whatever genesis and the two states name. */
function nameEntries(subjects: Subjects, begun: LedgerGenesis, versions: readonly Version[]): void {
  for (const { address } of begun.accounts) subjects.account(address);
  for (const { publicKey } of begun.stakes) nameStake(subjects, versions, publicKey);
  for (const version of versions) {
    for (const { publicKey } of read(version, stakesKey(), decodeStakes) ?? [])
      nameStake(subjects, versions, publicKey);
    const { first, next } = read(version, returnsKey(), decodeReturns) ?? { first: 0, next: 0 };
    for (let number = Math.max(first, next - MAX_TRIED); number < next; number++) subjects.returning(number);
  }
}

function nameBlocks(subjects: Subjects, hash: Hash, versions: readonly Version[], bodies: Iterable<Body>): void {
  const most = subjects.size + MAX_TRIED;
  for (const { transactions, evidence } of bodies) {
    if (subjects.size >= most) return;
    for (const tx of transactions) nameTransaction(subjects, hash, tx, (key) => nameStake(subjects, versions, key));
    for (const each of evidence) subjects.offence(offenceId(hash, each));
  }
}

function nameStake(subjects: Subjects, versions: readonly Version[], publicKey: Uint8Array): void {
  subjects.stake(publicKey);
  for (const version of versions) {
    const stake = read(version, stakeKey(publicKey), decodeStake);
    if (stake !== null) subjects.account(stake.owner);
  }
}

/** An entry, or null when there is none or it cannot be read: then it is among what differs. */
function read<T>(version: Version, key: Uint8Array, decoded: (value: Uint8Array) => T): T | null {
  const value = version.get(key);
  if (value === null) return null;
  try {
    return decoded(value);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return null;
  }
}

function nameTransaction(subjects: Subjects, hash: Hash, tx: Uint8Array, stake: (publicKey: Uint8Array) => void): void {
  const transaction = transactionOf(tx);
  if (transaction === null) return;
  subjects.account(addressOf(hash, transaction.publicKey));
  const { action } = transaction;
  switch (action.kind) {
    case 'transfer':
      subjects.account(action.to);
      break;
    case 'multiTransfer':
      for (const { to } of action.payments) subjects.account(to);
      break;
    case 'record':
    case 'records':
      subjects.namespace(action.namespace);
      break;
    case 'bond':
      stake(action.validator.publicKey);
      break;
    case 'unbond':
      stake(action.publicKey);
      break;
    default:
      unreachable(action);
  }
}

/** The transaction, or null: a block of another version of the protocol may hold what this one cannot read. */
function transactionOf(tx: Uint8Array): Transaction | null {
  try {
    return decodeTransaction(tx);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return null;
  }
}
