import { describe, expect, it } from 'vitest';
import { applied } from '../../tools/campaign/bundle.mjs';
import { hunt, loadZoo, Simulators } from '../../tools/campaign/hunt.mjs';
import { zoo } from './index.ts';
import { FAMILIES, type Mutant, type Patch, patchesOf } from './mutant.ts';

type Loaded = Mutant & { readonly patches: readonly Patch[] };

/** Caught by one of the first seeds, each by another checker. */
const QUICK = ['votes/quorum-one-less', 'votes/finalize-after-nullify', 'view/nullification-ignored'];

function named(id: string): Mutant {
  const mutant = zoo.find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`no bug is called ${id}`);
  return mutant;
}

describe('the zoo', () => {
  it.each(zoo.map((mutant) => [mutant.id, mutant] as const))('%s still applies', (_, mutant) => {
    for (const [file, text] of applied(patchesOf(mutant))) expect(text.length, file).toBeGreaterThan(0);
  });

  it('has at least forty bugs that campaigns catch, and four of each family', () => {
    const proven = zoo.filter(({ unproven }) => !unproven);
    expect(proven.length).toBeGreaterThanOrEqual(40);
    for (const family of FAMILIES) {
      expect(proven.filter((mutant) => mutant.family === family).length, family).toBeGreaterThanOrEqual(4);
    }
  });

  it('names each bug once, and says of each what is wrong in one line', () => {
    expect(new Set(zoo.map(({ id }) => id)).size).toBe(zoo.length);
    for (const { id, what, rule, find, replace } of zoo) {
      expect(what, id).toMatch(/^[^\n]{20,140}$/);
      expect(rule, id).not.toBe('');
      expect(replace, id).not.toBe(find);
    }
  });

  it('is the one that campaigns load', async () => {
    const loaded: readonly Loaded[] = await loadZoo(await Simulators.open());
    expect(loaded.map(({ id, patches }) => ({ id, patches }))).toEqual(
      zoo.map((mutant) => ({ id: mutant.id, patches: patchesOf(mutant) })),
    );
  });
});

describe('a patch', () => {
  const { file, find, replace } = named('votes/quorum-one-less');

  it('whose text is gone, or stands twice, no longer applies', () => {
    expect(() => applied([{ file, find: 'no such text', replace }])).toThrow('the patch no longer applies');
    expect(() => applied([{ file, find: 'return', replace }])).toThrow(/its text stands \d+ times in/);
  });

  it('may follow another one in the same file', () => {
    const text = applied([
      { file, find, replace: 'return total; // two' },
      { file, find: '// two', replace: '// three' },
    ]).get(file);
    expect(text).toContain('return total; // three');
  });
});

describe('a campaign', () => {
  it.each(QUICK)('catches %s', async (id) => {
    const simulators = await Simulators.open();
    const loaded: readonly Loaded[] = await loadZoo(simulators);
    const mutant = loaded.find((one) => one.id === id);
    const found = await hunt(simulators, mutant, { seconds: 30, workers: 1, shrinks: false });
    expect(found).toMatchObject({ id, seed: expect.any(Number), failure: expect.any(String) });
  });
});
