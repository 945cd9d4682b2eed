import type { AppEvent, Receipt } from './application.ts';
import type { Digest, Hash } from './bytes.ts';
import { bytes, type Codec, checked, list, struct, text, u32, Writer } from './codec.ts';
import { QuorateError } from './errors.ts';
import { merkleRoot } from './merkle.ts';

const attributeCodec = struct<{ name: string; value: string }>({ name: text(64), value: text(1024) });
const attributesCodec = checked(
  list(attributeCodec, 64),
  (attributes) => {
    for (let i = 1; i < attributes.length; i++) {
      if ((attributes[i - 1]?.name ?? '') >= (attributes[i]?.name ?? ''))
        throw new QuorateError('codec/invalid', 'event attributes are not in order');
    }
  },
  () => [],
);

export const appEventCodec: Codec<AppEvent> = {
  write: (to, event) => {
    text(64).write(to, event.type);
    const names = Object.keys(event.attributes).sort();
    attributesCodec.write(
      to,
      names.map((name) => ({ name, value: event.attributes[name] ?? '' })),
    );
  },
  read: (from) => ({
    type: text(64).read(from),
    attributes: Object.fromEntries(attributesCodec.read(from).map(({ name, value }) => [name, value])),
  }),
  sample: (next) => ({ type: text(64).sample(next), attributes: { a: text(9).sample(next), b: text(9).sample(next) } }),
};

export const receiptCodec: Codec<Receipt> = struct<{ code: number; log: string; events: AppEvent[]; data: Uint8Array }>(
  {
    code: u32,
    log: text(4096),
    events: list(appEventCodec, 256),
    data: bytes(65_536),
  },
) as Codec<Receipt>;

/** The encodings of receipts, one after the other, in one piece of memory. */
export function encodeReceipts(receipts: readonly Receipt[]): Uint8Array[] {
  const to = new Writer(256 * receipts.length);
  const ends = receipts.map((receipt) => {
    receiptCodec.write(to, receipt);
    return to.length;
  });
  const all = to.finish();
  return ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end));
}

/** The root under which the next header commits to the outcomes of a block. */
export function receiptsRoot(hash: Hash, receipts: readonly Receipt[]): Digest {
  return merkleRoot(hash, encodeReceipts(receipts));
}
