import { Round } from './round.ts';
import type { State } from './state.ts';

/**
 * Makes a new state equal to another one of the same options, sharing nothing that a step may change. Votes, certificates, blocks
 * and questions are never changed and stay shared.
 */
export function copyInto(to: State, from: State): void {
  to.now = from.now;
  to.dirty = from.dirty;
  to.view = from.view;
  to.floor = from.floor;
  to.top = from.top;
  to.ended = from.ended;
  to.forked = from.forked;
  to.connected = from.connected;
  to.standstillCursor = from.standstillCursor;
  to.nullifiedViews = from.nullifiedViews;
  to.nextRequest = from.nextRequest;
  to.tree = from.tree.copy();
  if (from.floor.view > 0) to.leaders.forget(from.floor.view);
  refill(to.finalizations, from.finalizations);
  refill(to.finals, from.finals);
  refill(to.requests, from.requests);
  refill(to.fetching, from.fetching);
  refill(to.unverifiedOf, from.unverifiedOf);
  refill(to.dropped, from.dropped);
  for (const [key, queue] of from.unverified) to.unverified.set(key, [...queue]);
  for (const [view, held] of from.gathering) {
    to.gathering.set(view, { ...held, certificates: [...held.certificates] });
  }
  for (const [peer, count] of from.served) to.served.set(peer, { ...count });
  to.heard.splice(0, to.heard.length, ...from.heard);
  to.refusals.push(...from.refusals);
  for (const [view, round] of from.rounds) {
    const copy = copyRound(from, round);
    to.rounds.set(view, copy);
    if (from.open.has(round)) to.open.add(copy);
  }
}

function refill<K, V>(to: Map<K, V>, from: ReadonlyMap<K, V>): void {
  to.clear();
  for (const [key, value] of from) to.set(key, value);
}

function copyRound(state: State, round: Round): Round {
  return Object.assign(new Round(round.view, state.validators), round, {
    tally: round.tally.copy(),
    own: new Map(round.own),
    suspected: new Set(round.suspected),
  });
}
