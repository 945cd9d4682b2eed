import { crc32 } from '@quorate/crypto';
import {
  type AppEvent,
  appEventCodec,
  bool,
  type Certificate,
  type Codec,
  certificateCodec,
  concatBytes,
  type Digest,
  decode,
  digest,
  encode,
  fromHex,
  type Header,
  type Height,
  headerCodec,
  list,
  MAX_TRANSACTIONS,
  type Millis,
  QuorateError,
  type Receipt,
  receiptCodec,
  type Store,
  type StoreWrite,
  struct,
  toHex,
  u16,
  u32,
  u53,
  type ValidatorSet,
  type ValidatorUpdate,
  validatorSetCodec,
  validatorUpdatesCodec,
  type Writer,
} from '@quorate/kernel';
import { finalityClaimCodec, MAX_CLAIM_HEADERS } from '@quorate/light';
import type { FinalityProof } from './api.ts';

/*
 * The table of keys. Heights and epochs are eight big-endian bytes, so that ranges run in order.
 * Every value ends with a CRC-32 of key and payload.
 *
 *   00 01               Format       version of this table, digest of genesis
 *   00 02               u53          next height of an unfinished migration
 *   00 03               Divergence   what was computed where the chain certified something else
 *   01 digest           Header       of every stored block
 *   02 digest           Body
 *   03 height digest    Candidate    blocks not finalized yet
 *   10 height           Finalized    the chain
 *   11 height           Coverage     certificate whose block, or whose descent, ends at this height
 *   12 height           Certificate* the justification that the block carried
 *   13 height           Execution    roots and validator updates
 *   14 height           Receipts     transaction ids, receipts, events
 *   20 transaction id   Place
 *   30 epoch            ValidatorSet that votes in the epoch
 *   31 epoch            FinalityProof of the epoch's last block; kept for ever
 *   32 height           Staged       the set after all updates up to a height that brought some
 *   33 epoch            digest       of the block before the epoch; only in stores that an older release began by state sync
 *   34 epoch            FinalityProof of the epoch's first block, which names the one before the epoch; learned by state sync
 *   35 epoch            Header       of the epoch's last block, learned by state sync without a proof of its own
 */

/** Version of the table above. Older stores are migrated when opened; newer ones are refused. */
export const STORE_VERSION = 2;

function numbered(prefix: number, value: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = prefix;
  putNumber(key, value);
  return key;
}

/** Eight big-endian bytes behind the prefix. */
function putNumber(key: Uint8Array, value: number): void {
  let rest = value;
  for (let at = 8; at > 0; at--) {
    key[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function named(prefix: number, name: Digest): Uint8Array {
  return concatBytes(Uint8Array.of(prefix), fromHex(name));
}

/** The number in a key made of a prefix byte and eight bytes. */
export function numberOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 0x1_0000_0000 + view.getUint32(5);
}

/** Prefixes of the tables that are walked in order. */
export const PREFIX = {
  candidates: 0x03,
  finalized: 0x10,
  coverage: 0x11,
  executions: 0x13,
  receipts: 0x14,
  staged: 0x32,
} as const;

export const KEY = {
  format: Uint8Array.of(0, 1),
  migration: Uint8Array.of(0, 2),
  divergence: Uint8Array.of(0, 3),
  header: (name: Digest) => named(0x01, name),
  body: (name: Digest) => named(0x02, name),
  candidate: (height: Height, name: Digest) => concatBytes(numbered(PREFIX.candidates, height), fromHex(name)),
  finalized: (height: Height) => numbered(PREFIX.finalized, height),
  coverage: (height: Height) => numbered(PREFIX.coverage, height),
  justification: (height: Height) => numbered(0x12, height),
  execution: (height: Height) => numbered(PREFIX.executions, height),
  receipts: (height: Height) => numbered(PREFIX.receipts, height),
  place: (id: Digest) => named(0x20, id),
  validators: (epoch: number) => numbered(0x30, epoch),
  epochProof: (epoch: number) => numbered(0x31, epoch),
  epochStart: (epoch: number) => numbered(0x33, epoch),
  opening: (epoch: number) => numbered(0x34, epoch),
  closing: (epoch: number) => numbered(0x35, epoch),
  staged: (height: Height) => numbered(PREFIX.staged, height),
} as const;

/** The first key of a table, and the first key behind it. */
export function tableRange(prefix: number): { readonly from: Uint8Array; readonly to: Uint8Array } {
  return { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
}

/** First record of a store: what it is and whose. */
export interface Format {
  readonly version: number;
  readonly genesis: Digest;
}

/** A stored block that is not finalized. */
export interface Candidate {
  readonly bodyBytes: number;
}

/** A height of the chain. Version 1 had no `finalizedAt`. */
export interface FinalizedIndex {
  readonly digest: Digest;
  readonly finalizedAt: Millis;
}

/** A finality certificate and the headers between the height it is stored at and the block it names. */
export interface Coverage {
  readonly certificate: Certificate;
  readonly trail: readonly Header[];
}

/** What executing one finalized block gave, in short. */
export interface ExecutionRecord {
  readonly digest: Digest;
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
  readonly validatorUpdates: readonly ValidatorUpdate[];
}

/** The outcomes of one finalized block's transactions. */
export interface ReceiptsRecord {
  /** SHA-256 of each transaction, in block order. */
  readonly transactions: readonly Digest[];
  readonly receipts: readonly Receipt[];
  /** Events of the block as a whole. */
  readonly events: readonly AppEvent[];
}

/** Where a transaction stands in the chain. */
export interface Place {
  readonly height: Height;
  readonly index: number;
}

/** The validator set after every update executed so far: what an epoch's last header names as the next set. */
export interface Staged {
  readonly set: ValidatorSet;
  /** Learned from a peer during state sync and not certified yet. */
  readonly provisional: boolean;
}

/** What this node computed where the chain certified something else. Kept for `doctor`. */
export interface Divergence {
  readonly height: Height;
  readonly block: Digest;
  readonly certifiedBy: Digest;
  readonly computedStateRoot: Digest;
  readonly certifiedStateRoot: Digest;
  readonly computedReceiptsRoot: Digest;
  readonly certifiedReceiptsRoot: Digest;
}

const MAX_JUSTIFICATION = 65_536;

export const RECORD = {
  format: struct<Format>({ version: u16, genesis: digest }),
  migration: u53,
  divergence: struct<Divergence>({
    height: u53,
    block: digest,
    certifiedBy: digest,
    computedStateRoot: digest,
    certifiedStateRoot: digest,
    computedReceiptsRoot: digest,
    certifiedReceiptsRoot: digest,
  }),
  header: headerCodec,
  candidate: struct<Candidate>({ bodyBytes: u32 }),
  finalized: struct<FinalizedIndex>({ digest, finalizedAt: u53 }),
  /** Version 1 of the line above, for its migration only. */
  finalizedV1: struct<{ digest: Digest }>({ digest }),
  coverage: struct<{ certificate: Certificate; trail: Header[] }>({
    certificate: certificateCodec,
    trail: list(headerCodec, MAX_CLAIM_HEADERS),
  }) as Codec<Coverage>,
  justification: list(certificateCodec, MAX_JUSTIFICATION),
  execution: struct<{ digest: Digest; stateRoot: Digest; receiptsRoot: Digest; validatorUpdates: ValidatorUpdate[] }>({
    digest,
    stateRoot: digest,
    receiptsRoot: digest,
    validatorUpdates: validatorUpdatesCodec,
  }) as Codec<ExecutionRecord>,
  receipts: struct<{ transactions: Digest[]; receipts: Receipt[]; events: AppEvent[] }>({
    transactions: list(digest, MAX_TRANSACTIONS),
    receipts: list(receiptCodec, MAX_TRANSACTIONS),
    events: list(appEventCodec, 4096),
  }) as Codec<ReceiptsRecord>,
  place: struct<Place>({ height: u53, index: u32 }),
  validators: validatorSetCodec,
  epochProof: finalityClaimCodec as Codec<FinalityProof>,
  epochStart: digest,
  opening: finalityClaimCodec as Codec<FinalityProof>,
  closing: headerCodec,
  staged: struct<Staged>({ set: validatorSetCodec, provisional: bool }),
} as const;

/** A write of `value` under `key`, encoded, with its checksum behind it. `size`: a guess at the bytes of large values. */
export function record<T>(key: Uint8Array, codec: Codec<T>, value: T, size = 0): StoreWrite {
  const sealed = {
    write: (to: Writer) => {
      codec.write(to, value);
      to.u32(crc32(key, to.finish()));
    },
  };
  return { key, value: encode(sealed, value, size + 4) };
}

/** A write that removes `key`. */
export function removal(key: Uint8Array): StoreWrite {
  return { key, value: null };
}

function corrupt(key: Uint8Array, problem: string, cause?: unknown): QuorateError {
  return new QuorateError(
    'store/corrupt',
    `block store: the record under key ${toHex(key)} ${problem}. Stop using this disk; restore the home folder's store from a backup, ` +
      'or move it away and let the node sync again (keep the signing gate)',
    { cause },
  );
}

/** The payload of a stored value. Throws `store/corrupt` naming the key. */
export function unsealed(key: Uint8Array, value: Uint8Array): Uint8Array {
  if (value.length < 4) throw corrupt(key, 'is cut short');
  const payload = value.subarray(0, value.length - 4);
  const stored = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(payload.length, true);
  if (stored !== crc32(key, payload)) throw corrupt(key, 'does not match its checksum');
  return payload;
}

/** The value of a stored record. Throws `store/corrupt` naming the key. */
export function opened<T>(key: Uint8Array, codec: Codec<T>, value: Uint8Array): T {
  const payload = unsealed(key, value);
  try {
    return decode(codec, payload);
  } catch (error) {
    throw corrupt(key, 'has a sound checksum but does not decode', error);
  }
}

/** Reads one record, or `null` when there is none. Throws `store/corrupt`. */
export function readRecord<T>(store: Store, key: Uint8Array, codec: Codec<T>): T | null {
  const value = store.get(key);
  return value === undefined ? null : opened(key, codec, value);
}
