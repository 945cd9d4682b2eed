import { certify, encode, type Statement, signedBytes, toHex } from '@quorate/kernel';
import { simplexMessageCodec } from '@quorate/simplex';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { envelopeCodec } from '../wire.ts';

const SIGNED_BOTH = [2, 3];

it('a certificate alone that contradicts a final block halts a replica, which names who signed both and keeps it', async () => {
  const cluster = new Cluster({ seed: 73 });
  // Node 1 is away: what is final is signed by 0, 2 and 3.
  cluster.start(0, 2, 3);
  await cluster.reach(5, [0, 2, 3]);
  const { genesis, suite, secrets } = cluster;
  const replica = cluster.replica(0);
  for (const index of [1, 2, 3]) cluster.network.block(cluster.peer(0), cluster.peer(index));
  const view = replica.status().engine.finalizedView;
  const statement: Statement = { kind: 'finalize', epoch: 0, view, block: 'cd'.repeat(32) };
  const votes = [1, 2, 3].map((index) => {
    const secret = secrets[index];
    const signer = secret && genesis.validators.indexOfKey(secret.publicKey);
    if (secret === undefined || signer == null) throw new Error('no such validator');
    return { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
  });
  const certificate = certify({ suite, validators: genesis.validators }, votes);
  const payload = encode(simplexMessageCodec, { kind: 'certificate', certificate });
  cluster.network.inject(cluster.peer(2), cluster.peer(0), 'votes', encode(envelopeCodec, { epoch: 0, payload }));
  const error = await cluster.world.complete(replica.halted, 10_000);
  expect(error).toMatchObject({
    code: 'consensus/fork',
    message: expect.stringMatching(/2 of 4 weight signed both: .*fork\.json in the home folder/),
  });
  const named = secrets.map(({ publicKey }, index) => (error.message.includes(toHex(publicKey)) ? index : -1));
  expect(named.filter((index) => index >= 0)).toEqual(SIGNED_BOTH);
});
