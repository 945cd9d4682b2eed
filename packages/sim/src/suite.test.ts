import { describe, expect, it } from 'vitest';
import { Stream } from './random.ts';
import { simulatedSuite } from './suite.ts';

describe('simulated suite', () => {
  const suite = simulatedSuite();
  const [one, two] = [1, 2].map((seed) => suite.secretFromSeed(new Uint8Array(32).fill(seed)));
  if (one === undefined || two === undefined) throw new Error('no keys');
  const message = Uint8Array.of(1, 2, 3);

  it('accepts what the key signed, and nothing else', () => {
    const signature = one.sign(message);
    expect(suite.verify({ publicKey: one.publicKey, message, signature })).toBe(true);
    expect(suite.verify({ publicKey: two.publicKey, message, signature })).toBe(false);
    expect(suite.verify({ publicKey: one.publicKey, message: Uint8Array.of(1, 2, 4), signature })).toBe(false);
    for (let i = 0; i < signature.length; i++) {
      expect(
        suite.verify({ publicKey: one.publicKey, message, signature: signature.with(i, (signature[i] ?? 0) ^ 1) }),
      ).toBe(false);
    }
    expect(suite.verify({ publicKey: one.publicKey, message, signature: signature.subarray(1) })).toBe(false);
    expect(
      suite.findInvalid([
        { publicKey: one.publicKey, message, signature },
        { publicKey: two.publicKey, message, signature },
      ]),
    ).toEqual([1]);
  });

  it('does not know the keys of another instance', () => {
    const other = simulatedSuite();
    expect(other.verify({ publicKey: one.publicKey, message, signature: one.sign(message) })).toBe(false);
  });

  it('gives the same key for the same seed and back from its export', () => {
    expect(suite.secretFromSeed(new Uint8Array(32).fill(1)).publicKey).toEqual(one.publicKey);
    expect(suite.secretFromBytes(one.export()).publicKey).toEqual(one.publicKey);
    expect(() => suite.secretFromBytes(new Uint8Array(3))).toThrow(/32 bytes/);
  });

  it('aggregates in signer order', () => {
    const aggregate = suite.aggregate([one.sign(message), two.sign(message)]);
    expect(aggregate.length).toBe(suite.aggregateBytes(2));
    expect(suite.verifyAggregate([one.publicKey, two.publicKey], message, aggregate)).toBe(true);
    expect(suite.verifyAggregate([two.publicKey, one.publicKey], message, aggregate)).toBe(false);
    expect(suite.verifyAggregate([one.publicKey], message, aggregate)).toBe(false);
  });

  it('spreads: no two of many short messages share a tag', () => {
    const stream = Stream.named(1, 'tags');
    const tags = new Set<string>();
    const messages = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const bytes = stream.bytes(1 + (i % 9));
      messages.add(bytes.join());
      tags.add(one.sign(bytes).join());
    }
    expect(tags.size).toBe(messages.size);
  });
});
