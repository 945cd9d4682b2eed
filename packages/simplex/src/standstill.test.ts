import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S9: standstill', () => {
  it('repeats the highest Finalization, every certificate above it and the own votes above it', () => {
    const s = new Script().start().block('A', 'G', 1).available('A').receive('finalize', 1, 'A');
    s.block('B', 'A', 2).receive('notarize', 2, 'B').receive('nullify', 3).ring('4/leader').ring('standstill');
    for (const said of [
      'Finalization(1 A)',
      'Notarization(2 B)',
      'Nullification(3)',
      'vote finalize 2 B',
      'vote nullify 4',
    ]) {
      expect(s.said(`broadcast ${said}`), said).toBe(true);
    }
    expect(s.said('set standstill in 1000')).toBe(true);
  });

  it('says everything again each time, whatever came since the last one (light seed 39, silent)', () => {
    const s = new Script().start().receive('nullify', 1).ring('standstill');
    expect(s.said('broadcast Nullification(1)')).toBe(true);
    s.receive('nullify', 2).ring('standstill');
    expect(s.said('broadcast Nullification(2)') && s.said('broadcast Nullification(1)')).toBe(true);
  });

  it('starts counting again with every finalization', () => {
    const s = new Script().start();
    const first = s.timerAt('standstill') ?? 0;
    s.now += 400;
    s.block('A', 'G', 1).available('A').receive('finalize', 1, 'A');
    expect(s.timerAt('standstill')).toBe(first + 400);
  });

  it('says no more than its cap at one time, and the rest the next time', () => {
    const s = new Script().start();
    for (let view = 1; view <= 300; view++) s.receive('nullify', view);
    const told = (): number => s.latest.filter((line) => line.includes('broadcast Nullification')).length;
    s.ring('standstill');
    expect(told()).toBe(256);
    s.ring('standstill');
    expect(told()).toBe(44);
  });

  it('offers the same proposal again while its view lasts', () => {
    const s = new Script({ leads: 1, timing: { delta: 100, standstill: 50 } }).start().built('B').available('B');
    s.ring('standstill');
    expect(s.said('broadcast proposal 1 B')).toBe(true);
  });
});

describe('a peer that connects', () => {
  it('is told what it needs for the present view, and only it', () => {
    const s = new Script({ leads: 2 }).start().receive('nullify', 1).built('B').available('B');
    const [a] = s.others;
    const peer = s.validators.at(a ?? 0)?.peer ?? '';
    s.step({ kind: 'peers', connected: [peer] }, 'peers');
    expect(s.said(`send to ${a}: Nullification(1)`) && s.said(`send to ${a}: proposal 2 B`)).toBe(true);
    expect(s.said('broadcast')).toBe(false);
    s.step({ kind: 'peers', connected: [peer] }, 'peers');
    expect(s.latest).toEqual([]);
  });
});
