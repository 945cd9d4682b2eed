import { conformance, QuorateError } from '@quorate/kernel';
import { describe, expect, test } from 'vitest';
import { ChainFixture, sha256 } from './chain.fixture.ts';
import { busyChain, goOn, joining, serving, suite } from './state-sync.fixture.ts';
import { serveStateSync } from './state-sync-serving.ts';
import { type StateSyncRequest, stateSyncRequestCodec, stateSyncResponseCodec } from './state-sync-wire.ts';

describe('state sync', () => {
  test('hops epochs from genesis, restores the newest snapshot and goes on with blocks', async () => {
    const chain = busyChain(38);
    const served = await serving(chain, 9);
    const joiner = await joining(chain, { a: { served }, b: { served } });
    expect(await joiner.join()).toBe(36);
    expect(joiner.store.tip().block).toEqual(chain.at(36).block);
    expect(joiner.store.validators(3)?.root(sha256)).toBe(chain.setOf(3).root(sha256));
    expect(joiner.store.epochProof(2)?.next.root(sha256)).toBe(chain.setOf(3).root(sha256));
    expect([...joiner.blamed]).toEqual([]);
    const executor = await goOn(chain, joiner);
    expect(executor.height).toBe(38);
    expect(executor.stateRoot).toBe(chain.stateRoot(38));
    expect(joiner.asked.filter(({ kind }) => kind === 'chunk').length).toBeGreaterThan(10);
    expect(await joiner.join()).toBe(38);
  });

  test('every place of the snapshot in an epoch works, also its last two blocks', async () => {
    for (const at of [8, 9, 10, 11, 12]) {
      const chain = busyChain(at + 14);
      const served = await serving(chain, 0);
      const early = await serving(busyChain(at), at);
      for (const [height, text] of early.application.disk.snapshots)
        served.application.disk.snapshots.set(height, text);
      const joiner = await joining(chain, { a: { served } });
      expect(await joiner.join()).toBe(at);
      const executor = await goOn(chain, joiner);
      expect(executor.stateRoot).toBe(chain.stateRoot(at + 14));
      expect(executor.nextValidators(chain.at(20).block)).toMatchObject({ kind: 'known' });
    }
  });

  test('starts from a checkpoint inside an epoch, and learns how that epoch began', async () => {
    const chain = busyChain(38);
    const served = await serving(chain, 9);
    const { block } = chain.at(33);
    const joiner = await joining(chain, { a: { served } });
    expect(await joiner.join({ trusted: { height: 33, digest: block.ref.digest } })).toBe(36);
    expect(joiner.store.epochStart(3)).toBe(chain.at(30).block.ref.digest);
    expect((await goOn(chain, joiner)).stateRoot).toBe(chain.stateRoot(38));
  });

  test('after a crash between the last chunk and the floor the restored state is used', async () => {
    const chain = busyChain(20);
    const served = await serving(chain, 9);
    const state = JSON.parse(served.application.disk.snapshots.get(18) ?? 'null');
    const joiner = await joining(chain, { a: { served } }, { state, snapshots: new Map() });
    expect(await joiner.join()).toBe(18);
    expect(joiner.asked.filter(({ kind }) => kind === 'chunk')).toEqual([]);
    expect((await goOn(chain, joiner)).stateRoot).toBe(chain.stateRoot(20));
  });
});

describe('weak subjectivity', () => {
  test('a checkpoint older than the evidence window or the trusting period is refused', async () => {
    const chain = new ChainFixture(suite, { epochLength: 10, evidenceWindow: 15 });
    chain.grow(30);
    const served = await serving(chain, 9);
    const old = await joining(chain, { a: { served } });
    await expect(old.join()).rejects.toMatchObject({
      code: 'sync/refused',
      message: expect.stringContaining('evidence window'),
    });
    const { block } = chain.at(21);
    const trusted = { height: 21, digest: block.ref.digest };
    expect(await (await joining(chain, { a: { served } })).join({ trusted })).toBe(27);
    const late = await joining(chain, { a: { served } });
    await expect(late.join({ trusted, now: block.header.time + 10_001, trustingPeriod: 10_000 })).rejects.toMatchObject(
      { code: 'light/expired' },
    );
    expect([...late.blamed]).toEqual([]);
  });

  test('a digest that is not that of the chain expels nobody: whoever gave it may have mistyped it', async () => {
    const chain = busyChain(38);
    const served = await serving(chain, 9);
    const joiner = await joining(chain, { a: { served }, b: { served } });
    const digest = '44'.repeat(32);
    await expect(joiner.join({ trusted: { height: 33, digest } })).rejects.toMatchObject({
      code: 'sync/refused',
      message: `no peer proves the checkpoint at height 33 with digest ${digest}: check it with somebody you trust`,
    });
    expect(joiner.asked).toHaveLength(2);
    expect([...joiner.blamed]).toEqual([]);
  });

  test('a checkpoint that no peer has, and a foreign genesis', async () => {
    const chain = busyChain(20);
    const served = await serving(chain, 9);
    const joiner = await joining(chain, { a: { served } });
    await expect(joiner.join({ trusted: { height: 5, digest: '44'.repeat(32) } })).rejects.toMatchObject({
      code: 'sync/refused',
    });
    await expect(joiner.join({ trusted: { height: 0, digest: '44'.repeat(32) } })).rejects.toMatchObject({
      code: 'genesis/mismatch',
    });
  });
});

test('an application that throws when a stranger asks offers nothing; a failing disk is no secret', async () => {
  const { chain, store, application } = await serving(busyChain(14), 5);
  let error: Error = new RangeError('no such chunk');
  application.snapshots.list = () => Promise.reject(error);
  application.snapshots.load = () => Promise.reject(error);
  const ask = (request: StateSyncRequest) => serveStateSync(request, { genesis: chain.genesis, store, application });
  expect(await ask({ kind: 'snapshots' })).toEqual({ kind: 'snapshots', snapshots: [] });
  expect(await ask({ kind: 'chunk', height: 10, format: 1, chunk: 77 })).toEqual({ kind: 'chunk', bytes: null });
  error = new QuorateError('disk/failed', 'the disk failed');
  await expect(ask({ kind: 'snapshots' })).rejects.toMatchObject({ code: 'disk/failed' });
});

test('wire types: a change of a hash is a change of the protocol', () => {
  const hashes = [conformance(stateSyncRequestCodec, sha256), conformance(stateSyncResponseCodec, sha256)];
  expect(hashes.map((hash) => hash.slice(0, 16))).toMatchInlineSnapshot(`
    [
      "2770b14a407c074b",
      "43418b7e96f81a0d",
    ]
  `);
});
