import * as crypto from 'node:crypto';
import * as blst from '@chainsafe/blst';
import {
  bls12381EdgeCases,
  createBls12381Suite,
  createEd25519Suite,
  ed25519EdgeCases,
  ed25519PreChecks,
  sha256,
} from '@quorate/crypto';
import type { SignatureSuite } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeAgreement, describeBlsVectors, describeSuite } from '../../../../test/conformance/suite.ts';
import { createBlstSuite } from './blst.ts';
import { createNodeHash } from './node-hash.ts';
import { createSodiumEd25519Suite } from './sodium.ts';
import { checkSuite, createNativeSuites } from './suites.ts';

describeSuite('ed25519, libsodium', () => ({
  suite: createSodiumEd25519Suite(),
  edgeCases: ed25519EdgeCases(),
  runs: 40,
}));

describeSuite('bls12-381, blst', () => ({ suite: createBlstSuite(), edgeCases: bls12381EdgeCases(), runs: 10 }));

describeAgreement('ed25519, libsodium and pure', () => ({
  suite: createSodiumEd25519Suite(),
  oracle: createEd25519Suite(),
  runs: 200,
}));

describeAgreement('bls12-381, blst and pure', () => ({
  suite: createBlstSuite(),
  oracle: createBls12381Suite(),
  runs: 60,
}));

describeBlsVectors('blst', () => createBlstSuite());

describe('native suites', () => {
  it('start when they agree with the normative predicate', () => {
    expect(createNativeSuites().names()).toEqual(['bls12-381', 'ed25519']);
  });

  const differing = (change: Partial<SignatureSuite>): SignatureSuite => ({ ...createSodiumEd25519Suite(), ...change });
  const check = (suite: SignatureSuite) => () => checkSuite(suite, createEd25519Suite(), ed25519EdgeCases());
  const refusal = expect.objectContaining({ code: 'suite/disagreement' });

  it('do not start when one accepts what the predicate refuses', () => {
    const { verify } = createSodiumEd25519Suite();
    const byOpenssl: SignatureSuite['verify'] = (item) => {
      if (item.publicKey.length !== 32 || item.signature.length !== 64) return false;
      const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), item.publicKey]);
      const key = crypto.createPublicKey({ key: der, format: 'der', type: 'spki' });
      return crypto.verify(null, item.message, key, item.signature);
    };
    // As OpenSSL was before 3.5: no check for points of small order, nor for the spelling of the key.
    const lax: SignatureSuite['verify'] = (item) => verify(item) || !ed25519PreChecks(item.publicKey, item.signature);
    expect(check(differing({ verify: lax }))).toThrowError(refusal);
    const checked: SignatureSuite['verify'] = (item) =>
      ed25519PreChecks(item.publicKey, item.signature) && byOpenssl(item);
    expect(check(differing({ verify: checked }))).not.toThrow();
    expect(check(differing({ verify }))).not.toThrow();
  });

  it('do not start when one refuses what the predicate accepts, or judges batches otherwise', () => {
    expect(check(differing({ verify: () => false }))).toThrowError(refusal);
    expect(check(differing({ findInvalid: () => [] }))).toThrowError(refusal);
    const other = createEd25519Suite().secretFromSeed(new Uint8Array(32));
    expect(check(differing({ secretFromSeed: () => other }))).toThrowError(refusal);
  });
});

describe('the BLS edge cases', () => {
  it('hold a key outside the subgroup that the pairing alone would accept', () => {
    const found = bls12381EdgeCases().find(({ name }) => name === 'key outside the subgroup');
    if (found === undefined) throw new Error('the case is gone');
    const { publicKey, message, signature } = found.item;
    const key = blst.PublicKey.fromBytes(publicKey, false);
    expect(blst.verify(message, key, blst.Signature.fromBytes(signature, true), false, false)).toBe(true);
  });
});

describe('the hash of Node', () => {
  it('is SHA-256', () => {
    const hash = createNodeHash();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(hash(bytes)).toEqual(sha256(bytes));
      }),
    );
    expect(hash(new Uint8Array(0))).toHaveLength(32);
    expect(Buffer.isBuffer(hash(new Uint8Array(0)))).toBe(false);
  });
});
