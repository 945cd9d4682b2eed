import { type Block, type CertificateRef, type Header, type Vote, ZERO_DIGEST } from '@quorate/kernel';
import { fetchTowards } from './accept.ts';
import { type Chosen, chooseParent, digestOf } from './justification.ts';
import { decodeLimits } from './messages.ts';
import { giveUp } from './nullify.ts';
import type { Round } from './round.ts';
import type { Pending, State } from './state.ts';
import { castVote, mayVote } from './vote.ts';

/** S2: in a view of ours, once: choose the parent, have a block built on it, make it durable, propose it. */
export function propose(state: State): void {
  if (state.view <= state.floor.view || !state.leads(state.view)) return;
  const round = state.round(state.view);
  if (!mayVote(state, round) || round.nullified || round.notarized !== null) return;
  if (round.building === 'built') {
    proposeBuilt(state, round);
    return;
  }
  if (round.building !== 'idle') return;
  const chosen = chooseParent(state, round.view, (digest) => state.tree.isRooted(digest));
  if (chosen.kind === 'missing') {
    seekCertificates(state, round);
    return;
  }
  const parent = chosen.digest === state.floor.block.ref.digest ? state.floor.block : state.tree.get(chosen.digest);
  if (parent === undefined) return;
  if (awaitsFinality(state, parent, chosen)) {
    round.building = 'awaiting finality';
    state.setTimer(`${round.view}/finality`, state.timing.delta);
    return;
  }
  build(state, round, chosen, parent, 'full');
}

/** Execution rule: a block that is not empty needs a final parent; the leader waits for that at most Δ. */
function awaitsFinality(state: State, parent: Block, chosen: Extract<Chosen, { kind: 'parent' }>): boolean {
  return !state.speculative && !chosen.final && parent.header.height < state.lastHeight;
}

/** Execution rule: the Finalization came (or the floor rose to the parent), or Δ is over: then an empty block. */
export function stopAwaitingFinality(state: State, expired: boolean): void {
  const round = state.rounds.get(state.view);
  if (round?.building !== 'awaiting finality') return;
  const chosen = chooseParent(state, round.view, (digest) => state.tree.isRooted(digest));
  if (chosen.kind === 'missing') return;
  const parent = chosen.digest === state.floor.block.ref.digest ? state.floor.block : state.tree.get(chosen.digest);
  if (parent === undefined) return;
  const late = awaitsFinality(state, parent, chosen);
  if (late && !expired) return;
  if (!expired) state.cancelTimer(`${round.view}/finality`);
  build(state, round, chosen, parent, late ? 'empty' : 'full');
}

function build(
  state: State,
  round: Round,
  chosen: Extract<Chosen, { kind: 'parent' }>,
  parent: Block,
  wanted: 'full' | 'empty',
): void {
  const height = parent.header.height + 1;
  round.building = 'asked';
  round.plan = { justification: chosen.justification, block: null };
  const request = state.request({ kind: 'build', view: round.view, parent, parentView: chosen.view });
  state.effects.push({
    kind: 'build',
    request,
    build: {
      epoch: state.epoch,
      view: round.view,
      height,
      parent,
      justificationDigest: digestOf(state, chosen.justification).digest,
      content: height > state.lastHeight ? 'empty' : wanted, // S11
      lastOfEpoch: height === state.lastHeight,
      idleUntil: state.now + Math.floor(state.timing.delta / 2),
    },
  });
}

/** S2: asks everybody for the certificates without which no parent can be justified. */
function seekCertificates(state: State, round: Round): void {
  if (round.sought) return;
  round.sought = true;
  askForCertificates(state, round);
}

export function askForCertificates(state: State, round: Round): void {
  const { epoch } = state;
  const wanted: CertificateRef[] = [];
  for (let at = round.view - 1; at > state.floor.view && wanted.length + 2 <= decodeLimits.wants; at--) {
    const held = state.rounds.get(at);
    const certificate = held?.finalization ?? held?.notarization ?? null;
    if (certificate !== null) fetchTowards(state, certificate);
    if ((held?.nullification ?? null) !== null) continue;
    wanted.push({ kind: 'nullify', epoch, view: at });
    if (certificate === null) wanted.push({ kind: 'notarize', epoch, view: at, block: ZERO_DIGEST });
  }
  if (state.floor.view > 0 && state.floor.certificate === null) {
    wanted.push({ kind: 'finalize', epoch, view: state.floor.view, block: state.floor.block.ref.digest });
  }
  if (wanted.length > 0) state.broadcast({ kind: 'want', certificates: wanted });
}

export function onBuilt(state: State, asked: Extract<Pending, { kind: 'build' }>, block: Block | null): void {
  const round = state.rounds.get(asked.view);
  if (round === undefined || round.plan === null) return;
  const justification = round.plan.justification;
  if (block === null || !fits(state, asked, block.header, digestOf(state, justification).digest)) {
    round.building = 'over';
    state.drop('failed build');
    giveUp(state, round);
    return; // S6
  }
  round.building = 'built';
  round.plan = { justification, block };
  state.tree.add(block, false);
  state.dirty = true;
}

/** Whether the replica finished the header that was asked for. */
function fits(state: State, asked: Extract<Pending, { kind: 'build' }>, header: Header, justified: string): boolean {
  const { parent } = asked;
  return (
    header.epoch === state.epoch &&
    header.view === asked.view &&
    header.height === parent.header.height + 1 &&
    header.parentView === asked.parentView &&
    header.parentDigest === parent.ref.digest &&
    header.time > parent.header.time &&
    header.justificationDigest === justified
  );
}

/** S2: body durable first, then P and the vote for it in one write, then the signature, then the proposal. At most once per view. */
function proposeBuilt(state: State, round: Round): void {
  const plan = round.plan;
  if (plan === null || plan.block === null) return;
  const { block, justification } = plan;
  if (!state.tree.isAvailable(block.ref.digest)) {
    state.fetch(block.ref, []);
    return;
  }
  round.building = 'over';
  round.proposal = { block, justification };
  round.verdict = 'valid';
  state.cancelTimer(`${round.view}/leader`); // S3: the first proposal of this view
  const notarize = { kind: 'notarize' as const, epoch: state.epoch, view: round.view, block: block.ref.digest };
  castVote(state, round, notarize, round.proposal);
}

/** The leader's signed Notarize is the proposal. `false` when it is not ours to make. */
export function sendProposal(state: State, round: Round, vote: Vote): boolean {
  if (round.proposal === null || round.proposal.block.ref.digest !== round.notarized) return false;
  const { block, justification } = round.proposal;
  const fitsIn =
    justification.length <= decodeLimits.justification &&
    digestOf(state, justification).bytes <= state.maxJustificationBytes;
  const message = {
    kind: 'proposal' as const,
    header: block.header,
    signature: vote.signature,
    justification: fitsIn ? justification : [],
  };
  state.broadcast(message);
  return true;
}
