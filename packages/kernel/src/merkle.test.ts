import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { merklePath, merkleRoot, toHex, verifyMerklePath } from './index.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const items = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 40 });

it('has the roots of RFC 6962 for the empty list and for one empty leaf', () => {
  expect(merkleRoot(sha256, [])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(merkleRoot(sha256, [new Uint8Array()])).toBe(
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  );
});

it('proves every item at its place and nowhere else', () => {
  fc.assert(
    fc.property(items, fc.nat(), fc.nat(), (list, pick, other) => {
      const index = pick % list.length;
      const item = list[index] as Uint8Array;
      const root = merkleRoot(sha256, list);
      const path = merklePath(sha256, list, index);
      expect(verifyMerklePath(sha256, root, { item, index, count: list.length, path })).toBe(true);
      const elsewhere = other % list.length;
      if (toHex(list[elsewhere] as Uint8Array) !== toHex(item)) {
        expect(verifyMerklePath(sha256, root, { item, index: elsewhere, count: list.length, path })).toBe(false);
      }
      expect(verifyMerklePath(sha256, root, { item: Uint8Array.of(...item, 1), index, count: list.length, path })).toBe(
        false,
      );
      expect(verifyMerklePath(sha256, root, { item, index, count: list.length, path: [...path, item] })).toBe(false);
    }),
  );
});

it('tells leaves from nodes', () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  const inner = new Uint8Array([...sha256(Uint8Array.of(0, ...a)), ...sha256(Uint8Array.of(0, ...b))]);
  expect(merkleRoot(sha256, [inner])).not.toBe(merkleRoot(sha256, [a, b]));
});
