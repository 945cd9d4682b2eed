import { concatBytes, type Digest, type Hash, toHex } from './bytes.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

function largestPowerBelow(count: number): number {
  let power = 1;
  while (2 * power < count) power *= 2;
  return power;
}

function rootOf(hash: Hash, leaves: readonly Uint8Array[], from: number, to: number): Uint8Array {
  if (to - from === 1) return leaves[from] as Uint8Array;
  const split = from + largestPowerBelow(to - from);
  return hash(concatBytes(NODE, rootOf(hash, leaves, from, split), rootOf(hash, leaves, split, to)));
}

/** Merkle tree hash of a list (RFC 6962, section 2.1): 0x00 before leaves, 0x01 before nodes; the hash of no bytes for an empty list. */
export function merkleRoot(hash: Hash, items: readonly Uint8Array[]): Digest {
  if (items.length === 0) return toHex(hash(new Uint8Array()));
  return toHex(
    rootOf(
      hash,
      items.map((item) => hash(concatBytes(LEAF, item))),
      0,
      items.length,
    ),
  );
}

/** Audit path of item `index`, from the leaf upwards (RFC 6962, section 2.1.1). */
export function merklePath(hash: Hash, items: readonly Uint8Array[], index: number): Uint8Array[] {
  const leaves = items.map((item) => hash(concatBytes(LEAF, item)));
  const path: Uint8Array[] = [];
  let [from, to] = [0, items.length];
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    if (index < split) {
      path.unshift(rootOf(hash, leaves, split, to));
      to = split;
    } else {
      path.unshift(rootOf(hash, leaves, from, split));
      from = split;
    }
  }
  return path;
}

/** Whether `item` stands at `index` in the list of `count` items with this root. */
export function verifyMerklePath(
  hash: Hash,
  root: Digest,
  proof: {
    readonly item: Uint8Array;
    readonly index: number;
    readonly count: number;
    readonly path: readonly Uint8Array[];
  },
): boolean {
  const { index, count, path } = proof;
  if (!Number.isSafeInteger(index) || index < 0 || index >= count) return false;
  const turns: boolean[] = []; // from the root: true where the item lies on the right
  let [from, to] = [0, count];
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    turns.push(index >= split);
    if (index < split) to = split;
    else from = split;
  }
  if (turns.length !== path.length) return false;
  let node = hash(concatBytes(LEAF, proof.item));
  for (const sibling of path) {
    node = turns.pop() === true ? hash(concatBytes(NODE, sibling, node)) : hash(concatBytes(NODE, node, sibling));
  }
  return toHex(node) === root;
}
