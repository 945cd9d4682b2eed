import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EdgeCase } from '@quorate/crypto';
import { fromHex, type SignatureSuite, type SignedItem } from '@quorate/kernel';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

export interface SuiteHarness {
  readonly suite: SignatureSuite;
  /** Triples on which implementations part ways. */
  readonly edgeCases: readonly EdgeCase[];
  /** Random cases per property: fewer for slow suites. */
  readonly runs: number;
}

const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n + 1);
const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What every implementation of a signature suite must do. */
export function describeSuite(name: string, factory: () => SuiteHarness): void {
  describe(`signature suite: ${name}`, () => {
    let harness: SuiteHarness;
    let suite: SignatureSuite;
    beforeAll(() => {
      harness = factory();
      suite = harness.suite;
    });

    const signedBy = (n: number, message: Uint8Array): SignedItem => {
      const secret = suite.secretFromSeed(seedOf(n));
      return { publicKey: secret.publicKey, message, signature: secret.sign(message) };
    };

    it('signs what it verifies, with the lengths it states', () => {
      const item = signedBy(0, bytesOf(1, 2, 3));
      expect(item.publicKey.length).toBe(suite.publicKeyBytes);
      expect(item.signature.length).toBe(suite.signatureBytes);
      expect(suite.isPublicKey(item.publicKey)).toBe(true);
      expect(suite.verify(item)).toBe(true);
      expect(suite.verify(signedBy(0, bytesOf()))).toBe(true);
      expect(suite.verify({ ...item, message: bytesOf(1, 2) })).toBe(false);
      expect(suite.verify({ ...item, publicKey: signedBy(1, bytesOf()).publicKey })).toBe(false);
    });

    it('signs deterministically and restores a key from its export', () => {
      const secret = suite.secretFromSeed(seedOf(3));
      const restored = suite.secretFromBytes(secret.export());
      expect(restored.publicKey).toEqual(secret.publicKey);
      expect(restored.sign(bytesOf(9))).toEqual(secret.sign(bytesOf(9)));
      expect(secret.sign(bytesOf(9))).toEqual(secret.sign(bytesOf(9)));
    });

    it('refuses bytes that are no key with a typed error', () => {
      expect(() => suite.secretFromBytes(new Uint8Array(31))).toThrowError(
        expect.objectContaining({ code: 'key/invalid' }),
      );
      expect(() => suite.secretFromBytes(new Uint8Array(0))).toThrowError(
        expect.objectContaining({ code: 'key/invalid' }),
      );
      expect(suite.isPublicKey(new Uint8Array(0))).toBe(false);
      expect(suite.isPublicKey(new Uint8Array(suite.publicKeyBytes + 1))).toBe(false);
    });

    it('proves possession of a key, of that key only', () => {
      const [one, two] = [suite.secretFromSeed(seedOf(0)), suite.secretFromSeed(seedOf(1))];
      expect(suite.verifyPossession(one.publicKey, one.prove())).toBe(true);
      expect(suite.verifyPossession(one.publicKey, bytesOf(1))).toBe(false);
      expect(suite.verifyPossession(one.publicKey, one.sign(one.publicKey))).toBe(false);
      const lent = one.prove();
      if (lent.length > 0) {
        expect(suite.verifyPossession(two.publicKey, lent)).toBe(false);
        expect(suite.verifyPossession(one.publicKey, bytesOf())).toBe(false);
      }
    });

    it('judges every edge case as the normative predicate does, singly and in a batch', () => {
      const { edgeCases } = harness;
      for (const { name: what, item, valid } of edgeCases)
        expect({ what, valid: suite.verify(item) }).toEqual({ what, valid });
      const expected = edgeCases.flatMap(({ valid }, index) => (valid ? [] : [index]));
      expect(suite.findInvalid(edgeCases.map(({ item }) => item))).toEqual(expected);
    });

    it('admits exactly the keys that it should', () => {
      for (const { name: what, item, admissible } of harness.edgeCases) {
        expect({ what, admissible: suite.isPublicKey(item.publicKey) }).toEqual({ what, admissible });
      }
    });

    it('finds one bad item between good ones, whatever is wrong with it', () => {
      const good = [signedBy(0, bytesOf(1, 2, 3)), signedBy(1, bytesOf(9))] as const;
      const shown = harness.edgeCases.filter(({ valid, name: what }) => !valid && !/torsion|small order/.test(what));
      for (const { name: what, item } of shown) {
        expect({ what, invalid: suite.findInvalid([good[0], item, good[1]]) }).toEqual({ what, invalid: [1] });
      }
    });

    it('never throws on bytes of any shape', () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 200 }),
          fc.uint8Array(),
          fc.uint8Array({ maxLength: 200 }),
          (k, m, s) => {
            expect(suite.verify({ publicKey: k, message: m, signature: s })).toBe(false);
            expect(suite.verifyAggregate([k], m, s)).toBe(false);
            expect(typeof suite.isPublicKey(k)).toBe('boolean');
          },
        ),
        { numRuns: 10 * harness.runs },
      );
    });

    it('finds exactly the invalid items of a batch', () => {
      const messages = [bytesOf(1), bytesOf(2)];
      const items = Array.from({ length: 9 }, (_, i) => signedBy(i, messages[i % 2] ?? bytesOf()));
      const stray = signedBy(20, bytesOf(3)).signature;
      fc.assert(
        fc.property(fc.subarray(items.map((_, i) => i)), (bad) => {
          const batch = items.map((item, i) => (bad.includes(i) ? { ...item, signature: stray } : item));
          expect(suite.findInvalid(batch)).toEqual(bad);
        }),
        { numRuns: harness.runs },
      );
      expect(suite.findInvalid([])).toEqual([]);
    });

    it('is not deceived by two invalid signatures that cancel in a plain sum', () => {
      const message = bytesOf(7);
      const [a, b] = [signedBy(0, message), signedBy(1, message)];
      const swapped = [
        { ...a, signature: b.signature },
        { ...b, signature: a.signature },
      ];
      expect(suite.findInvalid(swapped)).toEqual([0, 1]);
    });

    it('aggregates signatures of distinct signers and refuses every change', () => {
      const message = bytesOf(5, 5);
      const items = [0, 1, 2, 3].map((n) => signedBy(n, message));
      const keys = items.map((item) => item.publicKey);
      const whole = suite.aggregate(items.map((item) => item.signature));
      expect(whole.length).toBe(suite.aggregateBytes(4));
      expect(suite.verifyAggregate(keys, message, whole)).toBe(true);
      expect(suite.verifyAggregate(keys, bytesOf(5, 6), whole)).toBe(false);
      expect(suite.verifyAggregate(keys.slice(1), message, whole)).toBe(false);
      expect(suite.verifyAggregate([...keys, signedBy(4, message).publicKey], message, whole)).toBe(false);
      expect(suite.verifyAggregate([], message, whole)).toBe(false);
      expect(suite.verifyAggregate([], message, new Uint8Array(0))).toBe(false);
      expect(suite.verifyAggregate(keys, message, whole.subarray(1))).toBe(false);
      const flipped = Uint8Array.from(whole);
      flipped[40] = (flipped[40] ?? 0) ^ 1;
      expect(suite.verifyAggregate(keys, message, flipped)).toBe(false);
    });
  });
}

/** Two implementations of one suite: the same keys, signatures and judgements. */
export function describeAgreement(
  name: string,
  factory: () => { readonly suite: SignatureSuite; readonly oracle: SignatureSuite; readonly runs: number },
): void {
  describe(`agreement of suites: ${name}`, () => {
    const { suite, oracle, runs } = factory();
    const message = bytesOf(1, 2, 3);
    const secret = suite.secretFromSeed(seedOf(0));
    const item: SignedItem = { publicKey: secret.publicKey, message, signature: secret.sign(message) };

    it('makes the same keys, signatures, proofs and aggregates', () => {
      const other = oracle.secretFromSeed(seedOf(0));
      expect(other.publicKey).toEqual(secret.publicKey);
      expect(other.export()).toEqual(secret.export());
      expect(other.sign(message)).toEqual(item.signature);
      expect(other.prove()).toEqual(secret.prove());
      const parts = [0, 1, 2].map((n) => suite.secretFromSeed(seedOf(n)).sign(message));
      expect(suite.aggregate(parts)).toEqual(oracle.aggregate(parts));
    });

    it('judges random changes of a signature alike', () => {
      const changes = fc.array(fc.tuple(fc.nat(199), fc.integer({ min: 0, max: 255 })), { maxLength: 2 });
      fc.assert(
        fc.property(
          changes,
          fc.constantFrom<keyof SignedItem>('publicKey', 'message', 'signature'),
          (places, field) => {
            const bytes = Uint8Array.from(item[field]);
            for (const [at, value] of places) bytes[at % bytes.length] = value;
            const changed = { ...item, [field]: bytes };
            expect(suite.verify(changed)).toBe(oracle.verify(changed));
            expect(suite.isPublicKey(changed.publicKey)).toBe(oracle.isPublicKey(changed.publicKey));
          },
        ),
        { numRuns: runs },
      );
    });
  });
}

/** Where published vectors lie: QUORATE_VECTORS, or `shared/vectors` beside the repository. */
export function vectorsFolder(): string {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  return process.env.QUORATE_VECTORS ?? join(root, '..', 'shared', 'vectors');
}

interface VerifyCase {
  readonly tcId: string;
  readonly comment: string;
  readonly dst: string;
  readonly publicKey: string;
  readonly msg: string;
  readonly sig: string;
  readonly valid: boolean;
}

/** Wycheproof's signatures of BLS12-381 with keys in G1, against a suite of the POP domain. */
export function describeBlsVectors(name: string, factory: () => SignatureSuite): void {
  const file = join(vectorsFolder(), 'bls', 'wycheproof', 'verify.json');
  describe.skipIf(!existsSync(file))(`vectors bls/wycheproof: ${name}`, () => {
    it('verify.json: every case of its own domain, and the keys of all', () => {
      const suite = factory();
      const { cases }: { cases: VerifyCase[] } = JSON.parse(readFileSync(file, 'utf8'));
      const isOwn = ({ dst }: VerifyCase): boolean => dst === 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';
      expect(cases.filter(isOwn).length).toBe(18);
      for (const each of cases) {
        const { tcId, comment, publicKey, msg, sig, valid } = each;
        const item = { publicKey: fromHex(publicKey), message: fromHex(msg), signature: fromHex(sig) };
        // Another tag is another domain: a signature that is valid there is none here.
        const expected = { tcId, comment, valid: isOwn(each) && valid };
        expect({ tcId, comment, valid: suite.verify(item) }).toEqual(expected);
        if (valid) expect(suite.isPublicKey(item.publicKey)).toBe(true);
      }
    });
  });
}
