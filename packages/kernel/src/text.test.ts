import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode, encode, fromHex, isHex, text, toHex } from './index.ts';

it('spells any text as UTF-8 behind its length, however short, long or foreign', () => {
  const codec = text(4096);
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 300 })), (value) => {
      fc.pre(!/\p{Surrogate}/u.test(value)); // half a pair has no UTF-8
      const spelt = new TextEncoder().encode(value);
      const encoded = encode(codec, value);
      expect([...encoded]).toEqual([spelt.length & 0xff, spelt.length >> 8, 0, 0, ...spelt]);
      expect(decode(codec, encoded)).toBe(value);
    }),
  );
  expect(() => encode(text(3), 'four')).toThrow(expect.objectContaining({ code: 'codec/limit' }));
  expect(() => encode(text(3), 'éé')).toThrow(expect.objectContaining({ code: 'codec/limit' }));
});

it('writes bytes as lower-case hexadecimal and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const shown = toHex(bytes);
      expect(shown).toBe(Buffer.from(bytes).toString('hex'));
      expect(fromHex(shown)).toEqual(bytes);
    }),
  );
  const long = Uint8Array.from({ length: 10_000 }, (_, i) => i & 0xff);
  expect(toHex(long)).toBe(Buffer.from(long).toString('hex'));
});

it('refuses everything else as hexadecimal, wherever it stands', () => {
  for (const wrong of ['g', 'A', '/', ':', '`', ' ', '\0', '\x7f', '\x80', 'é', '\u0130', '😀'[0] ?? '']) {
    for (let at = 0; at < 6; at++) {
      const text = `${'0a'.repeat(3).slice(0, at)}${wrong}${'0a'.repeat(3).slice(at + 1)}`;
      expect(() => fromHex(text), JSON.stringify(text)).toThrow(RangeError);
      expect(isHex(text), JSON.stringify(text)).toBe(false);
    }
  }
  expect(() => fromHex('abc')).toThrow(RangeError);
  expect([isHex('abc'), isHex('0a0a', 2), isHex('0a0a', 1), isHex('')]).toEqual([false, true, false, true]);
});
