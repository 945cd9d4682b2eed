import {
  type Codec,
  type Digest,
  decode,
  equalBytes,
  fixed,
  type Hash,
  isQuorateError,
  list,
  nullable,
  struct,
  toHex,
  u8,
  ZERO_DIGEST,
} from '@quorate/kernel';

/**
 * The root of a state without entries.
 *
 * The authenticated state is a binary Patricia trie over SHA-256 of the keys. A subtree without entries does not exist; one with
 * a single entry is its leaf, H(0x00 ‖ H(key) ‖ H(value)); any other is H(0x01 ‖ bit ‖ left ‖ right), where `bit` (0 to 255,
 * most significant first) is the first bit in which the digests of its keys differ. The root depends only on the content.
 */
export const EMPTY_STATE_ROOT: Digest = ZERO_DIGEST;

/** The way from the root down to the one leaf that a key can stand at. */
export interface StateProof {
  /** The nodes passed, from the root: the bit that each looks at, and the digest of the side not taken. */
  readonly steps: readonly { readonly bit: number; readonly sibling: Uint8Array }[];
  /** The leaf found there when it is not the key's own: digests of its key and value. Null for a presence, and in an empty trie. */
  readonly other: { readonly key: Uint8Array; readonly value: Uint8Array } | null;
}

/** One step for each bit of a digest. */
const MAX_STEPS = 256;

type Step = StateProof['steps'][number];

export const stateProofCodec: Codec<StateProof> = struct<{ steps: Step[]; other: StateProof['other'] }>({
  steps: list(struct<Step>({ bit: u8, sibling: fixed(32) }), MAX_STEPS),
  other: nullable(struct({ key: fixed(32), value: fixed(32) })),
}) as Codec<StateProof>;

/** Bytes of the largest encoded state proof. */
export const MAX_STATE_PROOF_BYTES = 4 + MAX_STEPS * 33 + 1 + 64;

/** What {@link stateProofFault} checks: that the state with this root holds `value` under `key`, or nothing when it is null. */
export interface StateClaim {
  readonly root: Digest;
  /** The state key itself, not its digest. */
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  /** An encoded {@link StateProof}. */
  readonly proof: Uint8Array;
}

function bitOf(digest: Uint8Array, bit: number): number {
  return ((digest[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}

function leafOf(hash: Hash, key: Uint8Array, value: Uint8Array): Uint8Array {
  const input = new Uint8Array(65);
  input.set(key, 1);
  input.set(value, 33);
  return hash(input);
}

function nodeOf(hash: Hash, bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(66);
  input[0] = 1;
  input[1] = bit;
  input.set(left, 2);
  input.set(right, 34);
  return hash(input);
}

/** Why this proof does not show the claim, or `null` when it does. Never throws. */
export function stateProofFault(claim: StateClaim, hash: Hash): string | null {
  if (claim.proof.length > MAX_STATE_PROOF_BYTES) return 'the state proof is too long';
  let proof: StateProof;
  try {
    proof = decode(stateProofCodec, claim.proof);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return `the state proof cannot be read: ${error.message}`;
  }
  const key = hash(claim.key);
  const { steps, other } = proof;
  if (claim.value === null && other === null) {
    if (steps.length > 0) return 'the state proof shows no leaf';
    return claim.root === EMPTY_STATE_ROOT ? null : 'the state is not empty';
  }
  if (claim.value !== null && other !== null) return 'the state proof shows an absence where a presence is claimed';
  if (other !== null && equalBytes(other.key, key))
    return 'the state proof shows a presence where an absence is claimed';
  let node =
    other === null ? leafOf(hash, key, hash(claim.value ?? new Uint8Array())) : leafOf(hash, other.key, other.value);
  for (let i = steps.length - 1; i >= 0; i--) {
    const { bit, sibling } = steps[i] as Step;
    const above = steps[i - 1];
    if (above !== undefined && above.bit >= bit) return 'the steps of the state proof are out of order';
    const side = bitOf(key, bit);
    // A leaf that the walk of this key reaches agrees with it in every bit that the walk looked at.
    if (other !== null && bitOf(other.key, bit) !== side)
      return 'the state proof leads to a leaf off the way of the key';
    node = side === 0 ? nodeOf(hash, bit, node, sibling) : nodeOf(hash, bit, sibling, node);
  }
  return toHex(node) === claim.root ? null : 'the state proof does not lead to the state root';
}

/** Whether the proof shows the claim; {@link stateProofFault} says why not. Never throws. */
export function verifyStateProof(claim: StateClaim, hash: Hash): boolean {
  return stateProofFault(claim, hash) === null;
}
