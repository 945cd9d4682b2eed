import {
  bytes,
  type Codec,
  concatBytes,
  decode,
  type Epoch,
  encode,
  isQuorateError,
  list,
  nullable,
  QuorateError,
  type Statement,
  type SuiteName,
  statementCodec,
  struct,
  text,
  u16,
  u53,
  union,
  type View,
  Writer,
  word,
} from '@quorate/kernel';
import { crc32 } from '../crc32.ts';

/** One entry of the gate's log. The first is always `opened`; numbers and fields are for ever. */
export type GateRecord =
  | {
      readonly kind: 'opened';
      readonly version: number;
      readonly chainId: string;
      readonly suite: SuiteName;
      readonly publicKey: Uint8Array;
    }
  | { readonly kind: 'signed'; readonly statement: Statement; readonly signature: Uint8Array }
  | { readonly kind: 'floor'; readonly epoch: Epoch; readonly view: View }
  /** Nothing may be signed in an epoch up to `through`; in none at all while it is null. */
  | { readonly kind: 'silent'; readonly through: Epoch | null }
  /** The silence is over. */
  | { readonly kind: 'active' };

export const GATE_VERSION = 1;
export const SUITES: readonly SuiteName[] = ['ed25519', 'bls12-381', 'simulated'];

/** Most records in one frame: bounds a frame even with the largest signatures. */
export const FRAME_RECORDS = 512;
const MAX_PAYLOAD_BYTES = 8 << 20;
/** First and last byte of every frame: no single flipped bit makes it zero. */
const EDGE = 0xa7;
const HEADER_BYTES = 13;
/** Power cuts leave whole sectors behind, written or not; drives that write 4 KiB at once are covered too. */
const SECTOR_BYTES = 512;

export const gateRecordCodec: Codec<GateRecord> = union<GateRecord>({
  opened: [1, struct({ version: u16, chainId: text(64), suite: word(SUITES), publicKey: bytes(2048) })],
  signed: [2, struct({ statement: statementCodec, signature: bytes(8192) })],
  floor: [3, struct({ epoch: u53, view: u53 })],
  silent: [4, struct({ through: nullable(u53) })],
  active: [5, struct({})],
});

const payloadCodec = list(gateRecordCodec, FRAME_RECORDS);

function checkOfLength(length: number): number {
  const field = new Writer(4);
  field.u32(length);
  return crc32(field.finish());
}

/**
 * Records that become durable together, as they lie in the log: edge, length, check of the length, check of the payload,
 * payload, edge. The length has its own check, so that a flipped bit in it cannot pass for a frame that was cut short.
 */
function frame(records: readonly GateRecord[]): Uint8Array {
  const payload = encode(payloadCodec, [...records]);
  const framed = new Writer(HEADER_BYTES + payload.length + 1);
  framed.u8(EDGE);
  framed.u32(payload.length);
  framed.u32(checkOfLength(payload.length));
  framed.u32(crc32(payload));
  framed.raw(payload);
  framed.u8(EDGE);
  return framed.finish();
}

/** Records of any number as frames, one after another. */
export function frames(records: readonly GateRecord[]): Uint8Array {
  const all: Uint8Array[] = [];
  for (let at = 0; at < records.length; at += FRAME_RECORDS) all.push(frame(records.slice(at, at + FRAME_RECORDS)));
  return concatBytes(...all);
}

type Found =
  | { readonly kind: 'frame'; readonly payload: Uint8Array; readonly end: number }
  | { readonly kind: 'short' }
  /** `end` is where the frame would end, when its length can be trusted. */
  | { readonly kind: 'damaged'; readonly end: number | null };

function frameAt(log: Uint8Array, at: number): Found {
  if (log[at] !== EDGE) return { kind: 'damaged', end: null };
  if (log.length - at < HEADER_BYTES) return { kind: 'short' };
  const view = new DataView(log.buffer, log.byteOffset + at, HEADER_BYTES);
  const length = view.getUint32(1, true);
  if (view.getUint32(5, true) !== checkOfLength(length) || length > MAX_PAYLOAD_BYTES)
    return { kind: 'damaged', end: null };
  const end = at + HEADER_BYTES + length + 1;
  if (end > log.length) return { kind: 'short' };
  const payload = log.subarray(at + HEADER_BYTES, end - 1);
  const intact = log[end - 1] === EDGE && crc32(payload) === view.getUint32(9, true);
  return intact ? { kind: 'frame', payload, end } : { kind: 'damaged', end };
}

/** Whether a sector that holds bytes from `from` to `to` reads as zeros from there on, as if never written before the power went. */
function hasUnwrittenSector(log: Uint8Array, from: number, to: number): boolean {
  for (let start = from; start < to; ) {
    const next = Math.min(log.length, (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (log.subarray(start, next).every((byte) => byte === 0)) return true;
    start = next;
  }
  return false;
}

/**
 * Whether the damage at `at` is what a power cut leaves of the last frame. Only the last frame can lack its sync, since
 * each is written after the sync of the one before: a whole frame further on, or damage of another shape, is corruption.
 */
function isTorn(log: Uint8Array, at: number, end: number | null): boolean {
  if (end !== null) return end === log.length && hasUnwrittenSector(log, at, end);
  if (!hasUnwrittenSector(log, at, Math.min(log.length, at + HEADER_BYTES))) return false;
  for (let later = at + 1; later < log.length; later++) {
    if (log[later] === EDGE && frameAt(log, later).kind === 'frame') return false;
  }
  return true;
}

/**
 * The records of a log and how many bytes they take. An incomplete last frame is left out: it was never synced, so
 * nothing was answered on it. Throws `gate/corrupt` for anything else that is not a frame.
 */
export function readRecords(
  name: string,
  log: Uint8Array,
): { readonly records: GateRecord[]; readonly length: number } {
  const records: GateRecord[] = [];
  const corrupt = (what: string, at: number, cause?: unknown): never => {
    const advice = 'restore the file from an export made after the last vote, or remove it and rejoin as an observer';
    throw new QuorateError('gate/corrupt', `${name}: ${what} at byte ${at}; ${advice}`, { cause });
  };
  let at = 0;
  while (at < log.length) {
    const found = frameAt(log, at);
    if (found.kind === 'short') break;
    if (found.kind === 'damaged') {
      if (isTorn(log, at, found.end)) break;
      return corrupt('a damaged record', at);
    }
    try {
      for (const record of decode(payloadCodec, found.payload)) records.push(record);
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      corrupt('a record that does not decode', at, error);
    }
    at = found.end;
  }
  return { records, length: at };
}
