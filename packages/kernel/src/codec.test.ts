import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appEventCodec,
  blockRefCodec,
  bodyBytes,
  bodyCodec,
  type Codec,
  certificateCodec,
  conformance,
  decode,
  encode,
  evidenceCodec,
  genesisCodec,
  headerCodec,
  isQuorateError,
  list,
  nullable,
  receiptCodec,
  statementCodec,
  text,
  u8,
  u53,
  validatorCodec,
  validatorSetCodec,
  validatorUpdatesCodec,
  voteCodec,
  Writer,
} from './index.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** Every wire and storage type of the kernel with its conformance hash. A new hash is a new format: change it knowingly. */
const formats: Readonly<Record<string, readonly [codec: Codec<unknown>, pinned: string]>> = {
  statement: [statementCodec as Codec<unknown>, '38c6caa97bebaaead0b7b701e392e61bba03db3fa0aa2b472d1bdacaad720440'],
  vote: [voteCodec as Codec<unknown>, '62bf4145a7fbb586a1097fc26c63ccd2282a0ae52c3a507d95553296f9c9f7dd'],
  certificate: [certificateCodec as Codec<unknown>, '0121995896f40f681af709cf718dfefd00ef7cf6ec71e36f3b04dba0fae6fa68'],
  evidence: [evidenceCodec as Codec<unknown>, 'cc64383a74c3fff8d07dc9d948cce42c9cce8ad001b704cc6c532d5f56576733'],
  header: [headerCodec as Codec<unknown>, 'd91fdc1cd44654ab5f4c91c3f61c8bf2db8ca63ecd806a5bda96432ae84f9515'],
  blockRef: [blockRefCodec as Codec<unknown>, '9d305f1acd2eec92aa9e3663937c3df3b0a3f2cc6a0fcf13237014bb922644e4'],
  body: [bodyCodec as Codec<unknown>, '3dc079393320eec3b0f9cd4f58e8c9a21856aa17d9ee73c97e4589005840fc4b'],
  validator: [validatorCodec as Codec<unknown>, 'b7667a2748be15a55276bfcecae6f9a667a9ce3268b957cae302a1857923a983'],
  validatorSet: [
    validatorSetCodec as Codec<unknown>,
    '256b7d45fc25478a22d89658c78460623d976f96032d10a02c016c1688ec6109',
  ],
  validatorUpdates: [
    validatorUpdatesCodec as Codec<unknown>,
    '391fd4f249e3f26353c1eb8ae21d6f0312bc18ecbf5a7dec19631fb4a66b0443',
  ],
  genesis: [genesisCodec as Codec<unknown>, '1c70f1b6a29abc3b61a25415049328efb3e1c6fe85505c2e6809aff0d6f97743'],
  event: [appEventCodec as Codec<unknown>, '2640e5f87b66e3b0248e46b2e27e69bafe0598d4c08490b24902d988c7da2b2b'],
  receipt: [receiptCodec as Codec<unknown>, '34f20c5afe109b52b1bdee2fa4c65d4fba45c464f653ea07042ebad7e6a94c9b'],
};

function decodesOrRefuses(codec: Codec<unknown>, bytes: Uint8Array): void {
  let value: unknown;
  try {
    value = decode(codec, bytes);
  } catch (error) {
    expect(isQuorateError(error) && error.code.startsWith('codec/'), String(error)).toBe(true);
    return;
  }
  expect(encode(codec, value)).toEqual(bytes);
}

describe.each(Object.entries(formats))('%s', (_name, [codec, pinned]) => {
  it('keeps its format', () => {
    expect(conformance(codec, sha256)).toBe(pinned);
  });

  it('returns every sampled value and refuses every proper prefix and every suffix', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(0xffff_ffff)), fc.nat(), (stream, cut) => {
        const bytes = encode(
          codec,
          codec.sample(() => stream.next().value as number),
        ).slice();
        expect(encode(codec, decode(codec, bytes))).toEqual(bytes);
        expect(() => decode(codec, bytes.subarray(0, cut % bytes.length))).toThrow();
        expect(() => decode(codec, Uint8Array.of(...bytes, 0))).toThrow();
      }),
      { numRuns: 50 },
    );
  });

  it('decodes and re-encodes any bytes to themselves, or refuses with a typed error', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(0xffff_ffff)), fc.nat(), fc.nat(255), (stream, at, value) => {
        const bytes = encode(
          codec,
          codec.sample(() => stream.next().value as number),
        ).slice();
        bytes[at % bytes.length] = value;
        decodesOrRefuses(codec, bytes);
      }),
      { numRuns: 200 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodesOrRefuses(codec, bytes)));
  });
});

describe('Writer', () => {
  it('keeps every byte when the buffer grows at any of its calls', () => {
    for (let before = 0; before < 40; before++) {
      const writer = new Writer(4);
      for (let i = 0; i < before; i++) writer.u8(i);
      writer.u16(0x0102);
      writer.u8(3);
      writer.u32(0x0405_0607);
      writer.u53(8);
      writer.raw(Uint8Array.of(9));
      const expected = [...Array(before).keys(), 2, 1, 3, 7, 6, 5, 4, 8, 0, 0, 0, 0, 0, 0, 0, 9];
      expect([...writer.finish()]).toEqual(expected);
    }
  });
});

describe('limits', () => {
  it('refuses lengths above the limit before it allocates', () => {
    const huge = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    expect(() => decode(list(u8, 10), huge)).toThrow(expect.objectContaining({ code: 'codec/limit' }));
    expect(() => decode(text(10), huge)).toThrow(expect.objectContaining({ code: 'codec/limit' }));
  });

  it('refuses integers above 2^53 - 1', () => {
    const bytes = encode(u53, Number.MAX_SAFE_INTEGER).slice();
    expect(decode(u53, bytes)).toBe(Number.MAX_SAFE_INTEGER);
    bytes[6] = 0x20;
    expect(() => decode(u53, bytes)).toThrow(expect.objectContaining({ code: 'codec/invalid' }));
  });

  it('refuses a second spelling of null and of text', () => {
    expect(() => decode(nullable(u8), Uint8Array.of(2, 0))).toThrow(expect.objectContaining({ code: 'codec/invalid' }));
    expect(() => decode(text(10), Uint8Array.of(1, 0, 0, 0, 0xff))).toThrow(
      expect.objectContaining({ code: 'codec/invalid' }),
    );
  });
});

it('reckons the size of a body without encoding its transactions', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(0xffff_ffff)), (stream) => {
      const body = bodyCodec.sample(() => stream.next().value as number);
      expect(bodyBytes(body)).toBe(encode(bodyCodec, body).length);
      expect(encode(bodyCodec, body, 1)).toEqual(encode(bodyCodec, body, 100_000));
    }),
  );
});
