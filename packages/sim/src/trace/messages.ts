import {
  blockOf,
  type Certificate,
  decode,
  type Header,
  isQuorateError,
  type Statement,
  type Traffic,
} from '@quorate/kernel';
import {
  type BodiesMessage,
  bodiesCodec,
  envelopeCodec,
  type GossipMessage,
  gossipCodec,
  type SyncMessage,
  syncCodec,
} from '@quorate/replica';
import { type SimplexMessage, simplexMessageCodec } from '@quorate/simplex';
import type { Spoken } from './sighting.ts';

/** The first characters of a digest: enough to tell the blocks of a run apart. */
export function short(digest: string): string {
  return digest.slice(0, 8);
}

/** What a message says; null for transactions, and for what nobody can decode. */
export function described(traffic: Traffic, bytes: Uint8Array): Spoken | null {
  try {
    switch (traffic) {
      case 'votes':
        return ofEngine(decode(simplexMessageCodec, decode(envelopeCodec, bytes).payload));
      case 'bodies':
        return ofBodies(decode(bodiesCodec, bytes));
      case 'sync':
        return ofSync(decode(syncCodec, bytes));
      case 'transactions':
        return ofGossip(decode(gossipCodec, bytes));
    }
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return { kind: 'log', text: `sends ${bytes.length} bytes of ${traffic} that mean nothing`, fields: { traffic } };
  }
}

function ofEngine(message: SimplexMessage): Spoken {
  switch (message.kind) {
    case 'proposal': {
      const { view, height, parentView } = message.header;
      const text = `proposes height ${height} in view ${view} on the block of view ${parentView}`;
      return { kind: 'proposal', text, fields: headerFields(message.header) };
    }
    case 'vote': {
      const { statement, signer } = message.vote;
      return { kind: 'vote', text: `votes ${statementText(statement)}`, fields: { signer, statement } };
    }
    case 'certificate':
      return ofCertificate(message.certificate);
    case 'want':
      return {
        kind: 'sync',
        text: `asks for ${message.certificates.map((ref) => `${ref.kind} ${ref.view}`).join(', ')}`,
        fields: { wanted: message.certificates },
      };
    case 'wantJustification':
    case 'justification':
      return {
        kind: 'sync',
        text: `${message.kind === 'justification' ? 'gives' : 'asks for'} the justification of view ${message.view}`,
        fields: { view: message.view, from: message.from },
      };
  }
}

const NAMES = { notarize: 'Notarization', nullify: 'Nullification', finalize: 'Finalization' } as const;

function ofCertificate({ statement, signers }: Certificate): Spoken {
  const block = blockOf(statement);
  const of = block === null ? '' : ` of ${short(block)}`;
  const text = `shows the ${NAMES[statement.kind]} of view ${statement.view}${of}`;
  return { kind: 'certificate', text, fields: { statement, signers: [...signers] } };
}

function statementText(statement: Statement): string {
  const block = blockOf(statement);
  return `${statement.kind} ${statement.view}${block === null ? '' : ` ${short(block)}`}`;
}

function headerFields({ epoch, view, height, parentView, parentDigest, executedHeight }: Header) {
  return { epoch, view, height, parentView, parent: parentDigest, executedHeight };
}

function ofBodies(message: BodiesMessage): Spoken {
  switch (message.kind) {
    case 'push':
    case 'block': {
      const { header, body } = message.block;
      const verb = message.kind === 'push' ? 'pushes' : 'gives';
      const text = `${verb} the body of height ${header.height}, view ${header.view}: ${body.transactions.length} transactions`;
      return { kind: 'body', text, fields: headerFields(header) };
    }
    case 'want':
    case 'missing': {
      const verb = message.kind === 'want' ? 'asks for' : 'has not';
      const text = `${verb} ${message.refs.map((ref) => `the body of view ${ref.view} ${short(ref.digest)}`).join(', ')}`;
      return { kind: 'body', text, fields: { blocks: message.refs } };
    }
  }
}

function ofGossip(message: GossipMessage): Spoken | null {
  if (message.kind === 'transactions') return null;
  const evidence = message.evidence.map(({ kind, first, second }) => {
    return { kind, signer: first.signer, first: first.statement, second: second.statement };
  });
  const accused = evidence.map(({ kind, signer, first }) => {
    return `signer ${signer} of ${kind} in view ${first.view} of epoch ${first.epoch}`;
  });
  return { kind: 'evidence', text: `accuses ${accused.join(', ')}`, fields: { evidence } };
}

function ofSync(message: SyncMessage): Spoken | null {
  switch (message.kind) {
    case 'tip':
      return null;
    case 'wantRange':
      return {
        kind: 'sync',
        text: `asks for finalized blocks from height ${message.from} on`,
        fields: { from: message.from, count: message.count },
      };
    case 'range': {
      const heights = message.blocks.map(({ header }) => header.height);
      const text = heights.length === 0 ? 'has no such blocks' : `gives heights ${heights[0]} to ${heights.at(-1)}`;
      return { kind: 'sync', text, fields: { heights } };
    }
    case 'ask':
      return { kind: 'sync', text: `asks for ${message.ask.kind}, to join`, fields: { ask: message.ask } };
    case 'answer':
      return { kind: 'sync', text: `answers with ${message.answer.kind}`, fields: { answer: message.answer.kind } };
  }
}
