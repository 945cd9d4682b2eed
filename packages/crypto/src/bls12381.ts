import { bls12_381 } from '@noble/curves/bls12-381.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import {
  concatBytes,
  QuorateError,
  Recent,
  type SecretKey,
  type SignatureSuite,
  type SignedItem,
  toHex,
} from '@quorate/kernel';
import { bisect } from './bisect.ts';

export const BLS_KEY_BYTES = 48;
export const BLS_SIGNATURE_BYTES = 96;

/** Proof-of-possession scheme of draft-irtf-cfrg-bls-signature: one domain for messages, another for proofs. */
const SIGNATURE_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';
const PROOF_DOMAIN = 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_';

const { longSignatures: scheme, fields } = bls12_381;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;

type KeyPoint = ReturnType<typeof G1.fromBytes>;
type SignaturePoint = ReturnType<typeof G2.fromBytes>;

/** A key in the subgroup (decoding checks that) and not infinity, or `null`. */
function decodeKey(publicKey: Uint8Array): KeyPoint | null {
  if (publicKey.length !== BLS_KEY_BYTES) return null;
  try {
    const point = G1.fromBytes(publicKey);
    return point.is0() ? null : point;
  } catch {
    return null;
  }
}

/** A signature in the subgroup (decoding checks that) and not infinity, or `null`. */
function decodeSignature(signature: Uint8Array): SignaturePoint | null {
  if (signature.length !== BLS_SIGNATURE_BYTES) return null;
  try {
    const point = scheme.Signature.fromBytes(signature);
    return point.is0() ? null : point;
  } catch {
    return null;
  }
}

/** Π e(keyᵢ, messageᵢ) = e(G, signature). */
function pairingHolds(
  terms: readonly { readonly key: KeyPoint; readonly message: SignaturePoint }[],
  signature: SignaturePoint,
): boolean {
  // A sum that vanished by chance or design proves nothing; the caller then looks at single items.
  if (signature.is0() || terms.some(({ key }) => key.is0())) return false;
  const pairs = terms.map(({ key, message }) => ({ g1: key, g2: message }));
  pairs.push({ g1: G1.BASE.negate(), g2: signature });
  return fields.Fp12.eql(bls12_381.pairingBatch(pairs), fields.Fp12.ONE);
}

/**
 * The secret scalar of a seed, 32 bytes, big-endian: KeyGen of the draft, HKDF until the scalar is not zero.
 * Throws `key/invalid` for a seed of less than 32 bytes.
 */
export function blsSecretFromSeed(seed: Uint8Array): Uint8Array {
  if (seed.length < 32) {
    throw new QuorateError('key/invalid', `a BLS seed has at least 32 bytes, not ${seed.length}`);
  }
  const length = 48;
  let salt: Uint8Array = new TextEncoder().encode('BLS-SIG-KEYGEN-SALT-');
  for (;;) {
    salt = sha256(salt);
    const key = extract(sha256, concatBytes(seed, Uint8Array.of(0)), salt);
    const material = expand(sha256, key, Uint8Array.of(0, length), length);
    const scalar = BigInt(`0x${toHex(material)}`) % fields.Fr.ORDER;
    if (scalar !== 0n) return fields.Fr.toBytes(scalar);
  }
}

/** PopProve: see {@link verifyBlsPossession}. */
function provePossession(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return scheme.sign(scheme.hash(publicKey, PROOF_DOMAIN), secret).toBytes();
}

/** Whether `proof` (96 bytes) shows that whoever made `publicKey` (48 bytes) knows its secret: PopVerify. A signature of a message is none. */
export function verifyBlsPossession(publicKey: Uint8Array, proof: Uint8Array): boolean {
  const key = decodeKey(publicKey);
  const point = decodeSignature(proof);
  return (
    key !== null && point !== null && pairingHolds([{ key, message: scheme.hash(publicKey, PROOF_DOMAIN) }], point)
  );
}

/**
 * A BLS secret key. `signWith` replaces the pure JavaScript that signs, by native code of the same ciphersuite. Throws `key/invalid` unless
 * `bytes` is a scalar from 1 to r − 1, 32 bytes, big-endian.
 */
export function blsSecretKey(bytes: Uint8Array, signWith?: (message: Uint8Array) => Uint8Array): SecretKey {
  const secret = Uint8Array.from(bytes);
  const scalar = secret.length === 32 ? BigInt(`0x${toHex(secret)}`) : 0n;
  if (scalar === 0n || scalar >= fields.Fr.ORDER) {
    throw new QuorateError('key/invalid', 'a BLS secret is a 32-byte integer from 1 to the group order minus 1');
  }
  const publicKey = scheme.getPublicKey(secret).toBytes();
  const sign = (message: Uint8Array): Uint8Array =>
    scheme.sign(scheme.hash(message, SIGNATURE_DOMAIN), secret).toBytes();
  return {
    suite: 'bls12-381',
    publicKey,
    sign: signWith ?? sign,
    prove: () => provePossession(secret, publicKey),
    export: () => Uint8Array.from(secret),
  };
}

interface BatchItem {
  readonly index: number;
  readonly key: KeyPoint;
  readonly message: string;
  readonly signature: SignaturePoint;
  /** Unpredictable before all items are fixed, so that errors cannot be made to cancel. */
  readonly coefficient: bigint;
}

/** A digest of everything in a batch: each part behind its length. */
function batchSeed(items: readonly SignedItem[]): Uint8Array {
  const state = sha256.create();
  const length = new DataView(new ArrayBuffer(4));
  for (const { publicKey, message, signature } of items) {
    for (const part of [publicKey, message, signature]) {
      length.setUint32(0, part.length);
      state.update(new Uint8Array(length.buffer)).update(part);
    }
  }
  return state.digest();
}

function coefficientOf(seed: Uint8Array, index: number): bigint {
  const place = new Uint8Array(4);
  new DataView(place.buffer).setUint32(0, index);
  return BigInt(`0x${toHex(sha256(concatBytes(seed, place)).subarray(0, 16))}`) | 1n;
}

/**
 * BLS12-381 in pure JavaScript (noble curves): keys in G1 (48 bytes), signatures in G2 (96 bytes), ciphersuite POP.
 * `cachedKeys` bounds the memory of this instance: decompressed keys, the least recently used is forgotten.
 */
export function createBls12381Suite(options: { readonly cachedKeys?: number } = {}): SignatureSuite {
  const keys = new Recent<string, KeyPoint>({ capacity: options.cachedKeys ?? 4096 });
  const keyPoint = (publicKey: Uint8Array): KeyPoint | null => {
    const name = toHex(publicKey);
    const known = keys.get(name);
    if (known !== undefined) return known;
    const point = decodeKey(publicKey);
    if (point !== null) keys.set(name, point);
    return point;
  };
  const messagePoint = (message: Uint8Array): SignaturePoint => scheme.hash(message, SIGNATURE_DOMAIN);

  const verify = ({ publicKey, message, signature }: SignedItem): boolean => {
    const key = keyPoint(publicKey);
    const point = key === null ? null : decodeSignature(signature);
    return key !== null && point !== null && pairingHolds([{ key, message: messagePoint(message) }], point);
  };

  const findInvalid = (items: readonly SignedItem[]): number[] => {
    const seed = batchSeed(items);
    const messages = new Map<string, SignaturePoint>();
    const sound: BatchItem[] = [];
    const invalid: number[] = [];
    items.forEach((item, index) => {
      const key = keyPoint(item.publicKey);
      const signature = key === null ? null : decodeSignature(item.signature);
      if (key === null || signature === null) {
        invalid.push(index);
        return;
      }
      const message = toHex(item.message);
      if (!messages.has(message)) messages.set(message, messagePoint(item.message));
      sound.push({ index, key, message, signature, coefficient: coefficientOf(seed, index) });
    });
    const holds = (batch: readonly BatchItem[]): boolean => {
      const sums = new Map<string, KeyPoint>();
      let signature = G2.ZERO;
      for (const item of batch) {
        const factor = batch.length === 1 ? 1n : item.coefficient;
        sums.set(item.message, (sums.get(item.message) ?? G1.ZERO).add(item.key.multiplyUnsafe(factor)));
        signature = signature.add(item.signature.multiplyUnsafe(factor));
      }
      const terms = [...sums].flatMap(([message, key]) => {
        const point = messages.get(message);
        return point === undefined ? [] : [{ key, message: point }];
      });
      return pairingHolds(terms, signature);
    };
    for (const { index } of bisect(sound, holds)) invalid.push(index);
    return invalid.sort((a, b) => a - b);
  };

  return {
    name: 'bls12-381',
    publicKeyBytes: BLS_KEY_BYTES,
    signatureBytes: BLS_SIGNATURE_BYTES,
    aggregateBytes: () => BLS_SIGNATURE_BYTES,
    secretFromSeed: (seed) => blsSecretKey(blsSecretFromSeed(seed)),
    secretFromBytes: (bytes) => blsSecretKey(bytes),
    isPublicKey: (publicKey) => keyPoint(publicKey) !== null,
    verifyPossession: verifyBlsPossession,
    verify,
    findInvalid,
    aggregate: (signatures) => {
      let sum = G2.ZERO;
      for (const signature of signatures) {
        const point = decodeSignature(signature);
        if (point === null)
          throw new QuorateError('certificate/invalid', 'a signature to aggregate is not a point of G2');
        sum = sum.add(point);
      }
      return sum.toBytes();
    },
    verifyAggregate: (publicKeys, message, signature) => {
      const point = decodeSignature(signature);
      if (point === null || publicKeys.length === 0) return false;
      let sum = G1.ZERO;
      for (const publicKey of publicKeys) {
        const key = keyPoint(publicKey);
        if (key === null) return false;
        sum = sum.add(key);
      }
      return pairingHolds([{ key: sum, message: messagePoint(message) }], point);
    },
  };
}
