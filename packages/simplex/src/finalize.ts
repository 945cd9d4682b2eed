import { type Block, blockOf, type Certificate, type Finality } from '@quorate/kernel';
import { fetchTowards } from './accept.ts';
import { dropUnverified, forgetRound } from './certificates.ts';
import { enter, leave } from './enter.ts';
import { commitOf, fork, remember, rivalOf } from './fork.ts';
import type { State } from './state.ts';

/**
 * S8: applies the highest Finalization whose block is here with all its ancestors; asks for what the others miss. Then enters the
 * view after the highest one known (S1), no sooner: whoever enters a view may give it up at once, and nobody votes in an epoch
 * after holding the proof of its end (S11).
 */
export function finalize(state: State): void {
  applyHighest(state);
  if (state.ended === null) enter(state, state.finalizedView + 1);
}

function applyHighest(state: State): void {
  if (state.forked || state.finalizations.size === 0) return;
  const views = [...state.finalizations.keys()].sort((a, b) => b - a);
  for (const view of views) {
    const certificate = state.finalizations.get(view);
    const digest = certificate === undefined ? null : blockOf(certificate.statement);
    if (certificate === undefined || digest === null) continue;
    if (state.tree.isRooted(digest)) {
      apply(state, certificate, state.tree.path(digest));
      return;
    }
    if (state.tree.misses({ view, digest })) fork(state, state.floor.certificate, certificate);
    else if (view === state.top?.statement.view) fetchTowards(state, certificate);
  }
}

/** S8: P and all its ancestors in order, then the floor rises to P. */
function apply(state: State, certificate: Certificate, blocks: readonly Block[]): void {
  const highest = blocks[blocks.length - 1];
  if (highest === undefined) return;
  const finality: Finality = { grade: 'final', certificate, certifiedHeight: highest.header.height };
  for (const block of blocks) {
    if (block.header.height > state.lastHeight) break; // S11: fillers are no heights of the chain
    state.effects.push({ kind: 'finalized', finality, commit: commitOf(state, block) });
  }
  const last = blocks.find((block) => block.header.height === state.lastHeight);
  remember(state, blocks);
  raiseFloor(state, highest, certificate);
  if (last !== undefined) endEpoch(state, last, certificate);
  else state.setTimer('standstill', state.timing.standstill); // S9
}

/** S8: everything at or below the new floor is forgotten; blocks and certificates live on in the block store. */
function raiseFloor(state: State, block: Block, certificate: Certificate): void {
  const { view } = block.ref;
  state.floor = { block, view, certificate };
  state.tree.raise(block.ref);
  state.leaders.forget(view);
  for (const held of state.rounds.keys()) if (held <= view) forgetRound(state, held);
  for (const [held, waiting] of state.finalizations) {
    if (held > view) continue;
    state.finalizations.delete(held);
    // It waited for its block and was compared with less than what is final now.
    const rival = rivalOf(state, waiting.statement);
    if (rival !== null) fork(state, rival.certificate, waiting);
  }
  if (state.top !== null && state.top.statement.view <= view) state.top = null;
  for (const [id, pending] of state.requests) {
    if (pending.view <= view && pending.kind !== 'conflict') state.requests.delete(id);
  }
  for (const [digest, wanted] of state.fetching) if (wanted.ref.view <= view) state.fetching.delete(digest);
  dropUnverified(state, (statement) => statement.view <= view);
  state.standstillCursor = 0;
  state.dirty = true;
}

/** S11: the epoch is over, once; from here on the engine only shows the proof. */
function endEpoch(state: State, last: Block, proof: Certificate): void {
  leave(state);
  state.cancelTimer('standstill');
  state.ended = proof;
  state.open.clear();
  state.rounds.clear();
  state.effects.push({ kind: 'epochEnded', epoch: state.epoch, last, proof });
}
