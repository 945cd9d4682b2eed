import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bisect } from './bisect.ts';
import { crc32 } from './crc32.ts';
import { sha256 } from './hash.ts';
import { createPureSuites, SuiteRegistry } from './suites.ts';

describe('crc32', () => {
  it('gives the check value of its definition', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });
});

describe('sha256', () => {
  it('gives the digest of FIPS 180-4 for "abc"', () => {
    const digest = Buffer.from(sha256(new TextEncoder().encode('abc'))).toString('hex');
    expect(digest).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('bisect', () => {
  it('finds exactly the culprits, and asks once when there are none', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (good) => {
        let calls = 0;
        const culprits = bisect(
          good.map((_, index) => index),
          (items) => {
            calls++;
            return items.every((index) => good[index]);
          },
        );
        expect(culprits).toEqual(good.flatMap((fine, index) => (fine ? [] : [index])));
        if (culprits.length === 0) expect(calls).toBeLessThanOrEqual(1);
        expect(calls).toBeLessThanOrEqual(1 + 2 * culprits.length * Math.ceil(Math.log2(good.length + 1)));
      }),
    );
  });
});

describe('SuiteRegistry', () => {
  it('hands out suites by name, the last one registered, and says what is missing', () => {
    const registry = createPureSuites();
    expect(registry.names()).toEqual(['bls12-381', 'ed25519']);
    const replacement = { ...registry.get('ed25519') };
    registry.register(replacement);
    expect(registry.get('ed25519')).toBe(replacement);
    expect(registry.has('simulated')).toBe(false);
    expect(() => new SuiteRegistry().get('ed25519')).toThrowError(expect.objectContaining({ code: 'suite/unknown' }));
  });
});
