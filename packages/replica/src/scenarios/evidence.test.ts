import { encode, type Statement, signedBytes } from '@quorate/kernel';
import { simplexMessageCodec } from '@quorate/simplex';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { envelopeCodec } from '../wire.ts';

const ALL = [0, 1, 2, 3];

/** Node 3 notarizes two blocks of one view, and everybody hears of it. */
function offend(cluster: Cluster): void {
  const secret = cluster.secrets[3];
  const signer = secret && cluster.genesis.validators.indexOfKey(secret.publicKey);
  if (secret === undefined || signer == null) throw new Error('no such validator');
  const view = cluster.replica(0).status().view + 3;
  for (const block of ['aa', 'bb']) {
    const statement: Statement = { kind: 'notarize', epoch: 0, view, block: block.repeat(32) };
    const vote = { statement, signer, signature: secret.sign(signedBytes('test', statement)) };
    const payload = encode(simplexMessageCodec, { kind: 'vote', vote });
    const bytes = encode(envelopeCodec, { epoch: 0, payload });
    for (const to of [0, 1, 2]) cluster.network.inject(cluster.peer(3), cluster.peer(to), 'votes', bytes);
  }
}

it.each([true, false])(
  'a node killed right after it committed a conviction does not propose it again, power cut: %s',
  async (power) => {
    const cluster = new Cluster({ seed: 61 });
    cluster.start();
    await cluster.reach(3);
    const application = cluster.applications.get(0);
    const machine = cluster.machines[0];
    if (application === undefined || machine === undefined) throw new Error('machine 0 has no application');
    const convicting = new Set<string>();
    const finalizeBlock = application.finalizeBlock.bind(application);
    application.finalizeBlock = (block) => {
      if (block.evidence.length > 0) convicting.add(block.block.digest);
      return finalizeBlock(block);
    };
    const commit = application.commit.bind(application);
    application.commit = async (block) => {
      const done = await commit(block);
      if (convicting.has(block.digest)) machine.crash({ power });
      return done;
    };
    offend(cluster);
    expect(await cluster.world.runUntil(() => !machine.alive, 20_000)).toBe(true);
    await cluster.reach(cluster.height(1) + 3, [1, 2, 3]);
    cluster.start(0);
    await cluster.reach(cluster.height(1) + 20);
    expect(
      cluster
        .replica(0)
        .evidence(10)
        .map(({ height }) => height),
    ).toEqual(
      cluster
        .replica(1)
        .evidence(10)
        .map(({ height }) => height),
    );
    for (const index of ALL) expect(cluster.replica(index).status().counters['judged.invalid'] ?? 0).toBe(0);
  },
);
