import { isFailure, replay, runSeed, sightingLines, transcript } from '@quorate/sim';
import { Command } from 'commander';
import { integer } from '../../output.ts';
import { type RunFlags, shapesRun } from './flags.ts';
import { runMeant } from './run-meant.ts';

interface ReplayFlags extends RunFlags {
  readonly seed?: string;
  readonly last?: string;
  readonly json?: boolean;
}

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
      const told = await replay(options, runSeed);
      const width = process.stdout.isTTY === true ? process.stdout.columns : 120;
      if (flags.json === true) process.stdout.write(sightingLines(told));
      else {
        const lines = transcript(told, { width, ...(lastMs === undefined ? {} : { lastMs }) });
        process.stdout.write(`${lines.join('\n')}\n`);
      }
      if (isFailure(told.outcome)) process.exitCode = 1;
    });
}
