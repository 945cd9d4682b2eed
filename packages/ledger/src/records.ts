import { bytes, type Codec, QuorateError, type Reader, type Writer } from '@quorate/kernel';

/** Most records in one batch. */
export const MAX_BATCH_RECORDS = 4096;
/** Most bytes of records in one transaction, whatever genesis allows. */
export const MAX_RECORD_BYTES = 64 << 10;

/** Records one behind the other, each with a u32 length before it: a count and one view, however many they are. */
export interface RecordBatch {
  readonly count: number;
  readonly packed: Uint8Array;
}

/** Bytes of the records themselves. */
export function recordBytes(batch: RecordBatch): number {
  return batch.packed.length - 4 * batch.count;
}

/** Joins 1 to 4096 records of at most 65,536 bytes together into a batch. Throws `codec/limit` for more or none. */
export function packRecords(records: readonly Uint8Array[]): RecordBatch {
  const size = records.reduce((sum, record) => sum + 4 + record.length, 0);
  const batch = { count: records.length, packed: new Uint8Array(size) };
  check(batch.count, recordBytes(batch));
  const view = new DataView(batch.packed.buffer);
  let at = 0;
  for (const record of records) {
    view.setUint32(at, record.length, true);
    batch.packed.set(record, at + 4);
    at += 4 + record.length;
  }
  return batch;
}

/** The records of a batch that {@link packRecords} made or {@link recordBatchCodec} read, as views of its bytes. */
export function unpackRecords(batch: RecordBatch): Uint8Array[] {
  const records: Uint8Array[] = [];
  let at = 0;
  while (at < batch.packed.length) {
    const end = at + 4 + lengthAt(batch.packed, at);
    records.push(batch.packed.subarray(at + 4, end));
    at = end;
  }
  return records;
}

function lengthAt(packed: Uint8Array, at: number): number {
  const [a, b, c, d] = [packed[at] ?? 0, packed[at + 1] ?? 0, packed[at + 2] ?? 0, packed[at + 3] ?? 0];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function check(count: number, size: number): void {
  if (count < 1 || count > MAX_BATCH_RECORDS) {
    throw new QuorateError('codec/limit', `a batch holds 1 to ${MAX_BATCH_RECORDS} records, not ${count}`);
  }
  if (size > MAX_RECORD_BYTES) {
    throw new QuorateError('codec/limit', `the records of a batch take ${size} bytes, more than ${MAX_RECORD_BYTES}`);
  }
}

const packedCodec = bytes(MAX_RECORD_BYTES + 4 * MAX_BATCH_RECORDS);

/** Reads a batch in one pass over its lengths, without an object per record. Throws `codec/truncated` or `codec/limit`. */
export const recordBatchCodec: Codec<RecordBatch> = {
  write: (to: Writer, batch) => packedCodec.write(to, batch.packed),
  read: (from: Reader) => {
    const packed = packedCodec.read(from);
    let [at, count] = [0, 0];
    while (at < packed.length) {
      if (at + 4 > packed.length)
        throw new QuorateError('codec/truncated', 'a batch ends within the length of a record');
      at += 4 + lengthAt(packed, at);
      count++;
    }
    if (at !== packed.length) throw new QuorateError('codec/truncated', 'a batch ends within a record');
    const batch = { count, packed };
    check(count, recordBytes(batch));
    return batch;
  },
  sample: (next) => packRecords(Array.from({ length: 1 + (next() % 4) }, () => bytes(40).sample(next).slice())),
};
