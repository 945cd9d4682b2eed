import { type Certificate, decode, encode, MAX_UNFINAL_HEADERS, TRAFFIC_LIMITS } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, MemoryDisk, sha256 } from './chain.fixture.ts';
import { rangeFrom, type ServedRange } from './range-server.ts';
import { Stretch } from './range-stretch.ts';
import { syncCodec } from './wire.ts';

const suite = simulatedSuite();

/** A megabyte of transactions: twelve such blocks are all that one range carries. */
const megabyte = (height: number): string[] =>
  Array.from({ length: 16 }, (_, i) => `${height}/${i}/`.padEnd(62_500, 'x'));

/** A chain of which only these heights have certificates, and a store that holds it. */
async function certifiedAt(chain: ChainFixture, heights: readonly number[]): Promise<BlockStore> {
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: new MemoryDisk().port(), hash: sha256 });
  await store.adoptGenesis(chain.start, chain.genesis.validators, chain.genesis.time);
  for (const { block, body } of chain.made) await store.put(block, body);
  const entries = chain.made.map(({ block }) => {
    const above = heights.find((height) => height >= block.header.height);
    if (above === undefined) throw new Error(`nothing certifies height ${block.header.height}`);
    return chain.entry(block, chain.at(above).block);
  });
  await store.finalize(entries);
  return store;
}

/** What arrives of an answer. */
function sent({ blocks, certificate }: ServedRange): ServedRange {
  const bytes = encode(syncCodec, { kind: 'range', request: 1, blocks, certificate, kept: 0 });
  expect(bytes.length).toBeLessThanOrEqual(TRAFFIC_LIMITS.sync);
  const message = decode(syncCodec, bytes);
  if (message.kind !== 'range' || message.certificate === null) throw new Error('no range');
  return { blocks: message.blocks, certificate: message.certificate };
}

function served(chain: ChainFixture, store: BlockStore, from: number): ServedRange {
  const range = rangeFrom({ genesis: chain.genesis, store, hash: sha256 }, from, 256);
  if (range === null) throw new Error(`nothing is served from height ${from}`);
  return sent(range);
}

const partsOf = (chain: ChainFixture) => ({
  genesis: chain.genesis,
  hash: sha256,
  epoch: 0,
  fault: (_certificate: Certificate) => null,
});

function proven(chain: ChainFixture, from: number, { blocks, certificate }: ServedRange): Stretch {
  const base = from === 1 ? chain.start : chain.at(from - 1).block;
  const stretch = Stretch.proven(base, blocks, certificate, partsOf(chain));
  if (typeof stretch === 'string') throw new Error(stretch);
  return stretch;
}

const heightsOf = ({ blocks }: ServedRange): number[] => blocks.map(({ header }) => header.height);

describe('ranges', () => {
  const chain = new ChainFixture(suite, { epochLength: 100 });
  for (let height = 1; height <= 21; height++) chain.extend(megabyte(height));

  test('reach the next certificate', async () => {
    const store = await certifiedAt(chain, [9, 21]);
    const range = served(chain, store, 1);
    expect(heightsOf(range)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(range.certificate).toEqual(chain.certificate(chain.at(9).block));
    expect(proven(chain, 1, range).bodies(range.blocks, partsOf(chain))).toHaveLength(9);
  });

  test('end at the last certificate that fits when the next one is too far', async () => {
    const store = await certifiedAt(chain, [2, 5, 21]);
    const range = served(chain, store, 1);
    expect(heightsOf(range)).toEqual([1, 2, 3, 4, 5]);
    expect(range.certificate).toEqual(chain.certificate(chain.at(5).block));
    expect(proven(chain, 1, range).bodies(range.blocks, partsOf(chain))).toHaveLength(5);
  });

  test('lead on where certificates lie further apart than one range reaches', async () => {
    const store = await certifiedAt(chain, [5, 21]);
    const first = served(chain, store, 6);
    expect(heightsOf(first)).toEqual(Array.from({ length: 16 }, (_, i) => 6 + i));
    const stretch = proven(chain, 6, first);
    const some = stretch.bodies(first.blocks, partsOf(chain));
    if (typeof some === 'string') throw new Error(some);
    expect(some.map(({ block }) => block)).toEqual(stretch.blocks.slice(0, 12));
    stretch.fill(some.length);
    expect(stretch.next).toEqual(chain.at(18).block);
    // From anybody: another node may have other certificates.
    const second = served(chain, await certifiedAt(chain, [20, 21]), 18);
    const more = stretch.bodies(second.blocks, partsOf(chain));
    if (typeof more === 'string') throw new Error(more);
    stretch.fill(more.length);
    const third = served(chain, store, stretch.next?.header.height ?? 21);
    const rest = stretch.bodies(third.blocks, partsOf(chain));
    if (typeof rest === 'string') throw new Error(rest);
    stretch.fill(rest.length);
    expect([...some, ...more, ...rest].map(({ block }) => block).slice(0, 16)).toEqual(stretch.blocks);
    expect(stretch.next).toBeNull();
  });

  test('that lead nowhere, or elsewhere, are refused', async () => {
    const store = await certifiedAt(chain, [21]);
    const range = served(chain, store, 1);
    const parts = partsOf(chain);
    const nothing = { transactions: [], evidence: [] };
    const withheld = range.blocks.map(({ header }) => ({ header, body: nothing }));
    expect(proven(chain, 1, range).bodies(withheld, parts)).toMatch(/not the one its header names/);
    const stretch = proven(chain, 1, range);
    stretch.fill(12);
    expect(stretch.bodies(range.blocks, parts)).toMatch(/do not link/);
    const swapped = range.blocks.map(({ header }, i) => ({ header, body: range.blocks[(i + 1) % 3]?.body ?? nothing }));
    expect(proven(chain, 1, range).bodies(swapped, parts)).toMatch(/not the one its header names/);
    expect(Stretch.proven(chain.start, range.blocks.slice(0, 20), range.certificate, parts)).toMatch(/certificate/);
    expect(Stretch.proven(chain.start, range.blocks.slice(1), range.certificate, parts)).toMatch(/do not link/);
    const refusing = { ...parts, fault: () => 'too few signed' };
    expect(Stretch.proven(chain.start, range.blocks, range.certificate, refusing)).toBe('too few signed');
  });

  test('name no more headers than a certificate proves', { timeout: 120_000 }, async () => {
    const long = new ChainFixture(suite, { epochLength: 20_000 });
    const top = 100 + MAX_UNFINAL_HEADERS;
    while (long.made.length < top) long.extend();
    const store = await certifiedAt(long, [100, top]);
    expect(heightsOf(served(long, store, 1)).at(-1)).toBe(100);
    const way = served(long, store, 101);
    expect(heightsOf(way).at(-1)).toBe(top);
    expect(proven(long, 101, way).blocks).toHaveLength(MAX_UNFINAL_HEADERS);
  });

  test('need nobody for empty blocks', () => {
    const quiet = new ChainFixture(suite, { epochLength: 100 });
    quiet.grow(1);
    for (let i = 0; i < 3; i++) quiet.extend();
    const blocks = quiet.made.map(({ block, body }) => ({ header: block.header, body }));
    const stretch = proven(quiet, 1, { blocks, certificate: quiet.certificate(quiet.at(4).block) });
    expect(stretch.bodies(blocks.slice(0, 1), partsOf(quiet))).toHaveLength(4);
  });
});
