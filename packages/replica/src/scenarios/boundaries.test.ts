import { describe, expect, it } from 'vitest';
import { effectsUntried, operationsOfRestart, survives, TORN } from './boundaries.fixture.ts';

/** Every how many boundaries; the soak test takes them all. A prime, so that rounds of equal effects are met at different places. */
const STRIDE = 23;

describe('a crash at the boundary of an effect', () => {
  it('finds every kind of effect on the way to three heights', async () => {
    const kinds = await effectsUntried(1);
    expect(new Set(kinds)).toEqual(new Set(['append', 'sync', 'replace', 'batch', 'send']));
    expect(kinds.length).toBeGreaterThan(60);
  });

  it.each(TORN)('loses nothing that counts, unsynced bytes: %s', async (tear) => {
    const { length } = await effectsUntried(1);
    let crashes = 0;
    for (let at = 1 + TORN.indexOf(tear); at <= length; at += STRIDE) {
      const side = at % 2 === 0 ? 'before' : 'after';
      if (await survives({ seed: 1, at, side, tear })) crashes++;
    }
    expect(crashes).toBeGreaterThan(length / STRIDE - 2);
  });

  it.each(['journal/', 'gate/'] as const)('loses nothing that counts, though %s is gone as well', async (lost) => {
    const { length } = await effectsUntried(1);
    for (let at = 9; at <= length; at += STRIDE) await survives({ seed: 1, at, side: 'after', tear: 'lose', lost });
  });

  it('during the start after it loses nothing either', async () => {
    const operations = await operationsOfRestart(1);
    expect(operations).toBeGreaterThan(5);
    const { length } = await effectsUntried(1);
    let at = 30;
    for (let again = 1; again <= operations; again += 7) {
      await survives({ seed: 1, at, side: 'after', tear: 'prefix', again });
      at = 1 + ((at + 37) % length);
    }
  });
});
