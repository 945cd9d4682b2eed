import type { Certificate, Header, Statement, StatementKind } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { mix, wordOf } from './mixing.ts';
import type { Attack, LightProtocol, MessageShape } from './protocol.ts';

const PROPOSAL = 0;
const NOTARIZE = 1;
const NULLIFY = 2;
const FINALIZE = 3;
const CERTIFICATE = 4;
const REQUEST = 5;
const TRAFFICS = ['proposal', 'notarize', 'nullify', 'finalize', 'certificate', 'request'] as const;

const VOTES: Readonly<Record<StatementKind, number>> = { notarize: NOTARIZE, nullify: NULLIFY, finalize: FINALIZE };

function wordOfStatement(statement: Statement): number {
  return mix(statement.view, statement.kind === 'nullify' ? 7 : wordOf(statement.block) ^ VOTES[statement.kind]);
}

function wordOfCertificate({ statement, signature }: Certificate): number {
  const first = (signature[0] ?? 0) | ((signature[1] ?? 0) << 8) | ((signature[2] ?? 0) << 16);
  return mix(wordOfStatement(statement), first ^ ((signature[3] ?? 0) << 24));
}

function wordOfHeader(header: Header): number {
  return mix(mix(header.view, header.height), wordOf(header.parentDigest) ^ wordOf(header.txRoot) ^ header.time);
}

function shapeOf(message: SimplexMessage): MessageShape {
  switch (message.kind) {
    case 'proposal': {
      const { header } = message;
      return { traffic: PROPOSAL, view: header.view, word: wordOfHeader(header), carries: header };
    }
    case 'vote': {
      const { statement, signer } = message.vote;
      const word = mix(wordOfStatement(statement), signer);
      return { traffic: VOTES[statement.kind], view: statement.view, word, carries: null };
    }
    case 'certificate': {
      const { certificate } = message;
      const word = wordOfCertificate(certificate);
      return { traffic: CERTIFICATE, view: certificate.statement.view, word, carries: null };
    }
    case 'want': {
      const word = message.certificates.reduce((sum, ref) => mix(sum, wordOfStatement(ref)), 5);
      return { traffic: REQUEST, view: message.certificates[0]?.view ?? 0, word, carries: null };
    }
    case 'wantJustification':
    case 'justification': {
      const count = message.kind === 'justification' ? message.certificates.length : 0;
      const word = mix(wordOf(message.block), message.from + 65_536 * count);
      return { traffic: REQUEST, view: message.view, word, carries: null };
    }
  }
}

/** A certificate belongs to the phase of the votes in it: what is known of a phase crosses a partition in no form. */
const PHASES = ['propose', 'notarize', 'nullify', 'finalize'] as const;

function phaseOf(message: SimplexMessage): number {
  switch (message.kind) {
    case 'proposal':
      return PROPOSAL;
    case 'vote':
      return VOTES[message.vote.statement.kind];
    case 'certificate':
      return VOTES[message.certificate.statement.kind];
    case 'want':
    case 'wantJustification':
    case 'justification':
      return -1;
  }
}

/** Hears everything, says nothing. */
const silent: Attack<SimplexMessage> = (port, effects) => {
  for (const effect of effects) if (effect.kind !== 'send' && effect.kind !== 'broadcast') port.perform(effect);
};

/** Follows the views, nullifies every one of them and supports no block. */
const nullifyOnly: Attack<SimplexMessage> = (port, effects) => {
  for (const effect of effects) {
    if (effect.kind === 'sign' && effect.statement.kind !== 'nullify') continue;
    port.perform(effect);
    if (effect.kind === 'setTimer' && effect.timer.endsWith('/advance')) {
      const view = Number.parseInt(effect.timer, 10);
      const message: SimplexMessage = { kind: 'vote', vote: port.vote({ kind: 'nullify', epoch: 0, view }) };
      for (const to of port.nodes) if (to.signer !== port.self.signer) port.transmit(to, message);
    }
  }
};

/** Proposes different blocks to different validators, and votes for everything it hears of, to some of them each. */
const equivocate: Attack<SimplexMessage> = (port, effects) => {
  const tell = (statement: Statement, seed: number): void => {
    const message: SimplexMessage = { kind: 'vote', vote: port.vote(statement) };
    for (const to of port.nodes) {
      if (to.signer !== port.self.signer && (seed + 3 * to.place) % 10 < 7) port.transmit(to, message);
    }
  };
  for (const effect of effects) {
    if (effect.kind === 'verify') {
      for (const item of effect.items) {
        const { statement } = item.kind === 'vote' ? item.vote : item.certificate;
        const { epoch, view } = statement;
        const seed = Math.floor(port.draw(view) * 10);
        tell({ kind: 'nullify', epoch, view }, seed);
        if (statement.kind === 'nullify') continue;
        tell({ kind: 'notarize', epoch, view, block: statement.block }, seed + 1);
        tell({ kind: 'finalize', epoch, view, block: statement.block }, seed + 2);
      }
    }
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'proposal') {
      port.perform(effect);
      continue;
    }
    const { message } = effect;
    const header: Header = { ...message.header, txRoot: message.header.txRoot.split('').reverse().join('') };
    const block = port.block(header, true);
    const { signature } = port.vote({ kind: 'notarize', epoch: header.epoch, view: header.view, block });
    for (const to of port.nodes) {
      if (to.signer === port.self.signer) continue;
      const drawn = (Math.floor(port.draw(header.view) * 10) + 3 * to.place) % 10;
      if (drawn < 7) port.transmit(to, message);
      if (drawn > 3) port.transmit(to, { ...message, header, signature });
    }
  }
};

/** Proposes blocks that no application accepts. */
const invalidBlocks: Attack<SimplexMessage> = (port, effects) => {
  for (const effect of effects) {
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'proposal') {
      port.perform(effect);
      continue;
    }
    const { message } = effect;
    const header: Header = { ...message.header, txRoot: message.header.txRoot.split('').reverse().join('') };
    const block = port.block(header, false);
    const { signature } = port.vote({ kind: 'notarize', epoch: header.epoch, view: header.view, block });
    for (const to of port.nodes) {
      if (to.signer !== port.self.signer) port.transmit(to, { ...message, header, signature });
    }
  }
};

/** Simplex in light mode; `mechanism` is another only where a deliberately broken engine takes its place. */
export function lightSimplex(
  mechanism: LightProtocol<SimplexMessage, SimplexRecord>['mechanism'] = simplexMechanism,
): LightProtocol<SimplexMessage, SimplexRecord> {
  return {
    mechanism,
    traffics: TRAFFICS,
    shapeOf,
    phases: PHASES,
    phaseOf,
    conflict: (a, b) => {
      if (a.epoch !== b.epoch || a.view !== b.view) return false;
      if (a.kind === 'nullify') return b.kind === 'finalize';
      if (b.kind === 'nullify') return a.kind === 'finalize';
      return a.kind === b.kind && a.block !== b.block;
    },
    finalizes: ({ statement }) => statement.kind === 'finalize',
    votingPhases: 2,
    attacks: { silent, nullifyOnly, equivocate, invalidBlocks },
  };
}
