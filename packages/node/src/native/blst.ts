import blst from '@chainsafe/blst';
import {
  BLS_KEY_BYTES,
  BLS_SIGNATURE_BYTES,
  bisect,
  blsSecretFromSeed,
  blsSecretKey,
  verifyBlsPossession,
} from '@quorate/crypto';
import { QuorateError, Recent, type SecretKey, type SignatureSuite, type SignedItem, toHex } from '@quorate/kernel';

interface Decoded {
  readonly index: number;
  readonly pk: blst.PublicKey;
  readonly msg: Uint8Array;
  readonly sig: blst.Signature;
}

/** A signature in the subgroup and not infinity, or `null`. */
function decodeSignature(bytes: Uint8Array): blst.Signature | null {
  if (bytes.length !== BLS_SIGNATURE_BYTES) return null;
  try {
    return blst.Signature.fromBytes(bytes, true, true);
  } catch {
    return null;
  }
}

/**
 * BLS12-381 by blst, accepting exactly what the pure suite accepts. Proofs of possession, which are rare, stay with the
 * pure code: the binding knows one domain only. `cachedKeys` bounds the decompressed keys that this instance remembers.
 */
export function createBlstSuite(options: { readonly cachedKeys?: number } = {}): SignatureSuite {
  const keys = new Recent<string, blst.PublicKey>({ capacity: options.cachedKeys ?? 4096 });

  const decodeKey = (bytes: Uint8Array): blst.PublicKey | null => {
    if (bytes.length !== BLS_KEY_BYTES) return null;
    const name = toHex(bytes);
    const known = keys.get(name);
    if (known !== undefined) return known;
    try {
      const key = blst.PublicKey.fromBytes(bytes, true);
      keys.set(name, key);
      return key;
    } catch {
      return null;
    }
  };

  const secretFromBytes = (bytes: Uint8Array): SecretKey => {
    // The pure constructor refuses what is not a scalar before blst sees it.
    const native = { key: null as blst.SecretKey | null };
    const secret = blsSecretKey(bytes, (message) => {
      native.key ??= blst.SecretKey.fromBytes(secret.export());
      return native.key.sign(message).toBytes();
    });
    return secret;
  };

  const verify = ({ publicKey, message, signature }: SignedItem): boolean => {
    const key = decodeKey(publicKey);
    const point = key === null ? null : decodeSignature(signature);
    return key !== null && point !== null && blst.verify(message, key, point);
  };

  const holds = (batch: readonly Decoded[]): boolean => {
    const [first] = batch;
    if (first !== undefined && batch.length === 1) return blst.verify(first.msg, first.pk, first.sig);
    return blst.verifyMultipleAggregateSignatures([...batch]);
  };

  return {
    name: 'bls12-381',
    publicKeyBytes: BLS_KEY_BYTES,
    signatureBytes: BLS_SIGNATURE_BYTES,
    aggregateBytes: () => BLS_SIGNATURE_BYTES,
    secretFromSeed: (seed) => secretFromBytes(blsSecretFromSeed(seed)),
    secretFromBytes,
    isPublicKey: (publicKey) => decodeKey(publicKey) !== null,
    verifyPossession: verifyBlsPossession,
    verify,
    findInvalid: (items) => {
      const invalid: number[] = [];
      const sound: Decoded[] = [];
      items.forEach(({ publicKey, message, signature }, index) => {
        const pk = decodeKey(publicKey);
        const sig = pk === null ? null : decodeSignature(signature);
        if (pk === null || sig === null) invalid.push(index);
        else sound.push({ index, pk, msg: message, sig });
      });
      for (const { index } of bisect(sound, holds)) invalid.push(index);
      return invalid.sort((a, b) => a - b);
    },
    aggregate: (signatures) => {
      const points = signatures.map((signature) => {
        const point = decodeSignature(signature);
        if (point !== null) return point;
        throw new QuorateError('certificate/invalid', 'a signature to aggregate is not a point of G2');
      });
      return blst.aggregateSignatures(points).toBytes();
    },
    verifyAggregate: (publicKeys, message, signature) => {
      const point = decodeSignature(signature);
      if (point === null || publicKeys.length === 0) return false;
      const points: blst.PublicKey[] = [];
      for (const publicKey of publicKeys) {
        const key = decodeKey(publicKey);
        if (key === null) return false;
        points.push(key);
      }
      return blst.fastAggregateVerify(message, points, point);
    },
  };
}
