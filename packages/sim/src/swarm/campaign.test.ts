import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { campaignFault, runCampaign } from './campaign.ts';
import { isFailure } from './outcome.ts';
import { runSeed } from './run-seed.ts';
import { readSeedBook } from './seed-book.ts';

/** Seeds of the short campaign; `npm run soak` runs many more. */
const SEEDS = 30;

it('a swarm of full replicas under fire breaks no rule and stalls nowhere', async () => {
  const options = { mechanism: 'simplex' } as const;
  const campaign = await runCampaign({ first: 1000, count: SEEDS, workers: 0, options });
  expect(campaignFault(campaign)).toBeNull();
  expect(campaign.finalized).toBeGreaterThan(30 * SEEDS * 0.8);
  expect(campaign.views).toBeGreaterThan(campaign.finalized);
  for (const row of ['crash/vote notarize/S3', 'crash/vote nullify/S6', 'crash/certificate finalize/S8']) {
    expect(campaign.coverage[row] ?? 0, row).toBeGreaterThan(0);
  }
}, 600_000);

describe('the seed book', () => {
  const book = readSeedBook(readFileSync(new URL('../../seeds/book.json', import.meta.url), 'utf8'));

  it.each(book.map((entry) => [entry.seed, entry] as const))(
    'seed %i stays mended',
    async (seed, { options, note }) => {
      const outcome = await runSeed({ ...options, seed });
      expect(isFailure(outcome), `${note} ${outcome.violations[0] ?? outcome.stall}`).toBe(false);
    },
  );

  it.each([
    ['{', /no JSON/],
    ['{}', /a list/],
    ['[1]', /no object/],
    ['[{"seed":-1,"note":"x"}]', /seed/],
    ['[{"seed":1}]', /note/],
    ['[{"seed":1,"note":"x","families":["weather"]}]', /families/],
    ['[{"seed":1,"note":"x","byzantine":{"count":1}}]', /byzantine/],
  ])('refuses the page %s', (page, expected) => {
    expect(() => readSeedBook(page)).toThrow(expected);
  });

  it('reads all that a run is made of', () => {
    const options = {
      validators: 5,
      families: ['crash'],
      until: 900,
      byzantine: { count: 1, strategy: 'late' },
      decisions: [],
    };
    const [entry] = readSeedBook(JSON.stringify([{ seed: 2, note: 'x', ...options }]));
    expect(entry?.options).toEqual({ mechanism: 'simplex', ...options });
    expect(readSeedBook('[{"seed":1,"note":"x","byzantine":null}]')[0]?.options.byzantine).toBeNull();
  });
});
