import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { regressionTest, runSeed, seedBookEntry, shrink, traceOf, writeTrace } from '@quorate/sim';
import { Command } from 'commander';
import { integer, naming, note, print } from '../../output.ts';
import { VERSION } from '../../version.ts';
import { type RunFlags, shapesRun } from './flags.ts';
import { runMeant } from './run-meant.ts';

interface ShrinkFlags extends RunFlags {
  readonly seed?: string;
  readonly out: string;
  readonly seconds: string;
  readonly json?: boolean;
}

/** `quorate sim shrink`: a failing run with as few faults as possible. */
export function shrinkCommand(): Command {
  return shapesRun(
    new Command('shrink').description('make a failing run small, and write its trace and a regression test'),
  )
    .argument('[trace]', 'trace file, instead of a seed')
    .option('--seed <n>', 'the seed; give the flags of its campaign too')
    .option('--out <dir>', 'folder for the trace, the test and the entry of the seed book', '.')
    .option('--seconds <n>', 'begin no further run after so long', '60')
    .option('--json', 'print one JSON object')
    .action(async (file: string | undefined, flags: ShrinkFlags) => {
      const options = await runMeant(file, flags);
      const maxSeconds = integer('--seconds', flags.seconds, 1, 86_400);
      const small = await shrink(
        { options, maxSeconds },
        { run: runSeed, now: () => performance.now(), log: (line) => note(line) },
      );
      const { decisions } = small.options;
      const shown = small.outcome.violations[0] ?? `stall: ${small.outcome.stall}`;
      const trace = traceOf(small.options, { decisions, failure: shown, code: VERSION });
      const name = `seed-${options.seed}`;
      const about = { tag: name, what: shown };
      const files = [
        [`${name}.trace.jsonl`, writeTrace(trace)],
        [`${name}.test.ts`, regressionTest(trace, about)],
        [`${name}.json`, `${JSON.stringify(seedBookEntry(trace, about), null, 2)}\n`],
      ] as const;
      await naming('--out: ', mkdir(flags.out, { recursive: true }));
      for (const [file, content] of files) await naming('--out: ', writeFile(join(flags.out, file), content));
      const { before, after, runs, seconds, minimal, failure } = small;
      const written = files.map(([file]) => join(flags.out, file));
      print(
        { seed: options.seed, failure, before, after, runs, seconds, minimal, decisions, files: written },
        flags,
        (answer) =>
          [
            `${answer.failure}: ${answer.before} faults before, ${answer.after} now (${answer.runs} runs, ${answer.seconds.toFixed(1)} s${answer.minimal ? '' : ', stopped early'})`,
            ...answer.decisions.map(({ domain, index, choice }) => `  ${domain} #${index} ${JSON.stringify(choice)}`),
            `written: ${answer.files.join(', ')}`,
            `see it happen: npx quorate sim replay ${answer.files[0]}`,
          ].join('\n'),
      );
    });
}
