import { sha256 } from '@quorate/crypto';
import { decode, type PeerId, type Traffic } from '@quorate/kernel';
import { LightClient } from '@quorate/light';
import { simplexMessageCodec } from '@quorate/simplex';
import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { envelopeCodec } from '../wire.ts';

const EPOCH_LENGTH = 5;
/** More than one range of block sync holds, and more than a proof of finality could once hold. */
const FILLERS = 1_100;

/** Loses every Finalize vote, and nothing else. */
function unfinal(_from: PeerId, _to: PeerId, traffic: Traffic, bytes: Uint8Array): Uint8Array | null {
  if (traffic !== 'votes') return bytes;
  const message = decode(simplexMessageCodec, decode(envelopeCodec, bytes).payload);
  return message.kind === 'vote' && message.vote.statement.kind === 'finalize' ? null : bytes;
}

it('an epoch whose end is shown by a very late filler (S11) ends all the same, for the present and for whoever comes later', async () => {
  const cluster = new Cluster({ seed: 61, observers: 1, consensus: { epochLength: EPOCH_LENGTH } });
  const validators = [0, 1, 2, 3];
  cluster.start(...validators);
  await cluster.reach(EPOCH_LENGTH - 1, validators);
  cluster.network.wire = unfinal;
  const { view } = cluster.replica(0).status();
  const late = () => cluster.replica(0).status().view > view + FILLERS;
  expect(await cluster.world.runUntil(late, 3_600_000)).toBe(true);
  expect(cluster.height(0)).toBe(EPOCH_LENGTH - 1);
  cluster.network.wire = null;
  await cluster.reach(EPOCH_LENGTH + 3, validators);

  const claim = cluster.replica(0).epochProof(0);
  if (claim === null) throw new Error('no proof of the end of the epoch');
  expect(claim.proof.headers.length).toBeGreaterThan(1_024);
  const options = { genesis: cluster.genesis, trustingPeriod: Number.MAX_SAFE_INTEGER };
  const light = LightClient.fromGenesis(options, { suite: cluster.suite, hash: sha256 });
  light.hop(claim, cluster.world.time);
  expect(light.trust.epoch).toBe(1);

  cluster.start(4);
  await cluster.reach(EPOCH_LENGTH + 3, [4]);
  expect(cluster.replica(4).block(EPOCH_LENGTH)?.digest).toBe(cluster.replica(0).block(EPOCH_LENGTH)?.digest);
}, 120_000);
