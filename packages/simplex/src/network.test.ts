import { describe, expect, it } from 'vitest';
import { equivocator, silent } from '../../../test/simplex/byzantine.ts';
import { Network } from '../../../test/simplex/network.ts';
import { check, schedule } from '../../../test/simplex/schedules.ts';
import { Simplex } from './engine.ts';

describe('a network of Simplex engines', () => {
  it.each([0, 40, 80, 120])(
    'agrees, never contradicts itself and goes on: 4 validators, up to 1 Byzantine, 40 seeds from %i',
    (from) => {
      for (let seed = from + 1; seed <= from + 40; seed++) check(Simplex, seed, 4);
    },
  );

  it('agrees, never contradicts itself and goes on: 7 validators, up to 2 Byzantine, 40 seeds', () => {
    for (let seed = 1001; seed <= 1040; seed++) check(Simplex, seed, 7);
  });

  it('repeats a seed exactly, and differs between seeds', () => {
    const hashOf = (seed: number): number => {
      const network = new Network(schedule(Simplex, seed, 4));
      network.run(5000);
      return network.hash;
    };
    const seeds = [1, 2, 3, 4, 5, 6];
    const hashes = seeds.map(hashOf);
    expect(seeds.map(hashOf)).toEqual(hashes);
    expect(new Set(hashes).size).toBe(seeds.length);
  });

  it('weighs votes: a heavy crash-free minority of members is a quorum', () => {
    const byzantine = new Map([
      [1, silent],
      [2, silent],
    ]);
    const network = new Network({ seed: 5, weights: [5, 1, 1, 3], engine: Simplex, byzantine, stableAt: 0 });
    network.run(4000);
    expect(network.faults).toEqual([]);
    expect(Math.min(...network.honest.map((node) => node.highest))).toBeGreaterThan(20);
  });

  it('heals after a cut in half, in which nothing is final', () => {
    const side = (index: number): boolean => index < 2;
    const network = new Network({
      seed: 11,
      weights: [1, 1, 1, 1],
      engine: Simplex,
      stableAt: 0,
      passes: (now, from, to) => now < 2000 || now > 6000 || side(from) === side(to),
    });
    network.run(2100);
    const before = Math.max(...network.nodes.map((node) => node.highest));
    network.run(6000);
    expect(Math.max(...network.nodes.map((node) => node.highest))).toBeLessThanOrEqual(before + 3);
    network.run(12_000);
    expect(network.faults).toEqual([]);
    expect(Math.min(...network.nodes.map((node) => node.highest))).toBeGreaterThan(before + 10);
  });

  it('S11: ends the epoch once at every validator, through loss, with an equivocating leader', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const network = new Network({
        ...schedule(Simplex, seed, 4),
        byzantine: new Map([[seed % 4, equivocator]]),
        crashes: 0,
        lastHeight: 12,
      });
      network.run(10_000);
      expect(network.faults, `seed ${seed}`).toEqual([]);
      for (const node of network.honest) {
        expect(node.highest, `seed ${seed}`).toBe(12);
        expect(node.ended, `seed ${seed}`).toBe(1);
      }
    }
  });

  it('does not stall a non-speculative application whose Finalizations are lost', () => {
    const network = new Network({
      seed: 3,
      weights: [1, 1, 1, 1],
      engine: Simplex,
      stableAt: 0,
      speculative: false,
      // Every Finalize vote and Finalization of the first three seconds is lost.
      passes: (now, _from, _to, message) =>
        now > 3000 ||
        !(
          (message.kind === 'vote' && message.vote.statement.kind === 'finalize') ||
          (message.kind === 'certificate' && message.certificate.statement.kind === 'finalize')
        ),
    });
    network.run(3000);
    expect(Math.max(...network.nodes.map((node) => node.highest))).toBe(0);
    expect(Math.min(...network.nodes.map((node) => node.engine.status().view))).toBeGreaterThan(10);
    network.run(6000);
    expect(network.faults).toEqual([]);
    expect(Math.min(...network.nodes.map((node) => node.highest))).toBeGreaterThan(20);
  });

  it('runs a thousand views', () => {
    const network = new Network({ seed: 1, weights: [1, 1, 1, 1], engine: Simplex, stableAt: 0 });
    network.run(33_000);
    expect(network.faults).toEqual([]);
    expect(Math.min(...network.nodes.map((node) => node.engine.status().view))).toBeGreaterThan(1000);
    expect(Math.max(...network.nodes.map((node) => node.engine.checkpoint().length))).toBeLessThan(20);
  });
});
