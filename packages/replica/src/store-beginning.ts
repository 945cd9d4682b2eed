import type { Block, Certificate, Millis, StoreWrite, ValidatorSet } from '@quorate/kernel';
import type { FinalityProof } from './api.ts';
import { type ExecutionRecord, KEY, RECORD, record, type Staged } from './store-format.ts';

/** Where a node that did not replay history begins: a proven block, and what is known of the state after it. */
export interface Floor {
  readonly block: Block;
  /** Proves `block`: its first header is the block's. */
  readonly proof: FinalityProof;
  readonly execution: ExecutionRecord;
  readonly staged: Staged;
  readonly at: Millis;
}

/** The first block that a store holds, what finalizes it (null at genesis), and everything written with it. */
export interface Beginning {
  readonly block: Block;
  readonly certificate: Certificate | null;
  readonly writes: readonly StoreWrite[];
}

/** Genesis is height 0, and its set is that of epoch 0. */
export function fromGenesis(block: Block, validators: ValidatorSet, at: Millis): Beginning {
  const { stateRoot, receiptsRoot } = block.header;
  const execution = { digest: block.ref.digest, stateRoot, receiptsRoot, validatorUpdates: [] };
  const staged = { set: validators, provisional: false };
  return {
    block,
    certificate: null,
    writes: [
      ...firstRecords({ block, execution, staged, at }),
      record(KEY.validators(0), RECORD.validators, validators),
    ],
  };
}

export function fromFloor(floor: Floor): Beginning {
  const { certificate, headers } = floor.proof;
  const { block } = floor;
  return {
    block,
    certificate,
    writes: [
      ...firstRecords(floor),
      record(KEY.coverage(block.header.height), RECORD.coverage, { certificate, trail: headers.slice(1) }),
    ],
  };
}

function firstRecords({ block, execution, staged, at }: Omit<Floor, 'proof'>): StoreWrite[] {
  const { height } = block.header;
  const { digest } = block.ref;
  return [
    record(KEY.header(digest), RECORD.header, block.header),
    record(KEY.finalized(height), RECORD.finalized, { digest, finalizedAt: at }),
    record(KEY.execution(height), RECORD.execution, execution),
    record(KEY.staged(height), RECORD.staged, staged),
  ];
}
