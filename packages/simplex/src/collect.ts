import { certify, conflictOf, type PeerId, type Statement, type Vote } from '@quorate/kernel';
import { keepCertificate } from './certificates.ts';
import { nullify } from './nullify.ts';
import type { Round } from './round.ts';
import { helpLaggard } from './serve.ts';
import type { Pending, State } from './state.ts';

/** S4: takes a vote whose signer is its authenticated sender, of a view within the window. */
export function receiveVote(state: State, from: PeerId, vote: Vote): void {
  const { statement, signer } = vote;
  if (state.validators.indexOfPeer(from) !== signer) {
    state.drop('impersonated vote');
    state.blame(from, `sent a vote of validator ${signer}, which it is not`);
    return;
  }
  if (statement.view <= state.floor.view) {
    state.drop('vote at or below the floor');
    if (statement.kind === 'nullify') helpLaggard(state, from);
    return;
  }
  if (statement.view > state.view + state.window) {
    state.drop('vote beyond the window');
    return;
  }
  admit(state, vote, false);
}

/** Puts a vote into its slot and acts on what that changes. */
export function admit(state: State, vote: Vote, verified: boolean): void {
  const { statement, signer } = vote;
  const round = state.round(statement.view);
  const admission = round.tally.add(vote);
  switch (admission.kind) {
    case 'repeated':
      state.drop('repeated vote');
      return;
    case 'blocked':
      state.drop('vote of a blocked sender');
      return;
    case 'conflict':
      suspect(state, round, admission.first, vote);
      return;
    case 'added':
      if (verified) round.tally.markVerified(vote);
      if (statement.kind !== 'notarize') {
        const other = round.tally.voteOf(statement.kind === 'nullify' ? 'finalize' : 'nullify', signer);
        if (other !== undefined) suspect(state, round, other, vote);
      }
      // S6: the leader itself gave its view up.
      if (statement.kind === 'nullify' && state.leaders.at(round.view) === signer) nullify(state, round);
      count(state, round, statement);
  }
}

/** S4: at weight q, checks the votes of a statement not checked yet, all at once; then forms the certificate. */
export function count(state: State, round: Round, statement: Statement): void {
  if (round.certificate(statement.kind) !== null) return;
  if (round.tally.weightFor(statement) < state.validators.quorum) return;
  const votes = round.tally.beginCheck(statement);
  if (votes === null) return;
  if (votes.length === 0) {
    onVotesVerified(state, { kind: 'votes', view: round.view, statement, votes }, []);
    return;
  }
  const request = state.request({ kind: 'votes', view: round.view, statement, votes });
  state.effects.push({ kind: 'verify', request, items: votes.map((vote) => ({ kind: 'vote', vote })) });
}

export function onVotesVerified(
  state: State,
  checked: Extract<Pending, { kind: 'votes' }>,
  invalid: readonly number[],
): void {
  const round = state.rounds.get(checked.view);
  if (round === undefined) return;
  round.tally.endCheck(checked.statement);
  checked.votes.forEach((vote, index) => {
    if (invalid.includes(index)) condemn(state, round, vote);
    else round.tally.markVerified(vote);
  });
  const votes = round.tally.quorum(checked.statement);
  if (votes === null) {
    count(state, round, checked.statement);
    return;
  }
  if (round.certificate(checked.statement.kind) !== null) return;
  keepCertificate(state, certify({ suite: state.parts.suite, validators: state.validators }, votes));
}

/** S4: a vote whose signature is bad is dropped and its sender blocked for this kind and view. */
function condemn(state: State, round: Round, vote: Vote): void {
  round.tally.block(vote);
  const peer = state.peerOf(vote.signer);
  if (peer !== null) state.blame(peer, `sent a ${vote.statement.kind} vote of view ${round.view} with a bad signature`);
}

/** Two votes of one signer that no correct validator signs both: evidence once both signatures hold. */
export function suspect(state: State, round: Round, first: Vote, second: Vote): void {
  const conflict = conflictOf(first, second);
  if (conflict === null) return;
  const offence = `${conflict.kind}/${first.signer}`;
  if (round.suspected.has(offence)) {
    state.drop('further conflicting vote');
    return;
  }
  round.suspected.add(offence);
  const request = state.request({ kind: 'conflict', view: round.view, votes: [first, second] });
  const items = [first, second].map((vote) => ({ kind: 'vote' as const, vote }));
  state.effects.push({ kind: 'verify', request, items });
}

export function onConflictVerified(
  state: State,
  checked: Extract<Pending, { kind: 'conflict' }>,
  invalid: readonly number[],
): void {
  const [first, second] = checked.votes;
  const conflict = conflictOf(first, second);
  if (conflict === null) return;
  const round = state.rounds.get(checked.view);
  if (invalid.length > 0) {
    round?.suspected.delete(`${conflict.kind}/${first.signer}`);
    for (const index of invalid) if (round !== undefined) condemn(state, round, index === 0 ? first : second);
    return;
  }
  state.effects.push({ kind: 'evidence', evidence: conflict });
  // S5: a view whose leader equivocated gets no Finalize vote of ours.
  if (
    round !== undefined &&
    conflict.kind === 'conflicting-notarize' &&
    state.leaders.at(round.view) === first.signer
  ) {
    round.equivocated = true;
  }
}
