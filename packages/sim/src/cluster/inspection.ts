import { type Digest, type Height, isQuorateError, toHex } from '@quorate/kernel';
import type { Replica } from '@quorate/replica';
import type { Checkers } from '../checkers/checkers.ts';
import { keptFrom } from './booting.ts';

/** A replica that runs and keeps the rules. */
export interface Witness {
  readonly name: string;
  readonly replica: Replica;
  /** Asks without leaving a trace. */
  ask<T>(question: () => T): T;
}

/** Heights below the top whose proofs are asked for. */
const PROOFS = 12;

export interface Examination {
  readonly checkers: Checkers;
  /** Voting keys of those that break the rules. */
  readonly breakers: readonly Uint8Array[];
  /** Whether a replica has reason to answer with this error. */
  readonly excused: (name: string, error: unknown) => boolean;
}

/** Checks what honest replicas serve at rest: evidence, blocks, proofs of finality, and where acknowledged transactions are. */
export function examine({ checkers, breakers, excused }: Examination, witnesses: Iterable<Witness>): void {
  const dishonest = new Set(breakers.map((key) => toHex(key)));
  for (const witness of witnesses) {
    try {
      witness.ask(() => question(checkers, witness, dishonest));
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      if (!excused(witness.name, error)) checkers.stopped(witness.name, `${error.code}: ${error.message}`);
    }
  }
}

function question(checkers: Checkers, witness: Witness, dishonest: ReadonlySet<string>): void {
  const { name, replica } = witness;
  for (const { offender } of replica.evidence(1000)) checkers.accused(name, toHex(offender), dishonest);
  const top = replica.status().executedHeight;
  for (let height = top; height > 0; height--) {
    const block = replica.block(height);
    if (block === null) break; // older ones are pruned
    checkers.chain?.observe(name, block);
    const proof = height > top - PROOFS ? replica.finalityProof(height) : null;
    if (proof !== null) checkers.chain?.proof(name, block.digest, proof);
  }
  recall(checkers, witness);
}

/** Acknowledged transactions are where they were said to be. */
export function recall(checkers: Checkers, { name, replica }: Witness): void {
  const find = (id: Digest): Height | null => {
    const status = replica.transaction(id);
    return status.kind === 'final' ? status.height : null;
  };
  checkers.checkAcknowledged(name, replica.status().executedHeight, find, keptFrom(replica));
}
