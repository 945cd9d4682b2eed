import type { Application, Block, Digest, Hash, Height } from '@quorate/kernel';
import type { ApplicationCalls, ExecutionResult } from './application-calls.ts';
import type { BlockStore } from './block-store.ts';
import { type Candidates, MAX_CANDIDATE_STATES } from './candidates.ts';
import type { Hindrance } from './execution-outcomes.ts';
import type { StagedSets } from './staged-sets.ts';
import type { ExecutionRecord } from './store-format.ts';

export interface BranchesParts {
  readonly application: Application;
  readonly store: BlockStore;
  readonly hash: Hash;
  readonly calls: ApplicationCalls;
  readonly candidates: Candidates;
  readonly staged: StagedSets;
  /** Where committed blocks end and branches begin. */
  readonly committed: { readonly height: Height };
}

type Executed = { readonly kind: 'executed'; readonly record: ExecutionRecord } | Hindrance;
type NextRoot = { readonly kind: 'root'; readonly root: Digest; readonly provisional: boolean } | Hindrance;

/** Executes blocks ahead of finality, on top of the committed state, for an application that is speculative. */
export class Branches {
  readonly #parts: BranchesParts;

  constructor(parts: BranchesParts) {
    this.#parts = parts;
  }

  /** Executes a block, its ancestors first, unless that is done. */
  async execute(block: Block): Promise<Executed> {
    const { store, candidates, committed } = this.#parts;
    const path: Block[] = [];
    for (let at = block; ; ) {
      const { height } = at.header;
      if (height <= committed.height) {
        const record = store.execution(height);
        if (record === null || record.digest !== at.ref.digest) return { kind: 'conflict' };
        if (path.length === 0) return { kind: 'executed', record };
        if (height < committed.height) return { kind: 'conflict' };
        break;
      }
      if (height <= store.finalizedHeight && store.at(height)?.ref.digest !== at.ref.digest)
        return { kind: 'conflict' };
      const known = candidates.get(at.ref.digest);
      if (known !== null && path.length === 0) return { kind: 'executed', record: known.result.record };
      if (known !== null) break;
      path.unshift(at);
      if (path.length + candidates.size > MAX_CANDIDATE_STATES) return { kind: 'behind' };
      const parent = store.header({ digest: at.header.parentDigest });
      if (parent === null) return { kind: 'missing', digest: at.header.parentDigest };
      at = parent;
    }
    if (!this.#parts.application.capabilities.speculative) return { kind: 'behind' };
    return this.#executePath(path);
  }

  async #executePath(path: readonly Block[]): Promise<Executed> {
    const { store, calls, candidates } = this.#parts;
    let result: ExecutionResult | null = null;
    for (const block of path) {
      const body = store.body(block.ref);
      const parent = store.header({ digest: block.header.parentDigest });
      if (body === null || parent === null) return { kind: 'missing', digest: block.ref.digest };
      result = await calls.finalize(block, parent.ref, body);
      candidates.add({ block, result });
    }
    return result === null ? { kind: 'behind' } : { kind: 'executed', record: result.record };
  }

  /** Root of the set staged after `height` on the branch of `tip`. */
  async nextRoot(tip: Block, height: Height): Promise<NextRoot> {
    const { store, hash, candidates, committed } = this.#parts;
    let at: Block | null = tip;
    while (at !== null && at.header.height > height) at = store.header({ digest: at.header.parentDigest });
    if (at === null) return { kind: 'missing', digest: tip.ref.digest };
    const executed = await this.execute(at);
    if (executed.kind !== 'executed') return executed;
    const branch = candidates.branch(at.ref.digest, height);
    const staged = this.#parts.staged.along(Math.min(height, committed.height), branch);
    if (staged === null) return { kind: 'behind' };
    return { kind: 'root', root: staged.set.root(hash), provisional: staged.provisional };
  }
}
