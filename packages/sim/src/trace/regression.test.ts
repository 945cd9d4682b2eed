import { describe, expect, it } from 'vitest';
import { FAULT_FAMILIES } from '../swarm/outcome.ts';
import { readSeedBook } from '../swarm/seed-book.ts';
import { optionsOf, readTrace, traceOf } from './format.ts';
import { annotatedTrace, regressionTest, seedBookEntry } from './regression.ts';

const decisions = [
  { domain: 'crash', index: 0, choice: { kind: 'crash', node: 1, at: 900, power: true } },
  { domain: "link/n0>n1/it's", index: 31, choice: { kind: 'delay', ms: 300 } },
];
const trace = traceOf(
  { seed: 7, mechanism: 'simplex', byzantine: { count: 1, strategy: 'equivocate' }, families: ['crash', 'delay'] },
  { decisions, failure: 'agreement: block at height 3: a for n1,\n b for n2', code: 'abc' },
);
const about = { tag: 'votes/quorum', what: 'The quorum was one\ntoo small.' };

describe('a regression test', () => {
  it('replays the decisions and expects a clean run', () => {
    expect(regressionTest(trace, about)).toBe(`import { runSeed } from '@quorate/sim';
import { expect, it } from 'vitest';

// The quorum was one too small.
// It showed: agreement: block at height 3: a for n1, b for n2
it('votes/quorum: seed 7 with 2 decisions shows no agreement failure', async () => {
  const { violations, stall } = await runSeed({
    seed: 7,
    mechanism: 'simplex',
    byzantine: { count: 1, strategy: 'equivocate' },
    families: ['crash', 'delay'],
    decisions: [
      { domain: 'crash', index: 0, choice: { kind: 'crash', node: 1, at: 900, power: true } },
      { domain: "link/n0>n1/it's", index: 31, choice: { kind: 'delay', ms: 300 } },
    ],
  });
  expect(violations).toEqual([]);
  expect(stall).toBeNull();
});
`);
  });

  it('needs no decisions', () => {
    expect(regressionTest({ ...trace, decisions: [] }, about)).toContain('    decisions: [],\n');
  });
});

describe('what is kept of a failure', () => {
  it('is an entry of the seed book, which reads it', () => {
    const entry = seedBookEntry(trace, about);
    const { seed, mechanism, ...options } = optionsOf(trace);
    const [read] = readSeedBook(JSON.stringify([entry]));
    expect(read).toEqual({ seed, note: entry.note, options: { mechanism, ...options } });
    expect(entry.note).toContain('The quorum was one too small. It showed: agreement');
  });

  it('names all families where all were on, and none where the seed drew them', () => {
    const on = (families: 'all' | 'swarm') => {
      const configuration = { ...trace.header.configuration, families };
      return seedBookEntry({ ...trace, header: { ...trace.header, configuration } }, about).families;
    };
    expect(on('all')).toEqual(FAULT_FAMILIES);
    expect(on('swarm')).toBeUndefined();
  });

  it('is a trace that says what it is, and still reads', () => {
    const text = annotatedTrace(trace, about);
    expect(text.split('\n')[0]).toBe('# votes/quorum: The quorum was one too small.');
    expect(readTrace(text)).toEqual(trace);
  });
});
