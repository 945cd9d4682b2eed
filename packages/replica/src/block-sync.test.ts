import { type Certificate, decode, encode, type Height, type PeerId } from '@quorate/kernel';
import { Incarnation, SimulatedClock, SimulatedNetwork, simulatedSuite, World } from '@quorate/sim';
import { expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { BlockSync } from './block-sync.ts';
import { ChainFixture, MemoryDisk, sha256 } from './chain.fixture.ts';
import { Counters } from './counters.ts';
import { Peers } from './peers.ts';
import { MAX_CARRIED_BYTES, syncCodec } from './wire.ts';

const BLOCKS = 30;
const chain = new ChainFixture(simulatedSuite(), { epochLength: 100 });
for (let height = 1; height <= BLOCKS; height++)
  chain.extend(Array.from({ length: 16 }, (_, i) => `${height}/${i}/`.padEnd(62_500, 'x')));

async function emptyStore(maxCandidateBytes?: number): Promise<BlockStore> {
  const options = { genesis: chain.genesis, ...(maxCandidateBytes === undefined ? {} : { maxCandidateBytes }) };
  const store = await BlockStore.open(options, { disk: new MemoryDisk().port(), hash: sha256 });
  await store.adoptGenesis(chain.start, chain.genesis.validators, chain.genesis.time);
  return store;
}

/** Makes everything up to the height final by one certificate. */
async function finalize(store: BlockStore, height: Height): Promise<void> {
  const made = chain.made.slice(store.finalizedHeight, height);
  for (const { block, body } of made) await store.put(block, body);
  await store.finalize(made.map(({ block }) => chain.entry(block, chain.at(height).block)));
}

interface Node {
  readonly store: BlockStore;
  readonly sync: BlockSync;
  readonly counters: Counters;
  /** Heights that were handed to the engine, in the order in which they were. */
  readonly proven: Height[][];
}

function join(
  world: World,
  network: SimulatedNetwork,
  peer: PeerId,
  others: readonly PeerId[],
  store: BlockStore,
): Node {
  const life = new Incarnation(world, peer);
  const clock = new SimulatedClock(world).port(life);
  const transport = network.port(life, peer);
  const counters = new Counters();
  const peers = new Peers(transport, counters, () => {});
  const proven: Height[][] = [];
  const sync: BlockSync = new BlockSync({
    genesis: chain.genesis,
    store,
    transport,
    peers,
    clock,
    hash: sha256,
    now: () => clock.now(),
    counters,
    log: () => {},
    epoch: () => 0,
    lag: () => 0,
    fault: (_certificate: Certificate) => null,
    proven: (_from, blocks) => {
      proven.push(blocks.map(({ header }) => header.height));
      void finalize(store, blocks.at(-1)?.header.height ?? 0).then(() => sync.moved());
    },
  });
  transport.start({
    message: (from, _traffic, bytes) => {
      const message = decode(syncCodec, bytes);
      if (message.kind === 'tip' || message.kind === 'wantRange' || message.kind === 'range')
        void sync.receive(from, message);
    },
    peers: (connected) => {
      peers.setConnected(connected);
      for (const other of connected) sync.greet(other);
    },
  });
  transport.setMembers([peer, ...others].map((member) => ({ peer: member, address: '' })));
  return { store, sync, counters, proven };
}

test('a node catches up over more bytes than one answer holds, though no certificate lies between', async () => {
  const world = new World({ seed: 1 });
  const network = new SimulatedNetwork(world);
  const [a, b, c] = ['aa'.repeat(32), 'bb'.repeat(32), 'cc'.repeat(32)];
  const sources = [await emptyStore(), await emptyStore()];
  // The first source knows two certificates, 25 blocks apart; the second learned of some more.
  const certified = [
    [5, BLOCKS],
    [3, 5, 24, BLOCKS],
  ];
  for (const [index, heights] of certified.entries())
    for (const height of heights) await finalize(sources[index] ?? (await emptyStore()), height);
  expect(25 << 20).toBeGreaterThan(2 * MAX_CARRIED_BYTES);
  const [first, second] = sources;
  if (first === undefined || second === undefined) throw new Error('no sources');
  join(world, network, a, [b, c], first);
  join(world, network, b, [a, c], second);
  const node = join(world, network, c, [a, b], await emptyStore());
  expect(await world.runUntil(() => node.store.finalizedHeight === BLOCKS, 60_000)).toBe(true);
  expect(node.proven.flat()).toEqual(Array.from({ length: BLOCKS }, (_, i) => i + 1));
  expect(node.counters.get('blamed.invalid')).toBe(0);
  expect(node.counters.get('sync.blocks')).toBeLessThan(2 * BLOCKS);
});

test('a peer that leaves near certificates out does not keep a node from catching up', async () => {
  const world = new World({ seed: 1 });
  const network = new SimulatedNetwork(world);
  const [a, b, c] = ['aa'.repeat(32), 'bb'.repeat(32), 'cc'.repeat(32)];
  const source = await emptyStore();
  for (let height = 1; height <= BLOCKS; height++) await finalize(source, height);
  join(world, network, a, [b, c], source);
  let lies = 0;
  const liar = network.port(new Incarnation(world, b), b);
  liar.start({
    message: (from, _traffic, bytes) => {
      const message = decode(syncCodec, bytes);
      if (message.kind !== 'wantRange' || lies > 0) return;
      lies++;
      // True headers, the first body, and a true certificate: of the last block, though each has one.
      const blocks = chain.made.slice(message.from - 1).map(({ block, body }, index) => ({
        header: block.header,
        body: index === 0 ? body : { transactions: [], evidence: [] },
      }));
      const certificate = chain.certificate(chain.at(BLOCKS).block);
      const { request } = message;
      liar.send(from, 'sync', encode(syncCodec, { kind: 'range', request, blocks, certificate, kept: 0 }));
    },
    peers: (connected) => {
      for (const peer of connected)
        liar.send(peer, 'sync', encode(syncCodec, { kind: 'tip', epoch: 0, height: BLOCKS }));
    },
  });
  liar.setMembers([a, b, c].map((member) => ({ peer: member, address: '' })));
  // The store holds half of what the lie makes the node gather.
  const node = join(world, network, c, [a, b], await emptyStore(16 << 20));
  expect(await world.runUntil(() => node.store.finalizedHeight === BLOCKS, 600_000)).toBe(true);
  expect(lies).toBe(1);
  expect(node.counters.get('dropped.bodies-full')).toBeGreaterThan(0);
});
