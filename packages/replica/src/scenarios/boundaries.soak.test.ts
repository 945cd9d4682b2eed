import { describe, expect, it } from 'vitest';
import { effectsUntried, operationsOfRestart, survives, TORN } from './boundaries.fixture.ts';

describe.each([1, 2])('a crash at every boundary of an effect, seed %i', (seed) => {
  describe.each(TORN)('unsynced bytes: %s', (tear) => {
    it.each(['before', 'after'] as const)('%s it', { timeout: 1_200_000 }, async (side) => {
      const { length } = await effectsUntried(seed);
      let crashes = 0;
      for (let at = 1; at <= length; at++) if (await survives({ seed, at, side, tear })) crashes++;
      expect(crashes).toBe(length);
    });
  });

  it.each(['journal/', 'gate/'] as const)('though %s is gone as well', { timeout: 1_200_000 }, async (lost) => {
    const { length } = await effectsUntried(seed);
    for (let at = 1; at <= length; at++) await survives({ seed, at, side: 'after', tear: 'lose', lost });
  });

  it('and at every operation of the start after it', { timeout: 1_200_000 }, async () => {
    const operations = await operationsOfRestart(seed);
    const { length } = await effectsUntried(seed);
    for (let at = 1; at <= length; at += 11) {
      for (let again = 1; again <= operations; again++) {
        await survives({ seed, at, side: at % 2 === 0 ? 'before' : 'after', tear: 'prefix', again });
      }
    }
  });
});
