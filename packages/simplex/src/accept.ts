import { type BlockRef, blockOf, type Certificate } from '@quorate/kernel';
import { enter } from './enter.ts';
import { nullify } from './nullify.ts';
import type { Round } from './round.ts';
import type { Pending, State } from './state.ts';
import { castVote } from './vote.ts';

/** S5: on Notarization(P, v), whether or not we notarized P: certify P if the application wants that, then accept it. */
export function considerNotarization(state: State, round: Round): void {
  const certificate = round.notarization;
  if (certificate === null) return;
  const { digest } = fetchTowards(state, certificate);
  if (round.accepted) return;
  if (!state.certify) {
    accept(state, round);
    return;
  }
  const block = state.tree.get(digest);
  if (round.certifying !== 'not asked' || block === undefined || !state.tree.isRooted(digest)) return;
  round.certifying = 'asked';
  const request = state.request({ kind: 'certify', view: round.view, digest });
  state.effects.push({ kind: 'certify', request, block });
}

export function onCertified(state: State, asked: Extract<Pending, { kind: 'certify' }>, ok: boolean): void {
  const round = state.rounds.get(asked.view);
  if (round?.certifying !== 'asked') return;
  if (ok) {
    accept(state, round);
    return;
  }
  round.certifying = 'refused';
  nullify(state, round); // S6
}

/** S5: the block may be a parent now; a Finalize vote unless we nullified the view or saw its leader equivocate. */
function accept(state: State, round: Round): void {
  round.accepted = true;
  state.dirty = true;
  const block = round.notarization === null ? null : blockOf(round.notarization.statement);
  if (block !== null && !round.equivocated) {
    // `castVote` refuses when we nullified the view (S10).
    castVote(state, round, { kind: 'finalize', epoch: state.epoch, view: round.view, block });
  }
  enter(state, round.view + 1); // S1
}

/** Names the block of a certificate and asks for it, or for the nearest of its ancestors that is not here; far behind, block sync does that. */
export function fetchTowards(state: State, certificate: Certificate): BlockRef {
  const { epoch, view } = certificate.statement;
  const ref: BlockRef = { epoch, view, digest: blockOf(certificate.statement) ?? '' };
  const missing = state.tree.isFull ? null : state.tree.missing(ref);
  if (missing !== null) state.fetch(missing, state.signersOf(certificate));
  return ref;
}
