import {
  type BlockRef,
  type Body,
  blockRefCodec,
  bodyCodec,
  bytes,
  type Certificate,
  type Codec,
  certificateCodec,
  type Epoch,
  type Evidence,
  evidenceCodec,
  type Header,
  type Height,
  headerCodec,
  list,
  MAX_TRANSACTION_BYTES,
  MAX_UNFINAL_HEADERS,
  nullable,
  struct,
  u32,
  u53,
  union,
} from '@quorate/kernel';
import {
  type StateSyncRequest,
  type StateSyncResponse,
  stateSyncRequestCodec,
  stateSyncResponseCodec,
} from './state-sync-wire.ts';

// What replicas say to each other, by class of traffic. Tags and field orders are for ever; the conformance test pins them.

/** Traffic `votes`: a message of the engine of one epoch. */
export interface Envelope {
  readonly epoch: Epoch;
  readonly payload: Uint8Array;
}

export const envelopeCodec: Codec<Envelope> = struct<Envelope>({ epoch: u53, payload: bytes(2 << 20) });

/** A block as it travels: its name is computed by the receiver, never believed. */
export interface CarriedBlock {
  readonly header: Header;
  readonly body: Body;
}

const carriedBlockCodec: Codec<CarriedBlock> = struct<CarriedBlock>({ header: headerCodec, body: bodyCodec });

/** Traffic `bodies`: a proposer pushes its block; others answer who asks for blocks by name. */
export type BodiesMessage =
  | { readonly kind: 'push'; readonly block: CarriedBlock }
  | { readonly kind: 'want'; readonly refs: readonly BlockRef[] }
  | { readonly kind: 'block'; readonly block: CarriedBlock }
  | { readonly kind: 'missing'; readonly refs: readonly BlockRef[] };

/** Most blocks asked for by name in one message. */
export const MAX_WANTS = 32;

const refs = struct<{ refs: BlockRef[] }>({ refs: list(blockRefCodec, MAX_WANTS) }) as Codec<{
  readonly refs: readonly BlockRef[];
}>;
const carried = struct<{ block: CarriedBlock }>({ block: carriedBlockCodec });

export const bodiesCodec: Codec<BodiesMessage> = union<BodiesMessage>({
  push: [1, carried],
  want: [2, refs],
  block: [3, carried],
  missing: [4, refs],
});

/** Traffic `transactions`: gossip. */
export type GossipMessage =
  | { readonly kind: 'transactions'; readonly transactions: readonly Uint8Array[] }
  | { readonly kind: 'evidence'; readonly evidence: readonly Evidence[] };

/** Bounds of one gossip message. */
export const MAX_GOSSIP_BYTES = 512 << 10;
export const MAX_GOSSIP_TRANSACTIONS = 4096;
export const MAX_GOSSIP_EVIDENCE = 32;

export const gossipCodec: Codec<GossipMessage> = union<GossipMessage>({
  transactions: [
    1,
    struct<{ transactions: Uint8Array[] }>({
      transactions: list(bytes(MAX_TRANSACTION_BYTES), MAX_GOSSIP_TRANSACTIONS),
    }) as Codec<{ readonly transactions: readonly Uint8Array[] }>,
  ],
  evidence: [
    2,
    struct<{ evidence: Evidence[] }>({ evidence: list(evidenceCodec, MAX_GOSSIP_EVIDENCE) }) as Codec<{
      readonly evidence: readonly Evidence[];
    }>,
  ],
});

/** Traffic `sync`: where a peer stands, ranges of finalized blocks, and the messages of state synchronisation. */
export type SyncMessage =
  | { readonly kind: 'tip'; readonly epoch: Epoch; readonly height: Height }
  | { readonly kind: 'wantRange'; readonly request: number; readonly from: Height; readonly count: number }
  | {
      readonly kind: 'range';
      readonly request: number;
      /**
       * Consecutive from the wanted height; the last may be above the epoch's last height (S11). Where not all bodies up to the
       * certified block fit, those of the last blocks are left out: empty, though their headers name others.
       */
      readonly blocks: readonly CarriedBlock[];
      /** Finalizes the last of the blocks. */
      readonly certificate: Certificate | null;
      /** Least height whose body this peer still has. */
      readonly kept: Height;
    }
  | { readonly kind: 'ask'; readonly request: number; readonly ask: StateSyncRequest }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: StateSyncResponse };

/** Most blocks in one range. */
export const MAX_RANGE = 256;
/** A range ends with the block that brings its bodies to this size. */
export const MAX_RANGE_BYTES = 6 << 20;
/** Bodies of all blocks of one range: the largest range and one more block, with room left in a message for the headers. */
export const MAX_CARRIED_BYTES = 12 << 20;

export const syncCodec: Codec<SyncMessage> = union<SyncMessage>({
  tip: [1, struct<{ epoch: Epoch; height: Height }>({ epoch: u53, height: u53 })],
  wantRange: [2, struct<{ request: number; from: Height; count: number }>({ request: u32, from: u53, count: u32 })],
  range: [
    3,
    struct<{ request: number; blocks: CarriedBlock[]; certificate: Certificate | null; kept: Height }>({
      request: u32,
      // Blocks on the way to the certified one come on top, also those above an epoch's last height.
      blocks: list(carriedBlockCodec, MAX_UNFINAL_HEADERS),
      certificate: nullable(certificateCodec),
      kept: u53,
    }) as Codec<{
      readonly request: number;
      readonly blocks: readonly CarriedBlock[];
      readonly certificate: Certificate | null;
      readonly kept: Height;
    }>,
  ],
  ask: [4, struct<{ request: number; ask: StateSyncRequest }>({ request: u32, ask: stateSyncRequestCodec })],
  answer: [5, struct<{ request: number; answer: StateSyncResponse }>({ request: u32, answer: stateSyncResponseCodec })],
});
