import { crc32 } from '@quorate/crypto';
import { conformance } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, Fate, type Made, MemoryDisk, sha256 } from './chain.fixture.ts';
import { pruneStep } from './retention.ts';
import { KEY, RECORD, record, STORE_VERSION } from './store-format.ts';

const suite = simulatedSuite();

async function opened(chain: ChainFixture, disk: MemoryDisk, fate?: Fate, options = {}): Promise<BlockStore> {
  const store = await BlockStore.open({ genesis: chain.genesis, ...options }, { disk: disk.port(fate), hash: sha256 });
  await store.adoptGenesis(chain.start, chain.genesis.validators, chain.genesis.time);
  return store;
}

async function fill(store: BlockStore, made: readonly Made[]): Promise<void> {
  for (const { block, body } of made) await store.put(block, body);
  await store.finalize(made.map(({ entry }) => entry));
}

const outcome = (made: Made) => ({
  digest: made.block.ref.digest,
  stateRoot: made.block.header.stateRoot,
  receiptsRoot: made.block.header.receiptsRoot,
  validatorUpdates: [],
});

const receiptsFor = (ids: string[]) => ({
  transactions: ids,
  receipts: ids.map(() => ({ code: 0, log: '', events: [], data: new Uint8Array() })),
  events: [],
});

test('crc32 is the one of IEEE 802.3, over parts as over the whole', () => {
  const bytes = new TextEncoder().encode('123456789');
  expect(crc32(bytes)).toBe(0xcbf43926);
  expect(crc32(bytes.subarray(0, 2), bytes.subarray(2, 7), bytes.subarray(7))).toBe(0xcbf43926);
});

describe('the block store', () => {
  test('keeps a body once, however often and at the same time it is put', async () => {
    const chain = new ChainFixture(suite);
    const { block, body } = chain.propose(['a']);
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    const before = store.batches;
    expect(store.hasBody(block.ref)).toBe(false);
    const first = store.put(block, body);
    expect(store.hasBody(block.ref)).toBe(false);
    await Promise.all([first, store.put(block, body), store.put(block, body)]);
    await store.put(block, body);
    expect(store.batches - before).toBe(1);
    expect(store.hasBody(block.ref)).toBe(true);
    const again = await opened(chain, disk);
    expect(again.hasBody(block.ref)).toBe(true);
    expect(again.body(block.ref)).toEqual(body);
    expect(again.header(block.ref)).toEqual(block);
  });

  test('writes that wait together share a batch', async () => {
    const chain = new ChainFixture(suite);
    const store = await opened(chain, new MemoryDisk());
    const before = store.batches;
    const many = Array.from({ length: 20 }, (_, i) => chain.propose([`rival ${i}`]));
    await Promise.all(many.map(({ block, body }) => store.put(block, body)));
    expect(store.batches - before).toBe(1);
  });

  test('finalizes consecutive heights and answers by height after reopening', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(25);
    const disk = new MemoryDisk();
    await fill(await opened(chain, disk), chain.made);
    const store = await opened(chain, disk);
    expect(store.finalizedHeight).toBe(25);
    expect(store.tip().block).toEqual(chain.at(25).block);
    expect(store.tip().certificate).toEqual(chain.certificate(chain.at(25).block));
    for (const { block, body, entry } of chain.made) {
      expect(store.at(block.header.height)).toEqual(block);
      expect(store.body(block.ref)).toEqual(body);
      expect(store.finalizedAt(block.header.height)).toBe(entry.at);
      expect(store.justification(block.header.height)).toEqual(entry.commit.justification);
    }
    expect(store.at(26)).toBe(null);
  });

  test('finality again is a no-op; another block at a final height, or one that does not extend the tip, is a fork', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(3);
    const store = await opened(chain, new MemoryDisk());
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival']);
    await store.put(rival.block, rival.body);
    await fill(store, chain.made);
    await store.finalize(chain.made.map(({ entry }) => entry));
    await expect(store.finalize([chain.entry(rival.block)])).rejects.toMatchObject({ code: 'consensus/fork' });
    const stray = chain.proposeOn(chain.at(3).block, 3, ['x'], { parentDigest: rival.block.ref.digest });
    await store.put(stray.block, stray.body);
    await expect(store.finalize([chain.entry(stray.block)])).rejects.toMatchObject({ code: 'consensus/fork' });
    expect(store.finalizedHeight).toBe(3);
  });

  test('refuses to finalize what was never stored', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(1);
    const store = await opened(chain, new MemoryDisk());
    await expect(store.finalize([chain.at(1).entry])).rejects.toMatchObject({ code: 'store/corrupt' });
  });

  test('drops rivals at and below the finalized height, on disk too', async () => {
    const chain = new ChainFixture(suite);
    const rival = chain.propose(['rival']);
    chain.grow(2);
    const above = chain.propose(['above']);
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    for (const { block, body } of [rival, above]) await store.put(block, body);
    await fill(store, chain.made);
    for (const each of [store, await opened(chain, disk)]) {
      expect(each.hasBody(rival.block.ref)).toBe(false);
      expect(each.header(rival.block.ref)).toBe(null);
      expect(each.hasBody(above.block.ref)).toBe(true);
      expect(each.hasBody(chain.at(1).block.ref)).toBe(true);
    }
    await store.put(rival.block, rival.body);
    expect(store.hasBody(rival.block.ref)).toBe(false);
  });

  test('bounds candidates, but an empty block always fits', async () => {
    const chain = new ChainFixture(suite);
    const store = await opened(chain, new MemoryDisk(), undefined, { maxCandidateBytes: 10_000 });
    const big = (name: string) => chain.propose([name.padEnd(6_000, '.')]);
    const first = big('first');
    await store.put(first.block, first.body);
    expect(store.pressure).toBeGreaterThan(0.5);
    const second = big('second');
    await expect(store.put(second.block, second.body)).rejects.toMatchObject({ code: 'store/full' });
    expect(store.hasBody(second.block.ref)).toBe(false);
    const empty = chain.propose([]);
    await store.put(empty.block, empty.body);
    expect(store.hasBody(empty.block.ref)).toBe(true);
    await store.finalize([chain.entry(first.block)]);
    expect(store.pressure).toBe(0);
  });

  test('a certificate covers the heights below it, and a proof carries the headers between', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(5);
    const store = await opened(chain, new MemoryDisk());
    for (const { block, body } of chain.made) await store.put(block, body);
    const top = chain.at(5).block;
    await store.finalize(chain.made.map(({ block }) => chain.entry(block, top)));
    const certificate = chain.certificate(top);
    expect(store.certificateFor(2)).toEqual({ certificate, certifiedHeight: 5 });
    expect(store.finalityProof(2)).toEqual({
      headers: chain.made.slice(1).map(({ block }) => block.header),
      certificate,
    });
    expect(store.finalityProof(6)).toBe(null);
  });

  test('an epoch that ended under trailing blocks keeps their headers with the certificate (S11)', async () => {
    const chain = new ChainFixture(suite, { epochLength: 3 });
    chain.grow(3);
    const last = chain.at(3).block;
    const trailing = chain.proposeOn(last, 2, [], { epoch: 0, nextValidatorsRoot: null, parentView: last.header.view });
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    for (const { block, body } of [...chain.made, trailing]) await store.put(block, body);
    const certificate = chain.certificate(trailing.block);
    await store.finalize(chain.made.map(({ block }) => chain.entry(block, trailing.block)));
    expect(store.finalizedHeight).toBe(3);
    chain.grow(1);
    await fill(store, [chain.at(4)]);
    const again = await opened(chain, disk);
    expect(again.finalityProof(3)).toEqual({ headers: [last.header, trailing.block.header], certificate });
    expect(again.certificateFor(3)?.certifiedHeight).toBe(4);
    expect(again.finalityProof(4)?.headers).toEqual([chain.at(4).block.header]);
    expect(again.header(trailing.block.ref)).toBe(null);
  });

  test('keeps epoch proofs and sets', async () => {
    const chain = new ChainFixture(suite, { epochLength: 3 });
    chain.extend(['weight/4/3']);
    chain.grow(3);
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    await store.endEpoch(0, chain.proof(3), chain.setOf(1));
    const again = await opened(chain, disk);
    expect(again.epochProof(0)).toEqual({ epoch: 0, proof: chain.proof(3), next: chain.setOf(1) });
    expect(again.validators(1)?.total).toBe(7);
    expect(again.validators(2)).toBe(null);
  });
});

describe('what the store refuses', () => {
  test('another chain', async () => {
    const disk = new MemoryDisk();
    await opened(new ChainFixture(suite), disk);
    await expect(opened(new ChainFixture(suite, { chainId: 'other' }), disk)).rejects.toMatchObject({
      code: 'genesis/mismatch',
    });
  });

  test('an application that makes another state of genesis', async () => {
    const chain = new ChainFixture(suite);
    const store = await opened(chain, new MemoryDisk());
    const other = { ...chain.start, header: { ...chain.start.header, stateRoot: '11'.repeat(32) } };
    await expect(store.adoptGenesis(other, chain.genesis.validators, 0)).rejects.toMatchObject({
      code: 'genesis/mismatch',
    });
  });

  test('a newer format', async () => {
    const chain = new ChainFixture(suite);
    const disk = new MemoryDisk();
    await opened(chain, disk);
    const port = await disk.port().openStore('blocks');
    await port.write([
      record(KEY.format, RECORD.format, { version: STORE_VERSION + 1, genesis: chain.start.ref.digest }),
    ]);
    await expect(opened(chain, disk)).rejects.toMatchObject({ code: 'store/version' });
  });

  test('every flipped bit of every record, by name', async () => {
    const chain = new ChainFixture(suite, { epochLength: 2 });
    chain.grow(2);
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    await fill(store, chain.made);
    await store.endEpoch(0, chain.proof(2), chain.setOf(1));
    await store.recordExecution(1, outcome(chain.at(1)), receiptsFor(['ab'.repeat(32)]), null, {
      bodies: 0,
      headers: 0,
    });
    const candidate = chain.propose(['c']);
    await store.put(candidate.block, candidate.body);
    expect(store.verify(new Uint8Array(), 1_000).damaged).toEqual([]);
    const records = disk.stores.get('blocks') ?? new Map<string, Uint8Array>();
    expect(records.size).toBeGreaterThan(15);
    for (const [key, value] of records) {
      for (const at of [0, value.length >> 1, value.length - 1]) {
        value[at] = (value[at] ?? 0) ^ 4;
        expect(store.verify(new Uint8Array(), 1_000).damaged).toEqual([key]);
        value[at] = (value[at] ?? 0) ^ 4;
      }
    }
    const body = records.get(Buffer.from(KEY.body(chain.at(1).block.ref.digest)).toString('hex'));
    if (body === undefined) throw new Error('no body');
    body[5] = (body[5] ?? 0) ^ 1;
    const again = await opened(chain, disk);
    expect(() => again.body(chain.at(1).block.ref)).toThrow(chain.at(1).block.ref.digest);
    expect(again.body(chain.at(2).block.ref)).toEqual(chain.at(2).body);
  });

  test('a record moved under another key', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(2);
    const disk = new MemoryDisk();
    await fill(await opened(chain, disk), chain.made);
    const records = disk.stores.get('blocks') ?? new Map<string, Uint8Array>();
    const [one, two] = [1, 2].map((height) => Buffer.from(KEY.finalized(height)).toString('hex'));
    records.set(one ?? '', records.get(two ?? '') ?? new Uint8Array());
    const store = await opened(chain, disk);
    expect(() => store.at(1)).toThrow(/store/);
  });

  test('everything after a failed write', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(2);
    const fate = new Fate();
    const store = await opened(chain, new MemoryDisk(), fate);
    fate.at = fate.count;
    const { block, body } = chain.at(1);
    await expect(store.put(block, body)).rejects.toMatchObject({ code: 'disk/failed' });
    expect(store.hasBody(block.ref)).toBe(false);
    fate.dead = false; // the disk works again, but what it lost is not known
    await expect(store.put(chain.at(2).block, chain.at(2).body)).rejects.toMatchObject({ code: 'disk/failed' });
  });
});

describe('migration from version 1', () => {
  async function versionOne(chain: ChainFixture): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    await fill(await opened(chain, disk), chain.made);
    const port = await disk.port().openStore('blocks');
    const writes = [chain.start, ...chain.made.map(({ block }) => block)].map(({ header, ref }) =>
      record(KEY.finalized(header.height), RECORD.finalizedV1, { digest: ref.digest }),
    );
    await port.write([...writes, record(KEY.format, RECORD.format, { version: 1, genesis: chain.start.ref.digest })]);
    return disk;
  }

  test('adds the time of the block, from wherever it was interrupted', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(1_100);
    const old = await versionOne(chain);
    for (const at of [null, 0, 1, 2]) {
      for (const happens of [false, true]) {
        const disk = new MemoryDisk();
        for (const [name, records] of old.stores) disk.stores.set(name, new Map(records));
        const fate = new Fate();
        fate.at = at;
        fate.happens = happens;
        const first = await opened(chain, disk, fate).catch((error: unknown) => error);
        expect(first instanceof BlockStore).toBe(at === null);
        const store = await opened(chain, disk);
        expect(store.finalizedAt(1_100)).toBe(chain.at(1_100).block.header.time);
        expect(store.finalizedAt(0)).toBe(chain.genesis.time);
        expect(store.at(700)).toEqual(chain.at(700).block);
      }
    }
  });
});

describe('retention', () => {
  async function run(chain: ChainFixture, keep: (height: number) => { bodies: number; headers: number }) {
    const disk = new MemoryDisk();
    const store = await opened(chain, disk);
    for (const made of chain.made) {
      await fill(store, [made]);
      const { height } = made.block.header;
      const id = height.toString(16).padStart(64, '0');
      await store.recordExecution(height, outcome(made), receiptsFor([id]), null, keep(height));
    }
    return { disk, store };
  }

  test('prunes bodies, receipts and transactions below what is kept, headers below the evidence window, and nothing else', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(60);
    const { disk, store } = await run(chain, (height) => ({ bodies: height - 9, headers: height - 29 }));
    for (const each of [store, await opened(chain, disk)]) {
      expect(each.kept).toEqual({ bodiesFrom: 51, headersFrom: 31 });
      for (let height = 1; height <= 60; height++) {
        const { block } = chain.at(height);
        const id = height.toString(16).padStart(64, '0');
        const [body, header] = [height >= 51, height >= 31];
        expect(each.hasBody(block.ref), `body ${height}`).toBe(body);
        expect(each.receipts(height) !== null).toBe(body);
        expect(each.transaction(id) !== null).toBe(body);
        expect(each.at(height) !== null, `header ${height}`).toBe(header);
        expect(each.header(block.ref) !== null).toBe(header);
        expect(each.finalityProof(height) !== null).toBe(header);
        expect(each.justification(height) !== null).toBe(header);
        expect(each.execution(height) !== null).toBe(header);
      }
    }
  });

  test('catches up in bounded steps when more may go', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(40);
    const sizes: number[] = [];
    const { store } = await run(chain, (height) => {
      sizes.push(height);
      return height < 35 ? { bodies: 0, headers: 0 } : { bodies: height, headers: height };
    });
    expect(store.kept.bodiesFrom).toBe(40);
    expect(store.kept.headersFrom).toBe(40);
    expect(store.at(40)).toEqual(chain.at(40).block);
  });

  test('never prunes the height it executes, nor headers above bodies', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(20);
    const { store } = await run(chain, () => ({ bodies: 1_000, headers: 2_000 }));
    expect(store.kept.bodiesFrom).toBe(20);
    expect(store.hasBody(chain.at(20).block.ref)).toBe(true);
    expect(store.at(20)).toEqual(chain.at(20).block);
  });

  test('a step of pruning leaves headers as long as their bodies', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(20);
    const disk = new MemoryDisk();
    await fill(await opened(chain, disk), chain.made);
    const port = await disk.port().openStore('blocks');
    const step = pruneStep(port, { bodiesFrom: 3, headersFrom: 2 }, { bodies: 4, headers: 20 });
    expect(step).toMatchObject({ bodiesFrom: 4, headersFrom: 4 });
  });

  test('the certificate of a pruned height is not needed by a kept one', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(12);
    const store = await opened(chain, new MemoryDisk());
    for (const { block, body } of chain.made) await store.put(block, body);
    await store.finalize(
      chain.made.map(({ block }) => chain.entry(block, chain.at(block.header.height <= 6 ? 6 : 12).block)),
    );
    for (const made of chain.made) {
      const { height } = made.block.header;
      await store.recordExecution(height, outcome(made), receiptsFor([]), null, { bodies: 5, headers: 5 });
    }
    expect(store.kept.headersFrom).toBe(5);
    expect(store.certificateFor(5)?.certifiedHeight).toBe(6);
    expect(store.finalityProof(7)?.headers.length).toBe(6);
  });

  test('the first inclusion of a transaction counts, and stays when the second is pruned or not', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(3);
    const store = await opened(chain, new MemoryDisk());
    await fill(store, chain.made);
    const id = 'cd'.repeat(32);
    const none = { bodies: 0, headers: 0 };
    await store.recordExecution(1, outcome(chain.at(1)), receiptsFor([id]), null, none);
    await store.recordExecution(2, outcome(chain.at(2)), receiptsFor([id, id]), null, none);
    expect(store.transaction(id)).toEqual({ height: 1, index: 0 });
    await store.recordExecution(3, outcome(chain.at(3)), receiptsFor([]), null, { bodies: 2, headers: 0 });
    expect(store.transaction(id)).toBe(null);
  });
});

test('stored types: a change of a hash is a change of the format', () => {
  const hashes = Object.fromEntries(
    Object.entries(RECORD).map(([name, codec]) => [
      name,
      conformance<unknown>(codec as never, sha256, 64).slice(0, 16),
    ]),
  );
  expect(hashes).toMatchInlineSnapshot(`
    {
      "candidate": "cdb1ff1cca0bbe1b",
      "closing": "2fb709c8e84763d2",
      "coverage": "ed07b1b8d4a2570e",
      "divergence": "60bc92ba229a47d1",
      "epochProof": "1b9e1e6c1002fd9d",
      "epochStart": "684975bf0ccc736b",
      "execution": "9bc004395b4b7523",
      "finalized": "542dbd23ca0d7d43",
      "finalizedV1": "684975bf0ccc736b",
      "format": "17be17d08e4bcbbf",
      "header": "2fb709c8e84763d2",
      "justification": "7f99358e29a96d54",
      "migration": "73b21f23c658554e",
      "opening": "1b9e1e6c1002fd9d",
      "place": "e2b8501f4c087fd5",
      "receipts": "6adef537045a208c",
      "staged": "f22b419631dad697",
      "validators": "a12d030ca7954440",
    }
  `);
});

test('keys sort by height', () => {
  const heights = [0, 1, 255, 256, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40];
  const keys = heights.map((height) => Buffer.from(KEY.finalized(height)).toString('hex'));
  expect([...keys].sort()).toEqual(keys);
});
