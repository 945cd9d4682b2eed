import { MAX_STATE_PROOF_BYTES } from '@quorate/crypto';
import {
  bytes,
  type Certificate,
  type Codec,
  certificateCodec,
  type Epoch,
  type Header,
  type Height,
  headerCodec,
  list,
  MAX_UNFINAL_HEADERS,
  nullable,
  struct,
  u53,
  type ValidatorSet,
  validatorSetCodec,
} from '@quorate/kernel';

/** `headers[0]` is the proven header; each next one is its child; the certificate finalizes the last. */
export interface FinalityClaim {
  readonly headers: readonly Header[];
  readonly certificate: Certificate;
}

/** The finality of an epoch's last block, which names the next set, and that set. */
export interface EpochClaim {
  readonly epoch: Epoch;
  readonly proof: FinalityClaim;
  readonly next: ValidatorSet;
}

/** "After block `height`, the state holds `value` under `key`", with what shows it. */
export interface StateClaim {
  readonly height: Height;
  readonly key: Uint8Array;
  /** null claims absence. */
  readonly value: Uint8Array | null;
  /** A state proof as `@quorate/crypto` reads it. */
  readonly proof: Uint8Array;
  /** Finality of a header that carries the root of the state after `height`: usually that of `height + 1`. */
  readonly finality: FinalityClaim;
}

/**
 * Most headers of one claim, the proven one included: whatever an engine can finalize at once can be proven. The proven header
 * may itself be final already for the engine that holds so many above it.
 */
export const MAX_CLAIM_HEADERS = MAX_UNFINAL_HEADERS + 1;

const MAX_STATE_KEY_BYTES = 4096;
const MAX_STATE_VALUE_BYTES = 4 << 20;

/** The bytes in which a node hands out {@link FinalityClaim}. */
export const finalityClaimCodec: Codec<FinalityClaim> = struct<FinalityClaim>({
  headers: list(headerCodec, MAX_CLAIM_HEADERS) as Codec<readonly Header[]>,
  certificate: certificateCodec,
});

/** The bytes in which a node hands out {@link EpochClaim}. */
export const epochClaimCodec: Codec<EpochClaim> = struct<EpochClaim>({
  epoch: u53,
  proof: finalityClaimCodec,
  next: validatorSetCodec,
});

/** The bytes in which a node hands out {@link StateClaim}. */
export const stateClaimCodec: Codec<StateClaim> = struct<StateClaim>({
  height: u53,
  key: bytes(MAX_STATE_KEY_BYTES),
  value: nullable(bytes(MAX_STATE_VALUE_BYTES)),
  proof: bytes(MAX_STATE_PROOF_BYTES),
  finality: finalityClaimCodec,
});
