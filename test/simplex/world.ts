import { createHash } from 'node:crypto';
import {
  Bitmap,
  type Block,
  blockOf,
  blockOfHeader,
  type Certificate,
  type Digest,
  emptyRoot,
  type Hash,
  type Header,
  type PeerId,
  type SignerIndex,
  type Statement,
  toHex,
  ValidatorSet,
  type Verifiable,
  type Vote,
  ZERO_DIGEST,
} from '@quorate/kernel';

/** What tests of Simplex share: a validator set, toy signatures that name their signer, blocks. */
export const CHAIN = 'test-chain';
export const sha256: Hash = (bytes) => createHash('sha256').update(bytes).digest();
export const digestOfText = (text: string): Digest => toHex(sha256(new TextEncoder().encode(text)));
export const peerOf = (signer: SignerIndex): PeerId => (signer + 1).toString(16).padStart(2, '0').repeat(32);
export const NOTHING = emptyRoot(sha256);

export function validatorsOf(weights: readonly number[]): ValidatorSet {
  return new ValidatorSet(
    weights.map((weight, index) => ({
      publicKey: Uint8Array.of(index),
      weight,
      proof: new Uint8Array(),
      peer: peerOf(index),
      address: '',
    })),
  );
}

const SIGNATURE_BYTES = 8;
const signatures = new Map<string, Uint8Array>();

/** A toy signature: a digest of signer and statement. Harnesses sign only for keys they hold. */
export function sign(signer: SignerIndex, statement: Statement): Uint8Array {
  const text = `${signer}/${statement.kind}/${statement.epoch}/${statement.view}/${blockOf(statement) ?? ''}`;
  let signature = signatures.get(text);
  if (signature === undefined) {
    signature = sha256(new TextEncoder().encode(text)).subarray(0, SIGNATURE_BYTES);
    if (signatures.size > 100_000) signatures.clear();
    signatures.set(text, signature);
  }
  return signature;
}

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

export const suite = {
  aggregate(parts: readonly Uint8Array[]): Uint8Array {
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  },
};

export function voteBy(signer: SignerIndex, statement: Statement): Vote {
  return { statement, signer, signature: sign(signer, statement) };
}

export function certificateBy(
  validators: ValidatorSet,
  signers: readonly SignerIndex[],
  statement: Statement,
): Certificate {
  const ordered = [...signers].sort((a, b) => a - b);
  return {
    statement,
    signers: Bitmap.of(validators.size, ordered),
    signature: suite.aggregate(ordered.map((signer) => sign(signer, statement))),
  };
}

/** Checks like a replica, with arithmetic of its own: more than two thirds of the weight, every part signed. */
export function holds(validators: ValidatorSet, item: Verifiable, quorum?: number): boolean {
  if (item.kind === 'vote') return same(item.vote.signature, sign(item.vote.signer, item.vote.statement));
  const { statement, signers, signature } = item.certificate;
  const indices = Bitmap.indices(validators.size, signers);
  if (indices === null || signature.length !== SIGNATURE_BYTES * indices.length) return false;
  let weight = 0;
  for (const [position, index] of indices.entries()) {
    weight += validators.weightOf(index);
    const part = signature.subarray(SIGNATURE_BYTES * position, SIGNATURE_BYTES * (position + 1));
    if (!same(part, sign(index, statement))) return false;
  }
  return quorum === undefined ? 3 * weight > 2 * validators.total : weight >= quorum;
}

/** The finalized block before height 1. */
export function genesisOf(validators: ValidatorSet, epoch = 0): Block {
  const digest = digestOfText(`genesis of epoch ${epoch}`);
  const header: Header = {
    epoch,
    view: 0,
    height: 0,
    parentView: 0,
    parentDigest: ZERO_DIGEST,
    time: 1000,
    txRoot: NOTHING,
    evidenceRoot: NOTHING,
    executedHeight: 0,
    stateRoot: digestOfText('state 0'),
    receiptsRoot: NOTHING,
    validatorsRoot: validators.root(sha256),
    nextValidatorsRoot: null,
    justificationDigest: NOTHING,
    protocolVersion: 1,
  };
  return { header, ref: { epoch, view: 0, digest } };
}

/** A block on a parent; `content` tells full blocks of one place apart. */
export function childOf(
  parent: Block,
  parentView: number,
  fields: Pick<Header, 'epoch' | 'view' | 'time' | 'justificationDigest'> & Partial<Header>,
  content: string,
): Block {
  const height = parent.header.height + 1;
  return blockOfHeader(sha256, CHAIN, {
    ...parent.header,
    height,
    parentView,
    parentDigest: parent.ref.digest,
    txRoot: digestOfText(`transactions ${content}`),
    executedHeight: height - 1,
    stateRoot: digestOfText(`state ${height - 1}`),
    nextValidatorsRoot: null,
    ...fields,
  });
}

/** A stream of uniform numbers in [0, 1) (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = (seed * 0x9e37_79b1) | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
