import { sha256 } from '@quorate/crypto';
import { conformance, decode, encode, isQuorateError } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodiesCodec, envelopeCodec, gossipCodec, syncCodec } from './wire.ts';

const codecs = { envelopeCodec, bodiesCodec, gossipCodec, syncCodec };

describe('the wire', () => {
  it('keeps its formats', () => {
    expect(
      Object.fromEntries(
        Object.entries(codecs).map(([name, codec]) => [name, conformance<never>(codec as never, sha256)]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "bodiesCodec": "2656df974e3884d9d1693d1fae3d82bb17eb32efc6d226e0b3a42bfd260c1cfa",
        "envelopeCodec": "4d3d43bc3add6448ff3c204fe76846ff69aba6940156fbe117c2d4bd86cc9f1d",
        "gossipCodec": "227c75dd18b84da8f88be6713b0e044da87f804192168b5235a6bc20a4cb153d",
        "syncCodec": "f31de841339b55b2c301bdcd2040147449e074423375143682db44b51f44908d",
      }
    `);
  });

  it.each(Object.entries(codecs))(
    '%s decodes any bytes to a value that encodes to them, or refuses with a code',
    (_, codec) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          try {
            const value = decode(codec as typeof envelopeCodec, bytes);
            expect(encode(codec as typeof envelopeCodec, value)).toEqual(bytes);
          } catch (error) {
            expect(isQuorateError(error)).toBe(true);
          }
        }),
      );
    },
  );
});
