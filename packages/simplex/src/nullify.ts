import type { Certificate } from '@quorate/kernel';
import type { Round } from './round.ts';
import type { State } from './state.ts';
import { castVote } from './vote.ts';

/** S6: gives up the present view, unless we voted to finalize it. */
export function nullify(state: State, round: Round): void {
  if (round.view !== state.view) return;
  if (!castVote(state, round, { kind: 'nullify', epoch: state.epoch, view: round.view })) return;
  state.setTimer(`${round.view}/retry`, state.timing.retry);
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
