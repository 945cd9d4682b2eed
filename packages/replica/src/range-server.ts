import {
  type Body,
  blockOfHeader,
  bodyBytes,
  type Certificate,
  emptyRoot,
  type Genesis,
  type Hash,
  type Header,
  type Height,
  lastHeightOf,
  MAX_UNFINAL_HEADERS,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import { type CarriedBlock, MAX_CARRIED_BYTES, MAX_RANGE, MAX_RANGE_BYTES } from './wire.ts';

/** Stands for a body that is left out, and is the body of an empty block. */
export const NOTHING: Body = { transactions: [], evidence: [] };

export interface RangeServerParts {
  readonly genesis: Genesis;
  readonly store: BlockStore;
  readonly hash: Hash;
}

/** What goes to whoever asks for a range. */
export interface ServedRange {
  readonly blocks: readonly CarriedBlock[];
  /** Finalizes the last of the blocks. */
  readonly certificate: Certificate;
}

/** Whether a block with this header carries nothing: such a body is never left out. */
export function isEmptyBlock(hash: Hash, { txRoot, evidenceRoot }: Header): boolean {
  const nothing = emptyRoot(hash);
  return txRoot === nothing && evidenceRoot === nothing;
}

/**
 * Finalized blocks from a height on, with the certificate that finalizes the last of them; null when this node has none. Most
 * wanted first: everything wanted and on to the next certificate; when that is too much, up to the last certificate that fits;
 * and where certificates lie further apart than one message reaches, all the headers of the way and only the first of the bodies.
 */
export function rangeFrom(parts: RangeServerParts, from: Height, count: number): ServedRange | null {
  const { store, genesis } = parts;
  const first = from > 0 ? store.at(from) : null;
  if (first === null) return null;
  const last = Math.min(
    from + Math.min(count, MAX_RANGE) - 1,
    store.finalizedHeight,
    lastHeightOf(genesis.consensus, first.header.epoch),
  );
  const blocks: CarriedBlock[] = [];
  let bytes = 0;
  for (let height = from; height <= last && bytes < MAX_RANGE_BYTES; height++) {
    const block = store.at(height);
    const body = block === null ? null : store.body(block.ref);
    if (block === null || body === null) break;
    blocks.push({ header: block.header, body });
    bytes += bodyBytes(body);
  }
  if (blocks.length === 0) return null;
  const way = wayToCertificate(parts, from + blocks.length - 1, last);
  if (way === null) return lastCertified(store, from, blocks);
  let complete = true;
  const tail: CarriedBlock[] = [];
  for (const header of way.headers) {
    const body: Body | null = complete ? bodyOf(parts, header) : NOTHING;
    if (body !== null) bytes += bodyBytes(body);
    complete &&= body !== null && bytes <= MAX_CARRIED_BYTES;
    tail.push({ header, body: complete ? (body ?? NOTHING) : NOTHING });
  }
  const whole: ServedRange = { blocks: [...blocks, ...tail], certificate: way.certificate };
  // A certificate proves no more headers than that; when there are more, one of those wanted has a certificate of its own.
  if (complete && whole.blocks.length <= MAX_UNFINAL_HEADERS) return whole;
  return lastCertified(store, from, blocks) ?? whole;
}

function bodyOf({ store, genesis, hash }: RangeServerParts, header: Header): Body | null {
  return isEmptyBlock(hash, header) ? NOTHING : store.body(blockOfHeader(hash, genesis.chainId, header).ref);
}

/** The headers above a height up to the first certified one: no more than a range may carry on top of what is wanted. */
function wayToCertificate(
  { store }: RangeServerParts,
  height: Height,
  last: Height,
): { readonly headers: readonly Header[]; readonly certificate: Certificate } | null {
  const passed: Header[] = [];
  for (let at = height; ; ) {
    const proof = store.finalityProof(at);
    if (proof !== null) return { headers: [...passed, ...proof.headers.slice(1)], certificate: proof.certificate };
    // Too long to be proven from here: one certificate finalized as much as a range holds.
    const next = ++at <= last ? store.at(at) : null;
    if (next === null) return null;
    passed.push(next.header);
  }
}

/** The blocks up to the highest of them that has a certificate of its own. */
function lastCertified(store: BlockStore, from: Height, blocks: readonly CarriedBlock[]): ServedRange | null {
  let best: ServedRange | null = null;
  for (let at = from; at < from + blocks.length; ) {
    const coverage = store.certificateFor(at);
    if (coverage === null || coverage.certifiedHeight >= from + blocks.length) break;
    at = coverage.certifiedHeight + 1;
    best = { blocks: blocks.slice(0, at - from), certificate: coverage.certificate };
  }
  return best;
}
