import type { Block, Digest, Height } from '@quorate/kernel';
import type { ExecutionResult } from './application-calls.ts';

/** Candidate states that an application may hold at once: deeper branches wait until something is final. */
export const MAX_CANDIDATE_STATES = 64;

export interface ExecutedCandidate {
  readonly block: Block;
  readonly result: ExecutionResult;
}

/** Executions of blocks above the committed one: mirrors the candidate states that the application holds. */
export class Candidates {
  readonly #byDigest = new Map<Digest, ExecutedCandidate>();

  get size(): number {
    return this.#byDigest.size;
  }

  get(digest: Digest): ExecutedCandidate | null {
    return this.#byDigest.get(digest) ?? null;
  }

  add(candidate: ExecutedCandidate): void {
    this.#byDigest.set(candidate.block.ref.digest, candidate);
  }

  /** Forgets what a commit makes the application forget: the committed block, and all that does not descend from it. */
  committed(digest: Digest): void {
    const alive = new Set([digest]);
    const inOrder = [...this.#byDigest.values()].sort((a, b) => a.block.header.height - b.block.header.height);
    for (const { block } of inOrder) {
      if (block.ref.digest !== digest && alive.has(block.header.parentDigest)) alive.add(block.ref.digest);
      else this.#byDigest.delete(block.ref.digest);
    }
  }

  /** Candidates from the lowest up to the one named, at most as high as `upTo`. */
  branch(digest: Digest, upTo: Height): ExecutedCandidate[] {
    const branch: ExecutedCandidate[] = [];
    for (let at = this.get(digest); at !== null; at = this.get(at.block.header.parentDigest)) {
      if (at.block.header.height <= upTo) branch.unshift(at);
    }
    return branch;
  }
}
