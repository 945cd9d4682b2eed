import { concatBytes, conformance, decode, encode, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { sha256 } from './hash.ts';
import {
  EMPTY_STATE_ROOT,
  MAX_STATE_PROOF_BYTES,
  stateProofCodec,
  stateProofFault,
  verifyStateProof,
} from './state-proof.ts';

const utf8 = new TextEncoder();
const leaf = (key: Uint8Array, value: Uint8Array): Uint8Array =>
  sha256(concatBytes(Uint8Array.of(0), sha256(key), sha256(value)));

// Two entries by hand: the root is the definition written out, not what the ledger computes.
const [a, b] = [utf8.encode('a'), utf8.encode('b')];
const [x, y] = [utf8.encode('one'), utf8.encode('two')];
const [first, second] = [sha256(a), sha256(b)];
let bit = 0;
const bitOf = (bytes: Uint8Array, i: number): number => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1;
while (bitOf(first, bit) === bitOf(second, bit)) bit++;
const sides = bitOf(first, bit) === 0 ? [leaf(a, x), leaf(b, y)] : [leaf(b, y), leaf(a, x)];
const root = toHex(sha256(concatBytes(Uint8Array.of(1, bit), ...sides)));
const present = encode(stateProofCodec, { steps: [{ bit, sibling: leaf(b, y) }], other: null });

/** A key that is not there, and where its walk ends. */
const stranger = utf8.encode('stranger');
const ends =
  bitOf(sha256(stranger), bit) === bitOf(first, bit)
    ? { key: a, value: x, side: leaf(b, y) }
    : { key: b, value: y, side: leaf(a, x) };
const absent = encode(stateProofCodec, {
  steps: [{ bit, sibling: ends.side }],
  other: { key: sha256(ends.key), value: sha256(ends.value) },
});

describe('state proofs', () => {
  it('show a presence', () => {
    expect(stateProofFault({ root, key: a, value: x, proof: present }, sha256)).toBeNull();
    expect(verifyStateProof({ root, key: a, value: x, proof: present }, sha256)).toBe(true);
  });

  it('show an absence', () => {
    expect(stateProofFault({ root, key: stranger, value: null, proof: absent }, sha256)).toBeNull();
    const nothing = encode(stateProofCodec, { steps: [], other: null });
    expect(stateProofFault({ root: EMPTY_STATE_ROOT, key: a, value: null, proof: nothing }, sha256)).toBeNull();
  });

  it.each([
    ['another value', { root, key: a, value: y, proof: present }, 'does not lead'],
    ['another key', { root, key: stranger, value: x, proof: present }, 'does not lead'],
    ['another root', { root: EMPTY_STATE_ROOT, key: a, value: x, proof: present }, 'does not lead'],
    ['an absence by a presence', { root, key: a, value: null, proof: present }, 'shows no leaf'],
    ['a presence by an absence', { root, key: stranger, value: x, proof: absent }, 'absence where a presence'],
    ['an absence of what is there', { root, key: ends.key, value: null, proof: absent }, 'presence where an absence'],
    [
      'an empty state that is not empty',
      { root, key: a, value: null, proof: encode(stateProofCodec, { steps: [], other: null }) },
      'not empty',
    ],
    ['nonsense', { root, key: a, value: x, proof: Uint8Array.of(9, 9, 9) }, 'cannot be read'],
    ['too many bytes', { root, key: a, value: x, proof: new Uint8Array(MAX_STATE_PROOF_BYTES + 1) }, 'too long'],
  ])('refuse %s', (_, claim, reason) => {
    expect(stateProofFault(claim, sha256)).toContain(reason);
  });

  it('refuse an absence by a leaf that lies on the other side', () => {
    const wrong = ends.key === a ? b : a;
    const value = wrong === a ? x : y;
    const proof = encode(stateProofCodec, {
      steps: [{ bit, sibling: wrong === a ? leaf(b, y) : leaf(a, x) }],
      other: { key: sha256(wrong), value: sha256(value) },
    });
    expect(stateProofFault({ root, key: stranger, value: null, proof }, sha256)).toContain('off the way');
  });

  it('refuse steps out of order', () => {
    const { steps } = decode(stateProofCodec, present);
    const proof = encode(stateProofCodec, { steps: [...steps, ...steps], other: null });
    expect(stateProofFault({ root, key: a, value: x, proof }, sha256)).toContain('out of order');
  });
});

it('keeps its format: a change here is a change of what light clients read', () => {
  expect(conformance(stateProofCodec, sha256)).toMatchInlineSnapshot(
    `"0bb255a45594834471f0d67f7fa202f9231b5800a83c23a5bd521a3565f2b95d"`,
  );
});
