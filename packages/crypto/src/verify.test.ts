import {
  type Certificate,
  certify,
  type SignatureSuite,
  type Statement,
  signedBytes,
  toHex,
  ValidatorSet,
  type Verifiable,
  type Vote,
  type VotingContext,
} from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBls12381Suite } from './bls12381.ts';
import { createEd25519Suite } from './ed25519.ts';
import { sha256 } from './hash.ts';
import { VerifiedCertificates, verifyVotesAndCertificates } from './verify.ts';

const statement: Statement = { kind: 'notarize', epoch: 0, view: 1, block: 'ab'.repeat(32) };
const nullify: Statement = { kind: 'nullify', epoch: 0, view: 2 };

function network(suite: SignatureSuite) {
  const secrets = Array.from({ length: 4 }, (_, n) => suite.secretFromSeed(new Uint8Array(32).fill(n + 1)));
  const validators = new ValidatorSet(
    secrets.map((secret, n) => ({
      publicKey: secret.publicKey,
      weight: 1,
      proof: secret.prove(),
      peer: toHex(new Uint8Array(32).fill(n)),
      address: '',
    })),
  );
  const context: VotingContext = { chainId: 'test', suite, validators };
  const vote = (n: number, said: Statement): Vote => {
    const secret = secrets[n];
    const signer = secret === undefined ? null : validators.indexOfKey(secret.publicKey);
    if (secret === undefined || signer === null) throw new Error(`no validator ${n}`);
    return { statement: said, signer, signature: secret.sign(signedBytes('test', said)) };
  };
  const certificate = (said: Statement, ...signers: number[]): Certificate =>
    certify(
      context,
      signers.map((n) => vote(n, said)),
    );
  return { context, vote, certificate };
}

for (const [name, create, runs] of [
  ['ed25519', createEd25519Suite, 20],
  ['bls12-381', createBls12381Suite, 2],
] as const) {
  describe(`votes and certificates, ${name}`, () => {
    const { context, vote, certificate } = network(create());

    it('finds exactly the bad items among mixed ones', () => {
      const good: Verifiable[] = [
        ...[0, 1, 2, 3].map((n): Verifiable => ({ kind: 'vote', vote: vote(n, statement) })),
        { kind: 'certificate', certificate: certificate(statement, 0, 1, 2) },
        { kind: 'certificate', certificate: certificate(nullify, 1, 2, 3) },
        ...[0, 3].map((n): Verifiable => ({ kind: 'vote', vote: vote(n, nullify) })),
      ];
      const spoil = (item: Verifiable): Verifiable =>
        item.kind === 'vote'
          ? { kind: 'vote', vote: { ...item.vote, statement: item.vote.statement === nullify ? statement : nullify } }
          : { kind: 'certificate', certificate: { ...item.certificate, statement: { ...nullify, view: 9 } } };
      expect(verifyVotesAndCertificates(context, good)).toEqual([]);
      fc.assert(
        fc.property(fc.subarray(good.map((_, index) => index)), (bad) => {
          const items = good.map((item, index) => (bad.includes(index) ? spoil(item) : item));
          expect(verifyVotesAndCertificates(context, items)).toEqual(bad);
        }),
        { numRuns: runs },
      );
    });

    it('refuses signers that do not exist and certificates below the quorum', () => {
      const stranger: Verifiable = { kind: 'vote', vote: { ...vote(0, statement), signer: 9 } };
      const thin: Verifiable = { kind: 'certificate', certificate: certificate(statement, 0, 1) };
      expect(verifyVotesAndCertificates(context, [stranger, thin])).toEqual([0, 1]);
    });

    it('checks a certificate once, and any other one again', () => {
      let checks = 0;
      const counting: VotingContext = {
        ...context,
        suite: {
          ...context.suite,
          verifyAggregate: (...parts) => {
            checks++;
            return context.suite.verifyAggregate(...parts);
          },
        },
      };
      const known = new VerifiedCertificates({ capacity: 4 }, { hash: sha256 });
      const [one, two, three, four] = [
        certificate(statement, 0, 1, 2),
        certificate(statement, 1, 2, 3),
        certificate(nullify, 0, 1, 2),
        certificate(nullify, 1, 2, 3),
      ];
      const check = (all: readonly Certificate[]): number[] =>
        verifyVotesAndCertificates(
          counting,
          all.map((each) => ({ kind: 'certificate', certificate: each })),
          known,
        );
      const bad = { ...one, signature: two.signature };
      expect(check([one, two])).toEqual([]);
      expect(check([one, two])).toEqual([]);
      expect(checks).toBe(2);
      expect(check([bad])).toEqual([0]);
      expect(check([bad])).toEqual([0]);
      expect(checks).toBe(4);
      expect(check([three, four, one])).toEqual([]); // three and four push out one, which was used before them
      expect(checks).toBe(7);
    });
  });
}
