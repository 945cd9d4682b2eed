import { createHash } from 'node:crypto';
import {
  conflictOf,
  conformance,
  type Evidence,
  offenceId,
  type SecretKey,
  type SignatureSuite,
  type Statement,
  type Store,
  signedBytes,
  ValidatorSet,
  type Vote,
} from '@quorate/kernel';
import { Incarnation, SimulatedDisk, simulatedSuite, World } from '@quorate/sim';
import { beforeEach, describe, expect, it } from 'vitest';
import { EvidencePool, type EvidencePoolOptions, forgetBeginning, keptCodec } from './evidence-pool.ts';

const hash = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const chainId = 'evidence-test';
const digestOf = (index: number): string => index.toString(16).padStart(64, '0');
const options: EvidencePoolOptions = { chainId, consensus: { epochLength: 10, evidenceWindow: 100 } };

const suite = simulatedSuite();
const keys: SecretKey[] = [1, 2, 3, 4].map((index) => suite.secretFromSeed(new Uint8Array(32).fill(index)));
const validators = new ValidatorSet(
  keys.map((key, index) => ({
    publicKey: key.publicKey,
    weight: 1,
    proof: key.prove(),
    peer: digestOf(index),
    address: '',
  })),
);

function vote(signer: number, statement: Statement): Vote {
  const publicKey = validators.at(signer)?.publicKey ?? new Uint8Array();
  const key = keys.find((candidate) => candidate.publicKey === publicKey);
  return { statement, signer, signature: key?.sign(signedBytes(chainId, statement)) ?? new Uint8Array() };
}

/** Two conflicting votes of one validator in one view. */
function offence(signer: number, view: number, epoch = 0, kind: 'notarize' | 'finalize' = 'notarize'): Evidence {
  const [a, b] = [1, 2].map((block) => vote(signer, { kind, epoch, view, block: digestOf(block) }));
  const evidence = a !== undefined && b !== undefined ? conflictOf(a, b) : null;
  if (evidence === null) throw new Error('no conflict');
  return evidence;
}

describe('evidence pool', () => {
  let world: World;
  let platter: SimulatedDisk;
  let life: Incarnation;
  let pool: EvidencePool;

  const open = async (change: Partial<EvidencePoolOptions> = {}, height = 0): Promise<EvidencePool> => {
    life = new Incarnation(world, 'node');
    const store: Store = await world.complete(platter.port(life).openStore('evidence'));
    const parts = { store, suite, hash, validators: (epoch: number) => (epoch < 50 ? validators : null) };
    pool = await world.complete(EvidencePool.open({ ...options, ...change }, parts, height));
    return pool;
  };
  const add = async (evidence: Evidence): Promise<string> => (await world.complete(pool.add(evidence))).kind;

  beforeEach(async () => {
    world = new World({ seed: 1 });
    platter = new SimulatedDisk(world, 'node');
    await open();
  });

  it('keeps all three kinds, one piece for each validator and epoch', async () => {
    const nullify = vote(1, { kind: 'nullify', epoch: 0, view: 4 });
    const finalize = vote(1, { kind: 'finalize', epoch: 0, view: 4, block: digestOf(1) });
    const mixed = conflictOf(nullify, finalize);
    if (mixed === null) throw new Error('no conflict');
    const another = conflictOf(
      vote(0, { kind: 'notarize', epoch: 0, view: 3, block: digestOf(1) }),
      vote(0, { kind: 'notarize', epoch: 0, view: 3, block: digestOf(9) }),
    );
    if (another === null) throw new Error('no conflict');
    expect(await add(offence(0, 3))).toBe('added');
    expect(await add(offence(0, 3))).toBe('known');
    expect(await add(another)).toBe('known');
    expect(await add(offence(0, 9, 0, 'finalize'))).toBe('known');
    expect(await add(offence(2, 3, 0, 'finalize'))).toBe('added');
    expect(await add(mixed)).toBe('added');
    expect(await add(offence(0, 3, 1))).toBe('added');
    expect(pool.pending(10)).toHaveLength(4);
    expect(pool.pending(2)).toEqual([offence(0, 3), offence(2, 3, 0, 'finalize')]);
    expect(pool.list(2)[1]).toEqual({ evidence: mixed, offender: validators.at(1)?.publicKey, height: null });
  });

  it('calls false what proves nothing, and keeps none of it', async () => {
    const good = offence(0, 3);
    const other = offence(1, 3);
    const forged: Evidence = { ...good, second: { ...good.second, signature: other.second.signature } };
    const swapped: Evidence = { ...good, first: good.second, second: good.first };
    const mislabelled: Evidence = { ...good, kind: 'nullify-finalize' };
    const stranger: Evidence = {
      ...good,
      first: { ...good.first, signer: 9 },
      second: { ...good.second, signer: 9 },
    };
    for (const bad of [forged, swapped, mislabelled, stranger]) {
      expect(await add(bad)).toBe('false');
      expect(pool.fault(bad, 5)).not.toBeNull();
    }
    expect(pool.list(10)).toEqual([]);
    const stored = [...(await world.complete(platter.port(life).openStore('evidence'))).range({})];
    expect(stored.filter(([key]) => key.length === 32)).toEqual([]);
  });

  it('does not blame anybody for evidence of an epoch it does not know', async () => {
    expect(await add(offence(0, 1, 60))).toBe('ignored');
  });

  it('is durable when added: a power cut loses nothing', async () => {
    await add(offence(0, 1));
    await add(offence(2, 8));
    life.end();
    platter.crash({ power: true });
    await open();
    expect(pool.pending(10)).toEqual([offence(0, 1), offence(2, 8)]);
    expect(await add(offence(2, 8))).toBe('known');
    expect(pool.unsent(10)).toHaveLength(2);
  });

  it('remembers what a block carried, also after a restart, and offers it no more', async () => {
    await add(offence(0, 1));
    await world.complete(pool.included(7, [offence(0, 1), offence(1, 2)]));
    expect(pool.pending(10)).toEqual([]);
    expect(await add(offence(1, 2))).toBe('known');
    life.end();
    platter.crash({ power: true });
    await open({}, 7);
    expect(pool.pending(10)).toEqual([]);
    expect(pool.list(10).map(({ height }) => height)).toEqual([7, 7]);
    expect(pool.fault(offence(0, 1), 8)).toMatch(/height 7 carries it already/);
    expect(pool.fault(offence(0, 1), 7)).toBeNull();
    expect(pool.fault(offence(3, 1), 8)).toBeNull();
  });

  it('stays included when a block carries it while it is being added', async () => {
    const adding = pool.add(offence(0, 1));
    const including = pool.included(3, [offence(0, 1)]);
    await world.complete(Promise.all([adding, including]));
    expect(pool.pending(10)).toEqual([]);
    life.end();
    await open({}, 3);
    expect(pool.pending(10)).toEqual([]);
  });

  it('leaves out what unfinalized ancestors carry', async () => {
    await add(offence(0, 1));
    await add(offence(1, 1));
    expect(pool.pending(10, new Set([offenceId(hash, offence(0, 1))]))).toEqual([offence(1, 1)]);
  });

  describe('that began in the middle of a chain', () => {
    // Height 25 is in epoch 2, which ends at 30: what its blocks and those before may carry expires at 130.
    beforeEach(async () => {
      life.end();
      platter.lose('evidence');
      await open({}, 25);
    });

    it('passes on what an unseen block may carry, and leaves it to others to propose', async () => {
      expect([await add(offence(0, 1, 1)), await add(offence(0, 99, 2)), await add(offence(0, 1, 3))]).toEqual([
        'added',
        'added',
        'added',
      ]);
      expect(pool.pending(10)).toEqual([offence(0, 1, 3)]);
      const all = [offence(0, 1, 1), offence(0, 99, 2), offence(0, 1, 3)];
      expect(pool.waiting(10)).toEqual(all);
      expect(pool.unsent(10)).toEqual(all);
      expect(pool.waiting(1)).toEqual(all.slice(0, 1));
    });

    it('takes it in blocks of others', async () => {
      await add(offence(0, 1, 1));
      expect(pool.fault(offence(0, 1, 1), 30)).toBeNull();
      await world.complete(pool.included(30, [offence(0, 1, 1)]));
      expect(pool.fault(offence(0, 1, 1), 31)).toMatch(/height 30 carries it already/);
    });

    it('remembers where it began, until that no longer matters', async () => {
      await add(offence(0, 1, 2));
      life.end();
      platter.crash({ power: true });
      await open({}, 60);
      await add(offence(0, 1, 4));
      expect(pool.pending(10)).toEqual([offence(0, 1, 4)]);
      await world.complete(pool.included(130, []));
      expect(pool.waiting(10)).toEqual([offence(0, 1, 4)]);
    });

    it('begins anew, with what it holds, when the chain does', async () => {
      await add(offence(0, 1, 3));
      await world.complete(forgetBeginning(await world.complete(platter.port(life).openStore('evidence'))));
      life.end();
      await open({}, 45);
      expect(pool.pending(10)).toEqual([]);
      expect(pool.waiting(10)).toEqual([offence(0, 1, 3)]);
    });

    it('refuses a beginning that does not decode', async () => {
      const store = await world.complete(platter.port(life).openStore('evidence'));
      await world.complete(store.write([{ key: Uint8Array.of(0), value: Uint8Array.of(1, 2, 3) }]));
      life.end();
      await expect(open()).rejects.toMatchObject({ code: 'store/corrupt' });
    });
  });

  it('forgets what is too old to be admissible', async () => {
    await add(offence(0, 1)); // epoch 0 ends at height 10: admissible up to 110
    await add(offence(0, 1, 1));
    expect(pool.fault(offence(0, 1), 110)).toBeNull();
    expect(pool.fault(offence(0, 1), 111)).toMatch(/too long ago/);
    await world.complete(pool.included(109, []));
    expect(pool.pending(10)).toHaveLength(2);
    await world.complete(pool.included(110, []));
    expect(pool.pending(10)).toEqual([offence(0, 1, 1)]);
    expect(await add(offence(0, 1))).toBe('ignored');
    life.end();
    await open({}, 110);
    expect(pool.list(10)).toHaveLength(1);
  });

  it('bounds what waits, and never forgets what a block carried while that may be repeated', async () => {
    await open({ maxWaiting: 3 });
    await world.complete(pool.included(4, [offence(0, 1), offence(1, 1), offence(2, 1), offence(3, 1)]));
    for (let epoch = 1; epoch < 8; epoch++) await add(offence(epoch % 4, 1, epoch));
    expect(pool.waiting(10)).toEqual([offence(1, 1, 1), offence(2, 1, 2), offence(3, 1, 3)]);
    for (const signer of [0, 1, 2, 3]) {
      expect(await add(offence(signer, 7))).toBe('known');
      expect(pool.fault(offence(signer, 7), 5)).toMatch(/height 4 carries it already/);
    }
    life.end();
    await open({ maxWaiting: 3 }, 4);
    expect(pool.list(10)).toHaveLength(7);
    expect(pool.fault(offence(0, 7), 5)).toMatch(/height 4 carries it already/);
  });

  it('verifies nothing that it has no room for', async () => {
    let verified = 0;
    life = new Incarnation(world, 'node');
    const store = await world.complete(platter.port(life).openStore('evidence'));
    const counting: SignatureSuite = {
      ...suite,
      verify: (item) => {
        verified++;
        return suite.verify(item);
      },
    };
    const limits = { ...options, maxWaiting: 2 };
    const parts = { store, suite: counting, hash, validators: () => validators };
    pool = await world.complete(EvidencePool.open(limits, parts, 0));
    expect([await add(offence(0, 1)), await add(offence(1, 1))]).toEqual(['added', 'added']);
    const before = verified;
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 10; i++)
      expect([await add(offence(0, 2, 1)), await add(offence(2, 1))]).toEqual(['ignored', 'ignored']);
    expect(verified).toBe(before);
  });

  it('hands each piece to gossip once', async () => {
    await add(offence(0, 1));
    await add(offence(1, 1));
    expect(pool.unsent(1)).toEqual([offence(0, 1)]);
    expect(pool.unsent(5)).toEqual([offence(1, 1)]);
    expect(pool.unsent(5)).toEqual([]);
  });

  it('rejects when the store fails, and does not pretend to keep it', async () => {
    platter.failingSyncs = 1;
    await expect(world.complete(pool.add(offence(0, 1)))).rejects.toMatchObject({ code: 'disk/failed' });
    expect(pool.pending(10)).toEqual([]);
  });

  it('refuses a store that does not decode', async () => {
    const store = await world.complete(platter.port(life).openStore('evidence'));
    await world.complete(store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(9, 9) }]));
    life.end();
    await expect(open()).rejects.toMatchObject({ code: 'store/corrupt' });
  });

  it('keeps the format of its store', () => {
    expect(conformance(keptCodec, hash)).toMatchInlineSnapshot(
      `"a15ca0783402df2a605214f5d84bf811951669081212c36ec5b00df848581a48"`,
    );
  });
});
