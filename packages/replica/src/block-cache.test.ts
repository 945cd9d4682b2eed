import type { Body } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { BlockCache } from './block-cache.ts';

const bodyOf = (...sizes: readonly number[]): Body => ({
  transactions: sizes.map((size) => new Uint8Array(size)),
  evidence: [],
});

it('keeps the bodies used last, up to its bytes', () => {
  const cache = new BlockCache(4000);
  for (const name of ['a', 'b', 'c']) cache.addBody(name, bodyOf(1000), 1000);
  expect(cache.body('a')).not.toBeNull();
  cache.addBody('d', bodyOf(1000), 1000);
  expect(['a', 'b', 'c', 'd'].filter((name) => cache.body(name) !== null)).toEqual(['a', 'c', 'd']);
  cache.addBody('large', bodyOf(5000), 5000);
  expect(['a', 'c', 'd', 'large'].filter((name) => cache.body(name) !== null)).toEqual([]);
});

it('keeps a bounded number of bodies, however small', () => {
  const cache = new BlockCache(1 << 20);
  const names = Array.from({ length: 200 }, (_, i) => `body ${i}`);
  for (const name of names) cache.addBody(name, bodyOf(), 8);
  expect(names.filter((name) => cache.body(name) !== null)).toEqual(names.slice(-128));
  for (const name of names) cache.dropBody(name);
  cache.addBody('next', bodyOf(1 << 19), 1 << 19);
  expect(cache.body('next')).not.toBeNull();
});
