import { blockOfHeader } from '@quorate/kernel';
import { considerNotarization } from './accept.ts';
import { noteCertificate } from './certificates.ts';
import { enter } from './enter.ts';
import { entryCertificate } from './nullify.ts';
import type { SimplexRecord } from './records.ts';
import type { State } from './state.ts';
import { votedStatements } from './vote.ts';

/** Rebuilds what a former life wrote down, asks for its signatures again, and goes on in the view its certificates lead to. */
export function restore(state: State, records: readonly SimplexRecord[]): void {
  state.heard.fill(state.now);
  if (resumeEnded(state)) return;
  state.setTimer('standstill', state.timing.standstill);
  for (const record of records) take(state, record);
  const rounds = [...state.rounds.values()].sort((a, b) => a.view - b.view);
  // Reading again what was kept must not say it again: the entry certificate below is enough.
  for (const round of rounds)
    for (const certificate of round.certificates()) noteCertificate(state, round, certificate);
  const entered = rounds.filter((round) => round.nullification !== null || round.finalization !== null);
  const highest = Math.max(state.finalizedView, ...entered.map((round) => round.view));
  enter(state, highest + 1);
  for (const round of rounds) considerNotarization(state, round);
  const entry = entryCertificate(state);
  if (entry !== null) state.broadcast({ kind: 'certificate', certificate: entry });
  if (state.self === null) return;
  for (const round of rounds) {
    if (round.view <= state.finalizedView) continue;
    // The gate signed these before, or never: it returns the identical signature, or one for the only statement there is.
    for (const statement of votedStatements(state, round)) state.effects.push({ kind: 'sign', statement });
  }
}

function take(state: State, record: SimplexRecord): void {
  switch (record.kind) {
    case 'voted': {
      const { statement } = record;
      if (statement.epoch !== state.epoch || statement.view <= state.floor.view) return;
      const round = state.round(statement.view);
      if (statement.kind === 'notarize') {
        round.notarized = statement.block;
        round.building = 'over'; // S2: the same P or nothing
        if (round.proposal?.block.ref.digest === statement.block) round.verdict = 'valid';
      } else if (statement.kind === 'nullify') round.nullified = true;
      else round.finalizeVoted = statement.block;
      return;
    }
    case 'proposal': {
      const { header, justification } = record;
      if (header.epoch !== state.epoch || header.view <= state.floor.view) return;
      const block = blockOfHeader(state.parts.hash, state.chainId, header);
      const round = state.round(header.view);
      round.proposal = { block, justification };
      if (round.notarized === block.ref.digest) round.verdict = 'valid';
      state.tree.add(block, false);
      return;
    }
    case 'certificate': {
      const { statement } = record.certificate;
      if (statement.epoch !== state.epoch || statement.view <= state.floor.view) return;
      state.round(statement.view).keep(record.certificate);
    }
  }
}

/** S11: whether this is a restart on the epoch's last block with the proof that it is final, its own or a filler's: says again that the epoch ended. */
function resumeEnded(state: State): boolean {
  const { block, certificate } = state.floor;
  if (block.header.epoch !== state.epoch || block.header.height < state.lastHeight) return false;
  const proof = certificate ?? state.top;
  if (proof === null) return false;
  state.ended = proof;
  state.effects.push({ kind: 'epochEnded', epoch: state.epoch, last: block, proof });
  return true;
}

/** The least list of records that restores the same. */
export function checkpoint(state: State): SimplexRecord[] {
  const records: SimplexRecord[] = [];
  for (const round of [...state.rounds.values()].sort((a, b) => a.view - b.view)) {
    if (round.proposal !== null && round.proposal.block.ref.digest === round.notarized) {
      records.push({
        kind: 'proposal',
        header: round.proposal.block.header,
        justification: round.proposal.justification,
      });
    }
    for (const statement of votedStatements(state, round)) records.push({ kind: 'voted', statement });
    for (const certificate of round.certificates()) records.push({ kind: 'certificate', certificate });
  }
  return records;
}
