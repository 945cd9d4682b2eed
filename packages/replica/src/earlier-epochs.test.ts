import { toHex } from '@quorate/kernel';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, sha256 } from './chain.fixture.ts';
import { lackedEpoch, learnLacked } from './earlier-epochs.ts';
import { type Answer, follow, goOn, joining, LONG, running, serving, suite } from './state-sync.fixture.ts';
import type { CheckpointAnswer } from './state-sync-wire.ts';
import { KEY, RECORD, record } from './store-format.ts';

describe('epochs before the checkpoint', () => {
  /** The set changes in every epoch. */
  const changing = (heights: number, evidenceWindow = 1_000): ChainFixture => {
    const chain = new ChainFixture(suite, { epochLength: 10, evidenceWindow });
    for (let height = 1; height <= heights; height++) {
      chain.extend([`tx ${height} ${LONG}`, ...(height % 10 === 5 ? [`weight/${height % 4}/${height}`] : [])]);
    }
    return chain;
  };
  const trustIn = (chain: ChainFixture, height: number) => ({
    trusted: { height, digest: chain.at(height).block.ref.digest },
  });
  const rootsIn = ({ store }: { readonly store: BlockStore }, epochs: number) =>
    Array.from({ length: epochs }, (_, epoch) => store.validators(epoch)?.root(sha256) ?? null);
  const rootsOf = (chain: ChainFixture, epochs: number) =>
    Array.from({ length: epochs }, (_, epoch) => chain.setOf(epoch).root(sha256));

  test('their sets are proven, and offences of them are executed', async () => {
    const chain = changing(38);
    const served = await serving(chain, 9);
    const joiner = await joining(chain, { a: { served } });
    expect(await joiner.join(trustIn(chain, 33))).toBe(36);
    expect(rootsIn(joiner, 4)).toEqual(rootsOf(chain, 4));
    expect(new Set(rootsOf(chain, 4)).size).toBe(4);
    chain.extend([], [chain.offence(0, 1), chain.offence(1, 2), chain.offence(2, 3)]);
    const executor = await goOn(chain, joiner);
    expect(executor.height).toBe(39);
    const expected = [0, 1, 2].map((epoch) => {
      const set = chain.setOf(epoch);
      const offender = set.at(epoch + 1);
      return `${toHex(offender?.publicKey ?? new Uint8Array())} ${offender?.weight}/${set.total}`;
    });
    expect(joiner.application.offenders).toEqual(expected);
  });

  test('also those between checkpoint and snapshot can be proven to others', async () => {
    const chain = changing(58);
    const served = await serving(chain, 9);
    served.application.disk.snapshots.delete(54);
    for (const checkpoint of [0, 12, 33, 40, 41, 45]) {
      const trusted = checkpoint === 0 ? {} : trustIn(chain, checkpoint);
      const joiner = await joining(chain, { a: { served } });
      expect(await joiner.join(trusted)).toBe(45);
      expect(rootsIn(joiner, 5)).toEqual(rootsOf(chain, 5));
      const executor = await running(chain, joiner.application, joiner.store, { interval: 9 });
      await follow(chain, { store: joiner.store, executor }, chain.made.slice(45));
      const second = await joining(chain, { a: { served: { ...joiner, chain } } });
      expect(await second.join(trustIn(chain, 45))).toBe(54);
      expect(rootsIn(second, 6)).toEqual(rootsOf(chain, 6));
    }
  });

  test('no more of them than the evidence window needs, and one whose pruning left just that can prove them', async () => {
    const chain = changing(44, 15);
    const served = await serving(chain, 9, 5);
    expect(served.store.at(11)).toBeNull();
    served.application.disk.snapshots.delete(36);
    const joiner = await joining(chain, { a: { served } });
    expect(await joiner.join(trustIn(chain, 22))).toBe(27);
    expect(rootsIn(joiner, 3).map((root) => root !== null)).toEqual([true, true, true]);
    expect(joiner.store.opening(2)).not.toBeNull();
    expect(joiner.store.opening(1)).toBeNull();
  });

  const lies: Record<string, (found: CheckpointAnswer, chain: ChainFixture) => CheckpointAnswer> = {
    'another set': (found, chain) => ({ ...found, validators: chain.setOf(0) }),
    'another last block': (found) => ({ ...found, header: { ...found.header, time: found.header.time + 1 } }),
    'a forged beginning': (found, chain) => {
      if (found.first === null) return found;
      const headers = found.first.headers.map((header) => ({ ...header, parentDigest: '77'.repeat(32) }));
      return { ...found, first: { certificate: chain.certificate(chain.at(21).block, [0]), headers } };
    },
    'a beginning that is none': (found, chain) => ({ ...found, first: chain.proof(found.header.height) }),
    'nothing of how it began': (found) => ({ ...found, first: null }),
  };
  for (const [name, lie] of Object.entries(lies)) {
    test(`a peer that gives ${name}: another one proves them; alone it is refused`, async () => {
      const chain = changing(38);
      const served = await serving(chain, 9);
      const answer: Answer = (request, honest) =>
        honest.kind === 'checkpoint' && honest.found !== null && request.kind === 'checkpoint' && request.height === 30
          ? { ...honest, found: lie(honest.found, chain) }
          : honest;
      const joiner = await joining(chain, { liar: { served, answer }, honest: { served } });
      expect(await joiner.join(trustIn(chain, 33))).toBe(36);
      expect(rootsIn(joiner, 4)).toEqual(rootsOf(chain, 4));
      expect([...joiner.blamed.keys()]).toEqual(name === 'nothing of how it began' ? [] : ['liar']);
      const alone = await joining(chain, { liar: { served, answer } });
      await expect(alone.join(trustIn(chain, 33))).rejects.toMatchObject({ code: 'sync/refused' });
      expect(alone.store.begun).toBe(false);
      expect(alone.store.validators(2)).toBeNull();
    });
  }

  test('a store that an older release began without them gets them when a block needs them', async () => {
    const chain = changing(38);
    chain.extend([], [chain.offence(0, 1), chain.offence(1, 2)]);
    const served = await serving(chain, 9);
    const joiner = await joining(chain, { a: { served } });
    expect(await joiner.join(trustIn(chain, 33))).toBe(36);
    // What that release kept: the set of the checkpoint's epoch and how the epoch began.
    const records = joiner.disk.stores.get('blocks') ?? new Map<string, Uint8Array>();
    for (const key of [...records.keys()]) {
      const epoch = Number(`0x${key.slice(2)}`);
      if (['34', '35'].includes(key.slice(0, 2)) || (key.startsWith('30') && epoch < 3)) records.delete(key);
    }
    const began = record(KEY.epochStart(3), RECORD.epochStart, chain.at(30).block.ref.digest);
    records.set(toHex(began.key), began.value ?? new Uint8Array());
    const store = await BlockStore.open({ genesis: chain.genesis }, { disk: joiner.disk.port(), hash: sha256 });
    expect(rootsIn({ store }, 4)).toEqual([null, null, null, chain.setOf(3).root(sha256)]);
    expect(store.epochStart(3)).toBe(chain.at(30).block.ref.digest);
    expect(lackedEpoch(store, chain.genesis.consensus, 36)).toBe(2);
    const learnSets = () => learnLacked(store, 36, joiner.questions);
    const executor = await running(chain, joiner.application, store, { learnSets });
    await follow(chain, { store, executor }, chain.made.slice(36));
    expect(executor.height).toBe(39);
    expect(joiner.application.offenders).toHaveLength(2);
    expect(rootsIn({ store }, 4).slice(1)).toEqual(rootsOf(chain, 4).slice(1));
    expect(lackedEpoch(store, chain.genesis.consensus, 39)).toBeNull();
  });
});
