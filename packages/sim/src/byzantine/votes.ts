import { type Digest, headerDigest, type Statement, toHex, type Vote } from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { sha256 } from '../hash.ts';
import type { Means, Strategy } from './disguise.ts';
import { type Outgoing, type Spoken, votesOf } from './wire.ts';

// Ways to lie with votes and proposals. Each is a behaviour of one life of a process.

/** The vote inside a message that this validator signed itself, its proposal included. */
function ownVote(genesis: Means['genesis'], { message }: Extract<Spoken, { traffic: 'votes' }>): Statement | null {
  if (message.kind === 'vote') return message.vote.statement;
  if (message.kind !== 'proposal') return null;
  const { header } = message;
  const block = headerDigest(sha256, genesis.chainId, header);
  return { kind: 'notarize', epoch: header.epoch, view: header.view, block };
}

function signerOf(message: SimplexMessage): number | null {
  return message.kind === 'vote' ? message.vote.signer : null;
}

function anotherBlock(stream: Means['stream']): Digest {
  return toHex(stream.bytes(32));
}

/** Says nothing at all. */
export const silent: Strategy = () => (outgoing) => (outgoing.traffic === 'sync' ? [outgoing] : []);

/** Says nothing to half of the others, always the same half. */
export const selective: Strategy = ({ peers, stream }) => {
  const deaf = new Set(peers.filter(() => stream.chance(0.5)));
  return (outgoing) => (deaf.has(outgoing.to) ? [] : [outgoing]);
};

/** Says everything just before the others give up on it: 2Δ and 3Δ after the view began. */
export const late: Strategy = ({ genesis, stream }) => {
  const { delta } = genesis.consensus;
  return (outgoing) => {
    if (outgoing.traffic !== 'votes' && outgoing.traffic !== 'bodies') return [outgoing];
    return [{ ...outgoing, after: delta * (1.6 + 1.3 * stream.fraction()) }];
  };
};

/** Says what it said long ago once more. */
export const stale: Strategy = ({ stream }) => {
  const said: Outgoing[] = [];
  return (outgoing) => {
    if (said.length < 400) said.push(outgoing);
    else said[stream.below(said.length)] = outgoing;
    return stream.chance(0.3) ? [outgoing, { ...stream.pick(said), to: outgoing.to }] : [outgoing];
  };
};

/** Gives up every view as soon as it would say anything else in it. */
export const nullifyOnly: Strategy = ({ genesis, vote }) => {
  let self: number | null = null;
  return (outgoing, spoken) => {
    if (spoken?.traffic !== 'votes') return [outgoing];
    self = signerOf(spoken.message) ?? self;
    const own = ownVote(genesis, spoken);
    if (own === null || own.kind === 'nullify') return [outgoing];
    if (self === null) return [];
    const { epoch, view } = own;
    return [votesOf(outgoing.to, epoch, { kind: 'vote', vote: vote({ kind: 'nullify', epoch, view }, self) })];
  };
};

/** Every vote comes with one that contradicts it, to the same recipient. */
export const conflicting: Strategy = ({ stream, vote }) => {
  const contradiction = ({ statement: { epoch, view, kind }, signer }: Vote): Vote => {
    if (kind === 'finalize' && stream.chance(0.5)) return vote({ kind: 'nullify', epoch, view }, signer);
    return vote({ kind: kind === 'nullify' ? 'finalize' : kind, epoch, view, block: anotherBlock(stream) }, signer);
  };
  return (outgoing, spoken) => {
    if (spoken?.traffic !== 'votes' || spoken.message.kind !== 'vote') return [outgoing];
    const other = votesOf(outgoing.to, spoken.epoch, { kind: 'vote', vote: contradiction(spoken.message.vote) });
    return stream.chance(0.5) ? [outgoing, other] : [other, outgoing];
  };
};

/** Votes one thing to half of the others and another to the rest. */
export const twoFaced: Strategy = ({ peers, stream, vote }) => {
  const other = new Set(peers.filter(() => stream.chance(0.5)));
  const blocks = new Map<string, Digest>();
  return (outgoing, spoken) => {
    if (spoken?.traffic !== 'votes' || spoken.message.kind !== 'vote' || !other.has(outgoing.to)) return [outgoing];
    const { statement, signer } = spoken.message.vote;
    const { epoch, view, kind } = statement;
    const place = `${epoch}/${view}`;
    const block = blocks.get(place) ?? anotherBlock(stream);
    blocks.set(place, block);
    const said: Statement = kind === 'notarize' ? { kind, epoch, view, block } : { kind: 'nullify', epoch, view };
    return [votesOf(outgoing.to, spoken.epoch, { kind: 'vote', vote: vote(said, signer) })];
  };
};

/** Changes one field of what it says a little, and signs that. */
export const mutating: Strategy = (means) => {
  const { stream } = means;
  return (outgoing, spoken) => {
    if (spoken?.traffic !== 'votes' || !stream.chance(0.3)) return [outgoing];
    const message = mutated(means, spoken.message);
    const epoch = stream.chance(0.05) ? spoken.epoch + 1 : spoken.epoch;
    const changed = votesOf(outgoing.to, epoch, message);
    return stream.chance(0.5) ? [changed] : [outgoing, changed];
  };
};

function mutated({ stream, genesis, vote }: Means, message: SimplexMessage): SimplexMessage {
  const near = (value: number): number => Math.max(0, value + stream.pick([-2, -1, 1, 2, 70]));
  switch (message.kind) {
    case 'vote': {
      const { statement, signer } = message.vote;
      const said = mutatedStatement(statement, stream, near);
      return { kind: 'vote', vote: vote(said, stream.chance(0.1) ? near(signer) : signer) };
    }
    case 'certificate': {
      const { certificate } = message;
      const statement = stream.chance(0.5)
        ? mutatedStatement(certificate.statement, stream, near)
        : certificate.statement;
      const signers = Uint8Array.from(certificate.signers, (byte) => (stream.chance(0.5) ? byte ^ 1 : byte));
      return { kind: 'certificate', certificate: { ...certificate, statement, signers } };
    }
    case 'proposal': {
      const field = stream.pick(['view', 'height', 'parentView', 'time', 'executedHeight'] as const);
      const header = { ...message.header, [field]: near(message.header[field]) };
      const block = headerDigest(sha256, genesis.chainId, header);
      const statement: Statement = { kind: 'notarize', epoch: header.epoch, view: header.view, block };
      return { ...message, header, signature: vote(statement, 0).signature };
    }
    case 'justification':
      return { ...message, certificates: message.certificates.slice(1) };
    case 'want':
    case 'wantJustification':
      return message;
  }
}

function mutatedStatement(statement: Statement, stream: Means['stream'], near: (value: number) => number): Statement {
  const { epoch, view, kind } = statement;
  const which = stream.below(3);
  if (which === 0) return { ...statement, view: near(view) };
  if (which === 1 && statement.kind !== 'nullify') return { ...statement, block: anotherBlock(stream) };
  if (kind === 'nullify') return { kind: 'finalize', epoch, view, block: anotherBlock(stream) };
  return { kind: 'nullify', epoch, view };
}
