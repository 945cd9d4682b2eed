import { decode, type Evidence, encode, isQuorateError, type PeerId, type Traffic } from '@quorate/kernel';
import {
  type BodiesMessage,
  bodiesCodec,
  envelopeCodec,
  gossipCodec,
  type SyncMessage,
  syncCodec,
} from '@quorate/replica';
import { type SimplexMessage, simplexMessageCodec } from '@quorate/simplex';

/** One message as it leaves a node, now or in `after` ms. */
export interface Outgoing {
  readonly to: PeerId;
  readonly traffic: Traffic;
  readonly bytes: Uint8Array;
  readonly after?: number;
}

/** A message read: what a breaker of the rules changes. */
export type Spoken =
  | { readonly traffic: 'votes'; readonly epoch: number; readonly message: SimplexMessage }
  | { readonly traffic: 'bodies'; readonly message: BodiesMessage }
  | { readonly traffic: 'sync'; readonly message: SyncMessage }
  | { readonly traffic: 'transactions' };

/** What the bytes of an honest replica say; null when they say nothing. */
export function read(traffic: Traffic, bytes: Uint8Array): Spoken | null {
  try {
    switch (traffic) {
      case 'votes': {
        const { epoch, payload } = decode(envelopeCodec, bytes);
        return { traffic, epoch, message: decode(simplexMessageCodec, payload) };
      }
      case 'bodies':
        return { traffic, message: decode(bodiesCodec, bytes) };
      case 'sync':
        return { traffic, message: decode(syncCodec, bytes) };
      case 'transactions':
        return { traffic };
    }
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
}

/** A message of the engine, ready for the wire. */
export function votesOf(to: PeerId, epoch: number, message: SimplexMessage, after = 0): Outgoing {
  return {
    to,
    traffic: 'votes',
    bytes: encode(envelopeCodec, { epoch, payload: encode(simplexMessageCodec, message) }),
    after,
  };
}

export function bodiesOf(to: PeerId, message: BodiesMessage): Outgoing {
  return { to, traffic: 'bodies', bytes: encode(bodiesCodec, message) };
}

export function syncOf(to: PeerId, message: SyncMessage): Outgoing {
  return { to, traffic: 'sync', bytes: encode(syncCodec, message) };
}

export function evidenceOf(to: PeerId, evidence: readonly Evidence[]): Outgoing {
  return { to, traffic: 'transactions', bytes: encode(gossipCodec, { kind: 'evidence', evidence }) };
}

/** What a message is about: equal for what one replica says to one other of one thing, so that lies about it can be told apart. */
export function subjectOf({ to, traffic }: Outgoing, spoken: Spoken | null): string {
  switch (spoken?.traffic) {
    case 'votes':
      return `${placeOf(spoken.epoch, spoken.message)}>${to}`;
    case 'bodies': {
      const { message } = spoken;
      const height = message.kind === 'push' || message.kind === 'block' ? message.block.header.height : '';
      return `${message.kind} ${height}>${to}`;
    }
    case 'sync':
      return `${spoken.message.kind}>${to}`;
    default:
      return `${traffic}>${to}`;
  }
}

function placeOf(epoch: number, message: SimplexMessage): string {
  switch (message.kind) {
    case 'vote':
      return `vote ${message.vote.statement.kind} ${epoch}/${message.vote.statement.view}`;
    case 'certificate':
      return `certificate ${message.certificate.statement.kind} ${epoch}/${message.certificate.statement.view}`;
    case 'proposal':
      return `proposal ${epoch}/${message.header.view}`;
    case 'want':
      return `want ${epoch}`;
    case 'wantJustification':
    case 'justification':
      return `${message.kind} ${epoch}/${message.view}`;
  }
}
