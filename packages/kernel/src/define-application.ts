import type {
  AppEvent,
  Application,
  ApplicationBlock,
  BlockContext,
  Execution,
  GenesisView,
  Receipt,
} from './application.ts';
import { type Digest, type Hash, toHex, ZERO_DIGEST } from './bytes.ts';
import { type Codec, decode, digest, encode, nullable, struct, u53 } from './codec.ts';
import { QuorateError } from './errors.ts';
import type { Store } from './ports.ts';
import type { Height } from './statements.ts';

/** What an application module's `createApplication` is given. The store is the application's own. */
export interface ApplicationParts {
  readonly store: Store;
  readonly hash: Hash;
}

/** The outcome of one transaction on a state. A refused one may not stand in a block at all. */
export type Applied<S> =
  | { readonly kind: 'applied'; readonly state: S; readonly events?: readonly AppEvent[]; readonly data?: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string };

/** A state machine as pure functions. The state must not be changed in place, and its encoding must be canonical. */
export interface Definition<S> {
  readonly name: string;
  readonly version: string;
  readonly codec: Codec<S>;
  /** The state after genesis. Throws `genesis/invalid`. */
  initial(genesis: GenesisView): S;
  apply(state: S, tx: Uint8Array, context: BlockContext | null): Applied<S>;
  /** The answer to a query, or `null` for an unknown path. */
  query(state: S, path: string, data: Uint8Array): Uint8Array | null;
}

interface Standing<S> {
  readonly height: Height;
  readonly block: Digest;
  readonly state: S;
}

interface Candidate<S> extends Standing<S> {
  readonly parent: Digest;
  readonly execution: Execution;
}

const NOTHING = new Uint8Array();
const KEY = Uint8Array.of(0);
/** Executed blocks that may wait for their commit. */
const MAX_CANDIDATES = 256;

/**
 * An {@link Application} from a pure state machine: speculative, its whole state written at each commit and hashed for the
 * state root. It suits states of up to a megabyte or so; a larger one wants an application of its own with a tree.
 */
export function defineApplication<S>(definition: Definition<S>, parts: ApplicationParts): Application {
  const { codec } = definition;
  const { store, hash } = parts;
  const standing = struct<Standing<S>>({ height: u53, block: digest, state: codec });
  const stored = struct<{ last: Standing<S>; before: Standing<S> | null }>({
    last: standing,
    before: nullable(standing),
  });

  const candidates = new Map<Digest, Candidate<S>>();
  const found = store.get(KEY);
  let committed = found === undefined ? null : decode(stored, found);

  const rootOf = (state: S): Digest => toHex(hash(encode(codec, state)));
  const last = (): Standing<S> => {
    if (committed !== null) return committed.last;
    throw new QuorateError('application/failed', `${definition.name} has no state yet: initChain comes first`);
  };
  const parentOf = ({ parent, height }: BlockContext): S => {
    const known = [last(), committed?.before, candidates.get(parent.digest)];
    const match = known.find((one) => one?.block === parent.digest && one.height === height - 1);
    if (match) return match.state;
    throw new QuorateError(
      'application/failed',
      `the state of block ${parent.digest} is not known: execute that block first`,
    );
  };

  /** Runs a block into a candidate; the reason why it is invalid when it is. */
  const execute = (block: ApplicationBlock): Candidate<S> | string => {
    const known = candidates.get(block.block.digest);
    if (known !== undefined) return known;
    let state = parentOf(block);
    const receipts: Receipt[] = [];
    for (const [index, tx] of block.transactions.entries()) {
      const applied = definition.apply(state, tx, block);
      if (applied.kind === 'refused') return `transaction ${index}: ${applied.reason}`;
      state = applied.state;
      receipts.push({ code: 0, log: '', events: applied.events ?? [], data: applied.data ?? NOTHING });
    }
    if (candidates.size >= MAX_CANDIDATES) {
      throw new QuorateError('application/failed', `${MAX_CANDIDATES} executed blocks wait for their commit`);
    }
    const execution: Execution = { stateRoot: rootOf(state), receipts, validatorUpdates: [], events: [] };
    const name = block.block.digest;
    const candidate = { height: block.height, block: name, state, parent: block.parent.digest, execution };
    candidates.set(name, candidate);
    return candidate;
  };

  const become = async (next: Standing<S>, before: Standing<S> | null): Promise<void> => {
    await store.write([{ key: KEY, value: encode(stored, { last: next, before }) }]);
    committed = { last: next, before };
  };

  return {
    capabilities: { speculative: true, rollback: false, snapshots: false, extensions: false },
    async info() {
      const at = committed?.last ?? null;
      return {
        name: definition.name,
        version: definition.version,
        height: at?.height ?? 0,
        block: at?.block ?? ZERO_DIGEST,
        stateRoot: at === null ? ZERO_DIGEST : rootOf(at.state),
      };
    },
    async initChain(genesis) {
      const state = definition.initial(genesis);
      if (committed === null) await become({ height: 0, block: genesis.digest, state }, null);
      return { stateRoot: rootOf(state) };
    },
    async checkTx(tx) {
      const applied = definition.apply(last().state, tx, null);
      if (applied.kind === 'refused') return { kind: 'rejected', reason: applied.reason };
      return { kind: 'admitted', sender: toHex(hash(tx)), nonce: 0n, next: 0n, priority: 0n, expiry: null };
    },
    async prepareProposal(context, offered, maxBytes) {
      let state = parentOf(context);
      let room = maxBytes;
      return offered.filter((tx) => {
        if (tx.length + 4 > room) return false;
        const applied = definition.apply(state, tx, context);
        if (applied.kind === 'refused') return false;
        state = applied.state;
        room -= tx.length + 4;
        return true;
      });
    },
    async processProposal(block) {
      const outcome = execute(block);
      return typeof outcome === 'string' ? { kind: 'invalid', reason: outcome } : { kind: 'valid' };
    },
    async finalizeBlock(block) {
      const outcome = execute(block);
      if (typeof outcome !== 'string') return outcome.execution;
      throw new QuorateError('application/failed', `the finalized block ${block.block.digest} is invalid: ${outcome}`);
    },
    async commit({ digest: name }) {
      const candidate = candidates.get(name);
      const before = last();
      if (name !== before.block) {
        if (candidate === undefined || candidate.parent !== before.block) {
          throw new QuorateError('application/failed', `block ${name} is not an executed child of ${before.block}`);
        }
        await become({ height: candidate.height, block: name, state: candidate.state }, before);
      }
      const alive = new Set<Digest>([name]);
      for (const [key, { parent }] of candidates) {
        if (alive.has(parent)) alive.add(key);
        else candidates.delete(key);
      }
      return { retainHeight: last().height };
    },
    async query({ path, data, height }) {
      const at = [last(), committed?.before].find((one) => one?.height === (height === 0 ? last().height : height));
      const value = at ? definition.query(at.state, path, data) : null;
      const log = at ? 'unknown path' : 'the state at this height is not kept';
      return {
        code: value === null ? 1 : 0,
        log: value === null ? log : '',
        height: at?.height ?? height,
        value: value ?? NOTHING,
        proof: NOTHING,
      };
    },
    close: () => store.close(),
  };
}
