import type { Block, Certificate, Statement } from '@quorate/kernel';
import type { Simplex, SimplexRecord } from '@quorate/simplex';
import type { Vocabulary } from './vocabulary.ts';

type Memory = Simplex['memory'];
type Round = Memory['rounds'] extends ReadonlyMap<number, infer R> ? R : never;

/**
 * Everything of an engine's memory on which its later steps depend, as one line of text that does not depend on the order in which
 * things came. Left out, and why that is sound in a model:
 * - signers and signatures of certificates: rules ask only for their weight, and every certificate of a model has a quorum;
 * - the clock and when peers were heard: time stands still in a model, timers ring at any moment;
 * - numbers of requests (they are named by what they ask), counters for operators, what is remembered for evidence;
 * - votes of a kind and view of which the certificate is held: they are counted no more (`count`), and of the other uses of a
 *   slot one needs the view to be entered later, which the certificate rules out, the other is evidence;
 * - that a leader equivocated, once the Notarization of its view is accepted: only the acceptance asks for it;
 * - views beyond the model.
 */
export function imageOf(memory: Memory, words: Vocabulary): string {
  const name = (statement: Statement | undefined): string =>
    statement === undefined ? '' : String(words.nameOf(statement));
  const certificate = (held: Certificate | null): string => name(held?.statement);
  const parts = [
    `view ${memory.view}`,
    `floor ${words.find(memory.floor.block.ref.digest)} ${memory.floor.view} ${certificate(memory.floor.certificate)}`,
    `top ${certificate(memory.top)} ended ${certificate(memory.ended)} forked ${memory.forked}`,
    `finalizations ${sorted([...memory.finalizations.values()].map(certificate))}`,
    `finals ${sorted([...memory.finals].map(([view, digest]) => `${view}:${words.find(digest)}`))}`,
    `blocks ${sorted(memory.tree.entries().map((entry) => `${words.find(entry.block.ref.digest)}${entry.available ? '+' : ''}`))}`,
    `fetching ${sorted([...memory.fetching.keys()].map((digest) => String(words.find(digest))))}`,
    `asked ${sorted([...memory.requests.values()].flatMap(({ kind, view }) => (view <= words.model.views ? [`${kind}/${view}`] : [])))}`,
    `unchecked ${sorted([...memory.unverified.keys(), ...[...memory.gathering.keys()].map(String)])}`,
  ];
  for (const round of [...memory.rounds.values()].sort((a, b) => a.view - b.view)) {
    if (round.view <= words.model.views) parts.push(imageOfRound(round, memory, words, name));
  }
  return parts.join('\n');
}

function imageOfRound(
  round: Round,
  memory: Memory,
  words: Vocabulary,
  name: (statement: Statement | undefined) => string,
): string {
  const block = (held: Block | null | undefined): string => (held ? String(words.find(held.ref.digest)) : '');
  const leader = words.leaderOf(round.view);
  const slots = round.tally.votes().flatMap(({ statement, signer }) => {
    if (round.certificate(statement.kind) !== null) return [];
    const who = signer === memory.self ? 'self' : signer === leader ? 'leader' : 'other';
    return [`${who}:${name(statement)}`];
  });
  return [
    `${round.view}: notarized ${words.find(round.notarized)} nullified ${round.nullified} finalized ${words.find(round.finalizeVoted)}`,
    `own ${sorted([...round.own.keys()])} incoming ${words.find(round.incoming)}`,
    `proposal ${block(round.proposal?.block)} ${round.verdict}`,
    `certificates ${name(round.notarization?.statement)} ${name(round.nullification?.statement)} ${name(round.finalization?.statement)}`,
    `accepted ${round.accepted || `${round.certifying} ${round.equivocated}`}`,
    `building ${round.building} ${round.sought} ${round.building === 'over' ? '' : planOf(round.plan, block, name)}`,
    `slots ${sorted(slots)} open ${memory.open.has(round)}`,
  ].join(', ');
}

function planOf(
  plan: Round['plan'],
  block: (held: Block | null) => string,
  name: (statement: Statement) => string,
): string {
  if (plan === null) return '';
  return `${block(plan.block)} by ${plan.justification.map(({ statement }) => name(statement)).join(' ')}`;
}

/** A journal as a set: engines restore the same from its records in any order, which a test shows. */
export function imageOfJournal(records: readonly SimplexRecord[], words: Vocabulary): string {
  return sorted(records.map((record) => imageOfRecord(record, words)));
}

function imageOfRecord(record: SimplexRecord, words: Vocabulary): string {
  switch (record.kind) {
    case 'voted':
      return `voted ${words.nameOf(record.statement)}`;
    case 'certificate':
      return `certificate ${words.nameOf(record.certificate.statement)}`;
    case 'proposal': {
      const { view, parentView, txRoot, parentDigest, justificationDigest } = record.header;
      return `proposal ${view} ${parentView} ${parentDigest} ${txRoot} ${justificationDigest}`;
    }
  }
}

export function sorted(items: readonly string[]): string {
  return [...new Set(items)].sort().join(' ');
}
