import { bls12_381 } from '@noble/curves/bls12-381.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, type SignedItem, toHex } from '@quorate/kernel';
import { createBls12381Suite } from './bls12381.ts';

/** A triple on which implementations are known to differ, and what the normative predicate says of it. */
export interface EdgeCase {
  readonly name: string;
  readonly item: SignedItem;
  readonly valid: boolean;
  /** Whether its public key may enter a validator set at all. */
  readonly admissible: boolean;
}

function accepted(name: string, item: SignedItem): EdgeCase {
  return { name, item, valid: true, admissible: true };
}

/** Refused, and not because of its key. */
function refused(name: string, item: SignedItem): EdgeCase {
  return { name, item, valid: false, admissible: true };
}

/** Refused because of its key. */
function inadmissible(name: string, item: SignedItem): EdgeCase {
  return { name, item, valid: false, admissible: false };
}

const { Point } = ed25519;
type Edwards = ReturnType<typeof Point.fromBytes>;
const ORDER = Point.Fn.ORDER;
const FIELD = Point.Fp.ORDER;

function littleEndian(value: bigint, length = 32): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 255n);
  return bytes;
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
}

/** The eight points of small order: multiples of one of order 8, found by clearing the large factor of some point. */
export function ed25519Torsion(): Edwards[] {
  for (let y = 2n; ; y++) {
    let point: Edwards;
    try {
      point = Point.fromBytes(littleEndian(y));
    } catch {
      continue;
    }
    const torsion = point.multiplyUnsafe(ORDER - 1n).add(point);
    if (torsion.double().double().is0()) continue;
    const all = [Point.ZERO];
    for (let last = torsion; !last.is0(); last = last.add(torsion)) all.push(last);
    return all;
  }
}

/** Every 32-byte spelling of a point: both signs where x = 0, and y + p where that fits. */
function spellings(point: Edwards): Uint8Array[] {
  const { x, y } = point.toAffine();
  const signs = x === 0n ? [0n, 1n] : [x & 1n];
  const values = y + FIELD < 1n << 255n ? [y, y + FIELD] : [y];
  return values.flatMap((value) => signs.map((sign) => littleEndian(value | (sign << 255n))));
}

function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return fromLittleEndian(sha512(concatBytes(r, key, message))) % ORDER;
}

const SECRET = 0x0123_4567_89ab_cdef_0011_2233n;
const NONCE = 0x0fed_cba9_8765_4321_0099_8877n;

/** A message for which the challenge is `residue` modulo 8. */
function messageFor(r: Uint8Array, key: Uint8Array, residue: bigint): { message: Uint8Array; h: bigint } {
  for (let counter = 0; ; counter++) {
    const message = Uint8Array.of(counter & 255, counter >> 8);
    const h = challenge(r, key, message);
    if (h % 8n === residue) return { message, h };
  }
}

function smallOrderCases(torsion: readonly Edwards[]): EdgeCase[] {
  const cases: EdgeCase[] = [];
  const honestKey = Point.BASE.multiply(SECRET).toBytes();
  const honestNonce = Point.BASE.multiply(NONCE).toBytes();
  torsion.forEach((point, multiple) => {
    for (const encoded of spellings(point)) {
      // A of small order: with h = 0 modulo 8 the cofactorless equation holds for S = r.
      const { message } = messageFor(honestNonce, encoded, 0n);
      const signature = concatBytes(honestNonce, littleEndian(NONCE));
      const name = `${multiple} in spelling ${toHex(encoded)}`;
      cases.push(inadmissible(`key of small order ${name}`, { publicKey: encoded, message, signature }));
      // R of small order: S = h·a; for R = 0 even the cofactorless equation holds.
      const h = challenge(encoded, honestKey, message);
      const small = concatBytes(encoded, littleEndian((h * SECRET) % ORDER));
      cases.push(refused(`R of small order ${name}`, { publicKey: honestKey, message, signature: small }));
      const both = { publicKey: encoded, message, signature: concatBytes(encoded, new Uint8Array(32)) };
      cases.push(inadmissible(`key and R of small order ${name}, S = 0`, both));
    }
  });
  return cases;
}

/** A = aB + T, R = rB + U: the cofactored equation always holds, the cofactorless one when U + hT = 0. */
function mixedOrderCases(torsion: readonly Edwards[]): EdgeCase[] {
  const cases: EdgeCase[] = [];
  for (const i of [0, 1, 2, 4]) {
    for (const j of [0, 1, 3, 4, 6]) {
      const [t, u] = [torsion[i] ?? Point.ZERO, torsion[j] ?? Point.ZERO];
      const publicKey = Point.BASE.multiply(SECRET).add(t).toBytes();
      const r = Point.BASE.multiply(NONCE).add(u).toBytes();
      for (const residue of [0n, 1n, 2n, 5n]) {
        const { message, h } = messageFor(r, publicKey, residue);
        const signature = concatBytes(r, littleEndian((NONCE + h * SECRET) % ORDER));
        const judge = (j + Number(residue) * i) % 8 === 0 ? accepted : refused;
        const name = `key with torsion ${i}, R with torsion ${j}, challenge ${residue} mod 8`;
        cases.push(judge(name, { publicKey, message, signature }));
      }
    }
  }
  return cases;
}

/**
 * Where Ed25519 implementations part ways: points of small and of mixed order in every spelling, signatures that only the
 * cofactored equation accepts, S outside its range, keys off the curve or spelled with y ≥ p, wrong lengths.
 */
export function ed25519EdgeCases(): EdgeCase[] {
  const torsion = ed25519Torsion();
  const seed = new Uint8Array(32).fill(7);
  const publicKey = ed25519.getPublicKey(seed);
  const message = Uint8Array.of(1, 2, 3);
  const signature = ed25519.sign(message, seed);
  const s = fromLittleEndian(signature.subarray(32));
  const withS = (value: bigint): Uint8Array => concatBytes(signature.subarray(0, 32), littleEndian(value));
  const item = { publicKey, message, signature };
  const nothing = new Uint8Array(0);
  const nonCanonical = Array.from({ length: 19 }, (_, k) => littleEndian(FIELD + BigInt(k)));
  return [
    accepted('honest signature', item),
    accepted('honest signature of nothing', { publicKey, message: nothing, signature: ed25519.sign(nothing, seed) }),
    refused('another message', { ...item, message: Uint8Array.of(1, 2, 4) }),
    refused('S + L', { ...item, signature: withS(s + ORDER) }),
    refused('S + 2L', { ...item, signature: withS(s + 2n * ORDER) }),
    refused('S + 14L', { ...item, signature: withS(s + 14n * ORDER) }),
    refused('S = L', { ...item, signature: withS(ORDER) }),
    refused('S = 2^256 - 1', { ...item, signature: withS((1n << 256n) - 1n) }),
    refused('signature of 63 bytes', { ...item, signature: signature.subarray(0, 63) }),
    refused('signature of 65 bytes', { ...item, signature: concatBytes(signature, Uint8Array.of(0)) }),
    refused('empty signature', { ...item, signature: nothing }),
    inadmissible('key of 31 bytes', { ...item, publicKey: publicKey.subarray(0, 31) }),
    inadmissible('key of 33 bytes', { ...item, publicKey: concatBytes(publicKey, Uint8Array.of(0)) }),
    inadmissible('key off the curve', { ...item, publicKey: littleEndian(2n) }),
    ...nonCanonical.map((key, k) => inadmissible(`key spelled with y = p + ${k}`, { ...item, publicKey: key })),
    ...smallOrderCases(torsion),
    ...mixedOrderCases(torsion),
  ];
}

const { fields } = bls12_381;
const G1 = bls12_381.G1.Point;
const G2 = bls12_381.G2.Point;
type KeyPoint = ReturnType<typeof G1.fromBytes>;
type SignaturePoint = ReturnType<typeof G2.fromBytes>;

/** A point of the curve whose order divides the cofactor: adding it to a key leaves every pairing as it was. */
function torsionOfG1(): KeyPoint {
  const { Fp, Fr } = fields;
  for (let x = 1n; ; x++) {
    try {
      const point = G1.fromAffine({ x, y: Fp.sqrt(Fp.add(Fp.mul(Fp.sqr(x), x), 4n)) });
      const torsion = point.multiplyUnsafe(Fr.ORDER - 1n).add(point);
      if (!torsion.is0()) return torsion;
    } catch {
      // x is not on the curve
    }
  }
}

function torsionOfG2(): SignaturePoint {
  const { Fp2, Fr } = fields;
  for (let c0 = 1n; ; c0++) {
    try {
      const x = Fp2.fromBigTuple([c0, 0n]);
      const b = Fp2.fromBigTuple([4n, 4n]);
      const point = G2.fromAffine({ x, y: Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), b)) });
      const torsion = point.multiplyUnsafe(Fr.ORDER - 1n).add(point);
      if (!torsion.is0()) return torsion;
    } catch {
      // x is not on the curve
    }
  }
}

/** Compressed encoding without the checks that noble makes before it encodes a point. */
function compress(coordinate: readonly bigint[], ordinate: readonly bigint[]): Uint8Array {
  const decisive = ordinate.find((part) => part !== 0n) ?? 0n;
  const flags = 2n * decisive > fields.Fp.ORDER ? 0xa0 : 0x80;
  const bytes = concatBytes(...coordinate.map((part) => littleEndian(part, 48).reverse()));
  return withFirstByte(bytes, (byte) => byte | flags);
}

function compressG1(point: KeyPoint): Uint8Array {
  const { x, y } = point.toAffine();
  return compress([x], [y]);
}

function compressG2(point: SignaturePoint): Uint8Array {
  const { x, y } = point.toAffine();
  return compress([x.c1, x.c0], [y.c1, y.c0]);
}

function infinity(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = 0xc0;
  return bytes;
}

function withFirstByte(bytes: Uint8Array, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[0] = change(copy[0] ?? 0);
  return copy;
}

/** The same point with p added to the first coordinate behind the flag bits, when that still fits. */
function plusField(bytes: Uint8Array): Uint8Array[] {
  const first = bytes.subarray(0, 48);
  const flags = (first[0] ?? 0) & 0xe0;
  const value = BigInt(`0x${toHex(withFirstByte(first, (byte) => byte & 0x1f))}`) + fields.Fp.ORDER;
  if (value >= 1n << 381n) return [];
  const shifted = littleEndian(value, 48).reverse();
  return [
    concatBytes(
      withFirstByte(shifted, (byte) => byte | flags),
      bytes.subarray(48),
    ),
  ];
}

/**
 * Where BLS implementations part ways: infinity and points outside the subgroup (torsion that no pairing sees) as key and
 * as signature, uncompressed and non-canonical encodings, wrong flags and lengths, the domain of proofs.
 */
export function bls12381EdgeCases(): EdgeCase[] {
  const secret = createBls12381Suite().secretFromSeed(new Uint8Array(32).fill(7));
  const { publicKey } = secret;
  const message = Uint8Array.of(1, 2, 3);
  const signature = secret.sign(message);
  const item = { publicKey, message, signature };
  const key = G1.fromBytes(publicKey);
  const point = G2.fromBytes(signature);
  const keys: Readonly<Record<string, readonly Uint8Array[]>> = {
    'key at infinity': [infinity(48)],
    'key outside the subgroup': [compressG1(key.add(torsionOfG1()))],
    'key of cofactor order': [compressG1(torsionOfG1())],
    'uncompressed key': [key.toBytes(false)],
    'key without its compression flag': [withFirstByte(publicKey, (byte) => byte & 0x7f)],
    'key with the infinity flag': [withFirstByte(publicKey, (byte) => byte | 0x40)],
    'key with x + p': plusField(publicKey),
    'key of zeros': [new Uint8Array(48)],
    'key cut short': [publicKey.subarray(0, 47)],
    'empty key': [new Uint8Array(0)],
  };
  const signatures: Readonly<Record<string, readonly Uint8Array[]>> = {
    'signature at infinity': [infinity(96)],
    'signature outside the subgroup': [compressG2(point.add(torsionOfG2()))],
    'uncompressed signature': [point.toBytes(false)],
    'negated signature': [point.negate().toBytes()],
    'signature without its compression flag': [withFirstByte(signature, (byte) => byte & 0x7f)],
    'signature with the infinity flag': [withFirstByte(signature, (byte) => byte | 0x40)],
    'signature with x + p': plusField(signature),
    'signature of zeros': [new Uint8Array(96)],
    'signature cut short': [signature.subarray(0, 95)],
    'signature with a byte more': [concatBytes(signature, Uint8Array.of(0))],
    'empty signature': [new Uint8Array(0)],
    'proof of possession as signature': [secret.prove()],
  };
  return [
    accepted('honest signature', item),
    refused('another message', { ...item, message: Uint8Array.of(1, 2, 4) }),
    refused('negated key', { ...item, publicKey: key.negate().toBytes() }),
    inadmissible('key and signature at infinity', { publicKey: infinity(48), message, signature: infinity(96) }),
    ...Object.entries(keys).flatMap(([name, all]) =>
      all.map((changed) => inadmissible(name, { ...item, publicKey: changed })),
    ),
    ...Object.entries(signatures).flatMap(([name, all]) =>
      all.map((changed) => refused(name, { ...item, signature: changed })),
    ),
  ];
}
