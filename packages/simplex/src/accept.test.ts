import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S5: accepting a Notarization', () => {
  it('votes Finalize and enters the next view, without a Notarize vote of its own', () => {
    const s = new Script().start().block('B', 'G', 1).receive('notarize', 1, 'B');
    expect(s.everSaid('sign notarize')).toBe(false);
    expect(s.said('write voted finalize 1 B') && s.said(`broadcast vote finalize 1 B of ${s.self}`)).toBe(true);
    expect(s.engine.status().view).toBe(2);
  });

  it('does not vote Finalize after its own Nullify, but accepts and goes on', () => {
    const s = new Script().start().ring('1/leader').block('B', 'G', 1).receive('notarize', 1, 'B');
    expect(s.everSaid('sign finalize')).toBe(false);
    expect(s.engine.status().view).toBe(2);
  });

  it('does not vote Finalize when it saw the leader equivocate', () => {
    const s = new Script().start().block('A', 'G', 1).block('B', 'G', 1).propose('A').propose('B');
    expect(s.everSaid('evidence')).toBe(true);
    s.receive('notarize', 1, 'A');
    expect(s.everSaid('sign finalize')).toBe(false);
    const other = new Script().start().block('A', 'G', 1).block('B', 'G', 1).propose('A').receive('notarize', 1, 'B');
    expect(other.everSaid('sign finalize')).toBe(false);
    expect(other.engine.status().view).toBe(2);
  });

  it('asks the application to certify when it wants that, and waits for the answer', () => {
    const s = new Script({ certify: true }).start().block('B', 'G', 1).receive('notarize', 1, 'B');
    expect(s.said('fetch B') && !s.said('certify')).toBe(true);
    s.available('B');
    expect(s.said('certify B') && !s.said('sign')).toBe(true);
    expect(s.engine.status().view).toBe(1);
    s.certify(true);
    expect(s.said('sign finalize 1 B')).toBe(true);
    expect(s.engine.status().view).toBe(2);
  });

  it('S6: a refused certification nullifies the view', () => {
    const s = new Script({ certify: true }).start().block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
    s.certify(false);
    expect(s.said('sign nullify 1')).toBe(true);
    expect(s.everSaid('sign finalize')).toBe(false);
  });

  it('counts after a Nullification too: the application still certifies, and the block may be a parent', () => {
    const s = new Script({ certify: true, leads: 3 }).start().block('A', 'G', 1).available('A');
    s.receive('nullify', 1).receive('notarize', 1, 'A');
    expect(s.said('certify A')).toBe(true);
    s.certify(true).receive('nullify', 2);
    expect(s.said('build full block 2 in view 3 on A')).toBe(true);
  });

  it('counts when the Nullification came while the application was asked, and gets a Finalize vote', () => {
    const s = new Script({ certify: true }).start().block('A', 'G', 1).available('A').receive('notarize', 1, 'A');
    s.receive('nullify', 1).certify(true);
    expect(s.said('sign finalize 1 A')).toBe(true); // we did not nullify the view ourselves
    s.block('B', 'A', 2).propose('B');
    expect(s.said('judge B on A')).toBe(true);
  });

  it('still certifies after its own Nullify, so that the block may become a parent', () => {
    const s = new Script({ certify: true }).start().ring('1/leader');
    s.block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
    expect(s.said('certify B')).toBe(true);
    s.certify(true);
    expect(s.engine.status().view).toBe(2);
    expect(s.everSaid('sign finalize')).toBe(false);
  });
});
