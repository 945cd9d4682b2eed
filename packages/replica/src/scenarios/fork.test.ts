import { sha256 } from '@quorate/crypto';
import {
  type Block,
  blockOfHeader,
  type Certificate,
  certify,
  type Digest,
  emptyRoot,
  encode,
  type Statement,
  signedBytes,
  toHex,
} from '@quorate/kernel';
import { simplexMessageCodec } from '@quorate/simplex';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { bodiesCodec, envelopeCodec } from '../wire.ts';

const OTHERS = [1, 2, 3];
const NOBODY = new Uint8Array(1);

/** A Finalization by nodes 1, 2 and 3. */
function certified(cluster: Cluster, view: number, block: Digest): Certificate {
  const { genesis, suite, secrets } = cluster;
  const statement: Statement = { kind: 'finalize', epoch: 0, view, block };
  const votes = OTHERS.map((index) => {
    const secret = secrets[index];
    const signer = secret && genesis.validators.indexOfKey(secret.publicKey);
    if (secret === undefined || signer == null) throw new Error('no such validator');
    return { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
  });
  return certify({ suite, validators: genesis.validators }, votes);
}

/** Another first block, in a later view. */
function otherFirst(cluster: Cluster): Block {
  const first = cluster.replica(0).block(1);
  if (first === null) throw new Error('block 1 is not there');
  const nothing = emptyRoot(sha256);
  const view = cluster.replica(0).status().view + 5;
  const header = { ...first.header, view, parentView: 0, txRoot: nothing, evidenceRoot: nothing };
  return blockOfHeader(sha256, cluster.genesis.chainId, header);
}

/** Node 1 is away while 0, 2 and 3 make one chain final; with 1, 2 and 3 make another one final. */
async function cut(): Promise<Cluster> {
  const cluster = new Cluster({ seed: 72 });
  cluster.start(0, 2, 3);
  await cluster.reach(5, [0, 2, 3]);
  // Whoever sees its key sign what its gate did not issue stops: the guilty do not listen.
  for (const index of OTHERS) cluster.network.block(cluster.peer(0), cluster.peer(index));
  return cluster;
}

function tell(cluster: Cluster, certificate: Certificate): void {
  const payload = encode(simplexMessageCodec, { kind: 'certificate', certificate });
  cluster.network.inject(cluster.peer(2), cluster.peer(0), 'votes', encode(envelopeCodec, { epoch: 0, payload }));
}

/** Whom the error of node 0 accuses. */
async function accused(cluster: Cluster): Promise<number[]> {
  const { code, message } = await cluster.world.complete(cluster.replica(0).halted, 10_000);
  expect(code).toBe('consensus/fork');
  return OTHERS.filter((index) => message.includes(toHex(cluster.secrets[index]?.publicKey ?? NOBODY)));
}

it('two groups that finalize two chains: an honest replica halts and names who signed both, a third of the weight at least', async () => {
  const cluster = await cut();
  const block = otherFirst(cluster);
  let halted = false;
  void cluster.replica(0).halted.then(() => {
    halted = true;
  });
  tell(cluster, certified(cluster, block.ref.view, block.ref.digest));
  await cluster.world.runFor(200);
  expect(halted).toBe(false); // a certificate alone may be of a later block of our own chain
  const carried = { header: block.header, body: { transactions: [], evidence: [] } };
  const bytes = encode(bodiesCodec, { kind: 'block', block: carried });
  cluster.network.inject(cluster.peer(2), cluster.peer(0), 'bodies', bytes);
  expect(await accused(cluster)).toEqual([2, 3]);
});
