import type {
  AppEvent,
  Block,
  Body,
  Digest,
  Height,
  Millis,
  QuorateError,
  Receipt,
  ValidatorSet,
  ValidatorUpdate,
} from '@quorate/kernel';

/** A finalized, executed, committed block. */
export interface ExecutedBlock {
  readonly block: Block;
  readonly body: Body;
  readonly finalizedAt: Millis;
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
  /** SHA-256 of each transaction, in block order. */
  readonly transactions: readonly Digest[];
  readonly receipts: readonly Receipt[];
  /** Events of the block as a whole. */
  readonly events: readonly AppEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
}

/** Why a candidate cannot be executed, judged or built on now. None of these is a verdict: do not vote. */
export type Hindrance =
  /** A block on the way up from the finalized chain is not in the store. */
  | { readonly kind: 'missing'; readonly digest: Digest }
  /** The block does not descend from the finalized chain, or stands below it: no answer matters any more. */
  | { readonly kind: 'conflict' }
  /** Execution is too far behind, or what would be needed is not proven yet: propose an empty block. */
  | { readonly kind: 'behind' }
  /** The application threw, or broke its contract. */
  | { readonly kind: 'failed'; readonly error: QuorateError };

/** The header fields that execution decides. */
export interface ExecutionFields {
  readonly executedHeight: Height;
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
  readonly nextValidatorsRoot: Digest | null;
}

export type FieldsOutcome = { readonly kind: 'fields'; readonly fields: ExecutionFields } | Hindrance;
export type PrepareOutcome = { readonly kind: 'prepared'; readonly transactions: Uint8Array[] } | Hindrance;
export type JudgeOutcome =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly reason: string }
  | Hindrance;

/** The set that votes after an epoch, as far as this node can say. */
export type NextSet =
  | { readonly kind: 'known'; readonly set: ValidatorSet }
  /** The last block's `executedHeight` is not executed here yet: ask again after `executed`. */
  | { readonly kind: 'waiting' }
  /** This node joined by state sync and its unproven knowledge was wrong: fetch the epoch's proof, then `learnNextSet`. */
  | { readonly kind: 'unknown' };
