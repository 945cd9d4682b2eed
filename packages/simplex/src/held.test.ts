import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { peerOf, sha256, suite, voteBy } from '../../../test/simplex/world.ts';
import { receiveVote } from './collect.ts';
import { heldBy } from './held.ts';
import { State } from './state.ts';

describe('what an engine holds', () => {
  it('is counted: rounds, how far ahead votes are, and what nobody needs any more', () => {
    const s = new Script();
    const state = new State(s.options, { hash: sha256, suite });
    expect(heldBy(state)).toEqual({ rounds: 0, votesAhead: 0, blocks: 0, fetches: 0, requests: 0, stale: 0 });
    for (const view of [1, 64]) receiveVote(state, peerOf(1), voteBy(1, s.statement('nullify', view)));
    state.round(99); // without votes
    expect(heldBy(state)).toMatchObject({ rounds: 3, votesAhead: 64 - state.view, stale: 0 });
    state.round(state.floor.view);
    state.request({ kind: 'certify', view: state.floor.view, digest: 'aa' });
    state.request({ kind: 'certificate', view: state.floor.view, key: 'nullify/0' });
    expect(heldBy(state)).toMatchObject({ requests: 2, stale: 2 });
  });
});
