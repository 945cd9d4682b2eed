import { concatBytes, type Digest, type Hash, type Millis, toHex } from './bytes.ts';
import { type Evidence, evidenceCodec } from './certificates.ts';
import { bytes, type Codec, digest, encode, list, nullable, struct, text, u16, u53, withEncoding } from './codec.ts';
import { merkleRoot } from './merkle.ts';
import type { Epoch, Height, View } from './statements.ts';

/** What validators agree on (simplex.md, "Block"). Its digest, with epoch and view, names the block. */
export interface Header {
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly parentView: View;
  readonly parentDigest: Digest;
  /** Unix ms; more than the parent's. */
  readonly time: Millis;
  /** Merkle root of the transactions. */
  readonly txRoot: Digest;
  /** Merkle root of the encoded evidence. */
  readonly evidenceRoot: Digest;
  /** The height whose execution the next two fields describe: height − 1 when the application is speculative. */
  readonly executedHeight: Height;
  readonly stateRoot: Digest;
  readonly receiptsRoot: Digest;
  /** Root of the set that votes in this epoch. */
  readonly validatorsRoot: Digest;
  /** Root of the next epoch's set: in the last block of an epoch, null elsewhere. */
  readonly nextValidatorsRoot: Digest | null;
  /** Digest of the certificates that justify the parent; see {@link justificationDigest}. */
  readonly justificationDigest: Digest;
  readonly protocolVersion: number;
}

/** The name of a block. A digest commits to epoch and view already; they are carried so that no look-up is needed. */
export interface BlockRef {
  readonly epoch: Epoch;
  readonly view: View;
  readonly digest: Digest;
}

/** A block as engines see it: header and name. Bodies live in the replica's block store. */
export interface Block {
  readonly header: Header;
  readonly ref: BlockRef;
}

/** What a block carries for the application. */
export interface Body {
  readonly transactions: readonly Uint8Array[];
  readonly evidence: readonly Evidence[];
}

export const headerCodec: Codec<Header> = struct<Header>({
  epoch: u53,
  view: u53,
  height: u53,
  parentView: u53,
  parentDigest: digest,
  time: u53,
  txRoot: digest,
  evidenceRoot: digest,
  executedHeight: u53,
  stateRoot: digest,
  receiptsRoot: digest,
  validatorsRoot: digest,
  nextValidatorsRoot: nullable(digest),
  justificationDigest: digest,
  protocolVersion: u16,
});

export const blockRefCodec: Codec<BlockRef> = struct<BlockRef>({ epoch: u53, view: u53, digest });

/**
 * Most headers above the last finalized block that an engine keeps, so also the most that one certificate can make final at
 * once. A proof of finality must find room for all of them, see decision 0014.
 */
export const MAX_UNFINAL_HEADERS = 8192;

/** Genesis may ask for less; nothing may exceed this. */
export const MAX_BODY_BYTES = 4 << 20;
export const MAX_TRANSACTION_BYTES = 256 << 10;
export const MAX_TRANSACTIONS = 65_536;
export const MAX_EVIDENCE = 64;

export const bodyCodec: Codec<Body> = struct<{ transactions: Uint8Array[]; evidence: Evidence[] }>({
  transactions: list(bytes(MAX_TRANSACTION_BYTES), MAX_TRANSACTIONS),
  evidence: list(evidenceCodec, MAX_EVIDENCE),
}) as Codec<Body>;

const named = struct<{ domain: string; chainId: string; header: Header }>({
  domain: text(32),
  chainId: text(64),
  header: headerCodec,
});

/** The digest of a header on this chain. */
export function headerDigest(hash: Hash, chainId: string, header: Header): Digest {
  return toHex(withEncoding(named, { domain: 'quorate/header/1', chainId, header }, hash));
}

/** A header with its name. */
export function blockOfHeader(hash: Hash, chainId: string, header: Header): Block {
  return { header, ref: { epoch: header.epoch, view: header.view, digest: headerDigest(hash, chainId, header) } };
}

/** The two roots under which a header commits to a body. */
export function bodyRoots(hash: Hash, body: Body): { readonly txRoot: Digest; readonly evidenceRoot: Digest } {
  return {
    txRoot: merkleRoot(hash, body.transactions),
    evidenceRoot: merkleRoot(
      hash,
      body.evidence.map((item) => encode(evidenceCodec, item)),
    ),
  };
}

/** Bytes of an encoded body, reckoned without encoding its transactions. */
export function bodyBytes(body: Body): number {
  let size = 8;
  for (const tx of body.transactions) size += 4 + tx.length;
  for (const item of body.evidence) size += encode(evidenceCodec, item).length;
  return size;
}

/** The Merkle root of an empty list: what an empty body has in both roots. */
export function emptyRoot(hash: Hash): Digest {
  return merkleRoot(hash, []);
}

/** Digest of a justification: of the concatenated encodings of its certificates, each already canonical. */
export function justificationDigest(hash: Hash, encodedCertificates: readonly Uint8Array[]): Digest {
  return toHex(hash(concatBytes(...encodedCertificates)));
}
