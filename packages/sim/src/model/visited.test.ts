import { expect, it } from 'vitest';
import { Rows, Visited } from './visited.ts';

it('knows what it has seen, over many growths, as an exact set does', () => {
  const visited = new Visited(1 << 8);
  const exact = new Set<string>();
  const state = new Int32Array(4);
  let seed = 1;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < 300_000; i++) {
    state.set([draw(60), draw(60), draw(60), draw(2)]);
    const key = state.join('/');
    if (visited.add(state) === exact.has(key)) throw new Error(`state ${key} is mistaken`);
    exact.add(key);
  }
  expect(visited.size).toBe(exact.size);
  expect(visited.collisionOdds).toBeLessThan(1e-8);
});

it('keeps rows in order across chunks', () => {
  const rows = new Rows(2);
  for (let i = 0; i < 140_000; i++) rows.push(Int32Array.of(i, -i));
  const row = new Int32Array(2);
  for (const at of [0, 65_535, 65_536, 139_999]) {
    rows.read(at, row);
    expect([...row]).toEqual([at, -at || 0]);
  }
  expect(rows.length).toBe(140_000);
});
