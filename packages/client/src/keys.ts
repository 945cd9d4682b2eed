import { createEd25519Suite, sha256 } from '@quorate/crypto';
import type { SecretKey } from '@quorate/kernel';
import { addressOf, formatAddress } from '@quorate/ledger';

/** An account key from 32 secret bytes. Throws `key/invalid`. */
export function accountKeyFromSeed(seed: Uint8Array): SecretKey {
  return createEd25519Suite().secretFromSeed(seed);
}

/** A fresh account key, from the runtime's source of secret randomness. Keep what `export` returns: nothing else can move the account. */
export function generateAccountKey(): SecretKey {
  return accountKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

/** The address of an account, as people write it. */
export function accountAddress(publicKey: Uint8Array): string {
  return formatAddress(sha256, addressOf(sha256, publicKey));
}
