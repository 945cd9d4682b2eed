import { crc32 } from '@quorate/crypto';
import {
  bytes,
  type Codec,
  concatBytes,
  type Digest,
  decode,
  type Epoch,
  encode,
  fixed,
  fromHex,
  list,
  QuorateError,
  Reader,
  struct,
  toHex,
  u16,
  u53,
  Writer,
} from '@quorate/kernel';

/** One record of an engine, with the epoch whose engine wrote it. */
export interface JournalEntry {
  readonly epoch: Epoch;
  readonly payload: Uint8Array;
}

/** The version that is written. Version 1 is read and rewritten: it framed each record alone and had no marker. */
export const JOURNAL_VERSION = 2;

const MAGIC = Uint8Array.of(0x51, 0x52, 0x54, 0x4a); // QRTJ
const MARKER = Uint8Array.of(0xf5, 0x51, 0x42, 0x0a);
const MAX_PAYLOAD = 64 << 20;
const FRAME_OVERHEAD = 12;

export interface SegmentHeader {
  readonly version: number;
  readonly chain: Digest;
}

const headerFields = struct<{ magic: Uint8Array; version: number; chain: Uint8Array }>({
  magic: fixed(4),
  version: u16,
  chain: fixed(32),
});

/** Bytes of a segment header: its fields and their CRC. */
export const SEGMENT_HEADER_BYTES = 4 + 2 + 32 + 4;

const journalEntryCodec: Codec<JournalEntry> = struct<JournalEntry>({ epoch: u53, payload: bytes(MAX_PAYLOAD) });

/** The records of one group commit: they are durable together or not at all. */
export const journalBatchCodec: Codec<JournalEntry[]> = list(journalEntryCodec, 1 << 20);

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const fields = encode(headerFields, { magic: MAGIC, version: header.version, chain: fromHex(header.chain) });
  const crc = new Writer(4);
  crc.u32(crc32(fields));
  return concatBytes(fields, crc.finish());
}

/** The header of a segment, or `null` when these bytes hold none. */
function decodeSegmentHeader(segment: Uint8Array): SegmentHeader | null {
  if (segment.length < SEGMENT_HEADER_BYTES) return null;
  const fields = segment.subarray(0, SEGMENT_HEADER_BYTES - 4);
  if (new Reader(segment.subarray(SEGMENT_HEADER_BYTES - 4, SEGMENT_HEADER_BYTES)).u32() !== crc32(fields)) return null;
  const { magic, version, chain } = decode(headerFields, fields);
  return magic.every((byte, i) => byte === MAGIC[i]) ? { version, chain: toHex(chain) } : null;
}

/** Version 2: marker, CRC of what follows, length of the batch, batch. */
export function encodeFrame(entries: readonly JournalEntry[]): Uint8Array {
  const batch = encode(journalBatchCodec, [...entries]);
  const checked = new Writer(4 + batch.length);
  checked.u32(batch.length);
  checked.raw(batch);
  const frame = new Writer(FRAME_OVERHEAD + batch.length);
  frame.raw(MARKER);
  frame.u32(crc32(checked.finish()));
  frame.raw(checked.finish());
  return frame.finish();
}

interface Frame {
  readonly entries: readonly JournalEntry[];
  readonly end: number;
}

type FrameReader = (segment: Uint8Array, at: number) => Frame | null;

const readFrame2: FrameReader = (segment, at) => {
  if (segment.length - at < FRAME_OVERHEAD) return null;
  for (let i = 0; i < MARKER.length; i++) if (segment[at + i] !== MARKER[i]) return null;
  const head = new Reader(segment.subarray(at + 4, at + FRAME_OVERHEAD));
  const crc = head.u32();
  const end = at + FRAME_OVERHEAD + head.u32();
  if (end > segment.length || crc32(segment.subarray(at + 8, end)) !== crc) return null;
  return { entries: decode(journalBatchCodec, segment.subarray(at + FRAME_OVERHEAD, end)), end };
};

const readFrame1: FrameReader = (segment, at) => {
  if (segment.length - at < 16) return null;
  const head = new Reader(segment.subarray(at, at + 8));
  const length = head.u32();
  const crc = head.u32();
  const end = at + 8 + length;
  if (length < 8 || end > segment.length) return null;
  const record = segment.subarray(at + 8, end);
  if (crc32(record) !== crc) return null;
  return { entries: [{ epoch: new Reader(record).u53(), payload: record.subarray(8) }], end };
};

/** Version 1, kept for the tests of the upgrade: each record framed alone, CRC of the record only. */
export function encodeRecord1(entry: JournalEntry): Uint8Array {
  const record = new Writer(16 + entry.payload.length);
  record.u53(entry.epoch);
  record.raw(entry.payload);
  const body = record.finish();
  const frame = new Writer(8 + body.length);
  frame.u32(body.length);
  frame.u32(crc32(body));
  frame.raw(body);
  return frame.finish();
}

export interface SegmentContent {
  readonly version: number;
  readonly entries: readonly JournalEntry[];
  /** Where the valid part ends: anything after it is the torn tail of a write that was never acknowledged. */
  readonly end: number;
}

/**
 * Reads a whole segment. A bad frame with nothing valid after it is a torn tail and ends the content.
 * Throws `journal/corrupt` for a bad header or a bad frame that valid ones follow, `journal/version`, `genesis/mismatch`.
 */
export function readSegment(name: string, chain: Digest, segment: Uint8Array): SegmentContent {
  const header = decodeSegmentHeader(segment);
  if (header === null) throw corrupt(name, 0, 'its header is damaged');
  if (header.version < 1 || header.version > JOURNAL_VERSION) {
    throw new QuorateError(
      'journal/version',
      `${name} has format ${header.version}, this software reads 1 to ${JOURNAL_VERSION}: start it with the newer software`,
    );
  }
  if (header.chain !== chain) {
    throw new QuorateError(
      'genesis/mismatch',
      `${name} belongs to the chain with genesis ${header.chain}, this node runs ${chain}: use the right home folder`,
    );
  }
  const read = header.version === 1 ? readFrame1 : readFrame2;
  const entries: JournalEntry[] = [];
  let at = SEGMENT_HEADER_BYTES;
  while (at < segment.length) {
    const frame = read(segment, at);
    if (frame === null) {
      for (let later = at + 1; later < segment.length; later++) {
        if (read(segment, later) !== null) throw corrupt(name, at, `a valid record follows at byte ${later}`);
      }
      break;
    }
    for (const entry of frame.entries) entries.push(entry);
    at = frame.end;
  }
  return { version: header.version, entries, end: at };
}

function corrupt(name: string, at: number, detail: string): QuorateError {
  return new QuorateError(
    'journal/corrupt',
    `${name} is damaged at byte ${at} (${detail}): the disk lost acknowledged writes. Replace the disk; then move the ` +
      'journal folder away and start again: the block store and the signing gate keep this node safe, and it catches up from its peers',
  );
}
