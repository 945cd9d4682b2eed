import { createPureSuites, sha256 } from '@quorate/crypto';
import { decode, evidenceCodec, evidenceFault, fromHex, type SignatureSuite, toHex } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chain, votersOf } from '../../../test/fixtures/chain.ts';
import { type FinalityClaim, finalityClaimCodec } from './claims.ts';
import { type ForkEvidence, type ForkJson, forkToJson } from './fork.ts';
import { LightClient } from './light-client.ts';

function chainOf(suite: SignatureSuite, voters = 4): Chain {
  return new Chain({ suite, hash: sha256, epochLength: 50, voters: () => votersOf(suite, 0, voters) }).grow(5);
}

function clientOf(chain: Chain): LightClient {
  return LightClient.fromGenesis(
    { genesis: chain.genesis, trustingPeriod: 1000 },
    { suite: chain.suite, hash: sha256 },
  );
}

/** Two claims for height 3, by different quorums, in one view or in two. */
function rivals(chain: Chain, sameView: boolean, left: number[], right: number[]): [FinalityClaim, FinalityClaim] {
  const rival = chain.child(chain.header(2), sameView ? { time: 1_999_999 } : { view: 9 });
  return [chain.claimOf([chain.header(3)], left), chain.claimOf([rival], right)];
}

function jsonOf(chain: Chain, fork: ForkEvidence | null): ForkJson {
  if (fork === null) throw new Error('no fork was seen');
  const { chainId, suite } = chain;
  return forkToJson({ chainId, suite, validators: chain.set(0) }, fork);
}

const keyAt = (chain: Chain, signer: number): string => toHex(chain.set(0).at(signer)?.publicKey ?? new Uint8Array());

describe('two servers that contradict each other', () => {
  it('in one view: evidence that convicts each signer of both (ed25519)', () => {
    const suite = createPureSuites().get('ed25519');
    const chain = chainOf(suite);
    const fork = clientOf(chain).compare(...rivals(chain, true, [0, 1, 2], [1, 2, 3]));
    const context = { chainId: chain.chainId, suite, validators: chain.set(0) };
    expect(fork).toMatchObject({ height: 3, common: [1, 2], weight: 2, total: 4 });
    expect(fork?.evidence.map(({ kind, first }) => [kind, first.signer])).toEqual([
      ['conflicting-finalize', 1],
      ['conflicting-finalize', 2],
    ]);
    for (const evidence of fork?.evidence ?? []) expect(evidenceFault(context, evidence)).toBeNull();
    const json = jsonOf(chain, fork);
    expect(json).toMatchObject({ chainId: chain.chainId, height: 3, unattributable: null });
    expect(json.evidence.map(({ publicKey }) => publicKey)).toEqual([keyAt(chain, 1), keyAt(chain, 2)]);
    expect(json.evidence.map(({ evidence }) => decode(evidenceCodec, fromHex(evidence)))).toEqual(fork?.evidence);
    const [first, second] = json.blocks.map(({ claim }) => decode(finalityClaimCodec, fromHex(claim)));
    if (first === undefined || second === undefined) throw new Error('no claims');
    expect(clientOf(chain).compare(first, second)).toEqual(fork);
  });

  it('in two views: the weight that must have lied, and no evidence against single signers', () => {
    const chain = chainOf(simulatedSuite());
    const fork = clientOf(chain).compare(...rivals(chain, false, [0, 1, 2], [0, 1, 3]));
    expect(fork).toMatchObject({ common: [0, 1], weight: 2, evidence: [] });
    expect(jsonOf(chain, fork)).toMatchObject({
      signersOfBoth: [keyAt(chain, 0), keyAt(chain, 1)].map((publicKey) => ({ publicKey, weight: 1 })),
      weight: 2,
      total: 4,
      evidence: [],
      unattributable: expect.stringMatching(/different views/),
    });
  });

  it('with aggregates that cannot be taken apart: the certificates and the common weight (bls12-381)', () => {
    const chain = chainOf(createPureSuites().get('bls12-381'), 3);
    const fork = clientOf(chain).compare(...rivals(chain, true, [0, 1, 2], [0, 1, 2]));
    expect(fork).toMatchObject({ common: [0, 1, 2], weight: 3, evidence: [] });
    expect(jsonOf(chain, fork)).toMatchObject({
      signersOfBoth: [0, 1, 2].map((signer) => ({ signer, publicKey: keyAt(chain, signer) })),
      unattributable: expect.stringMatching(/aggregated/),
    });
  });

  it('always names at least a third of the weight, whatever the weights and the quorums', () => {
    const suite = simulatedSuite();
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 9 }),
        fc.array(fc.nat(), { minLength: 9, maxLength: 9 }),
        fc.array(fc.nat(), { minLength: 9, maxLength: 9 }),
        (weights, a, b) => {
          const voters = votersOf(suite, 0, weights.length).map((voter, i) => ({ ...voter, weight: weights[i] ?? 1 }));
          const chain = new Chain({ suite, hash: sha256, epochLength: 50, voters: () => voters }).grow(5);
          const set = chain.set(0);
          const quorum = (order: number[]): number[] => {
            const ranked = set.members.map((_, i) => i).sort((i, j) => (order[i] ?? 0) - (order[j] ?? 0));
            const taken: number[] = [];
            while (set.weightOfAll(taken) < set.quorum) taken.push(ranked[taken.length] ?? 0);
            return taken.sort((i, j) => i - j);
          };
          const fork = clientOf(chain).compare(...rivals(chain, true, quorum(a), quorum(b)));
          expect(3 * (fork?.weight ?? 0)).toBeGreaterThanOrEqual(set.total);
          expect(fork?.evidence.length).toBe(fork?.common.length);
        },
      ),
    );
  });

  it('says null when they agree, and refuses claims that prove nothing or are of different heights', () => {
    const chain = chainOf(simulatedSuite());
    const client = clientOf(chain);
    expect(client.compare(chain.claim(3), chain.claim(3, 2))).toBeNull();
    expect(() => client.compare(chain.claim(3), chain.claim(4))).toThrow(/different heights/);
    const [, weak] = rivals(chain, true, [0, 1, 2], [0, 1]);
    expect(() => client.compare(chain.claim(3), weak)).toThrow(/quorum is 3/);
  });
});
