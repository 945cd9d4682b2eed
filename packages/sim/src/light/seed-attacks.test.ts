import { describe, expect, it } from 'vitest';
import { runLightSeed } from './seed.ts';

/** What honest engines say in the runs of a few seeds with this liar, and without any. */
function told(byzantine: string | null): string {
  const lines: string[] = [];
  for (let seed = 1; seed <= 25; seed++) {
    const { violations, stall } = runLightSeed({
      seed,
      byzantine,
      weights: 'equal',
      lastHeight: null,
      log: (line) => lines.push(line),
    });
    expect({ byzantine, seed, violations, stall }).toEqual({ byzantine, seed, violations: [], stall: null });
  }
  return lines.join('\n');
}

describe('attacks on engines alone', () => {
  it('are told from honest runs: nobody is blamed there', () => {
    expect(told(null)).not.toMatch(/BLAMES|EVIDENCE/);
  });

  it.each([
    ['forge', /BLAMES .*certificate for view \d+ that does not verify/],
    ['forge', /BLAMES .*names signers outside the set/],
    ['forge', /BLAMES .*has less than a quorum behind it/],
    ['impersonate', /BLAMES .*sent a vote of validator \d+, which it is not/],
    ['garble', /BLAMES .*with a bad signature/],
    ['bypass', /BLAMES .*justified its proposal in view \d+ badly/],
    ['scrawl', /BLAMES .*signed its proposal in view \d+ badly/],
    ['usurp', /BLAMES .*proposed in view \d+, which validator \d+ leads/],
    ['waver', /EVIDENCE: conflicting-notarize/],
    ['waver', /EVIDENCE: conflicting-finalize/],
    ['twins', /EVIDENCE/],
    ['equivocate', /EVIDENCE/],
  ])('%s is noticed: %s', (attack, notice) => {
    expect(told(attack)).toMatch(notice);
  });

  it('repeat says again what is long over', () => {
    const firsts = (text: string): number => text.match(/says notarize/g)?.length ?? 0;
    expect(told('repeat')).not.toMatch(/BLAMES|EVIDENCE/);
    expect(firsts(told('repeat'))).toBeGreaterThan(0);
  });

  it('misprint makes blocks that no honest validator votes for', () => {
    const nullified = (text: string): number => text.match(/votes nullify/g)?.length ?? 0;
    expect(nullified(told('misprint'))).toBeGreaterThan(nullified(told(null)));
  });
});
