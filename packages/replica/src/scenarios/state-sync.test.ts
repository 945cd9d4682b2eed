import { conflictOf, type Evidence, encode, type Statement, signedBytes, toHex } from '@quorate/kernel';
import { Incarnation } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';
import { KEY, RECORD, record } from '../store-format.ts';
import { gossipCodec } from '../wire.ts';

const ALL = [0, 1, 2, 3];
const OBSERVER = 4;
const HOUR = 3_600_000;

/** Two votes of a genesis validator for two blocks of a view. */
function offence(cluster: Cluster, node: number, epoch: number): Evidence {
  const secret = cluster.secrets[node];
  const signer = secret && cluster.replica(0).validators(epoch)?.indexOfKey(secret.publicKey);
  if (secret === undefined || signer == null) throw new Error('not a validator');
  const [a, b] = ['aa', 'bb'].map((block) => {
    const statement: Statement = { kind: 'notarize', epoch, view: 3, block: block.repeat(32) };
    return { statement, signer, signature: secret.sign(signedBytes('test', statement)) };
  });
  const evidence = a === undefined || b === undefined ? null : conflictOf(a, b);
  if (evidence === null) throw new Error('no conflict');
  return evidence;
}

/** A network of short epochs whose set changes in every one of them, at height 55 in epoch 2. */
async function running(seed: number, speculative: boolean, nodes: readonly number[] = ALL): Promise<Cluster> {
  const cluster = new Cluster({
    seed,
    observers: 1,
    speculative,
    consensus: { epochLength: 20, evidenceWindow: 60 },
    replica: { snapshotInterval: 7, keepSnapshots: 2 },
  });
  cluster.start(...nodes);
  for (const [height, weight] of [
    [2, 3],
    [22, 2],
  ] as const) {
    await cluster.reach(height, nodes);
    const key = toHex(cluster.secrets[0]?.publicKey ?? new Uint8Array());
    await cluster.replica(0).submit(new TextEncoder().encode(`set:${key}:${weight}:${cluster.peer(0)}`));
  }
  await cluster.reach(55, nodes);
  return cluster;
}

/** Lets a node join from the first block of epoch 2. */
function trust(cluster: Cluster, node: number): void {
  const block = cluster.replica(0).block(41);
  if (block === null) throw new Error('no block');
  cluster.joins.set(node, { trusted: { height: 41, digest: block.digest }, trustingPeriod: HOUR });
}

const rootAt = (cluster: Cluster, node: number, height: number): string | undefined =>
  cluster.replica(node).block(height)?.header.stateRoot;

describe.each([
  ['a speculative application', true],
  ['an application that executes final blocks only', false],
] as const)('state sync of %s', (_, speculative) => {
  it('shortly after an epoch change: offences of the epochs before it are judged, carried and executed', async () => {
    const cluster = await running(81, speculative);
    trust(cluster, OBSERVER);
    cluster.start(OBSERVER);
    await cluster.world.runUntil(() => cluster.height(OBSERVER) > 41, 30_000);
    expect(cluster.replica(OBSERVER).block(41)).toBeNull();
    expect([0, 1, 2].map((epoch) => cluster.replica(OBSERVER).validators(epoch)?.total)).toEqual([4, 6, 5]);
    // The newcomer alone hears of them: it must see that they are true, and tell the others.
    const evidence = [offence(cluster, 3, 0), offence(cluster, 3, 1)];
    const bytes = encode(gossipCodec, { kind: 'evidence', evidence });
    cluster.network.inject(cluster.peer(0), cluster.peer(OBSERVER), 'transactions', bytes);
    const convicted = () =>
      [0, OBSERVER].every(
        (node) =>
          cluster
            .replica(node)
            .evidence(10)
            .filter(({ height }) => height !== null).length === 2,
      );
    expect(await cluster.world.runUntil(convicted, 10_000)).toBe(true);
    await cluster.reach(cluster.height(0) + 30, [0, OBSERVER]);
    const height = Math.min(cluster.height(0), cluster.height(OBSERVER));
    expect(rootAt(cluster, OBSERVER, height)).toBe(rootAt(cluster, 0, height));
    expect(cluster.machines[OBSERVER]?.failure ?? null).toBeNull();
  });

  it('a validator joins, and its vote is needed through the next epochs', async () => {
    const cluster = await running(82, speculative, [0, 1, 2]);
    trust(cluster, 3);
    cluster.start(3);
    await cluster.world.runUntil(() => cluster.height(3) > 41, 30_000);
    await cluster.reach(cluster.height(0) + 5, ALL);
    cluster.machines[2]?.crash();
    await cluster.reach(cluster.height(0) + 45, [0, 1, 3]);
    expect(cluster.replica(3).status().silent).toBeNull();
  });

  it.each([
    ['an empty disk', ['journal/', 'blocks', 'evidence', 'application']],
    ['a disk with its old evidence', ['journal/', 'blocks', 'application']],
  ])(
    'a validator joins with %s, hears again of an offence that was punished, and proposes no invalid block',
    async (_name, lost) => {
      const cluster = await running(85, speculative);
      cluster.machines[3]?.crash();
      const hears = (node: number): void => {
        const bytes = encode(gossipCodec, { kind: 'evidence', evidence: [offence(cluster, 1, 1)] });
        cluster.network.inject(cluster.peer(1), cluster.peer(node), 'transactions', bytes);
      };
      const heights = (node: number): (number | null)[] => {
        return cluster
          .replica(node)
          .evidence(10)
          .map(({ height }) => height);
      };
      hears(0);
      await cluster.world.runUntil(() => heights(0).some((height) => height !== null), 10_000);
      await cluster.reach(cluster.height(0) + 8, [0, 1, 2]);
      for (const prefix of lost) cluster.machines[3]?.disk.lose(prefix);
      trust(cluster, 3);
      cluster.start(3);
      await cluster.world.runUntil(() => cluster.height(3) > 41, 30_000);
      hears(3);
      await cluster.reach(cluster.height(0) + 20, ALL);
      expect(cluster.height(0)).toBeLessThan(100); // the last height at which the offence is admissible
      expect([heights(3), cluster.replica(3).status().counters.built ?? 0]).toEqual([
        [null],
        expect.toSatisfy((n) => n > 0),
      ]);
      for (const node of [0, 1, 2]) {
        expect(cluster.replica(node).status().counters['judged.invalid']).toBeUndefined();
      }
    },
  );
});

it('a store that an older release began without earlier sets learns them from the peers', async () => {
  const cluster = await running(84, true);
  trust(cluster, OBSERVER);
  cluster.start(OBSERVER);
  await cluster.world.runUntil(() => cluster.height(OBSERVER) > 41, 30_000);
  const machine = cluster.machines[OBSERVER];
  const start = cluster.replica(0).block(40)?.digest;
  if (machine === undefined || start === undefined) throw new Error('no block');
  machine.crash();
  const { world } = cluster;
  const store = await world.complete(machine.disk.port(new Incarnation(world, 'hand')).openStore('blocks'));
  const lost = [0, 1].map(KEY.validators).concat([1, 2].map(KEY.opening), [0, 1].map(KEY.closing));
  const before = record(KEY.epochStart(2), RECORD.epochStart, start);
  await world.complete(store.write([...lost.map((key) => ({ key, value: null })), before]));
  cluster.start(OBSERVER);
  const evidence = [offence(cluster, 3, 0), offence(cluster, 3, 1)];
  const bytes = encode(gossipCodec, { kind: 'evidence', evidence });
  cluster.network.inject(cluster.peer(1), cluster.peer(0), 'transactions', bytes);
  await cluster.reach(cluster.height(0) + 20, [0, OBSERVER]);
  expect(cluster.replica(OBSERVER).validators(1)?.total).toBe(6);
  const carried = cluster.replica(OBSERVER).evidence(10);
  expect(carried.filter(({ height }) => height !== null)).toHaveLength(2);
  const height = Math.min(cluster.height(0), cluster.height(OBSERVER));
  expect(rootAt(cluster, OBSERVER, height)).toBe(rootAt(cluster, 0, height));
});

it('a newcomer greets with evidence that it may not propose', async () => {
  const cluster = await running(86, true);
  trust(cluster, OBSERVER);
  cluster.start(OBSERVER);
  await cluster.world.runUntil(() => cluster.height(OBSERVER) > 41, 30_000);
  const newcomer = cluster.peer(OBSERVER);
  for (const node of ALL) cluster.network.block(newcomer, cluster.peer(node));
  const bytes = encode(gossipCodec, { kind: 'evidence', evidence: [offence(cluster, 3, 1)] });
  cluster.network.inject(cluster.peer(0), newcomer, 'transactions', bytes);
  await cluster.world.runUntil(() => cluster.replica(OBSERVER).evidence(10).length > 0, 1_000);
  await cluster.world.runFor(100); // what it passes on now is lost
  cluster.network.heal();
  expect(ALL.map((node) => cluster.replica(node).evidence(10))).toEqual([[], [], [], []]);
  cluster.network.reset(newcomer, cluster.peer(0));
  const carried = (): boolean => cluster.replica(OBSERVER).evidence(10)[0]?.height != null;
  expect(await cluster.world.runUntil(carried, 10_000)).toBe(true);
});

it('trust that is too old is refused with a typed error', async () => {
  const cluster = await running(83, true);
  trust(cluster, OBSERVER);
  const join = cluster.joins.get(OBSERVER);
  if (join === undefined) throw new Error('no checkpoint');
  cluster.joins.set(OBSERVER, { ...join, trustingPeriod: 1 });
  cluster.start(OBSERVER);
  await cluster.world.runFor(5_000);
  expect(cluster.machines[OBSERVER]?.failure).toMatchObject({ code: 'light/expired' });
});
