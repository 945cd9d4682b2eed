import { expect, it } from 'vitest';
import { copyOf, fromHex, hexOf, toHex } from './bytes.ts';

it('spells bytes of any number, and any part of them', () => {
  for (const length of [0, 1, 31, 32, 33, 4096, 4097, 10_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff);
    expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
    expect(fromHex(toHex(bytes))).toEqual(bytes);
    const [from, to] = [length >> 2, length - (length >> 3)];
    expect(hexOf(bytes, from, to)).toBe(Buffer.from(bytes.subarray(from, to)).toString('hex'));
  }
});

it('copies bytes of any number into memory of their own, whatever it shares a buffer with', () => {
  const originals = Array.from({ length: 300 }, (_, i) => new Uint8Array((i * 13) % 1500).fill(i & 0xff));
  const copies = originals.map((bytes) => copyOf(buffered(bytes)));
  for (const original of originals) original.fill(255);
  copies.forEach((copy, i) => {
    expect(copy).toEqual(new Uint8Array((i * 13) % 1500).fill(i & 0xff));
  });
  for (const copy of copies) copy.fill(1);
  expect(copies.every((copy) => copy.every((byte) => byte === 1))).toBe(true);
  expect(new Set(copies.map(({ buffer }) => buffer)).size).toBeLessThan(copies.length);
});

/** The same memory as a `Buffer`. */
function buffered(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
