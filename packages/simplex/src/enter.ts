import type { View } from '@quorate/kernel';
import { giveUp, nullify } from './nullify.ts';
import type { State } from './state.ts';
import { timeouts } from './timing.ts';

/**
 * S1: enters a view because a certificate of the view before it is held; that certificate was broadcast when it was kept (S4).
 * Views only increase.
 */
export function enter(state: State, view: View): void {
  if (view <= state.view) return;
  leave(state);
  state.view = view;
  state.dirty = true;
  if (state.self === null || state.ended !== null) return;
  const round = state.round(view);
  if (round.nullified) {
    state.setTimer(`${view}/retry`, state.timing.retry);
    return;
  }
  if (leaderSleeps(state, view)) {
    nullify(state, round);
    return;
  }
  const after = timeouts(state.timing, state.viewsSinceFinalized);
  if (round.proposal === null) state.setTimer(`${view}/leader`, after.leader);
  state.setTimer(`${view}/advance`, after.advance);
  // S6: these triggers may have come before the view was entered.
  const leaderGaveUp = round.tally.voteOf('nullify', state.leaders.at(view)) !== undefined;
  if (leaderGaveUp) nullify(state, round);
  else if (round.verdict === 'invalid') giveUp(state, round);
}

/** Stops the timers of the view at hand. */
export function leave(state: State): void {
  for (const purpose of ['leader', 'advance', 'retry', 'time', 'finality']) {
    if (state.view > 0) state.cancelTimer(`${state.view}/${purpose}`);
  }
}

/** S1: the leader was silent for `skipTimeout` while weight q was heard. */
function leaderSleeps(state: State, view: View): boolean {
  const leader = state.leaders.at(view);
  if (leader === state.self) return false;
  const awake = (signer: number): boolean =>
    signer === state.self || state.now - (state.heard[signer] ?? 0) < state.timing.skipTimeout;
  if (awake(leader)) return false;
  const active = state.heard.flatMap((_, signer) => (awake(signer) ? [signer] : []));
  return state.validators.weightOfAll(active) >= state.validators.quorum;
}
