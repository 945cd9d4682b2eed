import { conformance, decode, encode, type PeerId, QuorateError, toHex } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, ListApplication, type Made, MemoryDisk, sha256 } from './chain.fixture.ts';
import { type LookingBackParts, lackedEpoch, learnLacked } from './earlier-epochs.ts';
import { createExecutor, type Executor } from './executor.ts';
import { stateSync } from './state-sync.ts';
import { serveStateSync } from './state-sync-serving.ts';
import {
  type CheckpointAnswer,
  type StateSyncRequest,
  type StateSyncResponse,
  stateSyncRequestCodec,
  stateSyncResponseCodec,
} from './state-sync-wire.ts';
import { KEY, RECORD, record } from './store-format.ts';

const suite = simulatedSuite();
const LONG = 'x'.repeat(40);

type Answer = (request: StateSyncRequest, honest: StateSyncResponse) => StateSyncResponse;

interface Served {
  readonly chain: ChainFixture;
  readonly store: BlockStore;
  readonly application: ListApplication;
}

/** A node with the whole chain and snapshots every `interval` heights. */
async function serving(chain: ChainFixture, interval: number, retainBlocks = 0): Promise<Served> {
  const application = new ListApplication(chain.updates);
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: new MemoryDisk().port(), hash: sha256 });
  const executor = await running(chain, application, store, { interval, retainBlocks });
  await follow(chain, { store, executor }, chain.made);
  return { chain, store, application };
}

async function running(
  chain: ChainFixture,
  application: ListApplication,
  store: BlockStore,
  options: {
    readonly interval?: number;
    readonly retainBlocks?: number;
    readonly learnSets?: () => Promise<void>;
  } = {},
): Promise<Executor> {
  const { interval = 0, retainBlocks = 0, learnSets = () => Promise.resolve() } = options;
  return createExecutor(
    { genesis: chain.genesis, retainBlocks, snapshotInterval: interval, keepSnapshots: 2 },
    {
      application,
      store,
      hash: sha256,
      log: () => {},
      proposerOf: chain.proposerOf,
      learnSets,
      executed: () => {},
      halted: (error) => {
        throw error;
      },
    },
  );
}

async function follow(
  chain: ChainFixture,
  node: { store: BlockStore; executor: Executor },
  made: readonly Made[],
): Promise<void> {
  const { epochLength } = chain.genesis.consensus;
  for (const each of made) {
    await node.store.put(each.block, each.body);
    await node.store.finalize([each.entry]);
    node.executor.advance();
    await node.executor.settled();
    const { height, epoch } = each.block.header;
    if (height % epochLength !== 0 || node.store.epochProof(epoch) !== null) continue;
    const next = node.executor.nextValidators(each.block);
    const proof = node.store.finalityProof(height);
    if (next.kind === 'known' && proof !== null) await node.store.endEpoch(epoch, proof, next.set);
  }
}

interface Joiner {
  readonly store: BlockStore;
  readonly application: ListApplication;
  readonly disk: MemoryDisk;
  readonly questions: LookingBackParts;
  readonly blamed: Map<PeerId, string>;
  readonly asked: StateSyncRequest[];
  join(options?: {
    trusted?: { height: number; digest: string };
    now?: number;
    trustingPeriod?: number;
  }): Promise<number>;
}

/** A new node whose peers answer as they like; every message passes the wire format. */
async function joining(
  chain: ChainFixture,
  peers: Record<PeerId, { served: Served; answer?: Answer }>,
  state: ListApplication['disk'] = { state: null, snapshots: new Map() },
): Promise<Joiner> {
  const application = new ListApplication(chain.updates, { disk: state });
  const disk = new MemoryDisk();
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: disk.port(), hash: sha256 });
  const blamed = new Map<PeerId, string>();
  const asked: StateSyncRequest[] = [];
  const ask = async (peer: PeerId, request: StateSyncRequest): Promise<StateSyncResponse> => {
    const there = peers[peer];
    if (there === undefined) throw new QuorateError('rpc/unavailable', 'nobody');
    asked.push(request);
    const honest = await serveStateSync(decode(stateSyncRequestCodec, encode(stateSyncRequestCodec, request)), {
      ...there.served,
      genesis: chain.genesis,
    });
    const response = there.answer?.(request, honest) ?? honest;
    return decode(stateSyncResponseCodec, encode(stateSyncResponseCodec, response).slice());
  };
  const questions: LookingBackParts = {
    genesis: chain.genesis,
    suite,
    hash: sha256,
    now: () => 2_000_000,
    peers: () => Object.keys(peers),
    ask,
    blame: (peer, reason) => blamed.set(peer, reason),
  };
  return {
    store,
    application,
    disk,
    questions,
    blamed,
    asked,
    join: (options = {}) =>
      stateSync(
        {
          genesis: chain.genesis,
          trusted: options.trusted ?? { height: 0, digest: chain.start.ref.digest },
          trustingPeriod: options.trustingPeriod ?? 86_400_000,
        },
        { ...questions, application, store, log: () => {}, now: () => options.now ?? 2_000_000 },
      ),
  };
}

function busyChain(heights: number, epochLength = 10): ChainFixture {
  const chain = new ChainFixture(suite, { epochLength });
  for (let height = 1; height <= heights; height++) {
    chain.extend([`tx ${height} ${LONG}`, ...(height % 6 === 0 ? [`weight/${4 + (height % 2)}/${height}`] : [])]);
  }
  return chain;
}

/** Follows the rest of the chain from the floor, as block sync would. */
async function goOn(chain: ChainFixture, { store, application }: Joiner): Promise<Executor> {
  const executor = await running(chain, application, store);
  await follow(chain, { store, executor }, chain.made.slice(store.finalizedHeight));
  return executor;
}

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
