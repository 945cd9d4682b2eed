import { decode, encode, type QuorateError, type Statement, signedBytes, toHex, type Vote } from '@quorate/kernel';
import { simplexMessageCodec } from '@quorate/simplex';
import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.fixture.ts';
import { bodiesCodec, envelopeCodec, gossipCodec, syncCodec } from './wire.ts';

const utf8 = new TextEncoder();
const ALL = [0, 1, 2, 3];

/** Runs until a node halts, and gives the reason. */
async function haltOf(cluster: Cluster, index: number, limit = 30_000): Promise<QuorateError> {
  return cluster.world.complete(cluster.replica(index).halted, limit);
}

/** A vote signed with a node's key, as bytes on the wire. */
function voteBytes(cluster: Cluster, index: number, statement: Statement): Uint8Array {
  const secret = cluster.secrets[index];
  const signer = secret && cluster.genesis.validators.indexOfKey(secret.publicKey);
  if (secret === undefined || signer == null) throw new Error('no such validator');
  const vote: Vote = { statement, signer, signature: secret.sign(signedBytes('test', statement)) };
  return encode(envelopeCodec, {
    epoch: statement.epoch,
    payload: encode(simplexMessageCodec, { kind: 'vote', vote }),
  });
}

describe('failure policy', () => {
  it('a failed journal write halts the replica; the others go on; it comes back', async () => {
    const cluster = new Cluster({ seed: 31 });
    cluster.start();
    await cluster.reach(5);
    const disk = cluster.machines[1]?.disk;
    if (disk === undefined) throw new Error('no disk');
    disk.failingSyncs = 1;
    expect((await haltOf(cluster, 1)).code).toBe('disk/failed');
    const height = cluster.height(0);
    await cluster.reach(height + 10, [0, 2, 3]);
    cluster.machines[1]?.crash();
    cluster.start(1);
    await cluster.reach(height + 20);
  });

  it('a full disk halts with disk/full', async () => {
    const cluster = new Cluster({ seed: 32 });
    cluster.start();
    await cluster.reach(5);
    const disk = cluster.machines[2]?.disk;
    if (disk === undefined) throw new Error('no disk');
    disk.capacity = disk.used;
    expect((await haltOf(cluster, 2)).code).toBe('disk/full');
  });

  it('an application that chooses what no block can hold costs its proposals, not the replica', async () => {
    const cluster = new Cluster({ seed: 47 });
    cluster.start();
    await cluster.reach(3);
    const choices = [[new Uint8Array(300 << 10)], Array.from({ length: 70_000 }, () => new Uint8Array(1))];
    for (const [index, chosen] of choices.entries()) {
      const application = cluster.applications.get(index);
      if (application === undefined) throw new Error('no application');
      application.prepareProposal = () => Promise.resolve(chosen);
    }
    await cluster.reach(20);
    for (const index of [0, 1]) expect(cluster.replica(index).status().counters['build.failed']).toBeGreaterThan(0);
  });

  it('an application that computes another state halts only its own replica', async () => {
    const cluster = new Cluster({ seed: 33 });
    cluster.start();
    await cluster.reach(5);
    const application = cluster.applications.get(3);
    if (application === undefined) throw new Error('no application');
    application.wrongFrom = 8;
    expect((await haltOf(cluster, 3)).code).toBe('application/diverged');
    await cluster.reach(20, [0, 1, 2]);
  });

  it('garbage, oversized and replayed bytes neither stop a replica nor get their sender kept', async () => {
    const cluster = new Cluster({ seed: 34 });
    cluster.start();
    await cluster.reach(5);
    for (const traffic of ['votes', 'bodies', 'transactions', 'sync'] as const) {
      for (let i = 0; i < 3; i++)
        cluster.network.inject(cluster.peer(3), cluster.peer(0), traffic, Uint8Array.of(250, i, 3));
    }
    await cluster.world.runFor(100);
    expect(cluster.replica(0).status().counters.expelled).toBe(1);
    expect(cluster.replica(0).status().peers).not.toContain(cluster.peer(3));
    await cluster.reach(15, [0, 1, 2]);
  });

  it('whoever passes on forged transactions again and again is expelled, and no more of them are looked at', async () => {
    const cluster = new Cluster({ seed: 48, observers: 1 });
    cluster.start();
    await cluster.reach(3);
    let checks = 0;
    const application = cluster.applications.get(0);
    if (application === undefined) throw new Error('no application');
    const checkTx = application.checkTx.bind(application);
    application.checkTx = (tx) => {
      checks++;
      return checkTx(tx);
    };
    const send = (word: string): void => {
      for (let message = 0; message < 5; message++) {
        const transactions = Array.from({ length: 100 }, (_, i) => utf8.encode(`${word} ${message}/${i}`));
        const bytes = encode(gossipCodec, { kind: 'transactions', transactions });
        cluster.network.inject(cluster.peer(4), cluster.peer(0), 'transactions', bytes);
      }
    };
    // What became wrong on its way is nobody's fault.
    send('bad');
    await cluster.world.runFor(1_000);
    expect(checks).toBe(500);
    expect(cluster.replica(0).status().counters.expelled ?? 0).toBe(0);
    checks = 0;
    send('forged');
    await cluster.world.runFor(1_000);
    expect(cluster.replica(0).status().counters.expelled).toBe(1);
    expect(cluster.replica(0).status().peers).not.toContain(cluster.peer(4));
    expect(checks).toBeLessThan(110);
    await cluster.reach(cluster.height(0) + 5);
  });

  it('a body that is not the one its header names is refused, and fetched from somebody else', async () => {
    const cluster = new Cluster({ seed: 41 });
    cluster.start();
    await cluster.reach(3);
    let changed = 0;
    cluster.network.wire = (from, to, traffic, bytes) => {
      if (to !== cluster.peer(1) || from !== cluster.peer(0) || traffic !== 'bodies') return bytes;
      const message = decode(bodiesCodec, bytes);
      if (message.kind !== 'push' && message.kind !== 'block') return bytes;
      changed++;
      const transactions = [...message.block.body.transactions, utf8.encode('slipped in')];
      return encode(bodiesCodec, {
        ...message,
        block: { ...message.block, body: { ...message.block.body, transactions } },
      });
    };
    await cluster.reach(12);
    expect(await cluster.world.runUntil(() => cluster.replica(1).status().executedHeight >= 12, 20_000)).toBe(true);
    expect(changed).toBeGreaterThan(0);
    expect(cluster.replica(1).status().counters['blamed.invalid']).toBeGreaterThan(0);
    for (let height = 1; height <= 12; height++)
      expect(cluster.replica(1).block(height)?.body.transactions).toEqual([]);
  });

  it('a leader cannot fill the store with blocks of its own view, nor with one whose height no view can have', async () => {
    const cluster = new Cluster({ seed: 44 });
    cluster.start();
    await cluster.reach(3);
    const { executedHeight: height } = cluster.replica(0).status();
    const { header: parent, digest } = cluster.replica(0).block(height) ?? {};
    if (parent === undefined || digest === undefined) throw new Error('no parent');
    const push = (view: number, height: number, time: number): void => {
      const header = { ...parent, view, height, time, parentView: parent.view, parentDigest: digest };
      const bytes = encode(bodiesCodec, {
        kind: 'push',
        block: { header, body: { transactions: [], evidence: [] } },
      });
      cluster.network.inject(cluster.peer(3), cluster.peer(0), 'bodies', bytes);
    };
    const refused = (): number => cluster.replica(0).status().counters['dropped.bodies-unsolicited'] ?? 0;
    const { view } = cluster.replica(0).status();
    // Of eight views of four equal validators, each leads two.
    for (let later = view + 4; later < view + 12; later++) push(later, 2 ** 50, parent.time);
    await cluster.world.runFor(100);
    expect(refused()).toBe(8);
    for (let i = 0; i < 20; i++) {
      for (let later = view + 4; later < view + 12; later++) push(later, height + 3, parent.time + i);
    }
    await cluster.world.runFor(100);
    expect(refused()).toBe(8 + 20 * 8 - 2 * 2);
    await cluster.reach(height + 30, [0, 1, 2]);
  });

  it('a block that its sender may not propose is not stored', async () => {
    const cluster = new Cluster({ seed: 42 });
    cluster.start();
    await cluster.reach(3);
    const { view, executedHeight: height } = cluster.replica(0).status();
    const { header: parent, digest } = cluster.replica(0).block(height) ?? {};
    if (parent === undefined || digest === undefined) throw new Error('no parent');
    for (let later = view; later < view + 40; later++) {
      const header = { ...parent, view: later, height: height + 1, parentView: parent.view, parentDigest: digest };
      const block = { header, body: { transactions: [], evidence: [] } };
      cluster.network.inject(cluster.peer(3), cluster.peer(0), 'bodies', encode(bodiesCodec, { kind: 'push', block }));
    }
    await cluster.world.runFor(300);
    expect(cluster.replica(0).status().counters['dropped.bodies-unsolicited']).toBeGreaterThan(30);
    await cluster.reach(height + 10);
  });

  it('a vote flood of an observer changes nothing', async () => {
    const cluster = new Cluster({ seed: 35, observers: 1 });
    cluster.start();
    await cluster.reach(3);
    const bytes = voteBytes(cluster, 1, { kind: 'nullify', epoch: 0, view: 10 });
    for (let i = 0; i < 1_000; i++) cluster.network.inject(cluster.peer(4), cluster.peer(0), 'votes', bytes);
    await cluster.reach(20);
    expect(cluster.replica(0).status().counters['dropped.votes-observer']).toBeGreaterThanOrEqual(1_000);
  });

  it('a validator that signs two blocks of one view is convicted in a block, once, everywhere', async () => {
    const cluster = new Cluster({ seed: 36 });
    cluster.start();
    await cluster.reach(3);
    const view = cluster.replica(0).status().view + 3;
    for (const block of ['aa', 'bb']) {
      const statement: Statement = { kind: 'notarize', epoch: 0, view, block: block.repeat(32) };
      cluster.network.inject(cluster.peer(3), cluster.peer(0), 'votes', voteBytes(cluster, 3, statement));
    }
    const convicted = () =>
      ALL.every((index) =>
        cluster
          .replica(index)
          .evidence(10)
          .some(({ height }) => height !== null),
      );
    expect(await cluster.world.runUntil(convicted, 10_000)).toBe(true);
    const records = ALL.map((index) => cluster.replica(index).evidence(10));
    expect(new Set(records.map((list) => list[0]?.height)).size).toBe(1);
    expect(toHex(records[0]?.[0]?.offender ?? new Uint8Array())).toBe(
      toHex(cluster.secrets[3]?.publicKey ?? new Uint8Array()),
    );
    await cluster.reach(cluster.height(0) + 10);
    let carried = 0;
    for (let height = 1; height <= cluster.height(1); height++) {
      carried += cluster.replica(1).block(height)?.body.evidence.length ?? 0;
    }
    expect(carried).toBe(1);
  });

  it('a clock that is set back and forth stops nothing', async () => {
    const cluster = new Cluster({ seed: 37 });
    cluster.start();
    await cluster.reach(3);
    cluster.machines[0]?.clock.jump(-3_600_000);
    await cluster.reach(20);
    cluster.machines[0]?.clock.jump(3_600_000);
    await cluster.reach(40);
    expect(cluster.replica(1).status().engine.nullifiedViews).toBeLessThan(4);
  });

  it('a second process with one key refuses to sign when it starts', async () => {
    const cluster = new Cluster({ seed: 38 });
    cluster.start();
    await cluster.reach(10);
    const twin = cluster.twin(2);
    cluster.start(twin);
    await cluster.world.runFor(15_000);
    expect(cluster.replica(twin).status().silent).toMatch(/another process signs with this key/);
    expect(cluster.replica(twin).status().counters['sign.calls'] ?? 0).toBe(0);
    await cluster.reach(cluster.height(0) + 10, ALL);
  });

  it('a second process with one key signs nothing while the first is connected, however long that says nothing', async () => {
    const cluster = new Cluster({ seed: 47 });
    cluster.start();
    await cluster.reach(10);
    const twin = cluster.twin(2);
    cluster.machines[2]?.pause(40_000);
    cluster.start(twin);
    await cluster.world.runFor(30_000);
    expect(cluster.height(0)).toBeGreaterThan(20); // three of four go on
    expect(cluster.replica(twin).status().silent).toMatch(/^listening for another process/);
    await cluster.world.runFor(30_000);
    expect(cluster.replica(2).status().silent).toBeNull();
    expect(cluster.replica(twin).status().counters['sign.calls'] ?? 0).toBe(0);
    await cluster.reach(cluster.height(0) + 10, ALL);
  });

  it('a running validator halts when its key signs elsewhere', async () => {
    const cluster = new Cluster({ seed: 39 });
    cluster.start();
    await cluster.reach(5);
    const view = cluster.replica(2).status().view + 2;
    const statement: Statement = { kind: 'notarize', epoch: 0, view, block: 'cc'.repeat(32) };
    cluster.network.inject(cluster.peer(0), cluster.peer(2), 'votes', voteBytes(cluster, 2, statement));
    const error = await haltOf(cluster, 2);
    expect(error.code).toBe('gate/duplicate-key');
    expect(error.message).toContain(`view ${view}`);
  });

  it('an observer that comes and goes does not keep restarted validators from voting', async () => {
    const cluster = new Cluster({ seed: 45, observers: 1 });
    cluster.start();
    await cluster.reach(5);
    for (const machine of cluster.machines) machine.crash();
    cluster.start(...ALL);
    for (let i = 0; i < 20; i++) {
      cluster.start(4);
      await cluster.world.runFor(250);
      cluster.machines[4]?.crash();
      await cluster.world.runFor(250);
    }
    expect(cluster.height(0)).toBeGreaterThan(5);
  });

  it('an observer that claims a height far ahead does not make a node look behind for long', async () => {
    const cluster = new Cluster({ seed: 46, observers: 1 });
    cluster.start();
    await cluster.reach(5);
    const tip = encode(syncCodec, { kind: 'tip', epoch: 0, height: 2 ** 50 });
    const lie = () => cluster.network.inject(cluster.peer(4), cluster.peer(0), 'sync', tip);
    lie();
    await cluster.world.runFor(6_000);
    for (let i = 0; i < 10; i++) {
      lie();
      await cluster.world.runFor(500);
      expect(cluster.replica(0).status().syncing).toBe(false);
    }
  });

  it('a forged vote of our key halts nobody', async () => {
    const cluster = new Cluster({ seed: 40 });
    cluster.start();
    await cluster.reach(5);
    const view = cluster.replica(2).status().view + 2;
    const forged = voteBytes(cluster, 2, { kind: 'nullify', epoch: 0, view });
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    cluster.network.inject(cluster.peer(0), cluster.peer(2), 'votes', forged);
    await cluster.reach(cluster.height(2) + 10);
  });
});

describe('applications and upgrades', () => {
  it('an application that is not speculative finalizes transactions through a lossy network', async () => {
    const cluster = new Cluster({ seed: 51, speculative: false, consensus: { delta: 200 } });
    cluster.network.setLinks({ loss: 0.05 });
    cluster.start();
    await cluster.reach(3);
    for (let i = 0; i < 10; i++) {
      const replica = cluster.replica(i % 4);
      const result = await cluster.world.complete(replica.submit(utf8.encode(`slow ${i}`)));
      expect((await cluster.world.complete(replica.settled(result.id), 60_000)).kind).toBe('final');
    }
  });

  it('version 2 begins at its height, and software that does not speak it stops there', async () => {
    const cluster = new Cluster({ seed: 52, consensus: { upgradeHeight: 6 } });
    cluster.start();
    await cluster.reach(8);
    expect([5, 6].map((height) => cluster.replica(0).block(height)?.header.protocolVersion)).toEqual([1, 2]);
    const old = new Cluster({ seed: 52, consensus: { upgradeHeight: 6 }, replica: { protocolVersion: 1 } });
    old.start();
    await old.reach(4);
    expect((await haltOf(old, 0)).code).toBe('upgrade/required');
  });
});
