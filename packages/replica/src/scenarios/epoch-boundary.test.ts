import { decode, type PeerId, type Signer, type Statement } from '@quorate/kernel';
import { simplexMessageCodec } from '@quorate/simplex';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { envelopeCodec } from '../wire.ts';

/** A signer that tells what it is asked to sign. */
function told(signer: Signer, tell: (statement: Statement) => void): Signer {
  const sign: Signer['sign'] = (statements) => {
    for (const statement of statements) tell(statement);
    return signer.sign(statements);
  };
  return new Proxy(signer, {
    get: (target, property) => {
      if (property === 'sign') return sign;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it('nobody votes in an epoch before it holds the proof that the one before ended (S11)', async () => {
  const asked = new Map<PeerId, Statement[]>();
  const cluster = new Cluster({
    seed: 73,
    consensus: { epochLength: 6 },
    ports: (ports) => ({
      ...ports,
      signer: told(ports.signer, (statement) => {
        const { self } = ports.transport;
        asked.set(self, [...(asked.get(self) ?? []), statement]);
      }),
    }),
  });
  const late = cluster.peer(3);
  const votesOf = (peer: PeerId, epoch: number): number =>
    (asked.get(peer) ?? []).filter((statement) => statement.epoch === epoch).length;
  let hidden = true;
  let next = 0;
  // Node 3 hears everything but what makes blocks final in epoch 0.
  cluster.network.wire = (_from, to, traffic, bytes) => {
    if (!hidden || to !== late) return bytes;
    if (traffic === 'sync') return null;
    if (traffic !== 'votes') return bytes;
    const { epoch, payload } = decode(envelopeCodec, bytes);
    if (epoch > 0) next++;
    const message = decode(simplexMessageCodec, payload);
    const finalizes =
      (message.kind === 'vote' && message.vote.statement.kind === 'finalize') ||
      (message.kind === 'certificate' && message.certificate.statement.kind === 'finalize');
    return epoch === 0 && finalizes ? null : bytes;
  };
  cluster.start();
  await cluster.reach(9, [0, 1, 2]);
  expect(votesOf(cluster.peer(0), 1)).toBeGreaterThan(0);
  expect(next).toBeGreaterThan(0);
  expect(votesOf(late, 0)).toBeGreaterThan(5);
  expect(votesOf(late, 1)).toBe(0);
  hidden = false;
  await cluster.reach(12);
  expect(votesOf(late, 1)).toBeGreaterThan(0);
});
