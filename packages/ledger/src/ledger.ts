import {
  type Application,
  type ApplicationBlock,
  type ApplicationInfo,
  type BlockContext,
  type BlockRef,
  Budget,
  type CheckContext,
  compareBytes,
  type Digest,
  type Execution,
  encode,
  type GenesisView,
  type Hash,
  type Height,
  offenceId,
  type QueryRequest,
  type QueryResult,
  QuorateError,
  type Store,
  type TxAdmission,
  toHex,
  type Verdict,
} from '@quorate/kernel';
import { type Authentic, Authenticator, type AuthenticatorParts } from './authentication.ts';
import { BOND_CHECKS, MAX_BONDS } from './bonding.ts';
import { accountFault, BlockExecution, type Executed } from './execution.ts';
import { decodeLedgerGenesis } from './genesis.ts';
import { Snapshots } from './snapshots.ts';
import {
  accountCodec,
  accountKey,
  decodeAccount,
  decodeParameters,
  type Parameters,
  parametersCodec,
  parametersKey,
  queryKey,
  stakeCodec,
  stakeKey,
  stakeListCodec,
  stakesKey,
  supplyCodec,
  supplyKey,
} from './state.ts';
import { EMPTY_ROOT, type Root } from './trie/trie.ts';
import { Versions, type VersionsOptions } from './trie/versions.ts';
import { waitingPage } from './waiting.ts';
import { mapKey, Working } from './working.ts';

export interface LedgerOptions extends VersionsOptions {
  /** How far ahead of its account's next nonce a transaction may be and wait in the mempool. */
  readonly nonceGap: number;
  /** Transactions whose verified signature is remembered, some 200 bytes each. */
  readonly signatureCache: number;
  /** Executed blocks that wait for their commit. */
  readonly maxCandidates: number;
}

/** Values for one validator with 250 MB to spend. */
export const DEFAULT_LEDGER_OPTIONS: LedgerOptions = {
  keepVersions: 128,
  checkpointInterval: 32,
  cachePages: 16_384,
  nonceGap: 1024,
  signatureCache: 32_768,
  maxCandidates: 256,
};

export interface LedgerParts extends AuthenticatorParts {
  readonly store: Store;
  readonly hash: Hash;
}

/** Opens the ledger on a store, empty or not. Throws `store/corrupt` and `store/version`. */
export async function createLedger(options: Partial<LedgerOptions>, parts: LedgerParts): Promise<Ledger> {
  const all = { ...DEFAULT_LEDGER_OPTIONS, ...options };
  const versions = new Versions(all, parts);
  await versions.clean();
  return new Ledger(all, parts, versions);
}

/** An executed block that is not committed. */
interface Candidate {
  readonly parent: Digest;
  readonly height: Height;
  readonly executed: Executed;
}

/** Codes of query results. */
export const QueryCode = { ok: 0, unknownPath: 1, unavailable: 2 } as const;

/** The built-in application: accounts, records and stake on an authenticated state. */
export class Ledger implements Application {
  readonly capabilities = { speculative: true, rollback: false, snapshots: true, extensions: false } as const;
  readonly snapshots: Snapshots;
  readonly #options: LedgerOptions;
  readonly #parts: LedgerParts;
  readonly #versions: Versions;
  readonly #authenticator: Authenticator;
  readonly #bondChecks = new Budget(BOND_CHECKS);
  /** By block digest, in the order of execution. */
  readonly #candidates = new Map<Digest, Candidate>();
  /** The block that was built last: judging it again costs nothing when it comes back as proposed. */
  #prepared: { readonly name: string; readonly executed: Executed } | null = null;
  #parameters: Parameters | null = null;

  constructor(options: LedgerOptions, parts: LedgerParts, versions: Versions) {
    this.#options = options;
    this.#parts = parts;
    this.#versions = versions;
    this.#authenticator = new Authenticator({ capacity: options.signatureCache }, parts);
    this.snapshots = new Snapshots({ ...parts, versions, restored: () => this.#forget() });
  }

  #forget(): void {
    this.#candidates.clear();
    this.#prepared = null;
    this.#parameters = null;
  }

  async info(): Promise<ApplicationInfo> {
    const { height, block, root } = this.#versions;
    return { name: 'ledger', version: '1', height, block, stateRoot: toHex(root.digest) };
  }

  async initChain(genesis: GenesisView): Promise<{ readonly stateRoot: Digest }> {
    const known = this.#versions.genesis;
    if (known !== null) {
      if (known.digest === genesis.digest) return { stateRoot: known.root };
      throw new QuorateError(
        'genesis/mismatch',
        `the state belongs to the chain with genesis ${known.digest}, not ${genesis.digest}; use another home folder`,
      );
    }
    const root = this.#genesisRoot(genesis);
    await this.#versions.begin(genesis.digest, root);
    return { stateRoot: toHex(root.digest) };
  }

  #genesisRoot(view: GenesisView): Root {
    const genesis = decodeLedgerGenesis(this.#parts.hash, view);
    const working = new Working(this.#versions.trie, this.#parts.hash, EMPTY_ROOT);
    let supply = 0n;
    for (const { address, balance } of genesis.accounts) {
      working.put(accountKey(address), encode(accountCodec, { balance, nonce: 0 }));
      supply += balance;
    }
    let bonded = 0n;
    for (const { publicKey, owner, amount } of genesis.stakes) {
      const validator = view.validators.find((other) => compareBytes(other.publicKey, publicKey) === 0);
      if (validator === undefined) continue; // decodeLedgerGenesis matched them
      const { proof, peer, address } = validator;
      working.put(stakeKey(publicKey), encode(stakeCodec, { owner, amount, jailed: false, proof, peer, address }));
      bonded += amount;
    }
    const stakes = view.validators
      .map(({ publicKey, peer }) => ({ publicKey, peer }))
      .sort((a, b) => compareBytes(a.publicKey, b.publicKey));
    working.put(stakesKey(), encode(stakeListCodec, stakes));
    working.put(supplyKey(), encode(supplyCodec, { supply: supply + bonded, treasury: 0n, bonded, unbonding: 0n }));
    const { minimumFee, feePerByte, maximumDataBytes, unbondingDelay, unbondingHours, stakeUnit } = genesis;
    const { chainId, digest } = view;
    working.put(
      parametersKey(),
      encode(parametersCodec, {
        chainId,
        genesis: digest,
        minimumFee,
        feePerByte,
        maximumDataBytes,
        unbondingDelay,
        unbondingHours,
        stakeUnit,
      }),
    );
    return working.finish().root;
  }

  /** Parameters never change after genesis. */
  #rules(): Parameters {
    if (this.#parameters !== null) return this.#parameters;
    const value = this.#versions.trie.get(this.#versions.root, this.#parts.hash(parametersKey()));
    if (value === null)
      throw new QuorateError('application/failed', 'the ledger has no state yet: it needs initChain or a snapshot');
    this.#parameters = decodeParameters(value);
    return this.#parameters;
  }

  async checkTx(tx: Uint8Array, { now, recheck }: CheckContext): Promise<TxAdmission> {
    let inadmissible = true;
    const bondLimit = (fresh: boolean): string | null => {
      if (!fresh || recheck || this.#bondChecks.take(now)) return null;
      inadmissible = false; // it is this node that is busy
      return 'too many bonds are being checked: try again in a moment';
    };
    const item = (await this.#authenticator.authenticate([tx], this.#rules(), bondLimit))[0];
    if (item === undefined || typeof item === 'string') return { kind: 'rejected', reason: item ?? '', inadmissible };
    const { transaction } = item;
    const key = this.#parts.hash(accountKey(item.sender));
    const stored = this.#versions.trie.get(this.#versions.root, key);
    const account = stored === null ? { balance: 0n, nonce: 0 } : decodeAccount(stored);
    const fault = accountFault(transaction, account, this.#versions.height + 1, this.#options.nonceGap);
    if (fault !== null) return { kind: 'rejected', reason: fault };
    return {
      kind: 'admitted',
      sender: toHex(item.sender),
      nonce: BigInt(transaction.nonce),
      next: BigInt(account.nonce),
      // Fee per byte, in thousandths.
      priority: (1000n * transaction.fee) / BigInt(tx.length),
      expiry: transaction.expiry === 0 ? null : transaction.expiry,
    };
  }

  async prepareProposal(
    context: BlockContext,
    candidates: readonly Uint8Array[],
    maxBytes: number,
  ): Promise<Uint8Array[]> {
    const block = this.#begin(context);
    const items = await this.#authenticator.authenticate(candidates, this.#rules());
    const chosen: Uint8Array[] = [];
    const ids: Uint8Array[] = [];
    let room = maxBytes;
    let bonds = 0;
    for (const [index, item] of items.entries()) {
      const tx = candidates[index] as Uint8Array;
      const size = tx.length + LENGTH_BYTES;
      if (typeof item === 'string' || size > room) continue;
      const isBond = item.transaction.action.kind === 'bond';
      if ((isBond && bonds === MAX_BONDS) || block.run(item) !== null) continue;
      if (isBond) bonds++;
      chosen.push(tx);
      ids.push(item.id);
      room -= size;
    }
    this.#prepared = { name: this.#nameOf(context, ids), executed: block.finish() };
    return chosen;
  }

  async processProposal(block: ApplicationBlock): Promise<Verdict> {
    if (this.#candidates.has(block.block.digest)) return { kind: 'valid' };
    const outcome = await this.#execute(block);
    return typeof outcome === 'string' ? { kind: 'invalid', reason: outcome } : { kind: 'valid' };
  }

  async finalizeBlock(block: ApplicationBlock): Promise<Execution> {
    const known = this.#candidates.get(block.block.digest);
    if (known !== undefined) return known.executed.execution;
    const outcome = await this.#execute(block);
    if (typeof outcome !== 'string') return outcome.execution;
    throw new QuorateError('application/failed', `the finalized block ${block.block.digest} is invalid: ${outcome}`);
  }

  /** Executes a block into a candidate. Returns why it is invalid when it is. */
  async #execute(block: ApplicationBlock): Promise<Executed | string> {
    const execution = this.#begin(block);
    let bonds = 0;
    const bondLimit = (): string | null => (++bonds <= MAX_BONDS ? null : `a block carries at most ${MAX_BONDS} bonds`);
    const items = await this.#authenticator.authenticate(block.transactions, this.#rules(), bondLimit);
    const refused = items.findIndex((item) => typeof item === 'string');
    if (refused >= 0) return `transaction ${refused}: ${items[refused]}`;
    const authentic = items as Authentic[];
    const name = this.#nameOf(
      block,
      authentic.map(({ id }) => id),
    );
    let executed = this.#prepared?.name === name ? this.#prepared.executed : null;
    if (executed === null) {
      for (const [index, item] of authentic.entries()) {
        const fault = execution.run(item);
        if (fault !== null) return `transaction ${index}: ${fault}`;
      }
      executed = execution.finish();
    }
    this.#admit(block.block.digest, { parent: block.parent.digest, height: block.height, executed });
    return executed;
  }

  #begin(context: BlockContext): BlockExecution {
    const { hash } = this.#parts;
    return new BlockExecution(context, this.#rootOf(context), {
      trie: this.#versions.trie,
      hash,
      parameters: this.#rules(),
    });
  }

  /** The state that a block builds on: of a candidate, of the committed block, or of one before it. */
  #rootOf({ parent, height }: BlockContext): Root {
    const candidate = this.#candidates.get(parent.digest);
    if (candidate !== undefined && candidate.height === height - 1) return candidate.executed.root;
    const root = this.#versions.blockAt(height - 1) === parent.digest ? this.#versions.at(height - 1) : null;
    if (root !== null) return root;
    throw new QuorateError(
      'application/failed',
      `the state of block ${parent.digest} at height ${height - 1} is not known: execute it first`,
    );
  }

  /** What a block is made of, as far as execution can tell. */
  #nameOf(context: BlockContext, ids: readonly Uint8Array[]): string {
    const offences = context.evidence.map(({ evidence }) => offenceId(this.#parts.hash, evidence)).join();
    return [context.parent.digest, context.height, toHex(context.proposer), offences, ...ids.map(mapKey)].join('/');
  }

  /** Keeps a candidate. When too many wait, those that the new one does not descend from go, oldest first. */
  #admit(digest: Digest, candidate: Candidate): void {
    if (this.#candidates.size >= this.#options.maxCandidates) {
      const line = new Set<Digest>();
      for (let at: Digest | undefined = candidate.parent; at !== undefined; at = this.#candidates.get(at)?.parent)
        line.add(at);
      const rival = [...this.#candidates.keys()].find((name) => !line.has(name));
      if (rival === undefined) {
        throw new QuorateError(
          'application/failed',
          `${this.#candidates.size} executed blocks wait for their commit; no more fit`,
        );
      }
      this.#candidates.delete(rival);
    }
    this.#candidates.set(digest, candidate);
  }

  async commit(block: BlockRef): Promise<{ readonly retainHeight: Height }> {
    const { block: committed } = this.#versions;
    const candidate = this.#candidates.get(block.digest);
    if (block.digest === committed) return { retainHeight: this.#versions.durableHeight };
    if (candidate === undefined || candidate.parent !== committed) {
      // A block executed once more for its receipts is in the state already.
      if (candidate !== undefined && this.#versions.blockAt(candidate.height) === block.digest) {
        this.#candidates.delete(block.digest);
        return { retainHeight: this.#versions.durableHeight };
      }
      throw new QuorateError(
        'application/failed',
        `block ${block.digest} cannot be committed: it is ${candidate === undefined ? 'not executed' : `no child of ${committed}, the last one committed`}`,
      );
    }
    const { root, changes } = candidate.executed;
    await this.#versions.commit(candidate.height, block.digest, root, changes);
    // Rivals and their descendants can never be committed now.
    this.#candidates.delete(block.digest);
    const alive = new Set<Digest>([block.digest]);
    for (const [digest, { parent }] of this.#candidates) {
      if (alive.has(parent)) alive.add(digest);
      else this.#candidates.delete(digest);
    }
    return { retainHeight: this.#versions.durableHeight };
  }

  async query(request: QueryRequest): Promise<QueryResult> {
    const height = request.height === 0 ? this.#versions.height : request.height;
    const answer = (
      code: number,
      log: string,
      value: Uint8Array = NOTHING,
      proof: Uint8Array = NOTHING,
    ): QueryResult => ({
      code,
      log,
      height,
      value,
      proof,
    });
    const unfit =
      'the path is unknown, or the data does not suit it: account, stake, namespace, supply, stakes, parameters, state, unbonding';
    const key = queryKey(request.path, request.data);
    if (key === null && request.path !== 'unbonding') return answer(QueryCode.unknownPath, unfit);
    const root = this.#versions.genesis === null ? null : this.#versions.at(height);
    if (root === null) return answer(QueryCode.unavailable, `the state at height ${height} is not kept`);
    if (key === null) {
      if (request.prove)
        return answer(QueryCode.unavailable, 'many entries make this answer: prove each one with a query for state');
      const { trie } = this.#versions;
      const get = (name: Uint8Array): Uint8Array | null => trie.get(root, this.#parts.hash(name));
      const page = waitingPage({ height, delay: this.#rules().unbondingDelay, get }, request.data);
      return page === null ? answer(QueryCode.unknownPath, unfit) : answer(QueryCode.ok, '', page);
    }
    const digest = this.#parts.hash(key);
    const value = this.#versions.trie.get(root, digest);
    const proof = request.prove ? this.#versions.trie.prove(root, digest) : NOTHING;
    return answer(
      QueryCode.ok,
      value === null ? 'nothing is stored under this key' : '',
      value === null ? NOTHING : Uint8Array.from(value),
      proof,
    );
  }

  async close(): Promise<void> {
    this.#candidates.clear();
    try {
      await this.#versions.flush();
    } finally {
      // Open, it would keep whoever comes next from the folder.
      await this.#parts.store.close();
    }
  }
}

const NOTHING = new Uint8Array();
/** Before each transaction in the encoding of a body. */
const LENGTH_BYTES = 4;
