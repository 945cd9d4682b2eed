import { type Statement, sameStatement, type Vote } from '@quorate/kernel';
import { admit } from './collect.ts';
import { sendProposal } from './propose.ts';
import type { Proposal, Round } from './round.ts';
import type { State } from './state.ts';

const MAX_REFUSALS = 16;

/**
 * S10: the only way to a signature. Refuses what would contradict the three durable facts of the view;
 * otherwise the fact is persisted in the step that asks for the signature, so it is durable before anything is signed;
 * a Notarize vote together with the proposal that it is for.
 */
export function castVote(state: State, round: Round, statement: Statement, proposal: Proposal | null = null): boolean {
  if (!mayVote(state, round)) return false;
  switch (statement.kind) {
    case 'notarize':
      if (round.notarized !== null || round.nullified) return false; // S3
      round.notarized = statement.block;
      break;
    case 'nullify':
      if (round.nullified || round.finalizeVoted !== null) return false; // S6
      round.nullified = true;
      break;
    case 'finalize':
      if (round.finalizeVoted !== null || round.nullified) return false; // S5
      round.finalizeVoted = statement.block;
      break;
  }
  if (proposal !== null) {
    const { block, justification } = proposal;
    state.persist.push({ kind: 'proposal', header: block.header, justification });
  }
  state.persist.push({ kind: 'voted', statement });
  state.effects.push({ kind: 'sign', statement });
  return true;
}

/** S10, S11: only validators vote, above the floor, while the epoch lasts and safety holds. */
export function mayVote(state: State, round: Round): boolean {
  return state.self !== null && state.ended === null && !state.forked && round.view > state.finalizedView;
}

/** The statements that the durable facts of a view stand for. */
export function votedStatements(state: State, round: Round): Statement[] {
  const { epoch } = state;
  const { view } = round;
  const statements: Statement[] = [];
  if (round.notarized !== null) statements.push({ kind: 'notarize', epoch, view, block: round.notarized });
  if (round.nullified) statements.push({ kind: 'nullify', epoch, view });
  if (round.finalizeVoted !== null) statements.push({ kind: 'finalize', epoch, view, block: round.finalizeVoted });
  return statements;
}

/** The gate signed: the vote is ours to count and to say. */
export function onSigned(state: State, statement: Statement, signature: Uint8Array): void {
  const round = state.rounds.get(statement.view);
  if (round === undefined || !mayVote(state, round) || state.self === null || round.own.has(statement.kind)) return;
  if (!votedStatements(state, round).some((voted) => sameStatement(voted, statement))) return;
  const vote: Vote = { statement, signer: state.self, signature };
  round.own.set(statement.kind, vote);
  say(state, round, vote);
  admit(state, vote, true);
}

/** Broadcasts a vote of ours; a leader's Notarize vote of the present view is the proposal itself. */
function say(state: State, round: Round, vote: Vote): void {
  const { statement } = vote;
  const proposes = statement.kind === 'notarize' && state.leads(round.view) && round.view >= state.view;
  if (proposes && sendProposal(state, round, vote)) return;
  state.broadcast({ kind: 'vote', vote });
}

/** The gate refused: we stay silent about this statement and say so in the status. Never asked again in this life. */
export function onRefused(state: State, statement: Statement, reason: string): void {
  state.drop(`refused ${statement.kind}`);
  state.refusals.push({ statement, reason });
  if (state.refusals.length > MAX_REFUSALS) state.refusals.shift();
}
