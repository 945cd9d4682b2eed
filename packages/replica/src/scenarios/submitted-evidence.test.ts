import { conflictOf, type Evidence, type Statement, signedBytes } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';

const VALIDATORS = [0, 1, 2, 3];
const OBSERVER = 4;

/** Two votes of node 3 in one view, signed for a chain. */
function offence(cluster: Cluster, chainId: string): Evidence {
  const secret = cluster.secrets[3];
  const signer = secret && cluster.genesis.validators.indexOfKey(secret.publicKey);
  if (secret === undefined || signer == null) throw new Error('no such validator');
  const [a, b] = ['aa', 'bb'].map((block) => {
    const statement: Statement = { kind: 'notarize', epoch: 0, view: 3, block: block.repeat(32) };
    return { statement, signer, signature: secret.sign(signedBytes(chainId, statement)) };
  });
  const evidence = a === undefined || b === undefined ? null : conflictOf(a, b);
  if (evidence === null) throw new Error('no conflict');
  return evidence;
}

it('handed to one node, an observer even, reaches a block through the others; what is false reaches nobody', async () => {
  const cluster = new Cluster({ seed: 91, observers: 1 });
  cluster.start();
  await cluster.reach(3);
  const observer = cluster.replica(OBSERVER);
  expect(await cluster.world.complete(observer.submitEvidence(offence(cluster, 'another chain')), 1000)).toEqual({
    kind: 'rejected',
    reason: expect.stringMatching(/does not verify/),
  });
  await cluster.reach(cluster.height(0) + 5);
  for (const index of VALIDATORS) expect(cluster.replica(index).evidence(10)).toEqual([]);

  const told = await cluster.world.complete(observer.submitEvidence(offence(cluster, 'test')), 1000);
  expect(told).toEqual({ kind: 'accepted', offence: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const convicted = () =>
    VALIDATORS.every((index) => typeof cluster.replica(index).evidence(1)[0]?.height === 'number');
  expect(await cluster.world.runUntil(convicted, 20_000)).toBe(true);
  expect(await cluster.world.complete(observer.submitEvidence(offence(cluster, 'test')), 1000)).toEqual(told);
  for (const index of VALIDATORS) expect(cluster.replica(index).evidence(10)).toHaveLength(1);
});
