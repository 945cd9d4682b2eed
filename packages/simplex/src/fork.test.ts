import { Bitmap, type Certificate, conflictOf, type ValidatorSet, type Vote } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Network } from '../../../test/simplex/network.ts';
import { Script } from '../../../test/simplex/script.ts';
import { holds } from '../../../test/simplex/world.ts';
import { Simplex } from './engine.ts';

describe('two Finalizations that cannot both be', () => {
  it('of the view that is the floor are a fork', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).block('B', 'G', 1).available('A');
    s.receive('finalize', 1, 'A', 1);
    const certificate = s.certificate('finalize', 1, 'B', [1, 2, 3]);
    s.message(3, { kind: 'certificate', certificate });
    expect(s.said('fork: Finalization(1 A) and Finalization(1 B)')).toBe(true);
    s.message(3, { kind: 'certificate', certificate });
    expect(s.said('fork')).toBe(false);
  });

  it('of one view whose blocks are not here are a fork', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 4).block('B', 'G', 4).receive('finalize', 4, 'A', 1);
    s.receive('finalize', 4, 'B', 1);
    expect(s.said('fork: Finalization(4 A) and Finalization(4 B)')).toBe(true);
  });

  it('of different views are a fork once the way down is seen to miss the floor', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).available('A').receive('finalize', 1, 'A', 1);
    s.block('X', 'G', 1).block('Y', 'X', 3).block('Z', 'Y', 5).receive('finalize', 5, 'Z', 1).available('Z');
    expect(s.said('fetch Y') && !s.everSaid('fork')).toBe(true);
    s.available('Y');
    expect(s.said('fork: Finalization(1 A) and Finalization(5 Z), on X Y')).toBe(true);
    expect(s.everSaid('finalized 2') || s.said('fetch')).toBe(false);
  });

  it('of a view below the floor are a fork while the blocks above it are remembered', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).block('B', 'A', 3).block('C', 'B', 4);
    for (const name of ['A', 'B', 'C']) s.available(name);
    s.receive('finalize', 4, 'C', 1).receive('finalize', 3, 'B', 2);
    expect(s.everSaid('fork')).toBe(false);
    s.block('X', 'G', 2).receive('finalize', 2, 'X', 1);
    expect(s.said('fork: Finalization(4 C) and Finalization(2 X)')).toBe(true);
    expect(s.said('broadcast Finalization(4 C)') && s.said('broadcast Finalization(2 X)')).toBe(true);
  });

  it('are a fork when one still waits for its block while the other becomes final', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).available('A').receive('finalize', 1, 'A', 1);
    s.block('X', 'A', 3).block('Z', 'A', 5).receive('finalize', 3, 'X', 1); // X is not here
    s.available('Z').receive('finalize', 5, 'Z', 2);
    expect(s.said('fork: Finalization(5 Z) and Finalization(3 X)')).toBe(true);
  });

  it('are none when what waited for its block is on the way to what became final', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).available('A').receive('finalize', 1, 'A', 1);
    s.block('X', 'A', 3).block('Z', 'X', 5).receive('finalize', 3, 'X', 1);
    s.receive('finalize', 5, 'Z', 2).available('Z').available('X');
    expect(s.everSaid('finalized 3')).toBe(true);
    expect(s.everSaid('fork')).toBe(false);
  });

  it('are noticed down to the last 64 final blocks', () => {
    const s = new Script({ self: 0 }).start();
    let parent = 'G';
    for (let view = 1; view <= 70; view++) {
      s.block(`B${view}`, parent, view).available(`B${view}`).receive('finalize', view, `B${view}`, 1);
      parent = `B${view}`;
    }
    for (const [view, noticed] of [
      [6, false],
      [7, true],
    ] as const) {
      s.block(`X${view}`, 'G', view).receive('finalize', view, `X${view}`, 1);
      expect(s.said('fork')).toBe(noticed);
    }
  });

  it('end all voting and finalizing', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).block('B', 'G', 1).available('A').block('C', 'A', 2);
    s.receive('finalize', 1, 'A', 1).receive('finalize', 1, 'B', 1).ring('2/leader').available('C');
    s.receive('finalize', 2, 'C', 1);
    expect(s.everSaid('sign nullify') || s.everSaid('finalized 2')).toBe(false);
  });

  it('are believed only when both are signed', () => {
    const s = new Script({ self: 0 }).start().block('A', 'G', 1).block('B', 'G', 1).available('A');
    s.receive('finalize', 1, 'A', 1);
    const certificate = { ...s.certificate('finalize', 1, 'B'), signature: new Uint8Array(24) };
    s.message(3, { kind: 'certificate', certificate });
    expect(s.said('blame 3') && !s.everSaid('fork')).toBe(true);
  });
});

/** Whom two certificates of different statements of one view convict: whoever signed both against the rules (S10). */
function convicted(validators: ValidatorSet, certificates: readonly Certificate[]): number[] {
  const guilty = new Set<number>();
  for (const a of certificates) {
    for (const b of certificates) {
      if (conflictOf(asVote(a), asVote(b)) === null) continue;
      const others = new Set(Bitmap.indices(validators.size, b.signers));
      for (const signer of Bitmap.indices(validators.size, a.signers) ?? []) if (others.has(signer)) guilty.add(signer);
    }
  }
  return [...guilty].sort();
}

const asVote = ({ statement, signature }: Certificate): Vote => ({ statement, signer: 0, signature });

describe('half of the weight that lives on both sides of a cut', () => {
  it.each([1, 2, 3, 4, 5, 6])('forks the chain; every honest validator notices and can name it, seed %i', (seed) => {
    const byzantine = [2, 3];
    const twins = { of: byzantine, side: (index: number) => (index === 1 ? 1 : 0), healAt: 2000 };
    const network = new Network({ seed, weights: [1, 1, 1, 1], engine: Simplex, stableAt: 0, twins });
    const { validators } = network;
    network.run(2000);
    expect(network.faults[0]).toMatch(/is final in two ways/);
    expect(network.honest.flatMap(({ forks, evidence }) => [...forks, ...evidence])).toEqual([]);
    network.run(4000);
    const [one, other] = network.honest;
    for (const { index, forks } of network.honest) {
      expect(forks, `validator ${index}`).toHaveLength(1);
      for (const certificate of [forks[0]?.first ?? null, forks[0]?.second ?? null]) {
        expect(certificate !== null && holds(validators, { kind: 'certificate', certificate })).toBe(true);
      }
    }
    // What both branches committed convicts a third of the weight at least, and nobody honest.
    const guilty = convicted(validators, [...(one?.committed ?? []), ...(other?.committed ?? [])]);
    expect(guilty.filter((signer) => !byzantine.includes(signer))).toEqual([]);
    expect(validators.weightOfAll(guilty)).toBeGreaterThanOrEqual(validators.total / 3);
    expect(
      network.honest.flatMap(({ evidence }) => evidence).every(({ first }) => byzantine.includes(first.signer)),
    ).toBe(true);
  });
});
