import { concatBytes, equalBytes, fromHex, type Hash, isHex, QuorateError, toHex } from '@quorate/kernel';

const utf8 = new TextEncoder();
const ADDRESS_DOMAIN = utf8.encode('quorate/address/1');
const CHECKSUM_DOMAIN = utf8.encode('quorate/address-checksum/1');

/** Bytes of an address: a whole SHA-256 digest, so that two keys for one address are as hard to find as a collision. */
export const ADDRESS_BYTES = 32;

/** The address of the account of an Ed25519 public key (32 bytes). */
export function addressOf(hash: Hash, publicKey: Uint8Array): Uint8Array {
  return hash(concatBytes(ADDRESS_DOMAIN, publicKey));
}

function checksum(hash: Hash, address: Uint8Array): Uint8Array {
  return hash(concatBytes(CHECKSUM_DOMAIN, address)).subarray(0, 4);
}

/** An address for people: `q`, the address and four bytes of checksum in lower-case hexadecimal, 73 characters. */
export function formatAddress(hash: Hash, address: Uint8Array): string {
  return `q${toHex(address)}${toHex(checksum(hash, address))}`;
}

/** The 32 bytes of an address that {@link formatAddress} wrote. Throws `address/invalid` for any other text. */
export function parseAddress(hash: Hash, text: string): Uint8Array {
  const refuse = (problem: string): never => {
    throw new QuorateError('address/invalid', `address ${JSON.stringify(text.slice(0, 80))} ${problem}`);
  };
  if (!text.startsWith('q') || !isHex(text.slice(1), ADDRESS_BYTES + 4)) {
    return refuse('is not "q" and 72 characters of 0-9, a-f');
  }
  const bytes = fromHex(text.slice(1));
  const address = bytes.slice(0, ADDRESS_BYTES);
  if (!equalBytes(bytes.subarray(ADDRESS_BYTES), checksum(hash, address)))
    return refuse('has a wrong checksum: a character was mistyped');
  return address;
}
