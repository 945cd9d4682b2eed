import { EMPTY_STATE_ROOT, MAX_STATE_PROOF_BYTES, stateProofFault, verifyStateProof } from '@quorate/crypto';
import { concatBytes, toHex, ZERO_DIGEST } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash } from '../../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../../test/conformance/memory-store.mjs';
import { bitAt, type Changes } from './pages.ts';
import { EMPTY_ROOT, type Root, Trie } from './trie.ts';
import { Versions } from './versions.ts';

const utf8 = new TextEncoder();
const noStore = {
  load: (): never => {
    throw new Error('nothing is stored');
  },
};
const trie = new Trie(hash, noStore);

function changesOf(entries: Iterable<readonly [string, string | null]>): Changes {
  const sorted = [...new Map(entries)]
    .map(([key, value]) => [hash(utf8.encode(key)), value === null ? null : utf8.encode(value)] as const)
    .sort(([a], [b]) => (toHex(a) < toHex(b) ? -1 : 1));
  return { keys: sorted.map(([key]) => key), values: sorted.map(([, value]) => value) };
}

/** The root by its definition, from scratch. */
function reference(entries: ReadonlyMap<string, string>): string {
  const leaves = [...entries].map(([key, value]) => ({ key: hash(utf8.encode(key)), value: utf8.encode(value) }));
  const rootOf = (among: typeof leaves, bit: number): Uint8Array => {
    const [only] = among;
    if (only === undefined) return new Uint8Array(32);
    if (among.length === 1) return hash(concatBytes(Uint8Array.of(0), only.key, hash(only.value)));
    const left = among.filter(({ key }) => bitAt(key, bit) === 0);
    const right = among.filter(({ key }) => bitAt(key, bit) === 1);
    if (left.length === 0 || right.length === 0) return rootOf(among, bit + 1);
    return hash(concatBytes(Uint8Array.of(1, bit), rootOf(left, bit + 1), rootOf(right, bit + 1)));
  };
  return toHex(rootOf(leaves, 0));
}

const name = fc.integer({ min: 0, max: 400 }).map((i) => `key ${i}`);
const batches = fc.array(fc.array(fc.tuple(name, fc.option(fc.string({ maxLength: 40 }))), { maxLength: 120 }), {
  maxLength: 8,
});

function contentOf(rows: readonly (readonly (readonly [string, string | null])[])[]): Map<string, string> {
  const content = new Map<string, string>();
  for (const [key, value] of rows.flat()) {
    if (value === null) content.delete(key);
    else content.set(key, value);
  }
  return content;
}

function build(rows: readonly (readonly (readonly [string, string | null])[])[], on: Trie = trie): Root {
  return rows.reduce((root, row) => on.update(root, changesOf(row)), EMPTY_ROOT);
}

describe('the state trie', () => {
  it('has the root that its definition gives, however it came about', () => {
    fc.assert(
      fc.property(batches, (rows) => {
        const content = contentOf(rows);
        const root = build(rows);
        expect(toHex(root.digest)).toBe(reference(content));
        expect(toHex(build([[...content].reverse()]).digest)).toBe(toHex(root.digest));
        for (const key of new Set(rows.flat().map(([key]) => key))) {
          const value = trie.get(root, hash(utf8.encode(key)));
          expect(value === null ? null : new TextDecoder().decode(value)).toBe(content.get(key) ?? null);
        }
        expect([...trie.entries(root)].map(([key]) => toHex(key))).toEqual(
          [...content.keys()].map((key) => toHex(hash(utf8.encode(key)))).sort(),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('is empty, with the empty root, when everything is removed', () => {
    const entries = Array.from({ length: 300 }, (_, i) => [`k${i}`, 'v'] as const);
    const root = build([entries, entries.map(([key]) => [key, null] as const)]);
    expect(root).toBe(EMPTY_ROOT);
    expect(toHex(root.digest)).toBe(EMPTY_STATE_ROOT);
    expect(EMPTY_STATE_ROOT).toBe(ZERO_DIGEST);
  });

  it('leaves earlier versions as they were', () => {
    const one = build([Array.from({ length: 200 }, (_, i) => [`k${i}`, 'old'] as const)]);
    const before = toHex(one.digest);
    trie.update(
      one,
      changesOf([
        ['k7', 'new'],
        ['k8', null],
        ['fresh', 'x'],
      ]),
    );
    expect(new TextDecoder().decode(trie.get(one, hash(utf8.encode('k7'))) ?? undefined)).toBe('old');
    expect(toHex(one.digest)).toBe(before);
  });

  it('proves what is there and that the rest is not', () => {
    fc.assert(
      fc.property(batches, fc.array(fc.string(), { maxLength: 5 }), (rows, others) => {
        const content = contentOf(rows);
        const version = build(rows);
        const root = toHex(version.digest);
        for (const text of [...content.keys(), ...rows.flat().map(([key]) => key), ...others]) {
          const key = utf8.encode(text);
          const known = content.get(text);
          const value = known === undefined ? null : utf8.encode(known);
          const proof = trie.prove(version, hash(key));
          expect(proof.length).toBeLessThanOrEqual(MAX_STATE_PROOF_BYTES);
          expect(stateProofFault({ root, key, value, proof }, hash)).toBeNull();
          expect(verifyStateProof({ root, key, value: value === null ? utf8.encode('x') : null, proof }, hash)).toBe(
            false,
          );
        }
      }),
      { numRuns: 25 },
    );
  });

  it('has proofs in which every bit counts', () => {
    const version = build([Array.from({ length: 150 }, (_, i) => [`k${i}`, `value ${i}`] as const)]);
    const root = toHex(version.digest);
    for (const [text, found] of [
      ['k3', 'value 3'],
      ['missing', null],
    ] as const) {
      const key = utf8.encode(text);
      const value = found === null ? null : utf8.encode(found);
      const proof = trie.prove(version, hash(key));
      const flips = (bytes: Uint8Array): Uint8Array[] =>
        Array.from({ length: 8 * bytes.length }, (_, i) => {
          const copy = Uint8Array.from(bytes);
          copy[i >> 3] = (copy[i >> 3] ?? 0) ^ (1 << (i & 7));
          return copy;
        });
      for (const bad of flips(proof)) expect(verifyStateProof({ root, key, value, proof: bad }, hash)).toBe(false);
      for (const bad of flips(hash(utf8.encode(root)))) {
        expect(verifyStateProof({ root: toHex(bad), key, value, proof }, hash)).toBe(false);
      }
      if (value === null) continue;
      for (const bad of flips(value)) expect(verifyStateProof({ root, key, value: bad, proof }, hash)).toBe(false);
      for (const bad of flips(key)) expect(verifyStateProof({ root, key: bad, value, proof }, hash)).toBe(false);
    }
  });
});

describe('versions on a store', () => {
  const options = { keepVersions: 6, checkpointInterval: 3, cachePages: 8 };
  const block = (height: number): string => toHex(hash(utf8.encode(`block ${height}`)));
  const row = (height: number): [string, string | null][] =>
    Array.from({ length: 30 }, (_, i) => [`key ${(height * 17 + i * 7) % 300}`, i % 9 === 8 ? null : `${height}/${i}`]);

  async function fill(store: MemoryStore, heights: number): Promise<{ versions: Versions; roots: Root[] }> {
    const versions = new Versions(options, { store, hash });
    const first = versions.trie.update(EMPTY_ROOT, changesOf(Array.from({ length: 300 }, (_, i) => [`key ${i}`, '0'])));
    await versions.begin(block(0), first);
    const roots = [first];
    for (let height = 1; height <= heights; height++) {
      const changes = changesOf(row(height));
      const root = versions.trie.update(versions.root, changes);
      await versions.commit(height, block(height), root, changes);
      roots.push(root);
    }
    return { versions, roots };
  }

  it('reads and proves every kept height, before and after a restart, and no other', async () => {
    const store = new MemoryStore();
    const { versions, roots } = await fill(store, 25);
    for (const open of [versions, new Versions(options, { store, hash })]) {
      for (let height = 0; height <= 27; height++) {
        const version = open.at(height);
        if (height < 25 - options.keepVersions || height > 25) {
          expect(version).toBeNull();
          continue;
        }
        const root = toHex(roots[height]?.digest ?? new Uint8Array());
        expect(toHex(version?.digest ?? new Uint8Array())).toBe(root);
        for (const text of ['key 3', 'key 121', 'nothing']) {
          const key = hash(utf8.encode(text));
          const value = version && open.trie.get(version, key);
          const proof = version ? open.trie.prove(version, key) : new Uint8Array();
          expect(stateProofFault({ root, key: utf8.encode(text), value, proof }, hash)).toBeNull();
        }
      }
    }
  });

  it('keeps a bounded number of pages in memory and entries in the store', async () => {
    const [some, many] = [new MemoryStore(), new MemoryStore()];
    const { versions } = await fill(some, 30);
    await fill(many, 90);
    expect(versions.cachedPages).toBeLessThanOrEqual(3 * options.cachePages);
    expect(many.size).toBeLessThanOrEqual(1.3 * some.size);
  });

  it('drops no page that a kept version needs', async () => {
    const store = new MemoryStore();
    await fill(store, 40);
    const open = new Versions(options, { store, hash });
    for (let height = 34; height <= 40; height++) {
      const version = open.at(height);
      expect([...open.trie.entries(version ?? EMPTY_ROOT)].length).toBeGreaterThan(200);
    }
  });

  it('notices a flipped bit in any stored page', async () => {
    const store = MemoryStore.of([]);
    await fill(store, 7);
    // Pages that the last checkpoint, of height 6, wrote: the present version needs each of them.
    const pages = [...store.range({ from: Uint8Array.of(0x70), to: Uint8Array.of(0x71) })].filter(
      ([key]) => key.at(-1) === 6,
    );
    expect(pages.length).toBeGreaterThan(10);
    for (const [key, value] of pages) {
      const bad = Uint8Array.from(value);
      const last = bad.length - 1;
      bad[last] = (bad[last] ?? 0) ^ 1;
      const broken = MemoryStore.of([...store.batches, [{ key, value: bad }]]);
      const readAll = (): number => {
        const open = new Versions(options, { store: broken, hash });
        return [...open.trie.entries(open.root)].length;
      };
      expect(readAll).toThrow(expect.objectContaining({ code: 'store/corrupt' }));
    }
  });

  it('refuses a store of another format', () => {
    const store = MemoryStore.of([[{ key: Uint8Array.of(0x6d), value: Uint8Array.of(9, 0) }]]);
    expect(() => new Versions(options, { store, hash })).toThrow(expect.objectContaining({ code: 'store/version' }));
  });
});
