import { decode, encode, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions } from './cluster.fixture.ts';
import { syncCodec } from './wire.ts';

const utf8 = new TextEncoder();
const ALL = [0, 1, 2, 3];

/** Every node that has the height says the same of it. */
function agree(cluster: Cluster, height: number, indices: readonly number[] = ALL): void {
  const blocks = indices.map((index) => cluster.replica(index).block(height));
  expect(new Set(blocks.map((block) => block?.digest)).size).toBe(1);
  expect(new Set(blocks.map((block) => block?.header.stateRoot)).size).toBe(1);
}

async function submitAndSettle(cluster: Cluster, index: number, text: string) {
  const replica = cluster.replica(index);
  const result = await cluster.world.complete(replica.submit(utf8.encode(text)));
  expect(result.kind).toBe('accepted');
  return cluster.world.complete(replica.settled(result.id));
}

async function executedTo(cluster: Cluster, height: number, indices: readonly number[] = ALL): Promise<void> {
  const done = () => indices.every((index) => cluster.replica(index).status().executedHeight >= height);
  expect(await cluster.world.runUntil(done, 20_000)).toBe(true);
}

describe('four replicas in a simulated world', () => {
  it('finalize blocks, the first within three seconds, and nullify no view', async () => {
    const cluster = new Cluster({ seed: 1 });
    cluster.start();
    await cluster.reach(1, ALL, 3_000);
    await cluster.reach(20);
    agree(cluster, 20);
    for (const index of ALL) expect(cluster.replica(index).status().engine.nullifiedViews).toBe(0);
  });

  it('make a transaction final everywhere, with equal roots and one receipt', async () => {
    const cluster = new Cluster({ seed: 2 });
    cluster.start();
    await cluster.reach(2);
    const before = cluster.world.elapsed;
    const settled = await submitAndSettle(cluster, 1, 'hello');
    if (settled.kind !== 'final') throw new Error(`not final but ${settled.kind}`);
    expect(settled.receipt.log).toBe('hello');
    expect(cluster.world.elapsed - before).toBeLessThan(250);
    await executedTo(cluster, settled.height);
    for (const index of ALL) {
      expect(cluster.replica(index).block(settled.height)?.body.transactions.map(toHex)).toEqual([
        toHex(utf8.encode('hello')),
      ]);
    }
    expect(new Set(ALL.map((index) => cluster.replica(index).status().executedHeight >= settled.height))).toEqual(
      new Set([true]),
    );
    await cluster.reach(settled.height + 3);
    agree(cluster, settled.height + 3);
  });

  it('refuse a transaction with a reason', async () => {
    const cluster = new Cluster({ seed: 3 });
    cluster.start();
    await cluster.reach(1);
    const result = await cluster.world.complete(cluster.replica(0).submit(utf8.encode('bad')));
    expect(result).toMatchObject({ kind: 'rejected', reason: 'it is bad' });
  });

  it('carry every one of many transactions exactly once', async () => {
    const cluster = new Cluster({ seed: 4 });
    cluster.start();
    await cluster.reach(1);
    const texts = Array.from({ length: 300 }, (_, i) => `tx ${i}`);
    const settled: Promise<unknown>[] = [];
    for (const [i, text] of texts.entries()) {
      const replica = cluster.replica(i % 4);
      settled.push(replica.submit(utf8.encode(text)).then((result) => replica.settled(result.id)));
      if (i % 10 === 0) await cluster.world.runFor(3);
    }
    await cluster.world.complete(Promise.all(settled));
    const top = Math.max(...ALL.map((index) => cluster.height(index)));
    await executedTo(cluster, top);
    const carried: string[] = [];
    for (let height = 1; height <= top; height++) {
      for (const tx of cluster.replica(0).block(height)?.body.transactions ?? [])
        carried.push(new TextDecoder().decode(tx));
    }
    expect(carried.sort()).toEqual([...texts].sort());
  });

  it('go on when one crashes, which comes back, catches up and votes again', async () => {
    const cluster = new Cluster({ seed: 5 });
    cluster.start();
    await cluster.reach(5);
    cluster.machines[3]?.crash();
    await cluster.reach(15, [0, 1, 2]);
    cluster.start(3);
    await cluster.reach(25);
    agree(cluster, 25);
    expect(await cluster.world.runUntil(() => cluster.replica(3).status().silent === null, 10_000)).toBe(true);
    cluster.machines[0]?.crash(); // now the three others need node 3
    const height = cluster.height(1);
    await cluster.reach(height + 10, [1, 2, 3]);
  });

  it('recover when all crash at once', async () => {
    const cluster = new Cluster({ seed: 6 });
    cluster.start();
    await cluster.reach(8);
    const settled = await submitAndSettle(cluster, 0, 'keep me');
    for (const machine of cluster.machines) machine.crash();
    cluster.start();
    const height = settled.kind === 'final' ? settled.height : 0;
    await cluster.reach(height + 10);
    await executedTo(cluster, height);
    for (const index of ALL) expect(cluster.replica(index).block(height)?.body.transactions).toHaveLength(1);
    agree(cluster, height + 10);
  });

  it('stand still when cut in half and go on when healed', async () => {
    const cluster = new Cluster({ seed: 7 });
    cluster.start();
    await cluster.reach(5);
    const peers = ALL.map((index) => cluster.peer(index));
    cluster.network.partition(peers.slice(0, 2), peers.slice(2));
    await cluster.world.runFor(1_000);
    const still = Math.max(...ALL.map((index) => cluster.height(index)));
    await cluster.world.runFor(20_000);
    for (const index of ALL) expect(cluster.height(index)).toBeLessThanOrEqual(still + 1);
    cluster.network.heal();
    await cluster.reach(still + 10, ALL, 120_000);
    agree(cluster, still + 10);
  });

  it('reach the same hash from the same seed, and another from another', async () => {
    const run = async (seed: number): Promise<string> => {
      const cluster = new Cluster({ seed });
      cluster.start();
      await cluster.reach(4);
      await submitAndSettle(cluster, 2, 'same');
      cluster.machines[1]?.crash();
      await cluster.world.runFor(2_000);
      cluster.start(1);
      await cluster.world.runFor(6_000);
      return `${cluster.world.hash} ${ALL.map((index) => cluster.replica(index).status().digest).join()}`;
    };
    const [first, again, other] = [await run(8), await run(8), await run(9)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});

describe('the journal of a replica', () => {
  it('is replaced by checkpoints while blocks are finalized, and a crash of all loses nothing', async () => {
    const cluster = new Cluster({ seed: 10, replica: { journalBytes: 3_000 } });
    cluster.start();
    for (let round = 1; round <= 3; round++) {
      await cluster.reach(12 * round);
      for (const index of ALL) {
        expect(cluster.replica(index).status().counters['journal.compactions']).toBeGreaterThan(0);
        expect(cluster.machines[index]?.disk.fileNames().filter((name) => name.startsWith('journal/')).length).toBe(1);
      }
      const digest = cluster.replica(0).block(10 * round)?.digest;
      for (const machine of cluster.machines) machine.crash();
      cluster.start();
      await cluster.reach(12 * round + 2);
      expect(cluster.replica(3).block(10 * round)?.digest).toBe(digest);
    }
  });
});

describe('catching up', () => {
  it('takes no range whose certificate does not hold, and blames who sent it', async () => {
    const cluster = new Cluster({ seed: 13, observers: 1 });
    cluster.start(0, 1, 2, 3);
    await cluster.reach(40, ALL);
    let forged = 0;
    cluster.network.wire = (from, to, traffic, bytes) => {
      if (from !== cluster.peer(0) || to !== cluster.peer(4) || traffic !== 'sync') return bytes;
      const message = decode(syncCodec, bytes);
      if (message.kind !== 'range' || message.certificate === null) return bytes;
      forged++;
      const signature = Uint8Array.from(message.certificate.signature, (byte) => byte ^ 1);
      return encode(syncCodec, { ...message, certificate: { ...message.certificate, signature } });
    };
    cluster.network.partition(
      [1, 2, 3].map((index) => cluster.peer(index)),
      [0, 4].map((index) => cluster.peer(index)),
    );
    cluster.start(4);
    await cluster.world.runFor(5_000);
    expect(forged).toBeGreaterThan(0);
    expect(cluster.height(4)).toBe(0);
    expect(cluster.replica(4).status().counters['blamed.invalid']).toBeGreaterThan(0);
    expect(cluster.replica(4).status().counters['sync.blocks'] ?? 0).toBe(0);
    cluster.network.heal();
    await cluster.reach(50, [1, 2, 3, 4]);
  });

  it('an observer follows, is told nothing to sign, and serves', async () => {
    const cluster = new Cluster({ seed: 11, observers: 1 });
    cluster.start(0, 1, 2, 3);
    await cluster.reach(30, ALL);
    cluster.start(4);
    await cluster.reach(40);
    agree(cluster, 40, [0, 4]);
    const status = cluster.replica(4).status();
    expect(status).toMatchObject({ role: 'observer', signer: null });
    expect(status.counters['sync.blocks']).toBeGreaterThan(20);
    const settled = await submitAndSettle(cluster, 4, 'from an observer');
    expect(settled.kind).toBe('final');
  });

  it('a validator that was away for hundreds of blocks and several epochs catches up by certified ranges', async () => {
    const cluster = new Cluster({ seed: 12, consensus: { epochLength: 40, delta: 200 } });
    cluster.start();
    await cluster.reach(3);
    cluster.machines[2]?.crash();
    await cluster.reach(170, [0, 1, 3], 120_000);
    cluster.start(2);
    await cluster.reach(200, ALL, 60_000);
    agree(cluster, 200);
    expect(cluster.replica(2).status().counters['sync.blocks']).toBeGreaterThan(100);
    expect(cluster.replica(2).epochProof(2)?.epoch).toBe(2);
  });
});

describe('epochs', () => {
  const epochs: Partial<ClusterOptions> = { consensus: { epochLength: 10, delta: 200 } };

  it('follow one another without losing a view', async () => {
    const cluster = new Cluster({ seed: 21, ...epochs });
    cluster.start();
    await cluster.reach(35);
    agree(cluster, 35);
    const status = cluster.replica(0).status();
    expect(status.epoch).toBe(3);
    for (const epoch of [0, 1, 2]) expect(cluster.replica(1).epochProof(epoch)?.next.size).toBe(4);
  });

  it('lose no view where one validator needs longer to step over, though all are needed', async () => {
    const cluster = new Cluster({ seed: 23, validators: 3, ...epochs });
    cluster.start();
    const slow = cluster.machines[2]?.disk;
    if (slow === undefined) throw new Error('no disk');
    slow.slowness = 10;
    await cluster.reach(1);
    for (let i = 0; cluster.height(0) < 45; i++) {
      await cluster.world.complete(cluster.replica(0).submit(utf8.encode(`busy ${i}`)));
      await cluster.world.runFor(20);
    }
    await cluster.reach(45);
    expect(cluster.replica(2).status().counters['votes.early']).toBeGreaterThan(0);
    for (let height = 1; height <= 45; height++) {
      const header = cluster.replica(0).block(height)?.header;
      expect(header?.view).toBe(height - 10 * (header?.epoch ?? 0));
    }
  });

  it('admit a new validator at the boundary, and let one go', async () => {
    const cluster = new Cluster({ seed: 22, observers: 1, ...epochs });
    cluster.start();
    await cluster.reach(2);
    const [joining, leaving] = [cluster.secrets[4], cluster.secrets[0]];
    if (joining === undefined || leaving === undefined) throw new Error('no keys');
    await submitAndSettle(cluster, 1, `set:${toHex(joining.publicKey)}:1:${cluster.peer(4)}`);
    await submitAndSettle(cluster, 1, `set:${toHex(leaving.publicKey)}:0:${cluster.peer(0)}`);
    await cluster.reach(25);
    expect(cluster.replica(4).status().role).toBe('validator');
    expect(cluster.replica(0).status().role).toBe('observer');
    cluster.machines[0]?.crash();
    cluster.machines[1]?.crash(); // 2, 3 and 4 are a quorum only if 4 votes
    await cluster.reach(cluster.height(2) + 15, [2, 3, 4]);
    agree(cluster, 30, [2, 3, 4]);
  });
});
