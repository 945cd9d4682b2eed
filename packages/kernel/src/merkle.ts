import { DIGEST_BYTES, type Digest, type Hash, toHex } from './bytes.ts';

const LEAF = 0;
const NODE = 1;

function largestPowerBelow(count: number): number {
  let power = 1;
  while (2 * power < count) power *= 2;
  return power;
}

/** Digests of the items as leaves. One scratch buffer serves all of them: a block has thousands. */
function leavesOf(hash: Hash, items: readonly Uint8Array[]): Uint8Array[] {
  const longest = items.reduce((most, { length }) => Math.max(most, length), 0);
  const scratch = new Uint8Array(1 + longest);
  scratch[0] = LEAF;
  return items.map((item) => {
    scratch.set(item, 1);
    return hash(scratch.subarray(0, 1 + item.length));
  });
}

function nodeOf(hash: Hash, left: Uint8Array, right: Uint8Array, scratch: Uint8Array): Uint8Array {
  scratch[0] = NODE;
  scratch.set(left, 1);
  scratch.set(right, 1 + DIGEST_BYTES);
  return hash(scratch);
}

const NODE_BYTES = 1 + 2 * DIGEST_BYTES;

function rootOf(
  hash: Hash,
  leaves: readonly Uint8Array[],
  from: number,
  to: number,
  scratch = new Uint8Array(NODE_BYTES),
): Uint8Array {
  if (to - from === 1) return leaves[from] as Uint8Array;
  const split = from + largestPowerBelow(to - from);
  const left = rootOf(hash, leaves, from, split, scratch);
  return nodeOf(hash, left, rootOf(hash, leaves, split, to, scratch), scratch);
}

/** Merkle tree hash of a list (RFC 6962, section 2.1): 0x00 before leaves, 0x01 before nodes; the hash of no bytes for an empty list. */
export function merkleRoot(hash: Hash, items: readonly Uint8Array[]): Digest {
  if (items.length === 0) return toHex(hash(new Uint8Array()));
  return toHex(rootOf(hash, leavesOf(hash, items), 0, items.length));
}

/** Audit path of item `index`, from the leaf upwards (RFC 6962, section 2.1.1). */
export function merklePath(hash: Hash, items: readonly Uint8Array[], index: number): Uint8Array[] {
  const leaves = leavesOf(hash, items);
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
  let [node] = leavesOf(hash, [proof.item]) as [Uint8Array];
  const scratch = new Uint8Array(NODE_BYTES);
  for (const sibling of path) {
    if (sibling.length !== DIGEST_BYTES) return false;
    node = turns.pop() === true ? nodeOf(hash, sibling, node, scratch) : nodeOf(hash, node, sibling, scratch);
  }
  return toHex(node) === root;
}
