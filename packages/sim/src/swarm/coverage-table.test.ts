import { describe, expect, it } from 'vitest';
import { coverageTable } from './coverage-table.ts';
import { runSeed } from './run-seed.ts';

describe('the table of what a campaign has seen', () => {
  it('has a row for each family that struck, and counts rules and messages', () => {
    const lines = coverageTable({
      'crash/vote notarize/S3': 20,
      'crash/vote nullify/S6': 5,
      'crash/want/S4': 1,
      'crash/want/bodies': 2,
      'crash/push/bodies': 12_345,
      'hold/certificate finalize/S8': 2_500_000,
      'hold/unreadable/votes': 7,
    });
    expect(lines).toEqual([
      'rules/messages  proposal  vote  certificate  asking  bodies  sync  gossip',
      'crash                  –  2/25            –     1/1   2/12k     –       –',
      'hold                   –     –       1/2.5M       –       –     –       –',
    ]);
    expect(coverageTable({})).toEqual([]);
  });

  it('shows every kind of message of a run, and every rule by which votes are cast', async () => {
    const { coverage } = await runSeed({ seed: 9, mechanism: 'simplex', families: ['crash', 'partition'] });
    const lines = coverageTable(coverage);
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['rules/messages', 'crash', 'partition']);
    const [, crash = ''] = lines;
    const cells = crash.split(/\s+/).slice(1);
    expect(cells).toHaveLength(7);
    expect(cells[1]).toMatch(/^3\/\d+$/);
    expect(cells[2]).toMatch(/^[23]\/\d+$/);
  });
});
