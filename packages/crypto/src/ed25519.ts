import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import {
  concatBytes,
  equalBytes,
  fromHex,
  QuorateError,
  type SecretKey,
  type SignatureSuite,
  type SignedItem,
} from '@quorate/kernel';

const { Point } = ed25519;

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

/** The y coordinates of the eight points of small order in every 255-bit spelling: 0, 1, −1, two of order 8, and 0 and 1 plus p. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex);

/** The group order L, little-endian. */
const ORDER = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** Whether 32 bytes spell a point of small order, canonically or not; the sign bit is ignored. */
function isSmallOrder(encoded: Uint8Array): boolean {
  return SMALL_ORDER_Y.some((y) => {
    for (let i = 0; i < 31; i++) if (encoded[i] !== y[i]) return false;
    return ((encoded[31] ?? 0) & 0x7f) === y[31];
  });
}

/** y < p = 2^255 − 19. */
function isCanonicalY(encoded: Uint8Array): boolean {
  if (((encoded[31] ?? 0) & 0x7f) !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (encoded[i] !== 0xff) return true;
  return (encoded[0] ?? 0) < 0xed;
}

/** S < L, over the second half of a signature. */
function isCanonicalS(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (signature[32 + i] ?? 0) - (ORDER[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * The part of the normative predicate that does not need the curve: lengths, S < L, R and A not of small order in any
 * spelling, A spelled canonically. The predicate is what `crypto_sign_verify_detached` of libsodium 1.0.18 to 1.0.21 does:
 * these checks, then the cofactorless equation with R compared as bytes. Any other implementation of that equation
 * (OpenSSL's, say) accepts exactly the same signatures when it runs behind these checks.
 */
export function ed25519PreChecks(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    publicKey.length === ED25519_KEY_BYTES &&
    signature.length === ED25519_SIGNATURE_BYTES &&
    isCanonicalS(signature) &&
    !isSmallOrder(signature) &&
    isCanonicalY(publicKey) &&
    !isSmallOrder(publicKey)
  );
}

/** Whether the predicate can accept a signature under this key: canonical, on the curve, not of small order. */
function isEd25519PublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES || !isCanonicalY(publicKey) || isSmallOrder(publicKey)) return false;
  return decodePoint(publicKey) !== null;
}

type EdwardsPoint = ReturnType<typeof Point.fromBytes>;

function decodePoint(encoded: Uint8Array): EdwardsPoint | null {
  try {
    return Point.fromBytes(encoded);
  } catch {
    return null;
  }
}

function verify({ publicKey, message, signature }: SignedItem): boolean {
  if (!ed25519PreChecks(publicKey, signature)) return false;
  const key = decodePoint(publicKey);
  if (key === null) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  const challenge = littleEndian(sha512(concatBytes(r, publicKey, message))) % Point.Fn.ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(challenge));
  return equalBytes(expected.toBytes(), r);
}

/** What one implementation of Ed25519 must bring: the rest of the suite is the same for all. */
export interface Ed25519Primitives {
  /** The normative predicate. Never throws on bytes of any length. */
  verify(item: SignedItem): boolean;
  /** A key pair's signing side from its 32-byte seed. */
  signer(seed: Uint8Array): { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array };
}

/** An Ed25519 suite over one implementation. A certificate's aggregate is the signatures in signer order, 64 bytes each. */
export function ed25519SuiteOver(primitives: Ed25519Primitives): SignatureSuite {
  const secretFromBytes = (bytes: Uint8Array): SecretKey => {
    if (bytes.length !== 32)
      throw new QuorateError('key/invalid', `an Ed25519 secret has 32 bytes, not ${bytes.length}`);
    const seed = Uint8Array.from(bytes);
    const { publicKey, sign } = primitives.signer(seed);
    return { suite: 'ed25519', publicKey, sign, prove: () => new Uint8Array(0), export: () => Uint8Array.from(seed) };
  };
  return {
    name: 'ed25519',
    publicKeyBytes: ED25519_KEY_BYTES,
    signatureBytes: ED25519_SIGNATURE_BYTES,
    aggregateBytes: (count) => count * ED25519_SIGNATURE_BYTES,
    secretFromSeed: secretFromBytes,
    secretFromBytes,
    isPublicKey: isEd25519PublicKey,
    // A list of signatures cannot be forged by a rogue key, so no proof is needed and none is accepted.
    verifyPossession: (publicKey, proof) => proof.length === 0 && isEd25519PublicKey(publicKey),
    verify: primitives.verify,
    findInvalid: (items) => items.flatMap((item, index) => (primitives.verify(item) ? [] : [index])),
    aggregate: (signatures) => concatBytes(...signatures),
    verifyAggregate: (publicKeys, message, signature) =>
      publicKeys.length > 0 &&
      signature.length === publicKeys.length * ED25519_SIGNATURE_BYTES &&
      publicKeys.every((publicKey, index) =>
        primitives.verify({
          publicKey,
          message,
          signature: signature.subarray(index * ED25519_SIGNATURE_BYTES, (index + 1) * ED25519_SIGNATURE_BYTES),
        }),
      ),
  };
}

/** Ed25519 in pure JavaScript (noble curves) with the normative predicate: see {@link ed25519PreChecks}. */
export function createEd25519Suite(): SignatureSuite {
  return ed25519SuiteOver({
    verify,
    signer: (seed) => ({
      publicKey: ed25519.getPublicKey(seed),
      sign: (message) => ed25519.sign(message, seed),
    }),
  });
}
