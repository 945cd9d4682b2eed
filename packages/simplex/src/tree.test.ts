import type { Block } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { childOf, genesisOf, NOTHING, validatorsOf } from '../../../test/simplex/world.ts';
import { BlockTree, MAX_UNROOTED } from './tree.ts';

const genesis = genesisOf(validatorsOf([1]));
const root = { digest: genesis.ref.digest, view: 0 };
const child = (parent: Block, view: number, name = `${view}`): Block =>
  childOf(
    parent,
    parent === genesis ? 0 : parent.ref.view,
    { epoch: 0, view, time: 2000 + view, justificationDigest: NOTHING },
    name,
  );

describe('the block tree', () => {
  it('roots a block once it and all its ancestors are available', () => {
    const [a, tree] = [child(genesis, 1), new BlockTree(root)];
    const b = child(a, 2);
    tree.add(b, true);
    expect([tree.isRooted(b.ref.digest), tree.missing(b.ref)?.digest]).toEqual([false, a.ref.digest]);
    tree.add(a, false);
    expect(tree.missing(b.ref)?.digest).toBe(a.ref.digest);
    tree.add(a, true);
    expect([tree.isRooted(b.ref.digest), tree.missing(b.ref)]).toEqual([true, null]);
    expect(tree.path(b.ref.digest)).toEqual([a, b]);
  });

  it('finds nothing missing on a way that misses the floor', () => {
    const a = child(genesis, 1);
    const tree = new BlockTree({ digest: a.ref.digest, view: 1 });
    const stray = child(genesis, 2, 'stray');
    tree.add(stray, true);
    expect(tree.missing(stray.ref)).toBe(null);
    expect(tree.isRooted(stray.ref.digest)).toBe(false);
  });

  it('forgets what is at or below a raised floor, and unroots other branches', () => {
    const tree = new BlockTree(root);
    const a = child(genesis, 1);
    const b = child(a, 2);
    const stray = child(genesis, 3, 'stray');
    const c = child(b, 4);
    for (const block of [a, b, stray, c]) tree.add(block, true);
    tree.raise(b.ref);
    expect([a, b, stray, c].map((block) => tree.get(block.ref.digest) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([stray, c].map((block) => tree.isRooted(block.ref.digest))).toEqual([false, true]);
  });

  it('takes a bounded number of blocks that do not connect, and connecting ones still', () => {
    const tree = new BlockTree(root);
    const a = child(genesis, 1);
    for (let i = 0; i < MAX_UNROOTED; i++) expect(tree.add(child(a, 2 + i), false)).toBe(true);
    expect(tree.isFull).toBe(true);
    expect(tree.add(child(a, 1000), true)).toBe(false);
    expect(tree.add(a, true)).toBe(true);
  });
});
