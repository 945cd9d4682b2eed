import { forkSeed } from '@quorate/sim';
import { Command } from 'commander';
import { note, print } from '../../output.ts';
import { seedsOf } from './flags.ts';

/** What `quorate sim fork --json` prints. */
interface Summary {
  readonly seeds: number;
  /** Runs in which two honest validators came to hold different final blocks. */
  readonly forked: number;
  /** Of those: runs whose signatures do not convict a third of the weight, or convict somebody honest. */
  readonly unaccounted: number;
  /** Honest validators that stopped and named the coalition, over all runs. */
  readonly reports: number;
  /** Of those: reports that name somebody honest, or less than a third of the weight. */
  readonly wrong: number;
  /** Forked runs in which no honest validator noticed while the run lasted. */
  readonly unnoticed: number;
  readonly wallSeconds: number;
}

/** `quorate sim fork`: more than a third of the weight deceives; agreement breaks, and what was signed must name who broke it. */
export function forkCommand(): Command {
  return new Command('fork')
    .description('let the lightest coalition above a third fork the chain, and see that it is named')
    .option('--seeds <range>', 'A..B, or a number of seeds from 1 on', '20')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExit code 1 when a fork convicts less than a third of the weight, or somebody honest.')
    .action(async (flags: { readonly seeds: string; readonly json?: boolean }) => {
      const [first, last] = seedsOf(flags.seeds);
      const began = performance.now();
      const sum = { forked: 0, unaccounted: 0, reports: 0, wrong: 0, unnoticed: 0 };
      for (let seed = first; seed <= last; seed++) {
        const { forked, unaccounted, reports } = await forkSeed(seed);
        if (forked === null) continue;
        sum.forked++;
        sum.reports += reports.length;
        sum.wrong += reports.filter(({ honestNamed, enough }) => honestNamed.length > 0 || !enough).length;
        if (reports.length === 0) sum.unnoticed++;
        if (unaccounted === null) continue;
        sum.unaccounted++;
        note(`seed ${seed}: ${unaccounted}`);
      }
      const wallSeconds = Math.round(performance.now() - began) / 1000;
      const summary: Summary = { seeds: last - first + 1, ...sum, wallSeconds };
      print(summary, flags, textOf);
      if (sum.unaccounted > 0 || sum.wrong > 0) process.exitCode = 1;
    });
}

function textOf({ seeds, forked, unaccounted, reports, wrong, unnoticed, wallSeconds }: Summary): string {
  return [
    `${seeds} attacks by the lightest coalition above a third of the weight: ${forked} forked the chain (${wallSeconds} s)`,
    `${forked - unaccounted} of them convict a third of the weight and nobody honest by what was signed`,
    `${reports} honest validators stopped and named culprits, ${wrong} of them wrongly; in ${unnoticed} forks nobody noticed in time`,
  ].join('\n');
}
