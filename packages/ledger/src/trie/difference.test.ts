import { toHex } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash } from '../../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../../test/conformance/memory-store.mjs';
import { differences, type Side } from './difference.ts';
import type { Changes } from './pages.ts';
import { EMPTY_ROOT, type Root, Trie } from './trie.ts';
import { Versions } from './versions.ts';

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));
const digestOf = (name: string): string => toHex(hash(utf8.encode(name)));
const noStore = {
  load: (): never => {
    throw new Error('nothing is stored');
  },
};
const trie = new Trie(hash, noStore);

type Rows = readonly (readonly (readonly [string, string | null])[])[];

function changesOf(entries: Iterable<readonly [string, string | null]>): Changes {
  const sorted = [...new Map(entries)]
    .map(([key, value]) => [hash(utf8.encode(key)), value === null ? null : utf8.encode(value)] as const)
    .sort(([a], [b]) => (toHex(a) < toHex(b) ? -1 : 1));
  return { keys: sorted.map(([key]) => key), values: sorted.map(([, value]) => value) };
}

const build = (rows: Rows, on: Root = EMPTY_ROOT): Root =>
  rows.reduce((root, row) => trie.update(root, changesOf(row)), on);

function apply(rows: Rows, content: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const result = new Map(content);
  for (const [key, value] of rows.flat()) {
    if (value === null) result.delete(key);
    else result.set(key, value);
  }
  return result;
}

const sideOf = (root: Root): Side => ({ root, page: (...place) => trie.page(...place) });

type Row = readonly [key: string, mine: string | null, theirs: string | null];
const found = (mine: Side, theirs: Side): Row[] =>
  [...differences(mine, theirs)].map((each) => [toHex(each.key), text(each.mine), text(each.theirs)]);

/** The same by looking at every key of both. */
function expected(mine: ReadonlyMap<string, string>, theirs: ReadonlyMap<string, string>): Row[] {
  return [...new Set([...mine.keys(), ...theirs.keys()])]
    .filter((key) => mine.get(key) !== theirs.get(key))
    .map((key): Row => [digestOf(key), mine.get(key) ?? null, theirs.get(key) ?? null])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

// Few names against 32 entries of a bucket: buckets split, and branches stay when most of their entries go.
const name = fc.integer({ min: 0, max: 250 }).map((i) => `key ${i}`);
const change = fc.tuple(name, fc.option(fc.constantFrom('a', 'b', 'longer'), { freq: 2 }));
const row = fc.array(change, { maxLength: 150, size: 'max' });
const rows = fc.array(row, { maxLength: 4 });

describe('the difference of two tries', () => {
  it('is what a comparison of every entry finds, in the order of the keys, however the pages lie', () => {
    fc.assert(
      fc.property(rows, rows, rows, (shared, mine, theirs) => {
        const [base, content] = [build(shared), apply(shared)];
        const [left, right] = [build(mine, base), build(theirs, base)];
        const [own, other] = [apply(mine, content), apply(theirs, content)];
        expect(found(sideOf(left), sideOf(right))).toEqual(expected(own, other));
        expect(found(sideOf(right), sideOf(left))).toEqual(expected(other, own));
        // The same content in one go lies in other pages.
        expect(found(sideOf(left), sideOf(build([[...own]])))).toEqual([]);
        expect(found(sideOf(EMPTY_ROOT), sideOf(right))).toEqual(expected(new Map(), other));
      }),
      { numRuns: 80 },
    );
  });

  it('finds a branch of few entries equal to a bucket of the same, and one changed entry between them', () => {
    const many = Array.from({ length: 400 }, (_, i) => [`key ${i}`, 'v'] as const);
    const branch = build([many, many.slice(9).map(([key]) => [key, null] as const)]);
    const bucket = build([many.slice(0, 9)]);
    expect(found(sideOf(branch), sideOf(bucket))).toEqual([]);
    const changed = build([[['key 3', 'w']]], bucket);
    expect(found(sideOf(branch), sideOf(changed))).toEqual([[digestOf('key 3'), 'v', 'w']]);
  });

  it('reads the pages above the differences and no others', async () => {
    const entries = Array.from({ length: 6000 }, (_, i) => [`key ${i}`, 'v'] as const);
    const stored = async (changed: readonly (readonly [string, string | null])[]) => {
      const options = { keepVersions: 4, checkpointInterval: 1, cachePages: 1000 };
      const store = new MemoryStore();
      const first = new Versions(options, { store, hash });
      await first.begin('00'.repeat(32), first.trie.update(EMPTY_ROOT, changesOf([...entries, ...changed])));
      const { root, trie } = new Versions(options, { store, hash }); // nothing in memory
      let pages = 0;
      const side: Side = {
        root,
        page: (...place) => {
          pages++;
          return trie.page(...place);
        },
      };
      return { side, pages: () => pages };
    };
    const mine = await stored([]);
    const theirs = await stored([
      ['key 77', 'w'],
      ['new', 'x'],
    ]);
    expect(found(mine.side, theirs.side)).toEqual(
      [[digestOf('key 77'), 'v', 'w'] as const, [digestOf('new'), null, 'x'] as const].sort(([a], [b]) =>
        a < b ? -1 : 1,
      ),
    );
    // Of hundreds: a bucket has 32 entries at most. A few lie above each other.
    expect(mine.pages()).toBeLessThanOrEqual(10);
    expect(theirs.pages()).toBeLessThanOrEqual(10);
  });
});
