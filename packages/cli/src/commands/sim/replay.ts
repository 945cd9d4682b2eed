import { QuorateError } from '@quorate/kernel';
import { isFailure, type Outcome, replay, runSeed, type SeedOptions, sightingLines, transcript } from '@quorate/sim';
import { Command } from 'commander';
import { integer, note } from '../../output.ts';
import { type RunFlags, shapesRun } from './flags.ts';
import { runMeant } from './run-meant.ts';

interface ReplayFlags extends RunFlags {
  readonly seed?: string;
  readonly last?: string;
  readonly json?: boolean;
}

const SHOWN = 5;

/** `quorate sim replay`: one run again, told step by step. */
export function replayCommand(): Command {
  return shapesRun(new Command('replay').description('run one seed or trace again and tell what happens, step by step'))
    .argument('[trace]', 'trace file, instead of a seed')
    .option('--seed <n>', 'the seed; give the flags of its campaign too')
    .option('--last <ms>', 'only so many virtual ms before the violation, or before the end')
    .option('--json', 'print JSON Lines, one object for each thing that happens')
    .action(async (file: string | undefined, flags: ReplayFlags) => {
      const options = await runMeant(file, flags);
      const lastMs = flags.last === undefined ? undefined : integer('--last', flags.last, 0, Number.MAX_SAFE_INTEGER);
      if (lastMs !== undefined && flags.json === true)
        throw new QuorateError('config/invalid', '--last: is about the transcript; of JSON Lines take those by `at`');
      const told = await replay(options, runSeed);
      // A terminal wraps what is too long for it; a file or a pipe has room for everything.
      const width = process.stdout.isTTY === true ? { width: process.stdout.columns } : {};
      if (flags.json === true) process.stdout.write(sightingLines(told));
      else {
        const lines = transcript(told, { ...width, ...(lastMs === undefined ? {} : { lastMs }) });
        process.stdout.write(`${lines.join('\n')}\n${verdictOf(told.outcome)}\n`);
      }
      const idle = unaskedOf(options, told.outcome);
      if (idle.length > 0)
        note(`decisions that nothing asked for, ${idle.length} in all: ${idle.slice(0, SHOWN).join(', ')}`);
      if (isFailure(told.outcome)) process.exitCode = 1;
    });
}

function verdictOf({ violations, stall, finalized }: Outcome): string {
  const [first] = violations;
  if (first !== undefined) return `FAILED: ${violations.length} violations, the first of them ${first}`;
  if (stall !== null) return `FAILED: stall: ${stall}`;
  return finalized === 0 ? 'no rule was broken, and nothing was finalized' : 'clean: no rule was broken';
}

/** Decisions of a list that did nothing: a misspelt domain, or a time that never came. */
function unaskedOf({ decisions = [] }: SeedOptions, { decisions: taken }: Outcome): string[] {
  const names = new Set(taken.map(({ domain, index }) => `${domain}#${index}`));
  return decisions.map(({ domain, index }) => `${domain}#${index}`).filter((name) => !names.has(name));
}
