import { sha256 } from '@quorate/crypto';
import { ValidatorSet } from '@quorate/kernel';
import { Incarnation, SimulatedClock, SimulatedDisk, SimulatedNetwork, simulatedSuite, World } from '@quorate/sim';
import { expect, it } from 'vitest';
import { Counters } from './counters.ts';
import { EvidencePool } from './evidence-pool.ts';
import { Gossip, MAX_QUEUED } from './gossip.ts';
import { Peers } from './peers.ts';
import { MAX_GOSSIP_BYTES } from './wire.ts';

/** What the TCP transport lets wait for one peer in the class of transactions. */
const HELD_BY_TRANSPORT = 2 << 20;

it('passes over a peer that does not keep up before the transport refuses, and fills what it may', async () => {
  const world = new World({ seed: 1 });
  const network = new SimulatedNetwork(world, { link: { bandwidth: 1 } });
  const [a, b] = ['aa'.repeat(32), 'bb'.repeat(32)];
  const life = new Incarnation(world, 'a');
  const ends = [network.port(life, a), network.port(new Incarnation(world, 'b'), b)];
  const counters = new Counters();
  const transport = ends[0];
  if (transport === undefined) throw new Error('no end');
  const peers = new Peers(transport, counters, () => {});
  for (const end of ends) {
    end.start({ message: () => {}, peers: (connected) => end === transport && peers.setConnected(connected) });
    end.setMembers([a, b].map((peer) => ({ peer, address: '' })));
  }
  expect(await world.runUntil(() => peers.isConnected(b), 10_000)).toBe(true);
  const secret = simulatedSuite().secretFromSeed(sha256(new Uint8Array(1)));
  const members = [{ publicKey: secret.publicKey, weight: 1, proof: new Uint8Array(), peer: a, address: '' }];
  const disk = new SimulatedDisk(world, 'a').port(life);
  const opening = EvidencePool.open(
    { chainId: 'test', consensus: { epochLength: 10, evidenceWindow: 10 } },
    {
      store: await world.complete(disk.openStore('evidence')),
      suite: simulatedSuite(),
      hash: sha256,
      validators: () => new ValidatorSet(members),
    },
    0,
  );
  const evidence = await world.complete(opening);
  const gossip = new Gossip({ transport, peers, clock: new SimulatedClock(world).port(life), counters, evidence });
  let most = 0;
  for (let i = 0; i < 64; i++) {
    gossip.transaction(new Uint8Array(MAX_GOSSIP_BYTES / 2 - (i % 7) * 10_000), null);
    gossip.flush();
    most = Math.max(most, transport.queued(b, 'transactions'));
  }
  expect(most).toBeGreaterThan(MAX_QUEUED);
  expect(most).toBeLessThanOrEqual(HELD_BY_TRANSPORT);
  expect(counters.get('dropped.gossip')).toBeGreaterThan(0);
});
