import { type Block, blockOf, type Certificate, type Commit, type Statement } from '@quorate/kernel';
import type { State } from './state.ts';

/** Final blocks at and below the floor that are remembered, to notice a Finalization that contradicts them. */
const MAX_REMEMBERED = 64;

/** S8: these became final, lowest first. */
export function remember(state: State, blocks: readonly Block[]): void {
  for (const { ref } of blocks) state.finals.set(ref.view, ref.digest);
  for (const oldest of state.finals.keys()) {
    if (state.finals.size <= MAX_REMEMBERED) break;
    state.finals.delete(oldest);
  }
}

/** What we hold against a Finalization that cannot be true beside it: safety (a), (b) allow no two branches. `null`: nothing. */
export function rivalOf(state: State, statement: Statement): { readonly certificate: Certificate | null } | null {
  if (statement.kind !== 'finalize') return null;
  const { view, block } = statement;
  if (view > state.floor.view) {
    const certificate = state.finalizations.get(view);
    return certificate === undefined || blockOf(certificate.statement) === block ? null : { certificate };
  }
  const [oldest = Number.POSITIVE_INFINITY] = state.finals.keys();
  // Whatever is final in a view from the oldest remembered one up to the floor is an ancestor of the floor.
  return view < oldest || state.finals.get(view) === block ? null : { certificate: state.floor.certificate };
}

/**
 * Safety is lost: more than f misbehaved. Said once, and to everybody, who may hold only one of the two; nothing is voted or
 * finalized from here on. `first` is null when what finalized our floor is not at hand. Who signed both need not be guilty when
 * the views differ: the justifications of the two branches say who is.
 */
export function fork(state: State, first: Certificate | null, second: Certificate): void {
  if (state.forked) return;
  state.forked = true;
  for (const certificate of [first, second]) {
    if (certificate !== null) state.broadcast({ kind: 'certificate', certificate });
  }
  const commits = state.tree.branch(blockOf(second.statement) ?? '').map((block) => commitOf(state, block));
  state.effects.push({ kind: 'forked', first, second, commits });
}

/** A block as a step of the agreed order, with the justification of its proposal when that was seen. */
export function commitOf(state: State, block: Block): Commit {
  const proposal = state.rounds.get(block.ref.view)?.proposal;
  return {
    index: block.header.height,
    previous: block.header.parentDigest,
    leader: state.leaders.at(block.ref.view),
    blocks: [block],
    justification: proposal?.block.ref.digest === block.ref.digest ? proposal.justification : [],
  };
}
