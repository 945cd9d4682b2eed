import { Bitmap, blockOf, type Certificate, type PeerId, type Statement, type View } from '@quorate/kernel';
import { enter } from './enter.ts';
import { fork, rivalOf } from './fork.ts';
import type { Round } from './round.ts';
import type { Pending, State } from './state.ts';

/** Certificates of one peer that may wait for their check: three kinds for every view of the window. */
const MAX_UNVERIFIED_OF_VALIDATOR = 192;
const MAX_UNVERIFIED_OF_OTHERS = 16;
/** Peers outside the set whose certificates may be checked at one time. */
const MAX_OTHERS = 64;
const MAX_FINALIZATIONS = 64;

/** What can be seen without a signature check: the epoch, the signers and their weight. */
export function shapeFault(state: State, certificate: Certificate): string | null {
  if (certificate.statement.epoch !== state.epoch) return 'is of another epoch';
  const indices = Bitmap.indices(state.validators.size, certificate.signers);
  if (indices === null) return 'names signers outside the set';
  return state.validators.weightOfAll(indices) < state.validators.quorum ? 'has less than a quorum behind it' : null;
}

/** S4: a certificate from a peer is checked before it is kept. */
export function receiveCertificate(state: State, from: PeerId, certificate: Certificate): void {
  const { statement } = certificate;
  const contradicts = rivalOf(state, statement) !== null;
  if (statement.view <= state.floor.view && !contradicts) {
    state.drop('certificate at or below the floor');
    return;
  }
  if (isKnown(state, statement) && !contradicts) {
    state.drop('known certificate');
    return;
  }
  if (statement.kind !== 'finalize' && statement.view < state.finalizedView - state.window) {
    state.drop('certificate far below the highest Finalization');
    return;
  }
  const fault = shapeFault(state, certificate);
  if (fault !== null) {
    state.blame(from, `sent a certificate that ${fault}`);
    return;
  }
  const isValidator = state.validators.indexOfPeer(from) !== null;
  const waiting = state.unverifiedOf.get(from) ?? 0;
  if (waiting >= (isValidator ? MAX_UNVERIFIED_OF_VALIDATOR : MAX_UNVERIFIED_OF_OTHERS)) {
    state.drop('too many unchecked certificates of one peer');
    return;
  }
  if (!isValidator && waiting === 0 && state.unverifiedOf.size >= MAX_OTHERS + state.validators.size) {
    state.drop('too many peers with unchecked certificates');
    return;
  }
  const key = keyOf(statement);
  const queue = state.unverified.get(key) ?? [];
  if (queue.some((held) => held.from === from)) {
    state.drop('repeated certificate');
    return;
  }
  queue.push({ from, certificate });
  state.unverified.set(key, queue);
  state.unverifiedOf.set(from, waiting + 1);
  if (queue.length === 1) check(state, key, certificate);
}

function check(state: State, key: string, certificate: Certificate): void {
  const request = state.request({ kind: 'certificate', view: certificate.statement.view, key });
  state.effects.push({ kind: 'verify', request, items: [{ kind: 'certificate', certificate }] });
}

export function onCertificateVerified(
  state: State,
  checked: Extract<Pending, { kind: 'certificate' }>,
  invalid: readonly number[],
): void {
  const queue = state.unverified.get(checked.key);
  const head = queue?.shift();
  if (queue === undefined || head === undefined) return;
  const next = queue[0];
  if (next === undefined) state.unverified.delete(checked.key);
  release(state, head.from);
  if (invalid.length === 0) {
    keepCertificate(state, head.certificate);
    return;
  }
  state.blame(head.from, `sent a certificate for view ${checked.view} that does not verify`);
  if (next !== undefined) check(state, checked.key, next.certificate);
}

function release(state: State, from: PeerId): void {
  const left = (state.unverifiedOf.get(from) ?? 1) - 1;
  if (left === 0) state.unverifiedOf.delete(from);
  else state.unverifiedOf.set(from, left);
}

/** Forgets unchecked certificates for which `gone` holds; the answers to their checks then find nothing. */
export function dropUnverified(state: State, gone: (statement: Statement) => boolean): void {
  for (const [key, queue] of state.unverified) {
    if (!queue.some((held) => gone(held.certificate.statement))) continue;
    for (const held of queue) release(state, held.from);
    state.unverified.delete(key);
    for (const [id, pending] of state.requests) {
      if (pending.kind === 'certificate' && pending.key === key) state.requests.delete(id);
    }
  }
}

function isKnown(state: State, statement: Statement): boolean {
  if (statement.kind === 'finalize') return state.finalizations.has(statement.view);
  return (state.rounds.get(statement.view)?.certificate(statement.kind) ?? null) !== null;
}

function keyOf(statement: Statement): string {
  return `${statement.kind}/${statement.view}`;
}

/** S4: keeps a checked certificate, writes it down and broadcasts it, once, whether we formed it or received it. */
export function keepCertificate(state: State, certificate: Certificate): void {
  const { statement } = certificate;
  const rival = rivalOf(state, statement);
  if (rival !== null) fork(state, rival.certificate, certificate);
  if (statement.view <= state.floor.view || isKnown(state, statement) || state.ended !== null) return;
  const round = state.round(statement.view);
  round.keep(certificate);
  state.persist.push({ kind: 'certificate', certificate });
  state.broadcast({ kind: 'certificate', certificate });
  dropUnverified(state, (other) => other.kind === statement.kind && other.view === statement.view);
  noteCertificate(state, round, certificate);
  if (statement.kind === 'notarize') onlyHighestBeyondWindow(state, round);
  if (statement.kind === 'nullify') state.nullifiedViews++;
  // S1, S7. A Notarization enters once accepted (S5), a Finalization once it is known whether it ends the epoch (S8, S11).
  if (statement.kind === 'nullify') enter(state, statement.view + 1);
}

/** What follows from a certificate of a round, fresh or restored. */
export function noteCertificate(state: State, round: Round, certificate: Certificate): void {
  const { statement } = certificate;
  state.dirty = true;
  if (statement.kind === 'notarize') {
    const proposed = round.proposal?.block.ref.digest;
    if (proposed !== undefined && proposed !== blockOf(statement)) round.equivocated = true; // S5
    state.open.add(round);
  } else if (statement.kind === 'finalize') {
    noteFinalization(state, certificate);
  }
}

/** Finalizations wait for blocks in a bounded list. The highest says where to go; block sync brings the low ones. */
function noteFinalization(state: State, certificate: Certificate): void {
  const { view } = certificate.statement;
  state.finalizations.set(view, certificate);
  if (state.top === null || view > state.top.statement.view) state.top = certificate;
  if (state.finalizations.size > MAX_FINALIZATIONS) {
    const top = state.top.statement.view;
    const second = Math.max(...[...state.finalizations.keys()].filter((held) => held !== top));
    state.finalizations.delete(second);
    state.drop('finalization while far behind');
  }
  // Nothing that happened long before the highest Finalization can matter for voting again.
  for (const held of state.rounds.keys()) {
    if (held < state.top.statement.view - state.window) forgetRound(state, held);
  }
}

export function forgetRound(state: State, view: View): void {
  const round = state.rounds.get(view);
  if (round === undefined) return;
  state.open.delete(round);
  state.rounds.delete(view);
  state.gathering.delete(view);
}

/**
 * S4: beyond the window only the highest is kept. Only Notarizations that wait to be certified can be there; after a restart also
 * views that were entered before, and what was voted in them is never forgotten (S10).
 */
function onlyHighestBeyondWindow(state: State, added: Round): void {
  if (!state.certify || added.view <= state.view + state.window) return;
  for (const round of state.open) {
    if (round === added || round.view <= state.view + state.window) continue;
    const loser = round.view < added.view ? round : added;
    if (loser.hasVoted) continue;
    forgetRound(state, loser.view);
    state.drop('certificate beyond the window');
  }
}
