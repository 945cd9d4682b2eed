import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  Bitmap,
  type Certificate,
  certificateFault,
  certify,
  conflictOf,
  evidenceFault,
  offenceId,
  type SignatureSuite,
  type Statement,
  signedBytes,
  type Validator,
  ValidatorSet,
  type Vote,
  type VotingContext,
} from './index.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const tag = (publicKey: Uint8Array, message: Uint8Array): Uint8Array =>
  sha256(new Uint8Array([...publicKey, ...message])).subarray(0, 8);

/** The least suite that certificates can be tried on: a signature is a keyed tag, an aggregate their concatenation. */
const tags: SignatureSuite = {
  name: 'simulated',
  publicKeyBytes: 1,
  signatureBytes: 8,
  aggregateBytes: (count) => 8 * count,
  secretFromSeed: () => {
    throw new Error('not used');
  },
  secretFromBytes: () => {
    throw new Error('not used');
  },
  isPublicKey: () => true,
  verifyPossession: () => true,
  verify: ({ publicKey, message, signature }) => Buffer.compare(tag(publicKey, message), signature) === 0,
  findInvalid: () => [],
  aggregate: (signatures) => Uint8Array.from(signatures.flatMap((signature) => [...signature])),
  verifyAggregate: (keys, message, signature) =>
    Buffer.compare(Buffer.concat(keys.map((key) => tag(key, message))), signature) === 0,
};

const member = (key: number, weight: number): Validator => ({
  publicKey: Uint8Array.of(key),
  weight,
  proof: new Uint8Array(),
  peer: key.toString(16).padStart(64, '0'),
  address: '',
});

const context: VotingContext = {
  chainId: 'test',
  suite: tags,
  validators: new ValidatorSet([member(1, 10), member(2, 10), member(3, 10), member(4, 1)]),
};
const block = (name: string): string => name.repeat(64);
const vote = (signer: number, statement: Statement, chainId = context.chainId): Vote => ({
  statement,
  signer,
  signature: tag(Uint8Array.of(signer + 1), signedBytes(chainId, statement)),
});
const finalize: Statement = { kind: 'finalize', epoch: 0, view: 3, block: block('a') };

describe('certificates', () => {
  const sound = certify(context, [vote(2, finalize), vote(0, finalize), vote(1, finalize)]);

  it('hold with a quorum of weight, in any order of votes', () => {
    expect(certificateFault(context, sound)).toBeNull();
  });

  it('need weight, not heads: 21 of 31 is a quorum, 20 is not', () => {
    expect(
      certificateFault(context, certify(context, [vote(0, finalize), vote(1, finalize), vote(3, finalize)])),
    ).toBeNull();
    expect(certificateFault(context, certify(context, [vote(0, finalize), vote(1, finalize)]))).toMatch(/weigh 20/);
  });

  it.each<[string, Certificate]>([
    ['another statement', { ...sound, statement: { ...finalize, view: 4 } }],
    ['another kind', { ...sound, statement: { ...finalize, kind: 'notarize' } }],
    ['claimed signers', { ...sound, signers: Bitmap.of(4, [0, 1, 2, 3]) }],
    ['a bit past the set', { ...sound, signers: Uint8Array.of(0b1_0111) }],
    ['a flipped signature bit', { ...sound, signature: sound.signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) }],
    ['a signature cut short', { ...sound, signature: sound.signature.subarray(1) }],
  ])('do not hold with %s', (_what, certificate) => {
    expect(certificateFault(context, certificate)).not.toBeNull();
  });

  it('are bound to their chain', () => {
    const elsewhere = certify(
      context,
      [0, 1, 2].map((signer) => vote(signer, finalize, 'other')),
    );
    expect(certificateFault(context, elsewhere)).not.toBeNull();
  });
});

describe('evidence', () => {
  const notarizeA: Statement = { kind: 'notarize', epoch: 0, view: 3, block: block('a') };
  const notarizeB: Statement = { kind: 'notarize', epoch: 0, view: 3, block: block('b') };
  const finalizeB: Statement = { kind: 'finalize', epoch: 0, view: 3, block: block('b') };
  const nullify: Statement = { kind: 'nullify', epoch: 0, view: 3 };

  it.each([
    ['conflicting-notarize', notarizeA, notarizeB],
    ['conflicting-finalize', finalize, finalizeB],
    ['nullify-finalize', nullify, finalize],
  ] as const)('%s convicts in either order, under one name', (kind, s, t) => {
    const one = conflictOf(vote(1, s), vote(1, t));
    const two = conflictOf(vote(1, t), vote(1, s));
    expect(one).toEqual(two);
    if (one === null) throw new Error('no evidence');
    expect(one.kind).toBe(kind);
    expect(evidenceFault(context, one)).toBeNull();
    expect(evidenceFault(context, { ...one, first: one.second, second: one.first })).not.toBeNull();
    expect(evidenceFault(context, { ...one, first: { ...one.first, signature: new Uint8Array(8) } })).toMatch(
      /does not verify/,
    );
    // One offence for each validator and epoch.
    const name = (signer: number, epoch: number): string =>
      offenceId(sha256, { ...one, first: vote(signer, { ...notarizeA, view: 9, epoch }) });
    expect(offenceId(sha256, one)).toBe(name(1, 0));
    expect([name(2, 0), name(1, 1)]).not.toContain(offenceId(sha256, one));
  });

  it.each([
    ['the same vote twice', vote(1, notarizeA), vote(1, notarizeA)],
    ['two signers', vote(1, notarizeA), vote(2, notarizeB)],
    ['two views', vote(1, notarizeA), vote(1, { ...notarizeB, view: 4 })],
    ['two epochs', vote(1, notarizeA), vote(1, { ...notarizeB, epoch: 1 })],
    ['a notarize and a nullify, which is legal', vote(1, notarizeA), vote(1, nullify)],
    ['a notarize and a finalize', vote(1, notarizeB), vote(1, finalize)],
  ])('does not arise from %s', (_what, a, b) => {
    expect(conflictOf(a, b)).toBeNull();
  });
});
