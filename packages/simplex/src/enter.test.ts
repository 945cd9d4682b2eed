import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S1: entering a view', () => {
  it('follows each kind of certificate, broadcasts it once and arms 2Δ and 3Δ', () => {
    const s = new Script().start();
    expect(s.said('set 1/leader in 200') && s.said('set 1/advance in 300')).toBe(true);
    s.receive('nullify', 1);
    expect(s.said('broadcast Nullification(1)') && s.said('set 2/leader in 200')).toBe(true);
    s.block('B', 'G', 2).receive('notarize', 2, 'B');
    expect(s.said('broadcast Notarization(2 B)') && s.said('set 3/leader')).toBe(true);
    s.block('C', 'B', 3).receive('finalize', 3, 'C');
    expect(s.engine.status().view).toBe(4);
    s.receive('finalize', 3, 'C', 1);
    expect(s.said('broadcast')).toBe(false);
  });

  it('never goes back', () => {
    const s = new Script().start().receive('nullify', 7).receive('nullify', 3);
    expect(s.engine.status().view).toBe(8);
    expect(s.said('set')).toBe(false);
  });

  it('stops the timers of the view it leaves', () => {
    const s = new Script().start().receive('nullify', 1);
    expect(s.said('cancel 1/leader') && s.said('cancel 1/advance')).toBe(true);
  });

  it('gives up at once on a leader that slept for skipTimeout while a quorum was awake', () => {
    const s = new Script().start();
    const asleep = s.leader(2);
    s.now += 600;
    for (const other of s.others) if (other !== asleep) s.vote(other, 'nullify', 1);
    expect(s.engine.status().view).toBe(2);
    expect(s.everSaid('sign nullify 2')).toBe(true);
    expect(s.engine.status().silent).toEqual([asleep]);
  });

  it('waits for a silent leader when no quorum is awake', () => {
    const s = new Script().start();
    s.now += 600;
    s.receive('nullify', 1, '', s.others.find((other) => other !== s.leader(2)) ?? 0);
    expect(s.said('set 2/leader')).toBe(true);
    expect(s.everSaid('sign nullify 2')).toBe(false);
  });
});
