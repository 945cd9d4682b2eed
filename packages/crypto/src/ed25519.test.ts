import { createPublicKey, verify as opensslVerify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, fromHex, type SignedItem, toHex } from '@quorate/kernel';
import fc from 'fast-check';
import sodium from 'sodium-native';
import { describe, expect, it } from 'vitest';
import { createEd25519Suite, ed25519PreChecks } from './ed25519.ts';
import { ed25519EdgeCases, ed25519Torsion } from './edge-cases.ts';

const suite = createEd25519Suite();
const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

/** libsodium itself: what the predicate is. */
function bySodium({ publicKey, message, signature }: SignedItem): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return sodium.crypto_sign_verify_detached(Buffer.from(signature), Buffer.from(message), Buffer.from(publicKey));
}

function byOpenssl({ publicKey, message, signature }: SignedItem): boolean {
  const der = concatBytes(fromHex('302a300506032b6570032100'), publicKey);
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return opensslVerify(null, message, key, signature);
  } catch {
    return false;
  }
}

const behindPreChecks = (item: SignedItem): boolean =>
  ed25519PreChecks(item.publicKey, item.signature) && byOpenssl(item);

const scalarBytes = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0')).reverse();
const littleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);

describe('the Ed25519 predicate', () => {
  it('is that of libsodium on every edge case', () => {
    const cases = ed25519EdgeCases();
    expect(cases.length).toBeGreaterThan(100);
    for (const { name, item, valid } of cases) {
      expect({ name, pure: suite.verify(item), sodium: bySodium(item), openssl: behindPreChecks(item) }).toEqual({
        name,
        pure: valid,
        sodium: valid,
        openssl: valid,
      });
    }
    expect(cases.filter(({ valid }) => valid).length).toBeGreaterThan(10);
  });

  it('differs from what OpenSSL and cofactored verification accept without pre-checks: the cases can tell', () => {
    const cases = ed25519EdgeCases();
    expect(cases.some(({ item, valid }) => byOpenssl(item) && !valid)).toBe(true);
    const lengths = cases.filter(({ item }) => item.publicKey.length === 32 && item.signature.length === 64);
    expect(
      lengths.some(({ item, valid }) => !valid && ed25519.verify(item.signature, item.message, item.publicKey)),
    ).toBe(true);
  });

  it('agrees with libsodium and OpenSSL on signatures built from any torsion, range of S and damage', () => {
    const torsion = ed25519Torsion();
    const order = fc.nat(7);
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.record({
          secret: fc.bigInt({ min: 1n, max: ORDER - 1n }),
          nonce: fc.bigInt({ min: 1n, max: ORDER - 1n }),
          keyTorsion: order,
          nonceTorsion: order,
          overflow: fc.constantFrom(0n, 0n, 0n, 1n, 2n, 15n),
          message: fc.uint8Array({ maxLength: 40 }),
          damage: fc.option(fc.tuple(fc.nat(95), fc.integer({ min: 1, max: 255 })), { freq: 3 }),
        }),
        ({ secret, nonce, keyTorsion, nonceTorsion, overflow, message, damage }) => {
          const key = Point.BASE.multiply(secret)
            .add(torsion[keyTorsion] ?? Point.ZERO)
            .toBytes();
          const r = Point.BASE.multiply(nonce)
            .add(torsion[nonceTorsion] ?? Point.ZERO)
            .toBytes();
          const h = littleEndian(sha512(concatBytes(r, key, message))) % ORDER;
          const s = (((nonce + h * secret) % ORDER) + overflow * ORDER) % (1n << 256n);
          const all = concatBytes(key, r, scalarBytes(s));
          if (damage !== null) all[damage[0]] = (all[damage[0]] ?? 0) ^ damage[1];
          const item = { publicKey: all.subarray(0, 32), message, signature: all.subarray(32) };
          const expected = bySodium(item);
          if (expected) accepted++;
          expect(suite.verify(item)).toBe(expected);
          expect(behindPreChecks(item)).toBe(expected);
        },
      ),
      { numRuns: 300, seed: 11 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  it('admits as keys what it can accept signatures of', () => {
    for (const { item, valid } of ed25519EdgeCases()) if (valid) expect(suite.isPublicKey(item.publicKey)).toBe(true);
    for (const point of ed25519Torsion()) expect(suite.isPublicKey(point.toBytes())).toBe(false);
    const beyond = fromHex('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'); // y = 3 + p, on the curve
    expect(() => Point.fromBytes(beyond, true)).not.toThrow();
    expect(suite.isPublicKey(beyond)).toBe(false);
  });
});
