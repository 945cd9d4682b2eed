import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S2: proposing', () => {
  it('persists P and the vote before the signature, waits for the body, then the signed vote is the proposal', () => {
    const s = new Script({ leads: 1 }).start();
    expect(s.said('build full block 1 in view 1 on G')).toBe(true);
    s.built('B');
    expect(s.said('fetch B') && !s.said('sign')).toBe(true);
    s.available('B');
    const order = ['write proposal 1 B', 'write voted notarize 1 B', 'sign notarize 1 B', 'broadcast proposal 1 B []'];
    expect(order.map((line) => s.latest.findIndex((said) => said.includes(line)))).toEqual(
      order.map((line) => s.latest.findIndex((said) => said.includes(line))).sort((a, b) => a - b),
    );
    expect(order.every((line) => s.said(line))).toBe(true);
    expect(s.said('cancel 1/leader')).toBe(true);
  });

  it('delays building by at most Δ/2', () => {
    const s = new Script({ leads: 1 }).start();
    expect(s.build.idleUntil).toBe(s.now + 50);
  });

  it('prefers the highest accepted parent and carries its certificate', () => {
    const s = new Script({ leads: 2 }).start().block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
    expect(s.said('build full block 2 in view 2 on B')).toBe(true);
    s.built('C').available('C');
    expect(s.said('broadcast proposal 2 C [Notarization(1 B)]')).toBe(true);
  });

  it('carries the Nullifications of skipped views in order', () => {
    const s = new Script({ leads: 3 }).start().receive('nullify', 1).receive('nullify', 2);
    s.built('B').available('B');
    expect(s.said('broadcast proposal 3 B [Nullification(1) Nullification(2)]')).toBe(true);
  });

  it('asks for a certificate that it misses, and proposes when it comes', () => {
    const s = new Script({ leads: 3 }).start().receive('nullify', 2);
    expect(s.said('broadcast want nullify 1, notarize 1')).toBe(true);
    expect(s.said('build')).toBe(false);
    s.receive('nullify', 1);
    expect(s.said('build full block 1 in view 3 on G')).toBe(true);
  });

  it('does not build on a Notarization that the application has not certified', () => {
    const s = new Script({ leads: 2, certify: true }).start();
    s.block('B', 'G', 1).available('B').receive('notarize', 1, 'B').receive('nullify', 1);
    expect(s.everSaid('certify B')).toBe(true);
    expect(s.said('build full block 1 in view 2 on G')).toBe(true);
  });

  it('never proposes twice in a view: after a restart the same P, even if a rebuild would differ', () => {
    const s = new Script({ leads: 1 }).start().built('B').available('B').restart();
    expect(s.said('build')).toBe(false);
    expect(s.said('broadcast proposal 1 B')).toBe(true);
  });

  it('S6: a failed build nullifies the view', () => {
    const s = new Script({ leads: 1 }).start().buildFailed();
    expect(s.said('sign nullify 1')).toBe(true);
  });

  it('S6: builds that fail in view after view are left to the timers, which back off', () => {
    const s = new Script({ leads: 8 }).start();
    for (let view = 1; view < 8; view++) s.receive('nullify', view);
    s.buildFailed();
    expect(s.said('sign')).toBe(false);
    s.ring('8/leader');
    expect(s.said('sign nullify 8')).toBe(true);
  });

  it('takes a header that does not fit the request for a failed build', () => {
    const s = new Script({ leads: 1 }).start().built('B', { parentView: 0, height: 7 });
    expect(s.said('sign nullify 1')).toBe(true);
  });
});

describe('the execution rule, as a leader', () => {
  const toSecond = (): Script => {
    const s = new Script({ leads: 2, speculative: false }).start();
    return s.block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
  };

  it('waits for the Finalization of its parent and then carries it', () => {
    const s = toSecond();
    expect(s.said('build')).toBe(false);
    expect(s.said('set 2/finality in 100')).toBe(true);
    s.receive('finalize', 1, 'B');
    expect(s.said('build full block 2 in view 2 on B')).toBe(true);
    s.built('C').available('C');
    expect(s.said('proposal 2 C [Finalization(1 B)]')).toBe(true);
  });

  it('proposes an empty block after Δ', () => {
    const s = toSecond().ring('2/finality');
    expect(s.said('build empty block 2 in view 2 on B')).toBe(true);
  });
});
