import {
  bytes,
  type Codec,
  digest,
  type Epoch,
  type Header,
  type Height,
  headerCodec,
  list,
  nullable,
  type SnapshotInfo,
  struct,
  u32,
  u53,
  union,
  type ValidatorSet,
  validatorSetCodec,
} from '@quorate/kernel';
import { epochClaimCodec, finalityClaimCodec } from '@quorate/light';
import type { EpochProof, FinalityProof } from './api.ts';

/** Most epoch proofs in one answer. */
export const MAX_EPOCH_PROOFS = 32;
/** Snapshots of one node that are worth naming. */
export const MAX_SNAPSHOTS = 16;
/** Largest chunk of a snapshot. */
export const MAX_CHUNK_BYTES = 12 << 20;

const snapshotInfoCodec: Codec<SnapshotInfo> = struct<SnapshotInfo>({
  height: u53,
  format: u32,
  chunks: u32,
  digest,
  metadata: bytes(65_536),
});

/** Most chunks of one snapshot. */
export const MAX_CHUNKS = 65_536;

/** What a joining node asks of one peer. */
export type StateSyncRequest =
  /** The header at a height that the asker knows by digest, and the set of its epoch. */
  | { readonly kind: 'checkpoint'; readonly height: Height }
  /** Epoch proofs from `from` on, as many as fit. */
  | { readonly kind: 'epochs'; readonly from: Epoch }
  /** Snapshots that this peer can also prove. */
  | { readonly kind: 'snapshots' }
  /** What proves a snapshot's height and its state root. */
  | { readonly kind: 'floor'; readonly height: Height }
  | { readonly kind: 'chunk'; readonly height: Height; readonly format: number; readonly chunk: number };

export type StateSyncResponse =
  | { readonly kind: 'checkpoint'; readonly found: CheckpointAnswer | null }
  | { readonly kind: 'epochs'; readonly proofs: readonly EpochProof[] }
  | { readonly kind: 'snapshots'; readonly snapshots: readonly SnapshotInfo[] }
  | { readonly kind: 'floor'; readonly found: FloorAnswer | null }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array | null };

export interface CheckpointAnswer {
  readonly header: Header;
  readonly validators: ValidatorSet;
  /** Proves the first block of the header's epoch, which names the block from which the epoch started; null in epoch 0 or when pruned. */
  readonly first: FinalityProof | null;
}

export interface FloorAnswer {
  /** Proves the block at the snapshot's height. */
  readonly floor: FinalityProof;
  /** Proves the first later header whose `executedHeight` is the snapshot's height: it carries the state root. */
  readonly root: FinalityProof;
  /** The set after every validator update executed up to the snapshot; certified only by the epoch's last header. */
  readonly staged: ValidatorSet;
}

export const stateSyncRequestCodec: Codec<StateSyncRequest> = union<StateSyncRequest>({
  checkpoint: [1, struct<{ height: Height }>({ height: u53 })],
  epochs: [2, struct<{ from: Epoch }>({ from: u53 })],
  snapshots: [3, struct<object>({})],
  floor: [4, struct<{ height: Height }>({ height: u53 })],
  chunk: [5, struct<{ height: Height; format: number; chunk: number }>({ height: u53, format: u32, chunk: u32 })],
});

export const stateSyncResponseCodec: Codec<StateSyncResponse> = union<StateSyncResponse>({
  checkpoint: [
    1,
    struct<{ found: CheckpointAnswer | null }>({
      found: nullable(
        struct<CheckpointAnswer>({
          header: headerCodec,
          validators: validatorSetCodec,
          first: nullable(finalityClaimCodec),
        }),
      ),
    }),
  ],
  epochs: [2, struct<{ proofs: EpochProof[] }>({ proofs: list(epochClaimCodec, MAX_EPOCH_PROOFS) })],
  snapshots: [3, struct<{ snapshots: SnapshotInfo[] }>({ snapshots: list(snapshotInfoCodec, MAX_SNAPSHOTS) })],
  floor: [
    4,
    struct<{ found: FloorAnswer | null }>({
      found: nullable(
        struct<FloorAnswer>({ floor: finalityClaimCodec, root: finalityClaimCodec, staged: validatorSetCodec }),
      ),
    }),
  ],
  chunk: [5, struct<{ bytes: Uint8Array | null }>({ bytes: nullable(bytes(MAX_CHUNK_BYTES)) })],
});
