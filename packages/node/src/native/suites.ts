import {
  bls12381EdgeCases,
  createBls12381Suite,
  createEd25519Suite,
  type EdgeCase,
  ed25519EdgeCases,
  SuiteRegistry,
} from '@quorate/crypto';
import { equalBytes, QuorateError, type SignatureSuite } from '@quorate/kernel';
import { createBlstSuite } from './blst.ts';
import { createSodiumEd25519Suite } from './sodium.ts';

/**
 * Throws `suite/disagreement` unless `suite` says of every edge case what the normative predicate says, singly and in a
 * batch, and makes the same key and signature as `reference`: a node that judges votes differently from its peers must
 * not start.
 */
export function checkSuite(suite: SignatureSuite, reference: SignatureSuite, cases: readonly EdgeCase[]): void {
  const refuse = (what: string): never => {
    throw new QuorateError(
      'suite/disagreement',
      `native ${suite.name} ${what}: do not run a validator with this library`,
    );
  };
  for (const { name, item, valid, admissible } of cases) {
    if (suite.isPublicKey(item.publicKey) !== admissible) refuse(`judges the key of the case "${name}" wrongly`);
    if (suite.verify(item) !== valid) refuse(`${valid ? 'refuses' : 'accepts'} the case "${name}"`);
  }
  const expected = cases.flatMap(({ valid }, index) => (valid ? [] : [index]));
  const invalid = suite.findInvalid(cases.map(({ item }) => item));
  if (invalid.join() !== expected.join()) refuse('judges a batch differently from its items');
  const seed = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
  const [own, other] = [suite.secretFromSeed(seed), reference.secretFromSeed(seed)];
  if (!equalBytes(own.publicKey, other.publicKey)) refuse('derives another key from the same seed');
  if (!equalBytes(own.sign(seed), other.sign(seed))) refuse('makes another signature with the same key');
}

/** The suites with a native implementation: Ed25519 by libsodium, BLS12-381 by blst. */
const NATIVE = {
  ed25519: { create: createSodiumEd25519Suite, reference: createEd25519Suite, cases: ed25519EdgeCases },
  'bls12-381': { create: createBlstSuite, reference: createBls12381Suite, cases: bls12381EdgeCases },
} as const;

type NativeSuite = keyof typeof NATIVE;

/** The native suites that are asked for, each after a short self-check of its own. Throws `suite/disagreement`. */
export function createNativeSuites(names: readonly NativeSuite[] = ['ed25519', 'bls12-381']): SuiteRegistry {
  return new SuiteRegistry(
    [...new Set(names)].map((name) => {
      const { create, reference, cases } = NATIVE[name];
      const suite = create();
      checkSuite(suite, reference(), cases());
      return suite;
    }),
  );
}
