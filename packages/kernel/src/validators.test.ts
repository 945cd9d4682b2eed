import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitmap, MAX_TOTAL_WEIGHT, minorityOf, quorumOf, type Validator, ValidatorSet } from './index.ts';

const member = (key: number, weight: number, peer = key): Validator => ({
  publicKey: Uint8Array.of(key >> 8, key & 0xff),
  weight,
  proof: new Uint8Array(),
  peer: peer.toString(16).padStart(64, '0'),
  address: '',
});

describe('quorum arithmetic', () => {
  it('is exact up to 2^51 (checked against integers of any size)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_TOTAL_WEIGHT }), (total) => {
        expect(BigInt(quorumOf(total))).toBe((2n * BigInt(total)) / 3n + 1n);
        expect(BigInt(minorityOf(total))).toBe(BigInt(total) / 3n + 1n);
      }),
    );
    expect(BigInt(quorumOf(MAX_TOTAL_WEIGHT))).toBe((2n * 2n ** 51n) / 3n + 1n);
  });

  it('lets two quorums share an honest validator, and the honest alone reach one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (total) => {
        const faulty = Math.ceil(total / 3) - 1; // the most with 3f < W
        expect(2 * quorumOf(total)).toBeGreaterThan(total + faulty);
        expect(total - faulty).toBeGreaterThanOrEqual(quorumOf(total));
        expect(minorityOf(total)).toBeGreaterThan(faulty);
      }),
    );
  });
});

describe('ValidatorSet', () => {
  it('orders members by key, whatever the order given', () => {
    const set = new ValidatorSet([member(9, 1), member(2, 5), member(300, 3)]);
    expect(set.members.map((m) => m.weight)).toEqual([5, 1, 3]);
    expect(set.total).toBe(9);
    expect(set.indexOfKey(member(9, 1).publicKey)).toBe(1);
    expect(set.indexOfPeer(member(300, 1).peer)).toBe(2);
  });

  it.each([
    ['nobody', []],
    ['zero weight', [member(1, 0)]],
    ['a fractional weight', [member(1, 1.5)]],
    ['the same voting key twice', [member(1, 1, 1), member(1, 1, 2)]],
    ['the same node key twice', [member(1, 1, 1), member(2, 1, 1)]],
    ['a total above 2^51', [member(1, MAX_TOTAL_WEIGHT), member(2, 1)]],
  ])('refuses %s', (_what, members) => {
    expect(() => new ValidatorSet(members)).toThrow(expect.objectContaining({ code: 'validators/invalid' }));
  });

  it('counts each index once and ignores strangers', () => {
    const set = new ValidatorSet([member(1, 1), member(2, 2)]);
    expect(set.weightOfAll([0, 0, 1, 7])).toBe(3);
  });

  it('applies updates in order and refuses to become empty', () => {
    const set = new ValidatorSet([member(1, 1), member(2, 2)]);
    expect(set.updated([member(2, 0), member(3, 7)])?.members.map((m) => m.weight)).toEqual([1, 7]);
    expect(set.updated([member(1, 0), member(2, 0)])).toBeNull();
  });
});

describe('Bitmap', () => {
  it('holds exactly the indices put in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.uniqueArray(fc.nat(69)), (size, wanted) => {
        const indices = wanted.filter((index) => index < size).sort((a, b) => a - b);
        expect(Bitmap.indices(size, Bitmap.of(size, indices))).toEqual(indices);
      }),
    );
  });

  it('refuses a wrong length and bits past the set', () => {
    expect(Bitmap.indices(4, Uint8Array.of(1, 0))).toBeNull();
    expect(Bitmap.indices(4, Uint8Array.of(0b1_0000))).toBeNull();
  });
});
