import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, ed25519SuiteOver } from '@quorate/crypto';
import type { SignatureSuite } from '@quorate/kernel';
import sodium from 'sodium-native';

/** The same bytes as the binding wants them. Shared memory is copied: another thread could change it between check and use. */
function buffer(bytes: Uint8Array): Buffer {
  return bytes.buffer instanceof ArrayBuffer
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
}

/** Ed25519 by libsodium, whose `crypto_sign_verify_detached` is the normative predicate. */
export function createSodiumEd25519Suite(): SignatureSuite {
  return ed25519SuiteOver({
    // The binding reads only the first 64 bytes of a longer signature, so lengths are checked here.
    verify: ({ publicKey, message, signature }) =>
      publicKey.length === ED25519_KEY_BYTES &&
      signature.length === ED25519_SIGNATURE_BYTES &&
      sodium.crypto_sign_verify_detached(buffer(signature), buffer(message), buffer(publicKey)),
    signer: (seed) => {
      const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES);
      const secret = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
      sodium.crypto_sign_seed_keypair(publicKey, secret, buffer(seed));
      return {
        publicKey: new Uint8Array(publicKey),
        sign: (message) => {
          const signature = Buffer.alloc(ED25519_SIGNATURE_BYTES);
          sodium.crypto_sign_detached(signature, buffer(message), secret);
          return new Uint8Array(signature);
        },
      };
    },
  });
}
