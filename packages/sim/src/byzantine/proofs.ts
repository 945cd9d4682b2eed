import {
  Bitmap,
  type Certificate,
  type Digest,
  emptyRoot,
  type Header,
  headerDigest,
  type Statement,
  signedBytes,
  toHex,
} from '@quorate/kernel';
import type { CarriedBlock, FinalityProof, SyncMessage } from '@quorate/replica';
import { sha256 } from '../hash.ts';
import type { Means, Strategy } from './disguise.ts';
import { type Outgoing, syncOf, votesOf } from './wire.ts';

// Ways to lie with certificates: well formed, well signed, and with less than a quorum behind them.

type Range = Extract<SyncMessage, { kind: 'range' }>;
type Answer = Extract<SyncMessage, { kind: 'answer' }>;

/** A root that no execution gives. */
const NO_ROOT = '22'.repeat(32);

/** A certificate that only those who break the rules have signed; null while none of them votes. */
function tooLight(means: Means, statement: Statement): Certificate | null {
  const { genesis, suite } = means;
  const members = means.members(statement.epoch);
  const keys = new Map(means.accomplices().map((secret) => [toHex(secret.publicKey), secret]));
  const message = signedBytes(genesis.chainId, statement);
  const signed = members.flatMap(({ publicKey }, signer) => {
    const secret = keys.get(toHex(publicKey));
    return secret === undefined ? [] : [{ signer, signature: secret.sign(message) }];
  });
  if (signed.length === 0) return null;
  return {
    statement,
    signers: Bitmap.of(
      members.length,
      signed.map(({ signer }) => signer),
    ),
    signature: suite.aggregate(signed.map(({ signature }) => signature)),
  };
}

/** What would make a block final. */
function finalize({ genesis }: Means, header: Header): Statement {
  const { epoch, view } = header;
  return { kind: 'finalize', epoch, view, block: headerDigest(sha256, genesis.chainId, header) };
}

/** Headers that follow each other once more after the one at `later` got another time. `renamed` gets the new name of each old one. */
function relinked(
  { genesis }: Means,
  headers: readonly Header[],
  renamed: Map<Digest, Digest>,
  later: number | null = null,
): Header[] {
  return headers.map((header, index) => {
    const parentDigest = renamed.get(header.parentDigest) ?? header.parentDigest;
    const changed = { ...header, parentDigest, time: header.time + Number(index === later) };
    renamed.set(headerDigest(sha256, genesis.chainId, header), headerDigest(sha256, genesis.chainId, changed));
    return changed;
  });
}

/** Blocks of which one, and so each above it, is another than everybody else has. */
function rewritten(means: Means, blocks: readonly CarriedBlock[]): CarriedBlock[] {
  const old = blocks.map(({ header }) => header);
  const headers = relinked(means, old, new Map(), means.stream.below(blocks.length));
  return blocks.map(({ header, body }, index) => ({ header: headers[index] ?? header, body }));
}

/** An empty block on a block of our own. */
function childOf({ genesis }: Means, parent: Header): CarriedBlock {
  const nothing = emptyRoot(sha256);
  const header = {
    ...parent,
    view: parent.view + 1,
    height: parent.height + 1,
    parentView: parent.view,
    parentDigest: headerDigest(sha256, genesis.chainId, parent),
    time: parent.time + 1,
    txRoot: nothing,
    evidenceRoot: nothing,
    nextValidatorsRoot: null,
  };
  return { header, body: { transactions: [], evidence: [] } };
}

/** True blocks, others, or fewer, and a certificate that is too light for any of them. */
function rangeOf(means: Means, range: Range, newest: Header | null): Range {
  const { stream } = means;
  let { blocks } = range;
  if (blocks.length === 0 && newest !== null) blocks = [childOf(means, newest)];
  else if (blocks.length > 0 && stream.chance(0.7)) blocks = rewritten(means, blocks);
  else blocks = blocks.slice(0, 1 + stream.below(Math.max(1, blocks.length)));
  const last = blocks.at(-1);
  const certificate = last === undefined ? null : tooLight(means, finalize(means, last.header));
  return certificate === null ? range : { ...range, blocks, certificate };
}

/** A proof of these headers that is too light. */
function proofOf(means: Means, headers: readonly Header[]): FinalityProof | null {
  const last = headers.at(-1);
  const certificate = last === undefined ? null : tooLight(means, finalize(means, last));
  return certificate === null ? null : { headers, certificate };
}

/** Proves a snapshot's floor that is another block than everybody else has, or a root that no execution gave. */
function answerOf(means: Means, message: Answer): Answer {
  const { answer } = message;
  if (answer.kind !== 'floor' || answer.found === null) return message;
  const { staged, ...found } = answer.found;
  const renamed = new Map<Digest, Digest>();
  const isOther = means.stream.chance(0.5);
  const floor = isOther ? proofOf(means, relinked(means, found.floor.headers, renamed, 0)) : found.floor;
  const carriers = relinked(means, found.root.headers, renamed);
  const root = proofOf(means, isOther ? carriers : withoutRoot(means, carriers));
  if (floor === null || root === null) return message;
  return { ...message, answer: { kind: 'floor', found: { floor, root, staged } } };
}

/** The first header carries another root than it should. */
function withoutRoot(means: Means, [carrier, ...above]: readonly Header[]): Header[] {
  if (carrier === undefined) return [];
  const { chainId } = means.genesis;
  const other = { ...carrier, receiptsRoot: NO_ROOT };
  const renamed = new Map([[headerDigest(sha256, chainId, carrier), headerDigest(sha256, chainId, other)]]);
  return [other, ...relinked(means, above, renamed)];
}

/** Shows certificates that only breakers of the rules signed: to everybody, to who catches up, and to who joins. */
export const underweight: Strategy = (means) => {
  const { stream } = means;
  let newest: Header | null = null;
  return (outgoing, spoken): readonly Outgoing[] => {
    const { to } = outgoing;
    switch (spoken?.traffic) {
      case 'bodies':
        if (spoken.message.kind === 'push') newest = spoken.message.block.header;
        return [outgoing];
      case 'votes': {
        const { message, epoch } = spoken;
        if (message.kind !== 'vote' || !stream.chance(0.02)) return [outgoing];
        const certificate = tooLight(means, message.vote.statement);
        return certificate === null ? [outgoing] : [outgoing, votesOf(to, epoch, { kind: 'certificate', certificate })];
      }
      case 'sync': {
        const { message } = spoken;
        if (message.kind === 'answer') return [syncOf(to, answerOf(means, message))];
        if (message.kind === 'range' && stream.chance(0.6)) return [syncOf(to, rangeOf(means, message, newest))];
        // Whoever is told of a far height asks for it at once.
        if (message.kind === 'tip' && stream.chance(0.2))
          return [syncOf(to, { ...message, height: message.height + 9 })];
        return [outgoing];
      }
      default:
        return [outgoing];
    }
  };
};
