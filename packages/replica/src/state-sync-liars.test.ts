import { QuorateError } from '@quorate/kernel';
import { describe, expect, test } from 'vitest';
import { ChainFixture } from './chain.fixture.ts';
import { type Answer, busyChain, follow, goOn, joining, LONG, running, serving, suite } from './state-sync.fixture.ts';

describe('lying peers', () => {
  const flip = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    copy[3] = (copy[3] ?? 0) ^ 1;
    return copy;
  };

  const lies: Record<string, Answer> = {
    'bad chunks': (_request, honest) =>
      honest.kind === 'chunk' && honest.bytes ? { ...honest, bytes: flip(honest.bytes) } : honest,
    'no answers': (request) => {
      throw new QuorateError('rpc/unavailable', `no answer to ${request.kind}`);
    },
    'a floor with a forged certificate': (_request, honest) => {
      if (honest.kind !== 'floor' || honest.found === null) return honest;
      const { floor } = honest.found;
      const certificate = { ...floor.certificate, signature: flip(floor.certificate.signature) };
      return { ...honest, found: { ...honest.found, floor: { ...floor, certificate } } };
    },
    'another state root': (_request, honest) => {
      if (honest.kind !== 'floor' || honest.found === null) return honest;
      const { root } = honest.found;
      const headers = root.headers.map((header) => ({ ...header, stateRoot: '99'.repeat(32) }));
      return { ...honest, found: { ...honest.found, root: { ...root, headers } } };
    },
    'the proof of another height': (_request, honest) => {
      if (honest.kind !== 'floor' || honest.found === null) return honest;
      return { ...honest, found: { ...honest.found, floor: honest.found.root } };
    },
    'another next validator set': (_request, honest) =>
      honest.kind === 'epochs'
        ? { ...honest, proofs: honest.proofs.map((proof) => ({ ...proof, next: busyChain(1).setOf(0) })) }
        : honest,
    'another protocol': (_request) => ({ kind: 'snapshots', snapshots: [] }),
  };

  for (const [name, answer] of Object.entries(lies)) {
    test(`${name}: another peer serves`, async () => {
      const chain = busyChain(38);
      const served = await serving(chain, 9);
      const joiner = await joining(chain, { liar: { served, answer }, honest: { served } });
      expect(await joiner.join()).toBe(36);
      expect((await goOn(chain, joiner)).stateRoot).toBe(chain.stateRoot(38));
      expect([...joiner.blamed.keys()].filter((peer) => peer !== 'liar')).toEqual([]);
      if (!['no answers', 'another protocol'].includes(name)) expect(joiner.blamed.has('liar')).toBe(true);
    });

    test(`${name}, alone: a typed refusal, and nothing is adopted`, async () => {
      const chain = busyChain(38);
      const served = await serving(chain, 9);
      const joiner = await joining(chain, { liar: { served, answer } });
      await expect(joiner.join()).rejects.toMatchObject({ code: 'sync/refused' });
      expect(joiner.store.begun).toBe(false);
    });
  }

  test('the state root of another height: the liar is blamed, not those whose snapshot is good', async () => {
    const chain = busyChain(38);
    const served = await serving(chain, 9);
    const answer: Answer = (_request, honest) => {
      const later = served.store.finalityProof(38);
      if (honest.kind !== 'floor' || honest.found === null || later === null) return honest;
      return { ...honest, found: { ...honest.found, root: later } };
    };
    const joiner = await joining(chain, { liar: { served, answer }, honest: { served } });
    expect(await joiner.join()).toBe(36);
    expect([...joiner.blamed.keys()]).toEqual(['liar']);
  });

  test('a staged set that the last header of the epoch contradicts', async () => {
    const chain = busyChain(20);
    const served = await serving(chain, 9); // the header after 9 ends the epoch
    served.application.disk.snapshots.delete(18);
    const answer: Answer = (_request, honest) =>
      honest.kind === 'floor' && honest.found !== null
        ? { ...honest, found: { ...honest.found, staged: chain.genesis.validators } }
        : honest;
    const joiner = await joining(chain, { liar: { served, answer }, honest: { served } });
    expect(await joiner.join()).toBe(9);
    expect([...joiner.blamed.keys()]).toEqual(['liar']);
    expect(joiner.store.staged(9)).toMatchObject({ provisional: false });
  });

  test('a restored state with another root is not taken for the certified one', async () => {
    const chain = busyChain(20);
    const served = await serving(chain, 9);
    const state = JSON.parse(served.application.disk.snapshots.get(18) ?? 'null');
    state.log.push('damage');
    const joiner = await joining(chain, { a: { served } }, { state, snapshots: new Map() });
    expect(await joiner.join()).toBe(18);
    expect((await goOn(chain, joiner)).stateRoot).toBe(chain.stateRoot(20));
  });

  test('a restored state that says it belongs to another block is not taken for the certified one', async () => {
    const chain = busyChain(20);
    const served = await serving(chain, 9);
    const state = { ...JSON.parse(served.application.disk.snapshots.get(18) ?? 'null'), block: 'ee'.repeat(32) };
    const joiner = await joining(chain, { a: { served } }, { state, snapshots: new Map() });
    expect(await joiner.join()).toBe(18);
    expect((await joiner.application.info()).block).toBe(chain.at(18).block.ref.digest);
    expect((await goOn(chain, joiner)).stateRoot).toBe(chain.stateRoot(20));
  });

  test('a chain that other validators signed is no chain', async () => {
    const chain = busyChain(20);
    const other = new ChainFixture(suite, { epochLength: 10 });
    for (let height = 1; height <= 20; height++) other.extend([`forged ${height} ${LONG}`]);
    const forged = await serving(other, 9);
    const spoiled: Answer = (_request, honest) => {
      if (honest.kind !== 'floor' || honest.found === null) return honest;
      const weak = { ...honest.found.floor, certificate: other.certificate(other.at(18).block, [0, 1]) };
      return { ...honest, found: { ...honest.found, floor: weak } };
    };
    const joiner = await joining(chain, { liar: { served: forged, answer: spoiled } });
    await expect(joiner.join()).rejects.toMatchObject({ code: 'sync/refused' });
    expect(joiner.blamed.has('liar')).toBe(true);
  });

  test('a wrong staged set is not believed for longer than the epoch', async () => {
    const chain = busyChain(38);
    const served = await serving(chain, 9);
    const liar: Answer = (_request, honest) =>
      honest.kind === 'floor' && honest.found !== null
        ? { ...honest, found: { ...honest.found, staged: chain.genesis.validators } }
        : honest;
    const short = await joining(chain, { liar: { served, answer: liar } });
    expect(await short.join()).toBe(36);
    chain.grow(4);
    const executor = await running(chain, short.application, short.store);
    await follow(chain, { store: short.store, executor }, chain.made.slice(36, 39));
    expect(await executor.judge(chain.at(40).block, chain.at(39).block)).toMatchObject({ kind: 'missing' });
    await short.store.put(chain.at(40).block, chain.at(40).body);
    expect(await executor.judge(chain.at(40).block, chain.at(39).block)).toEqual({ kind: 'behind' });
    await follow(chain, { store: short.store, executor }, chain.made.slice(39, 40));
    expect(executor.nextValidators(chain.at(40).block)).toEqual({ kind: 'unknown' });
    await expect(executor.learnNextSet(chain.at(40).block, chain.genesis.validators)).rejects.toMatchObject({
      code: 'proof/invalid',
    });
    await executor.learnNextSet(chain.at(40).block, chain.setOf(4));
    expect(executor.nextValidators(chain.at(40).block)).toMatchObject({ kind: 'known' });
    await follow(chain, { store: short.store, executor }, chain.made.slice(40));
    expect(executor.stateRoot).toBe(chain.stateRoot(42));
  });
});
