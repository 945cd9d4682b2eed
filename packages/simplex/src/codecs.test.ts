import { type Codec, conformance, decode, encode, isQuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { randomOf, sha256 } from '../../../test/simplex/world.ts';
import { simplexMessageCodec } from './messages.ts';
import { simplexRecordCodec } from './records.ts';

// A change of one of these hashes is a change of the wire or the journal: it needs a new protocol or journal version.
const formats: readonly (readonly [string, Codec<unknown>, string])[] = [
  [
    'messages',
    simplexMessageCodec as Codec<unknown>,
    '243961df57d9a3f800702d833171411be9fc6f0ba9e927910c5ebf349e2a41ff',
  ],
  ['records', simplexRecordCodec as Codec<unknown>, '2b7e1da5462feb77e1648d9a713f0280e43247a4ae00aaed436d6cd341474275'],
];

describe.each(formats)('the codec of %s', (_name, codec, pinned) => {
  it('keeps its format', () => {
    expect(conformance(codec, sha256)).toBe(pinned);
  });

  it('takes its own bytes back, and answers every damage with a typed error or the same bytes', () => {
    const random = randomOf(7);
    const next = (): number => Math.floor(random() * 0x1_0000_0000);
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from(encode(codec, codec.sample(next)));
      expect(encode(codec, decode(codec, bytes))).toEqual(bytes);
      const damaged = bytes.slice(0, next() % 3 === 0 ? next() % (bytes.length + 1) : bytes.length);
      if (damaged.length > 0) damaged[next() % damaged.length] = next() & 0xff;
      try {
        expect(encode(codec, decode(codec, damaged))).toEqual(damaged);
      } catch (error) {
        if (!isQuorateError(error)) throw error;
        expect(error.code).toMatch(/^codec\//);
      }
    }
  });
});

it('refuses a want that names nothing or more than one epoch', () => {
  const nullify = (epoch: number) => ({ kind: 'nullify' as const, epoch, view: 1 });
  for (const certificates of [[], [nullify(0), nullify(1)]]) {
    const bytes = encode(simplexMessageCodec, { kind: 'want', certificates });
    expect(() => decode(simplexMessageCodec, bytes)).toThrow(/exactly one epoch/);
  }
});
