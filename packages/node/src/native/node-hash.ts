import * as crypto from 'node:crypto';
import type { Hash } from '@quorate/kernel';

/** SHA-256 by the OpenSSL inside Node: one call where Node has `crypto.hash` (20.12 and later), a hash object elsewhere. */
export function createNodeHash(): Hash {
  const oneShot: typeof crypto.hash | undefined = crypto.hash;
  const digest = (bytes: Uint8Array): Buffer =>
    oneShot === undefined ? crypto.createHash('sha256').update(bytes).digest() : oneShot('sha256', bytes, 'buffer');
  return (bytes) => {
    const hashed = digest(bytes);
    // Not the Buffer itself: its `slice` shares memory, which a Uint8Array's does not.
    return new Uint8Array(hashed.buffer, hashed.byteOffset, hashed.length);
  };
}
