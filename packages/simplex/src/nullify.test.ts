import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S6: nullifying', () => {
  it('happens at tLeader without a proposal', () => {
    expect(new Script().start().ring('1/leader').said('sign nullify 1')).toBe(true);
  });

  it('does not happen at tLeader once there is a proposal, but at tAdvance', () => {
    const s = new Script().start().block('B', 'G', 1).propose('B');
    s.step({ kind: 'timer', timer: '1/leader' }, 'timer 1/leader');
    expect(s.said('sign')).toBe(false);
    expect(s.ring('1/advance').said('sign nullify 1')).toBe(true);
  });

  it('follows the Nullify of the leader itself, also when that came early', () => {
    const s = new Script().start();
    s.vote(s.leader(1), 'nullify', 1);
    expect(s.said('sign nullify 1')).toBe(true);
    const early = new Script().start();
    early.vote(early.leader(2), 'nullify', 2).receive('nullify', 1);
    expect(early.said('sign nullify 2')).toBe(true);
  });

  it('is written down before it is signed, and broadcast', () => {
    const s = new Script().start().ring('1/leader');
    expect(s.latest.slice(0, 2).map((line) => line.trim())).toEqual(['write voted nullify 1', 'sign nullify 1']);
    expect(s.said(`broadcast vote nullify 1 of ${s.self}`)).toBe(true);
  });

  it('is repeated every tRetry, with the best certificate of the view before', () => {
    const s = new Script().start().block('B', 'G', 1).receive('notarize', 1, 'B').ring('2/leader').ring('2/retry');
    expect(s.said('broadcast Notarization(1 B)') && s.said('broadcast vote nullify 2')).toBe(true);
    s.receive('nullify', 1).ring('2/retry');
    expect(s.said('broadcast Nullification(1)') && !s.said('broadcast Notarization')).toBe(true);
    s.receive('finalize', 1, 'B').ring('2/retry');
    expect(s.said('broadcast Finalization(1 B)')).toBe(true);
    s.receive('nullify', 2);
    expect(s.timerAt('2/retry')).toBe(undefined);
  });
});

describe('S7: a Nullification', () => {
  it('does not un-notarize: the block may still be a parent for those who hold its Notarization', () => {
    const s = new Script({ leads: 2 }).start().block('B', 'G', 1).available('B');
    s.receive('notarize', 1, 'B').receive('nullify', 1);
    expect(s.build.parent.ref.digest).toBe(s.get('B').ref.digest);
    const both = new Script({ leads: 3 }).start().block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
    both.receive('nullify', 1).receive('nullify', 2);
    expect(both.said('build full block 2 in view 3 on B')).toBe(true);
    const late = new Script({ leads: 3 }).start().block('B', 'G', 1).available('B').receive('nullify', 1);
    late.receive('notarize', 1, 'B').receive('nullify', 2);
    expect(late.said('build full block 2 in view 3 on B')).toBe(true);
  });
});
