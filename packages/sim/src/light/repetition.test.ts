import type { Certificate, Effect, Statement } from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { describe, expect, it } from 'vitest';
import { Repetition } from './repetition.ts';

type Said = Effect<SimplexMessage>;

const block = 'ab'.repeat(32);
const vote = (statement: Statement): Said => ({
  kind: 'broadcast',
  message: { kind: 'vote', vote: { statement, signer: 0, signature: new Uint8Array() } },
});
const nullify = (view: number): Said => vote({ kind: 'nullify', epoch: 0, view });
const certificateOf = (statement: Statement): Certificate => {
  return { statement, signers: new Uint8Array(), signature: new Uint8Array() };
};
const shown = (view: number): Said => {
  const certificate = certificateOf({ kind: 'notarize', epoch: 0, view, block });
  return { kind: 'broadcast', message: { kind: 'certificate', certificate } };
};
const final = (view: number): Said => ({
  kind: 'finalized',
  finality: {
    grade: 'final',
    certificate: certificateOf({ kind: 'finalize', epoch: 0, view, block }),
    certifiedHeight: 1,
  },
  commit: { index: 1, previous: block, leader: 0, blocks: [], justification: [] },
});

/** What is found wrong with steps at these times. */
function faults(
  ...steps: readonly (readonly [now: number, timer: string | null, effects: readonly Said[]])[]
): string[] {
  const found: string[] = [];
  const repetition = new Repetition({ floor: 0, delta: 10, fault: (sentence) => found.push(sentence) });
  for (const [now, timer, effects] of steps) repetition.step(now, timer, effects);
  return found;
}

describe('S9 from outside', () => {
  it('is content with an engine that says everything again', () => {
    const all = [nullify(1), shown(2)];
    expect(faults([0, null, all], [100, 'standstill', all], [200, 'standstill', all])).toEqual([]);
  });

  it('misses a vote, a certificate, and what was said long before', () => {
    expect(faults([0, null, [nullify(1), shown(2)]], [100, 'standstill', [shown(2)]])).toEqual([
      'at a standstill it does not say its nullify vote of view 1 again',
    ]);
    expect(faults([0, null, [nullify(1), shown(2)]], [100, 'standstill', [nullify(1)]])).toEqual([
      'at a standstill it does not say its notarize certificate of view 2 again',
    ]);
    const later = [[100, 'standstill', [nullify(1)]] as const, [200, 'standstill', [nullify(2)]] as const];
    expect(faults([0, null, [nullify(1)]], ...later)).toHaveLength(1);
  });

  it('asks for nothing at or below what is final, nor of who must say more than goes at once', () => {
    expect(faults([0, null, [nullify(1), final(1)]], [100, 'standstill', []])).toEqual([]);
    const many = Array.from({ length: 256 }, () => shown(3));
    const first = [0, null, [nullify(1)]] as const;
    expect(faults(first, [100, 'standstill', many], [200, 'standstill', []])).toEqual([]);
    expect(
      faults(first, [100, 'standstill', many], [150, null, [final(3), nullify(4)]], [250, 'standstill', []]),
    ).toEqual(['at a standstill it does not say its nullify vote of view 4 again']);
  });

  it('notices a standstill that never comes, and waits anew after every final block', () => {
    expect(faults([0, null, []], [120, null, []])).toEqual([]);
    expect(faults([0, null, []], [121, null, []])).toEqual([
      'nothing became final for 121 ms and it says nothing again',
    ]);
    expect(faults([0, null, []], [100, null, [final(1)]], [200, null, []])).toEqual([]);
  });
});
