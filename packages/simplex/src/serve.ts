import { type Certificate, type CertificateRef, certificateCodec, encode, type PeerId } from '@quorate/kernel';
import { decodeLimits, type SimplexMessage } from './messages.ts';
import type { State } from './state.ts';

/** Answers that one peer gets per Δ; further requests are dropped. */
const ANSWERS_PER_DELTA = 128;
/** Peers whose answers are counted; beyond it the oldest counts are forgotten. */
const MAX_COUNTED = 1024;
const ANSWERS_AFTER_END = 1;

/** Whether a peer may get `wanted` more answers in this Δ. */
function allowed(state: State, peer: PeerId, limit: number): boolean {
  const { delta } = state.timing;
  let count = state.served.get(peer);
  if (count === undefined || state.now - count.since >= delta) {
    state.served.delete(peer);
    count = { since: state.now, count: 0 };
    state.served.set(peer, count);
    if (state.served.size > MAX_COUNTED) for (const oldest of state.served.keys()) return forgetCount(state, oldest);
  }
  if (count.count >= limit) {
    state.drop('answers to one peer');
    return false;
  }
  count.count++;
  return true;
}

function forgetCount(state: State, peer: PeerId): boolean {
  state.served.delete(peer);
  return true;
}

/** S4: serves a Notarization, a Nullification or a Finalization of any view above the floor; of lower ones, the floor's. */
export function serveCertificates(state: State, from: PeerId, wanted: readonly CertificateRef[]): void {
  const answers = new Set<Certificate>();
  for (const ref of wanted.slice(0, decodeLimits.wants)) {
    const held =
      ref.view <= state.floor.view ? state.floor.certificate : state.rounds.get(ref.view)?.certificate(ref.kind);
    if (held !== null && held !== undefined) answers.add(held);
  }
  for (const certificate of answers) {
    if (!allowed(state, from, ANSWERS_PER_DELTA)) return;
    state.send(from, { kind: 'certificate', certificate });
  }
}

/** A peer still nullifies a view that is decided: the floor's certificate takes it on. */
export function helpLaggard(state: State, from: PeerId): void {
  const { certificate } = state.floor;
  if (certificate !== null && allowed(state, from, ANSWERS_PER_DELTA)) {
    state.send(from, { kind: 'certificate', certificate });
  }
}

/** S11: the old instance answers whatever it hears with the proof that its epoch is over, sparingly. */
export function serveProof(state: State, from: PeerId, message: SimplexMessage): void {
  if (state.ended === null) return;
  const isProof = message.kind === 'certificate' && message.certificate.statement.kind === 'finalize';
  if (isProof || !allowed(state, from, ANSWERS_AFTER_END)) return;
  state.send(from, { kind: 'certificate', certificate: state.ended });
}

/** A part of the justification of a proposal of ours that was too large to travel with it. */
export function serveJustification(
  state: State,
  from: PeerId,
  asked: Extract<SimplexMessage, { kind: 'wantJustification' }>,
): void {
  const proposal = state.rounds.get(asked.view)?.proposal;
  if (proposal?.block.ref.digest !== asked.block) {
    state.drop('unknown justification wanted');
    return;
  }
  if (!allowed(state, from, ANSWERS_PER_DELTA)) return;
  const certificates: Certificate[] = [];
  let bytes = 0;
  for (const certificate of proposal.justification.slice(asked.from, asked.from + decodeLimits.justification)) {
    bytes += encode(certificateCodec, certificate).length;
    if (certificates.length > 0 && bytes > state.maxJustificationBytes) break;
    certificates.push(certificate);
  }
  const { epoch, view, block } = asked;
  if (certificates.length > 0) {
    state.send(from, { kind: 'justification', epoch, view, block, from: asked.from, certificates });
  }
}
