import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { checkGenesis, fromHex, type Genesis, toHex, ValidatorSet } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { describeBlsVectors, vectorsFolder } from '../../../test/conformance/suite.ts';
import { createBls12381Suite } from './bls12381.ts';

const suite = createBls12381Suite();
const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);

const vectors = join(vectorsFolder(), 'bls', 'wycheproof');

function cases<T>(file: string): T[] {
  const parsed: { cases: T[] } = JSON.parse(readFileSync(join(vectors, file), 'utf8'));
  return parsed.cases;
}

describe('rogue key', () => {
  const honest = suite.secretFromSeed(seedOf(1));
  const message = Uint8Array.of(1, 2, 3);
  // The attacker picks x and publishes xG − honest as a key whose secret nobody knows: the sum of both keys is then xG.
  const attacker = suite.secretFromSeed(seedOf(2));
  const { Point } = bls12_381.G1;
  const rogue = Point.fromBytes(attacker.publicKey).subtract(Point.fromBytes(honest.publicKey)).toBytes();
  const forged = attacker.sign(message);

  it('forges a certificate in the name of a validator that signed nothing, once its key is admitted', () => {
    expect(suite.isPublicKey(rogue)).toBe(true);
    expect(suite.verifyAggregate([honest.publicKey, rogue], message, forged)).toBe(true);
  });

  it('is stopped at admission: no proof of possession for it can be made', () => {
    for (const proof of [
      attacker.prove(),
      honest.prove(),
      attacker.sign(rogue),
      new Uint8Array(0),
      new Uint8Array(96),
    ]) {
      expect(suite.verifyPossession(rogue, proof)).toBe(false);
    }
    expect(suite.verifyPossession(honest.publicKey, honest.prove())).toBe(true);
  });

  it('does not enter a genesis', () => {
    const member = (publicKey: Uint8Array, proof: Uint8Array, peer: number) => ({
      publicKey,
      proof,
      weight: 1,
      peer: toHex(seedOf(peer)),
      address: '',
    });
    const genesis = (proof: Uint8Array): Genesis => ({
      chainId: 'test',
      time: 0,
      suite: 'bls12-381',
      consensus: {
        mechanism: 'simplex',
        delta: 1000,
        maxTimeout: 60_000,
        epochLength: 100,
        maxBlockBytes: 4096,
        evidenceWindow: 100,
        upgradeHeight: 0,
      },
      validators: new ValidatorSet([member(honest.publicKey, honest.prove(), 1), member(rogue, proof, 2)]),
      application: 'ledger',
      appState: new Uint8Array(0),
    });
    expect(() => checkGenesis(genesis(attacker.prove()), suite)).toThrowError(/proof/);
  });
});

describe('keys', () => {
  it('are derived by the standard KeyGen', () => {
    // Test case 0 of EIP-2333 in its current form: its master key is KeyGen of the seed.
    const seed = fromHex(
      'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    );
    const secret = BigInt(`0x${toHex(suite.secretFromSeed(seed).export())}`);
    expect(secret).toBe(6083874454709270928345386274498605044986640685124978867557563392430687146096n);
  });

  it('are scalars from 1 to the group order minus 1', () => {
    const order = bls12_381.fields.Fr.ORDER;
    const bytes = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(64, '0'));
    expect(suite.secretFromBytes(bytes(order - 1n)).publicKey.length).toBe(48);
    for (const bad of [bytes(0n), bytes(order), bytes(order + 1n), new Uint8Array(33)]) {
      expect(() => suite.secretFromBytes(bad)).toThrowError(expect.objectContaining({ code: 'key/invalid' }));
    }
    expect(() => suite.secretFromSeed(new Uint8Array(31))).toThrowError(
      expect.objectContaining({ code: 'key/invalid' }),
    );
  });

  it('cancelling each other make no certificate', () => {
    const secret = suite.secretFromSeed(seedOf(3));
    const negated = bls12_381.G1.Point.fromBytes(secret.publicKey).negate().toBytes();
    const infinity = new Uint8Array(96);
    infinity[0] = 0xc0;
    expect(suite.verifyAggregate([secret.publicKey, negated], Uint8Array.of(1), infinity)).toBe(false);
  });
});

describeBlsVectors('pure', () => createBls12381Suite());

describe.skipIf(!existsSync(vectors))('vectors bls/wycheproof, other domains and hash to curve', () => {
  interface VerifyCase {
    readonly tcId: string;
    readonly dst: string;
    readonly publicKey: string;
    readonly msg: string;
    readonly sig: string;
    readonly valid: boolean;
  }

  it('verify.json: the cases of the NUL tag through the same decoding', () => {
    for (const { tcId, dst, publicKey, msg, sig, valid } of cases<VerifyCase>('verify.json')) {
      if (dst.endsWith('POP_')) continue;
      const { longSignatures } = bls12_381;
      const judge = (): boolean => {
        if (!suite.isPublicKey(fromHex(publicKey)) || sig.length !== 192) return false;
        try {
          const point = longSignatures.Signature.fromBytes(fromHex(sig));
          if (point.is0()) return false;
          return longSignatures.verify(point, longSignatures.hash(fromHex(msg), dst), fromHex(publicKey));
        } catch {
          return false;
        }
      };
      expect({ tcId, valid: judge() }).toEqual({ tcId, valid });
    }
  });

  it('hash-to-g2.json', () => {
    for (const { dst, msg, expected, valid } of cases<{ dst: string; msg: string; expected: string; valid: boolean }>(
      'hash-to-g2.json',
    )) {
      const point = bls12_381.longSignatures.hash(fromHex(msg), dst);
      expect(toHex(point.toBytes()) === expected).toBe(valid);
    }
  });
});
