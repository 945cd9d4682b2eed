import { Command } from 'commander';
import { checkCommand } from './check.ts';
import { compareCommand } from './compare.ts';
import { forkCommand } from './fork.ts';
import { latencyCommand } from './latency.ts';
import { replayCommand } from './replay.ts';
import { runCommand } from './run.ts';
import { shrinkCommand } from './shrink.ts';

/** `quorate sim`: the deterministic simulator. */
export function simCommand(): Command {
  return new Command('sim')
    .description('simulate: hostile schedules, replays, latencies, comparisons, model checking')
    .addCommand(runCommand())
    .addCommand(replayCommand())
    .addCommand(shrinkCommand())
    .addCommand(forkCommand())
    .addCommand(latencyCommand())
    .addCommand(compareCommand())
    .addCommand(checkCommand());
}
