import { createPureSuites, sha256 } from '@quorate/crypto';
import { conformance, decode, encode, isQuorateError, type SignatureSuite } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chain, votersOf } from '../../../test/fixtures/chain.ts';
import { smallState } from '../../../test/fixtures/state.ts';
import { epochClaimCodec, finalityClaimCodec, type StateClaim, stateClaimCodec } from './claims.ts';
import { LightClient } from './light-client.ts';

const now = 1_100_000;
const utf8 = new TextEncoder();
const bytesOf = (text: string): Uint8Array => utf8.encode(text);
const entries = ['alice', 'bob', 'carol', 'dave', 'erin'].map((name, i) => [bytesOf(name), bytesOf(`${i}00`)] as const);

interface Bundle {
  readonly chain: Chain;
  /** One for all attempts: a refused claim must leave no trace in it, and proofs of possession are slow to check. */
  readonly client: LightClient;
  readonly claim: StateClaim;
}

/** A claim about `name` in the state after height 2, under a certificate of header 4. */
function bundle(suite: SignatureSuite, name: string, voters = 4): Bundle {
  const key = bytesOf(name);
  const { root, proof } = smallState(entries, key);
  const chain = new Chain({ suite, hash: sha256, epochLength: 100, voters: () => votersOf(suite, 0, voters) });
  chain.grow(2).grow(2, { stateRoot: root });
  const value = entries.find(([entry]) => new TextDecoder().decode(entry) === name)?.[1] ?? null;
  const finality = chain.claimOf([chain.header(3), chain.header(4)], [0, 1, 2].slice(0, Math.min(3, voters)));
  return { chain, client: clientOf(chain), claim: { height: 2, key, value, proof, finality } };
}

function clientOf(chain: Chain): LightClient {
  return LightClient.fromGenesis(
    { genesis: chain.genesis, trustingPeriod: 86_400_000 },
    { suite: chain.suite, hash: sha256 },
  );
}

/** Null when the bytes prove what was asked (this key, this height), else why they do not. Anything but a typed refusal is thrown on. */
function verdict({ client, claim: asked }: Bundle, encoded: Uint8Array): string | null {
  try {
    const claim = decode(stateClaimCodec, encoded);
    client.verifyState(claim, now);
    const same = claim.height === asked.height && Buffer.compare(claim.key, asked.key) === 0;
    return same ? null : 'the claim is about something else than was asked';
  } catch (error) {
    if (isQuorateError(error)) return error.message;
    throw error;
  }
}

function flipped(encoded: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(encoded);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const pure = createPureSuites();

describe('a bundle of state proof and finality', () => {
  it.each(['carol', 'mallory'])('is refused with a reason when any single bit is flipped (%s)', (name) => {
    const whole = bundle(simulatedSuite(), name);
    const encoded = encode(stateClaimCodec, whole.claim);
    expect(verdict(whole, encoded)).toBeNull();
    const accepted: number[] = [];
    for (let bit = 0; bit < 8 * encoded.length; bit++) {
      const reason = verdict(whole, flipped(encoded, bit));
      if (reason === null || reason.length < 10) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it.each(['ed25519', 'bls12-381'] as const)(
    'is refused when bits of its %s certificate or of its headers are flipped',
    (name) => {
      const whole = bundle(pure.get(name), 'carol', name === 'ed25519' ? 4 : 2);
      const encoded = encode(stateClaimCodec, whole.claim);
      expect(verdict(whole, encoded)).toBeNull();
      // From the end: the signature, then the bitmap and the statement; every bit of those would take minutes with curves in JavaScript.
      const tail = 8 * (whole.claim.finality.certificate.signature.length + 64);
      const stride = name === 'ed25519' ? 23 : 97;
      for (let bit = 8 * encoded.length - 1; bit >= 8 * encoded.length - tail; bit -= stride) {
        expect(verdict(whole, flipped(encoded, bit)), `bit ${bit}`).not.toBeNull();
      }
      for (let bit = 0; bit < 8 * encoded.length - tail; bit += 7) {
        expect(verdict(whole, flipped(encoded, bit)), `bit ${bit}`).not.toBeNull();
      }
    },
  );

  it('is refused when cut, lengthened or replaced by noise', () => {
    const whole = bundle(simulatedSuite(), 'carol');
    const encoded = encode(stateClaimCodec, whole.claim);
    for (let length = 0; length < encoded.length; length++)
      expect(verdict(whole, encoded.subarray(0, length))).not.toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (noise) => {
        expect(verdict(whole, Uint8Array.from([...encoded, ...noise]))).not.toBeNull();
        expect(verdict(whole, noise)).not.toBeNull();
      }),
    );
  });

  it('is refused for another key, another value, presence for absence, another height', () => {
    const suite = simulatedSuite();
    const present = bundle(suite, 'carol').claim;
    const absent = bundle(suite, 'mallory').claim;
    const { chain } = bundle(suite, 'carol');
    const lies: StateClaim[] = [
      { ...present, key: bytesOf('bob') },
      { ...present, value: bytesOf('999') },
      { ...present, value: null },
      { ...absent, value: bytesOf('999') },
      { ...absent, key: bytesOf('carol') },
      { ...present, height: 3 },
      { ...present, finality: chain.claim(2) },
    ];
    for (const claim of lies) expect(() => clientOf(chain).verifyState(claim, now)).toThrow(/state/);
  });
});

describe('wire formats', () => {
  it('decode to what they encode, for all generated values', () => {
    for (const codec of [finalityClaimCodec, epochClaimCodec, stateClaimCodec]) {
      let state = 7;
      const next = (): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state >>> 3;
      };
      for (let i = 0; i < 50; i++) {
        const write = encode as (codec: unknown, value: unknown) => Uint8Array;
        const once = write(codec, codec.sample(next));
        expect(write(codec, decode<unknown>(codec as never, once))).toEqual(once);
      }
    }
  });

  it('change only on purpose', () => {
    expect({
      finality: conformance(finalityClaimCodec, sha256),
      epoch: conformance(epochClaimCodec, sha256),
      state: conformance(stateClaimCodec, sha256),
    }).toMatchInlineSnapshot(`
      {
        "epoch": "9d0ebb893d098682143a46ff2e59ef261115ba4fd586fd27c8e4bdb87c24bfd8",
        "finality": "e254522bc368e0b16f64c64ec3039ea0b33387efe292c7d8c2718bec6f7eb3c8",
        "state": "fa15af43a70d067119f07fa1cc056ff6a7c2957292421a94a1213258c977acc7",
      }
    `);
  });
});
