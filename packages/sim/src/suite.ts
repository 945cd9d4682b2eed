import {
  compareBytes,
  QuorateError,
  type SecretKey,
  type SignatureSuite,
  type SignedItem,
  toHex,
} from '@quorate/kernel';

const KEY_BYTES = 16;
const TAG_BYTES = 16;

/** Four keyed 32-bit lanes over the bytes. Fast, and no more than that: what protects a tag is that the secrets stay inside the suite. */
function tagOf(domain: number, secret: Uint8Array, message: Uint8Array): Uint8Array {
  const lanes = new Int32Array(4);
  for (let lane = 0; lane < 4; lane++) lanes[lane] = Math.imul(domain + lane + 1, 0x9e37_79b1);
  for (const part of [secret, message]) {
    for (let i = 0; i < part.length; i++) absorb(lanes, i & 3, part[i] ?? 0);
    absorb(lanes, 0, part.length);
  }
  for (let round = 0; round < 8; round++) absorb(lanes, round & 3, round);
  return new Uint8Array(lanes.buffer);
}

function absorb(lanes: Int32Array, lane: number, word: number): void {
  const mixed = Math.imul((lanes[lane] ?? 0) ^ word, 0x0100_0193) + (lanes[(lane + 1) & 3] ?? 0);
  lanes[lane] = Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b);
}

/**
 * A signature suite for simulations. A tag can only be made with the secret key object and only be checked by the
 * suite that made the key, so nothing inside the process can forge one; outside it protects nothing. `node` cannot select it.
 */
export function simulatedSuite(): SignatureSuite {
  const secrets = new Map<string, Uint8Array>();

  const secretFromSeed = (seed: Uint8Array): SecretKey => {
    if (seed.length !== 32) throw new QuorateError('key/invalid', `a simulated key has 32 bytes, not ${seed.length}`);
    const secret = Uint8Array.from(seed);
    const publicKey = tagOf(1, secret, new Uint8Array());
    secrets.set(toHex(publicKey), secret);
    return {
      suite: 'simulated',
      publicKey,
      sign: (message) => tagOf(2, secret, message),
      prove: () => new Uint8Array(),
      export: () => Uint8Array.from(secret),
    };
  };

  const verify = ({ publicKey, message, signature }: SignedItem): boolean => {
    const secret = secrets.get(toHex(publicKey));
    return secret !== undefined && compareBytes(tagOf(2, secret, message), signature) === 0;
  };

  return {
    name: 'simulated',
    publicKeyBytes: KEY_BYTES,
    signatureBytes: TAG_BYTES,
    aggregateBytes: (count) => count * TAG_BYTES,
    secretFromSeed,
    secretFromBytes: secretFromSeed,
    isPublicKey: (publicKey) => publicKey.length === KEY_BYTES,
    verifyPossession: (_publicKey, proof) => proof.length === 0,
    verify,
    findInvalid: (items) => items.flatMap((item, index) => (verify(item) ? [] : [index])),
    aggregate: (signatures) => {
      const whole = new Uint8Array(TAG_BYTES * signatures.length);
      signatures.forEach((signature, index) => {
        whole.set(signature, TAG_BYTES * index);
      });
      return whole;
    },
    verifyAggregate: (publicKeys, message, signature) =>
      signature.length === TAG_BYTES * publicKeys.length &&
      publicKeys.every((publicKey, index) =>
        verify({ publicKey, message, signature: signature.subarray(TAG_BYTES * index, TAG_BYTES * (index + 1)) }),
      ),
  };
}
