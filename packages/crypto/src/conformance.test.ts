import { describeSuite } from '../../../test/conformance/suite.ts';
import { createBls12381Suite } from './bls12381.ts';
import { createEd25519Suite } from './ed25519.ts';
import { bls12381EdgeCases, ed25519EdgeCases } from './edge-cases.ts';

describeSuite('ed25519, pure', () => ({
  suite: createEd25519Suite(),
  edgeCases: ed25519EdgeCases(),
  runs: 10,
}));

describeSuite('bls12-381, pure', () => ({
  suite: createBls12381Suite(),
  edgeCases: bls12381EdgeCases(),
  runs: 2,
}));
