import { describe, expect, it } from 'vitest';
import { applied } from '../../tools/campaign/bundle.mjs';
import { hunt, loadZoo, retell, Simulators, tell } from '../../tools/campaign/hunt.mjs';
import { zoo } from './index.ts';
import { FAMILIES, type Mutant, type Patch, patchesOf } from './mutant.ts';

type Loaded = Mutant & { readonly patches: readonly Patch[] };

/** Caught by engines alone, by one seed in a hundred or fewer. */
const RARE = 'parents/own-vote-for-a-nullification';

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

  it('has at least a dozen that fewer than one seed in a hundred catches, as measured over enough of them', () => {
    const rare = zoo.filter((mutant) => mutant.rare && !mutant.unproven);
    expect(rare.length).toBeGreaterThanOrEqual(12);
    for (const { id, under, measured } of rare) {
      expect(measured, id).toBeDefined();
      const { caught, seeds } = measured ?? { caught: 0, seeds: 0 };
      expect(seeds, id).toBeGreaterThanOrEqual(under?.light === undefined ? 400 : 5_000);
      expect(caught, id).toBeGreaterThan(0);
      expect(caught / seeds, id).toBeLessThan(0.01);
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

  it('catches a rare one with engines alone, makes it small, and tells it', async () => {
    const simulators = await Simulators.open();
    const loaded: readonly Loaded[] = await loadZoo(simulators);
    const mutant = loaded.find(({ id }) => id === RARE);
    const found = await hunt(simulators, mutant, { seconds: 60, workers: 1, shrinks: true });
    expect(found).toMatchObject({ id: RARE, seed: expect.any(Number), failure: 'agreement' });
    expect(found.seeds).toBeGreaterThan(20);
    expect(found.shrunk.after).toBeLessThanOrEqual(15);
    const files = await tell(simulators, mutant, found, { lastMs: undefined });
    expect(Object.keys(files)).toEqual(['trace.jsonl', 'transcript.txt', 'regression.test.ts']);
    expect(files['transcript.txt']).toContain('VIOLATION of agreement');
    const trace = files['trace.jsonl'];
    expect(await retell(simulators, mutant?.patches, trace, { lastMs: undefined })).toMatchObject({
      failure: 'agreement',
    });
    expect(await retell(simulators, [], trace, { lastMs: undefined })).toMatchObject({ failure: null });
  }, 60_000);
});
