import {
  Bitmap,
  type Block,
  type Certificate,
  certificateCodec,
  type Digest,
  type Effect,
  encode,
  type Header,
  justificationDigest,
  type Statement,
  type StatementKind,
  type View,
} from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { mix, quickHash } from './mixing.ts';
import type { Attack, AttackPort } from './protocol.ts';

type Port = AttackPort<SimplexMessage>;
type Sent = Extract<Effect<SimplexMessage>, { kind: 'broadcast' }>;

/** A whole number below `below`, the `which`-th that follows from one draw. */
function pick(drawn: number, which: number, below: number): number {
  return (mix(Math.floor(drawn * 0x1_0000_0000), which) >>> 0) % below;
}

function tell(port: Port, message: SimplexMessage, isTold: (place: number) => boolean): void {
  for (const to of port.nodes) if (to.signer !== port.self.signer && isTold(to.place)) port.transmit(to, message);
}

/** Does what an honest engine asks for; `instead` takes over what it broadcasts, and says whether it did. */
function onBroadcast(instead: (port: Port, effect: Sent, drawn: number) => boolean): Attack<SimplexMessage> {
  return (port, effects) => {
    for (const effect of effects) {
      if (effect.kind !== 'broadcast' || !instead(port, effect, port.draw(viewOf(effect.message))))
        port.perform(effect);
    }
  };
}

/** The view that a message is about. */
function viewOf(message: SimplexMessage): View {
  switch (message.kind) {
    case 'proposal':
      return message.header.view;
    case 'vote':
      return message.vote.statement.view;
    case 'certificate':
      return message.certificate.statement.view;
    case 'want':
      return message.certificates[0]?.view ?? 0;
    case 'wantJustification':
    case 'justification':
      return message.view;
  }
}

function changed(statement: Statement, form: number): Statement {
  const { epoch, view } = statement;
  switch (form) {
    case 0:
      return { ...statement, view: view + 1 };
    case 1:
      return { ...statement, view: view + 2 };
    case 2:
      return statement.kind === 'nullify' ? { ...statement, epoch: epoch + 1 } : { ...statement, kind: 'finalize' };
    case 3:
      return { kind: 'nullify', epoch, view };
    default:
      return { ...statement, epoch: epoch + 1 };
  }
}

/** Shows certificates that nobody formed: well signed by itself alone, too light, of signers who do not exist, or of something else than was signed. */
const forge = onBroadcast((port, { message }, drawn) => {
  if (drawn > 0.2) return false;
  const size = new Set(port.nodes.map(({ signer }) => signer)).size;
  // Seldom: whoever is caught is not listened to for a while, and has more than one way to lie.
  if (message.kind === 'vote' && drawn < 0.03) {
    const { statement, signer, signature } = message.vote;
    const certificate = { statement, signers: Bitmap.of(size, [signer]), signature: port.join([signature]) };
    tell(port, { kind: 'certificate', certificate }, (place) => pick(drawn, 10 + place, 3) > 0);
    return false;
  }
  if (message.kind !== 'certificate') return false;
  const { certificate } = message;
  const signers = certificate.signers.slice();
  const form = pick(drawn, 1, 7);
  if (form < 2) {
    // One signer less; in his place, perhaps, one beyond the set.
    const gone = certificate.signers.reduce((found, byte, at) => (byte === 0 || found >= 0 ? found : at), -1);
    if (gone >= 0) signers[gone] = (signers[gone] ?? 0) & ((signers[gone] ?? 0) - 1);
    if (form === 1 && size % 8 !== 0) signers[size >> 3] = (signers[size >> 3] ?? 0) | (1 << (size & 7));
  }
  const statement = form < 2 ? certificate.statement : changed(certificate.statement, form - 2);
  tell(port, { kind: 'certificate', certificate: { ...certificate, statement, signers } }, (place) => {
    return pick(drawn, 10 + place, 3) > 0;
  });
  return false;
});

/** Votes in the name of others. */
const impersonate = onBroadcast((port, { message }, drawn) => {
  if (message.kind !== 'vote' || drawn > 0.5) return false;
  const { statement, signature } = message.vote;
  const signer = port.nodes[pick(drawn, 1, port.nodes.length)]?.signer ?? 0;
  const form = pick(drawn, 2, 3);
  const said = form === 0 ? statement : changed(statement, 3);
  const vote = { statement: said, signer, signature: form === 2 ? signature.map((byte) => byte ^ 1) : signature };
  tell(port, { kind: 'vote', vote }, (place) => pick(drawn, 10 + place, 2) === 0);
  return false;
});

/** Signs badly, for some of the others. */
const garble = onBroadcast((port, effect, drawn) => {
  const { message } = effect;
  if (message.kind !== 'vote' || drawn > 0.5) return false;
  const signature = spoilt(message.vote.signature, drawn);
  tellTwo(port, [{ kind: 'vote', vote: { ...message.vote, signature } }, message], drawn);
  return true;
});

function spoilt(signature: Uint8Array, drawn: number): Uint8Array {
  return signature.map((byte, at) => (at === pick(drawn, 1, 8) ? byte ^ 255 : byte));
}

/** One message to half of the others, another to the rest. */
function tellTwo(port: Port, [one, other]: readonly [SimplexMessage, SimplexMessage], drawn: number): void {
  const isFirst = (place: number): boolean => pick(drawn, 10 + place, 2) === 0;
  tell(port, one, isFirst);
  tell(port, other, (place) => !isFirst(place));
}

/** Signs its own proposals badly, for some of the others or for all. */
const scrawl = onBroadcast((port, { message }, drawn) => {
  if (message.kind !== 'proposal' || drawn > 0.7) return false;
  const bad = { ...message, signature: spoilt(message.signature, drawn) };
  tellTwo(port, [bad, pick(drawn, 2, 2) === 0 ? bad : message], drawn);
  return true;
});

/** Views ahead of its own for which an usurper proposes. */
const AHEAD = 8;

/** Proposes nothing in its own views and badly signed blocks in those of others, before they do. */
const usurp = onBroadcast((port, { message }, drawn) => {
  if (message.kind === 'proposal') return true;
  if (message.kind !== 'vote') return false;
  const { header, ref } = port.self.floor;
  const { view, epoch } = message.vote.statement;
  const signature = spoilt(message.vote.signature, drawn);
  const next = { ...header, epoch, height: header.height + 1, parentView: ref.view, parentDigest: ref.digest };
  const unjustified = { ...next, justificationDigest: justificationDigest(quickHash, []) };
  for (let ahead = 0; ahead <= AHEAD; ahead++) {
    const proposal = { ...unjustified, view: view + ahead };
    tell(port, { kind: 'proposal', header: proposal, signature, justification: [] }, () => true);
  }
  return false;
});

/** Votes for something, for something else, and for the first again. */
const waver = onBroadcast((port, { message }, drawn) => {
  if (message.kind !== 'vote' || message.vote.statement.kind === 'nullify' || drawn > 0.6) return false;
  const { statement } = message.vote;
  const other = port.vote({ ...statement, block: statement.block.split('').reverse().join('') });
  const isTold = (place: number): boolean => pick(drawn, 10 + place, 3) > 0;
  const votes = [message.vote, other, port.vote(statement), other];
  for (const vote of votes) tell(port, { kind: 'vote', vote }, isTold);
  tell(port, message, (place) => !isTold(place));
  return true;
});

/** Says again what it said long ago. */
function repeat(): Attack<SimplexMessage> {
  const said: SimplexMessage[] = [];
  return onBroadcast((port, { message }, drawn) => {
    said.push(message);
    const old = said[pick(drawn, 1, said.length)];
    if (old !== undefined && drawn < 0.3) tell(port, old, (place) => pick(drawn, 10 + place, 2) === 0);
    return false;
  });
}

/** Proposes blocks with something wrong in the header, under a good signature. */
const misprint = onBroadcast((port, { message }, drawn) => {
  if (message.kind !== 'proposal' || drawn > 0.5) return false;
  propose(port, message, misprinted(message.header, pick(drawn, 1, 7)));
  return true;
});

function misprinted(header: Header, form: number): Header {
  const other = header.txRoot.split('').reverse().join('');
  switch (form) {
    case 0:
      return { ...header, height: header.height + 1 };
    case 1:
      return { ...header, height: header.height - 1 };
    case 2:
      return { ...header, time: header.time - 10_000 };
    case 3:
      return { ...header, time: header.time + 3_600_000 };
    case 4:
      return { ...header, validatorsRoot: other };
    case 5:
      return { ...header, nextValidatorsRoot: header.nextValidatorsRoot === null ? other : null };
    default:
      return { ...header, txRoot: other, executedHeight: header.height - 1 };
  }
}

function propose(port: Port, message: Extract<SimplexMessage, { kind: 'proposal' }>, header: Header): void {
  const block = port.block(header, true);
  const { epoch, view } = header;
  const { signature } = port.vote({ kind: 'notarize', epoch, view, block });
  tell(port, { ...message, header, signature }, () => true);
}

/** Builds on an ancestor of the block that it should build on, with as good a justification as it can make up. */
function bypass(): Attack<SimplexMessage> {
  const blocks = new Map<Digest, Block>();
  const shown = new Map<string, Certificate>();
  const held = (kind: StatementKind, view: View): Certificate | undefined => shown.get(`${kind}/${view}`);
  const deceive = onBroadcast((port, { message }, drawn) => {
    if (message.kind === 'certificate') {
      const { kind, view } = message.certificate.statement;
      shown.set(`${kind}/${view}`, message.certificate);
    }
    if (message.kind !== 'proposal' || drawn > 0.6) return false;
    const { header } = message;
    let parent = blocks.get(header.parentDigest);
    for (let back = pick(drawn, 1, 2); back >= 0 && parent !== undefined; back--) {
      parent = blocks.get(parent.header.parentDigest);
    }
    if (parent === undefined) return false;
    const at = parent.ref.view;
    const own = at === 0 ? [] : [held('finalize', at) ?? held('notarize', at)];
    const form = pick(drawn, 2, 4);
    const skipped = Array.from({ length: header.view - at - 1 }, (_, index) => {
      const view = at + 1 + index;
      const nullified = held('nullify', view);
      if (nullified !== undefined || form === 0) return nullified;
      if (form === 1) return held('notarize', view) ?? held('finalize', view);
      const other = [...shown.values()].reverse().find(({ statement }) => statement.kind === 'nullify');
      if (form === 2 || other === undefined) return other;
      return { ...other, statement: { ...other.statement, view } };
    });
    const justification = [...own, ...skipped].filter((certificate) => certificate !== undefined);
    if (form !== 0 && justification.length < own.length + skipped.length) return false;
    propose(
      port,
      { ...message, justification },
      {
        ...header,
        parentView: at,
        parentDigest: parent.ref.digest,
        height: parent.header.height + 1,
        justificationDigest: justificationDigest(
          quickHash,
          justification.map((certificate) => encode(certificateCodec, certificate)),
        ),
      },
    );
    return true;
  });
  return (port, effects) => {
    for (const effect of effects) {
      if (effect.kind === 'judge')
        for (const block of [effect.block, effect.parent]) blocks.set(block.ref.digest, block);
      if (effect.kind === 'build') blocks.set(effect.build.parent.ref.digest, effect.build.parent);
    }
    deceive(port, effects);
  };
}

/** Attacks that came later: drawn by their own name, so that a seed that draws none of them keeps what it had. */
export const LATER_ATTACKS: readonly string[] = ['scrawl', 'usurp', 'waver'];

/** Attacks that seeds draw besides those that every run of engines alone has: new ones for each run, since some remember. */
export function seedAttacks(): Readonly<Record<string, Attack<SimplexMessage>>> {
  return { forge, impersonate, garble, repeat: repeat(), misprint, bypass: bypass(), scrawl, usurp, waver };
}
