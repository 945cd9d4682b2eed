import type { Certificate } from '@quorate/kernel';
import type { Round } from './round.ts';
import type { State } from './state.ts';
import { isPatient } from './timing.ts';
import { castVote } from './vote.ts';

/** S6: gives up the present view, unless we voted to finalize it. */
export function nullify(state: State, round: Round): void {
  if (round.view !== state.view) return;
  if (!castVote(state, round, { kind: 'nullify', epoch: state.epoch, view: round.view })) return;
  state.setTimer(`${round.view}/retry`, state.timing.retry);
}

/**
 * S6: a view that can come to nothing. While nothing becomes final, view after view like that is left to the timers, which back
 * off: an application that fails everywhere would otherwise nullify views as fast as the network carries votes, until no
 * justification can bridge them.
 */
export function giveUp(state: State, round: Round): void {
  if (isPatient(state.viewsSinceFinalized)) nullify(state, round);
}

/** S6: every tRetry, Nullify(v) again, with the best certificate by which one enters v. */
export function retryNullify(state: State): void {
  const vote = state.rounds.get(state.view)?.own.get('nullify');
  const entry = entryCertificate(state);
  if (entry !== null) state.broadcast({ kind: 'certificate', certificate: entry });
  if (vote !== undefined) state.broadcast({ kind: 'vote', vote });
  state.setTimer(`${state.view}/retry`, state.timing.retry);
}

/** Finalization(v−1), else Nullification(v−1), else Notarization(v−1). */
export function entryCertificate(state: State): Certificate | null {
  const before = state.view - 1;
  if (before === state.floor.view) return state.floor.certificate;
  const round = state.rounds.get(before);
  return round?.finalization ?? round?.nullification ?? round?.notarization ?? null;
}
