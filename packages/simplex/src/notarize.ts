import {
  type Block,
  blockOf,
  blockOfHeader,
  type Certificate,
  type Header,
  type PeerId,
  type Statement,
  type Vote,
} from '@quorate/kernel';
import { keepCertificate } from './certificates.ts';
import { count, suspect } from './collect.ts';
import { digestOf, isHeld, justifies, skippedAreNullified } from './justification.ts';
import type { SimplexMessage } from './messages.ts';
import { giveUp } from './nullify.ts';
import type { Proposal, Round } from './round.ts';
import type { Gathering, Pending, State } from './state.ts';
import { MAX_CLOCK_LEAD } from './timing.ts';
import { castVote, mayVote } from './vote.ts';

/** Most bytes of one justification that is fetched in parts. */
const MAX_GATHERED_BYTES = 16 << 20;

/** S3: takes the first proposal of a view's leader; a second different one is evidence. */
export function receiveProposal(
  state: State,
  from: PeerId,
  message: Extract<SimplexMessage, { kind: 'proposal' }>,
): void {
  const { header, signature, justification } = message;
  if (header.view <= state.floor.view) {
    state.drop('proposal at or below the floor');
    return;
  }
  if (header.view > state.view + state.window) {
    state.drop('proposal beyond the window');
    return;
  }
  const leader = state.leaders.at(header.view);
  if (state.peerOf(leader) !== from || leader === state.self) {
    state.drop('proposal of another than the leader');
    state.blame(from, `proposed in view ${header.view}, which validator ${leader} leads`);
    return;
  }
  const block = blockOfHeader(state.parts.hash, state.chainId, header);
  const statement: Statement = { kind: 'notarize', epoch: state.epoch, view: header.view, block: block.ref.digest };
  const vote: Vote = { statement, signer: leader, signature };
  const round = state.round(header.view);
  if (round.incoming === block.ref.digest || round.proposal?.block.ref.digest === block.ref.digest) {
    state.drop('repeated proposal');
    // The leader says it again to who was not connected: what was asked for, or the answer, may have been lost too.
    const gathering = state.gathering.get(header.view);
    if (gathering?.block.ref.digest === block.ref.digest) askForPart(state, gathering);
    return;
  }
  const complete = digestOf(state, justification).digest === header.justificationDigest;
  if (!complete && justification.length > 0) {
    state.blame(from, `sent a justification that is not the one of its proposal in view ${header.view}`);
    return;
  }
  const admission = round.tally.add(vote);
  if (admission.kind === 'conflict') {
    suspect(state, round, admission.first, vote);
    return;
  }
  if (admission.kind === 'blocked') {
    state.drop('proposal of a blocked sender');
    return;
  }
  round.incoming = block.ref.digest;
  // An honest leader leaves out only what is long, and builds on nothing below a floor that we know to be final.
  if (complete || header.parentView < state.floor.view) examine(state, from, vote, { block, justification });
  else gather(state, from, vote, block);
}

/** A justification left out for its size is asked for by digest, part by part. */
function gather(state: State, from: PeerId, vote: Vote, block: Block): void {
  const gathering = { from, vote, block, certificates: [] };
  state.gathering.set(block.ref.view, gathering);
  askForPart(state, gathering);
}

/** Asks for what follows the certificates gathered so far. */
function askForPart(state: State, { from, block, certificates }: Gathering): void {
  const { epoch, view, digest } = block.ref;
  state.send(from, { kind: 'wantJustification', epoch, view, block: digest, from: certificates.length });
}

export function receiveJustification(
  state: State,
  from: PeerId,
  message: Extract<SimplexMessage, { kind: 'justification' }>,
): void {
  const gathering = state.gathering.get(message.view);
  if (gathering === undefined || gathering.from !== from || gathering.block.ref.digest !== message.block) {
    state.drop('justification not asked for');
    return;
  }
  if (message.from !== gathering.certificates.length) {
    state.drop('justification out of order');
    return;
  }
  const { header } = gathering.block;
  gathering.certificates.push(...message.certificates);
  const { digest, bytes } = digestOf(state, gathering.certificates);
  const tooMany = gathering.certificates.length > header.view - header.parentView;
  if (message.certificates.length === 0 || tooMany || bytes > MAX_GATHERED_BYTES) {
    state.gathering.delete(message.view);
    state.blame(from, `sent a justification of the wrong length for view ${message.view}`);
    return;
  }
  if (digest === header.justificationDigest) {
    state.gathering.delete(message.view);
    const { block, certificates } = gathering;
    examine(state, from, gathering.vote, { block, justification: certificates });
    return;
  }
  askForPart(state, gathering);
}

/** Checks the leader's signature and every certificate not checked before, at once. */
function examine(state: State, from: PeerId, vote: Vote, proposal: Proposal): void {
  const { header } = proposal.block;
  const misfit = !justifies(state, header, proposal.justification);
  const unknown = misfit ? [] : proposal.justification.filter((certificate) => !isHeld(state, certificate));
  const request = state.request({ kind: 'proposal', view: header.view, from, vote, proposal, unknown, misfit });
  const certificates = unknown.map((certificate) => ({ kind: 'certificate' as const, certificate }));
  state.effects.push({ kind: 'verify', request, items: [{ kind: 'vote', vote }, ...certificates] });
}

export function onProposalVerified(
  state: State,
  checked: Extract<Pending, { kind: 'proposal' }>,
  invalid: readonly number[],
): void {
  const round = state.rounds.get(checked.view);
  if (round === undefined || round.incoming !== checked.proposal.block.ref.digest) return;
  round.incoming = null;
  if (invalid.includes(0)) {
    round.tally.block(checked.vote);
    state.blame(checked.from, `signed its proposal in view ${checked.view} badly`);
    return;
  }
  round.tally.markVerified(checked.vote);
  const first = round.proposal?.block.ref.digest ?? null;
  if (first !== null && first !== checked.proposal.block.ref.digest) {
    // S5: the first one came before a restart, after which its leader's vote is no longer in its slot. It alone is judged.
    round.equivocated = true;
    count(state, round, checked.vote.statement);
    return;
  }
  if (round.proposal === null) {
    round.proposal = checked.proposal;
    state.cancelTimer(`${round.view}/leader`);
    state.tree.add(checked.proposal.block, false);
    state.open.add(round);
    state.dirty = true;
    const notarized = round.notarization === null ? null : blockOf(round.notarization.statement);
    if (notarized !== null && notarized !== checked.proposal.block.ref.digest) round.equivocated = true; // S5
  }
  // Justification: treated as received certificates.
  checked.unknown.forEach((certificate, index) => {
    if (!invalid.includes(index + 1)) keepCertificate(state, certificate);
  });
  count(state, round, checked.vote.statement);
  if (checked.misfit || invalid.length > 0) {
    // The leader signed the digest of these very certificates: no other copy can be better.
    state.blame(checked.from, `justified its proposal in view ${checked.view} badly`);
    reject(state, round);
  }
}

/** S6: permanently invalid. */
function reject(state: State, round: Round): void {
  round.verdict = 'invalid';
  giveUp(state, round);
}

/** S3: votes for a proposal once its parent, its header, its body and the application allow it; until then it waits. */
export function considerProposal(state: State, round: Round): void {
  const proposal = round.proposal;
  if (proposal === null || round.verdict !== 'open' || round.view > state.view) return;
  if (round.notarized !== null || round.nullified || !mayVote(state, round)) return;
  const { block, justification } = proposal;
  const { header } = block;
  const parent = parentOf(state, header);
  if (parent === 'never') {
    reject(state, round);
    return;
  }
  if (parent === 'wait') return;
  const fault = headerFault(state, header, parent.header);
  if (fault) {
    reject(state, round);
    return;
  }
  if (header.time > state.now + MAX_CLOCK_LEAD) {
    state.setTimer(`${round.view}/time`, header.time - MAX_CLOCK_LEAD - state.now);
    return; // postponed, never invalid
  }
  const rule = executionRule(state, header, parent.header, justification);
  if (rule === 'invalid') {
    reject(state, round);
    return;
  }
  if (!state.tree.isAvailable(block.ref.digest)) {
    const leader = state.peerOf(state.leaders.at(round.view));
    state.fetch(block.ref, leader === null ? [] : [leader]);
    return;
  }
  if (rule === 'valid') {
    notarize(state, round, proposal);
    return;
  }
  round.verdict = 'judging';
  const request = state.request({ kind: 'judge', view: round.view, digest: block.ref.digest });
  state.effects.push({ kind: 'judge', request, block, parent });
}

export function onJudged(state: State, asked: Extract<Pending, { kind: 'judge' }>, verdict: 'valid' | 'invalid'): void {
  const round = state.rounds.get(asked.view);
  if (round?.verdict !== 'judging' || round.proposal?.block.ref.digest !== asked.digest) return;
  if (verdict === 'invalid') {
    reject(state, round);
    return;
  }
  notarize(state, round, round.proposal);
}

/** S3: one Notarize vote, unless the view was nullified meanwhile: `castVote` sees to both. */
function notarize(state: State, round: Round, proposal: Proposal): void {
  round.verdict = 'valid';
  const block = proposal.block.ref.digest;
  castVote(state, round, { kind: 'notarize', epoch: state.epoch, view: round.view, block }, proposal);
}

/** S2, as a voter sees it: final, or notarized and accepted, with every view between nullified; and here with all its ancestors. */
function parentOf(state: State, header: Header): Block | 'wait' | 'never' {
  const { parentView, parentDigest } = header;
  if (parentView < state.floor.view) return 'never';
  if (!skippedAreNullified(state, parentView, header.view)) return 'wait';
  if (parentView === state.floor.view) {
    return parentDigest === state.floor.block.ref.digest ? state.floor.block : 'never';
  }
  const round = state.rounds.get(parentView);
  const certificate = round?.finalization ?? round?.notarization ?? null;
  if (certificate === null) return 'wait';
  if (blockOf(certificate.statement) !== parentDigest) return 'never';
  if (round?.finalization === null && !round.accepted) return 'wait';
  if (state.tree.isRooted(parentDigest)) return state.tree.get(parentDigest) ?? 'wait';
  const missing = state.tree.missing({ epoch: state.epoch, view: parentView, digest: parentDigest });
  if (missing !== null) state.fetch(missing, state.signersOf(certificate));
  return 'wait';
}

/** Header checks that need nothing but the parent's header: what fails them is permanently invalid. */
function headerFault(state: State, header: Header, parent: Header): boolean {
  return (
    header.height !== parent.height + 1 ||
    header.time <= parent.time ||
    header.validatorsRoot !== state.validatorsRoot ||
    (header.nextValidatorsRoot !== null) !== (header.height === state.lastHeight) // S11
  );
}

/** Execution rule and S11: which blocks are empty, which need a final parent, which the application is asked about. */
function executionRule(
  state: State,
  header: Header,
  parent: Header,
  justification: readonly Certificate[],
): 'valid' | 'invalid' | 'judge' {
  const { nothing } = state;
  const empty =
    header.txRoot === nothing &&
    header.evidenceRoot === nothing &&
    header.executedHeight === parent.executedHeight &&
    header.stateRoot === parent.stateRoot &&
    header.receiptsRoot === parent.receiptsRoot;
  const filler = header.height > state.lastHeight;
  if (filler && !empty) return 'invalid';
  if (state.speculative && !filler) return 'judge';
  // Who names the next set or changes the protocol's version says something that the replica must confirm.
  if (empty) {
    return header.nextValidatorsRoot === null && header.protocolVersion === parent.protocolVersion ? 'valid' : 'judge';
  }
  const parentIsFinal = header.parentView === 0 || justification[0]?.statement.kind === 'finalize';
  return parentIsFinal ? 'judge' : 'invalid';
}
