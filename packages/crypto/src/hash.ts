import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import type { Hash } from '@quorate/kernel';

/** SHA-256 in pure JavaScript: the hash of every digest in Quorate. 32 bytes. `node` supplies a faster one with the same results. */
export const sha256: Hash = (bytes) => nobleSha256(bytes);
