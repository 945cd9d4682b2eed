import type { PeerId } from '@quorate/kernel';
import type { SimplexMessage } from './messages.ts';
import { entryCertificate } from './nullify.ts';
import { sendProposal } from './propose.ts';
import type { State } from './state.ts';

/** Most messages that one standstill says; the next one goes on where it stopped. */
const MAX_MESSAGES = 256;

/** S9: nothing was final for Ts: the highest Finalization, every certificate above it, and our own votes above it. */
export function standstill(state: State): void {
  const all: SimplexMessage[] = [];
  for (const round of [...state.rounds.values()].sort((a, b) => a.view - b.view)) {
    for (const certificate of round.certificates()) all.push({ kind: 'certificate', certificate });
    for (const vote of round.own.values()) all.push({ kind: 'vote', vote });
  }
  const highest = state.top ?? state.floor.certificate;
  if (highest !== null) state.broadcast({ kind: 'certificate', certificate: highest });
  if (state.standstillCursor >= all.length) state.standstillCursor = 0;
  const said = all.slice(state.standstillCursor, state.standstillCursor + MAX_MESSAGES);
  state.standstillCursor += said.length;
  // What comes meanwhile makes the list longer: it must not keep the next one from the beginning.
  if (state.standstillCursor >= all.length) state.standstillCursor = 0;
  for (const message of said) state.broadcast(message);
  repeatProposal(state);
  state.refetch();
  state.setTimer('standstill', state.timing.standstill);
}

/** S2: the same P again, while its view lasts. */
function repeatProposal(state: State): void {
  const round = state.rounds.get(state.view);
  const vote = round?.own.get('notarize');
  if (round !== undefined && vote !== undefined && state.leads(state.view)) sendProposal(state, round, vote);
}

/** A peer connected: what it needs to join the present view, since what was broadcast before did not reach it. */
export function greet(state: State, peer: PeerId): void {
  const before = state.effects.length;
  const entry = entryCertificate(state);
  if (entry !== null) state.broadcast({ kind: 'certificate', certificate: entry });
  const round = state.rounds.get(state.view);
  for (const vote of round?.own.values() ?? []) {
    if (vote.statement.kind !== 'notarize' || !state.leads(state.view)) state.broadcast({ kind: 'vote', vote });
  }
  repeatProposal(state);
  const said = state.effects.splice(before);
  for (const effect of said) if (effect.kind === 'broadcast') state.send(peer, effect.message);
}
