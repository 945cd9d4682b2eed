import { type Block, type BlockRef, type Digest, MAX_UNFINAL_HEADERS, type View } from '@quorate/kernel';

interface Node {
  readonly block: Block;
  available: boolean;
  /** Available, and so is every ancestor down to the floor. */
  rooted: boolean;
}

/** Most headers kept that do not connect to the floor: beyond it, block sync must feed the engine from below. */
export const MAX_UNROOTED = 256;

/** The blocks above the floor, by digest. */
export class BlockTree {
  readonly #nodes = new Map<Digest, Node>();
  readonly #children = new Map<Digest, Digest[]>();
  #root: { readonly digest: Digest; readonly view: View };
  #unrooted = 0;

  constructor(root: { readonly digest: Digest; readonly view: View }) {
    this.#root = root;
  }

  /** The blocks known above the floor, and which of their bodies are durable here. */
  entries(): { readonly block: Block; readonly available: boolean }[] {
    return [...this.#nodes.values()];
  }

  copy(): BlockTree {
    const copy = new BlockTree(this.#root);
    for (const [digest, node] of this.#nodes) copy.#nodes.set(digest, { ...node });
    for (const [digest, children] of this.#children) copy.#children.set(digest, [...children]);
    copy.#unrooted = this.#unrooted;
    return copy;
  }

  /** Whether only blocks that connect to the floor find room. */
  get isFull(): boolean {
    return this.#unrooted >= MAX_UNROOTED;
  }

  get(digest: Digest): Block | undefined {
    return this.#nodes.get(digest)?.block;
  }

  /** Whether the block's body is durable here. */
  isAvailable(digest: Digest): boolean {
    return this.#nodes.get(digest)?.available === true;
  }

  /** Whether the block and all its ancestors down to the floor are here; true of the floor. */
  isRooted(digest: Digest): boolean {
    return digest === this.#root.digest || this.#nodes.get(digest)?.rooted === true;
  }

  /** Whether a block extends the floor directly or through rooted blocks. */
  extendsRooted(block: Block): boolean {
    return this.isRooted(block.header.parentDigest);
  }

  /** Adds a header, or learns that its body is available. `false`: no room. */
  add(block: Block, available: boolean): boolean {
    const known = this.#nodes.get(block.ref.digest);
    if (known === undefined) {
      const willBeRooted = available && this.extendsRooted(block);
      if (this.#nodes.size >= MAX_UNFINAL_HEADERS || (!willBeRooted && this.#unrooted >= MAX_UNROOTED)) return false;
      this.#nodes.set(block.ref.digest, { block, available, rooted: false });
      this.#unrooted++;
      const siblings = this.#children.get(block.header.parentDigest);
      if (siblings === undefined) this.#children.set(block.header.parentDigest, [block.ref.digest]);
      else siblings.push(block.ref.digest);
    } else if (available) known.available = true;
    if (this.extendsRooted(block)) this.#spread([block.ref.digest]);
    return true;
  }

  #spread(from: readonly Digest[]): void {
    const open = [...from];
    for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
      const node = this.#nodes.get(digest);
      if (node === undefined || node.rooted || !node.available) continue;
      node.rooted = true;
      this.#unrooted--;
      open.push(...(this.#children.get(digest) ?? []));
    }
  }

  /** Whether the headers known show that the floor is no ancestor of a block of a later view. */
  misses(of: { readonly view: View; readonly digest: Digest }): boolean {
    let at = of;
    while (at.view > this.#root.view) {
      const header = this.#nodes.get(at.digest)?.block.header;
      if (header === undefined) return false;
      at = { view: header.parentView, digest: header.parentDigest };
    }
    return at.digest !== this.#root.digest;
  }

  /** The nearest block on the way from `ref` down to the floor that is not available; `null` when rooted or when the way misses the floor. */
  missing(ref: BlockRef): BlockRef | null {
    let at = ref;
    while (at.digest !== this.#root.digest) {
      if (at.view <= this.#root.view) return null;
      const node = this.#nodes.get(at.digest);
      if (node?.available !== true) return at;
      at = { epoch: at.epoch, view: node.block.header.parentView, digest: node.block.header.parentDigest };
    }
    return null;
  }

  /** The blocks from above the floor up to a rooted `digest`, lowest first. */
  path(digest: Digest): Block[] {
    const blocks: Block[] = [];
    for (let at = digest; at !== this.#root.digest; ) {
      const node = this.#nodes.get(at);
      if (node === undefined) return [];
      blocks.push(node.block);
      at = node.block.header.parentDigest;
    }
    return blocks.reverse();
  }

  /** The blocks known from above the floor's view up to `digest`, lowest first, whether or not they lead to the floor. */
  branch(digest: Digest): Block[] {
    const blocks: Block[] = [];
    for (let node = this.#nodes.get(digest); node !== undefined; ) {
      blocks.push(node.block);
      node = this.#nodes.get(node.block.header.parentDigest);
    }
    return blocks.reverse();
  }

  /** S8: moves the floor to a block of the tree and forgets everything at or below its view. */
  raise(floor: BlockRef): void {
    this.#root = { digest: floor.digest, view: floor.view };
    for (const [digest, node] of this.#nodes) {
      if (node.block.ref.view > floor.view) node.rooted = false;
      else this.#nodes.delete(digest);
    }
    this.#children.clear();
    for (const [digest, node] of this.#nodes) {
      const siblings = this.#children.get(node.block.header.parentDigest);
      if (siblings === undefined) this.#children.set(node.block.header.parentDigest, [digest]);
      else siblings.push(digest);
    }
    this.#unrooted = this.#nodes.size;
    this.#spread(this.#children.get(floor.digest) ?? []);
  }
}
