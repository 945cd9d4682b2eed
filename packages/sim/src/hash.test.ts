import { sha256 as pure } from '@quorate/crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256 } from './hash.ts';

it('is the SHA-256 of everybody else, in bytes of its own', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const digest = sha256(bytes);
      expect(digest).toEqual(pure(bytes));
      expect(digest.byteLength).toBe(digest.buffer.byteLength);
    }),
  );
});
