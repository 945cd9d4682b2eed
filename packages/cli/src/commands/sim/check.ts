import { QuorateError } from '@quorate/kernel';
import { checkModel, type ModelReport } from '@quorate/sim';
import { Command, Option } from 'commander';
import { integer, note, print } from '../../output.ts';

interface CheckFlags {
  readonly mechanism: string;
  readonly validators: string;
  readonly byzantine: string;
  readonly views: string;
  readonly heights: string;
  readonly crashes: string;
  readonly maxStates?: string;
  readonly json?: boolean;
}

/** `quorate sim check`: every order of events of a small network of the real engine. */
export function checkCommand(): Command {
  return new Command('check')
    .description('try every order of events of a small network of the real engine, breadth first')
    .addOption(new Option('--mechanism <name>', 'consensus mechanism').choices(['simplex']).default('simplex'))
    .option('--validators <n>', 'validators of weight 1; validator k leads view k', '4')
    .option(
      '--byzantine <views>',
      'leaders of these views, separated by commas, sign whatever they like; 0 for nobody',
      '1',
    )
    .option('--views <n>', 'views in which anything happens', '2')
    .option('--heights <n>', 'heights of the epoch', '2')
    .option('--crashes <n>', 'crash-restarts of honest validators in one history', '0')
    .option('--max-states <n>', 'stop after so many states')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\ndocs/model-checking.md says what was exhausted, and what the bounds mean.')
    .action((flags: CheckFlags) => {
      const began = performance.now();
      const report = checkModel({
        mechanism: mechanismOf(flags.mechanism),
        validators: integer('--validators', flags.validators, 1, 10),
        byzantine:
          flags.byzantine === '0' ? [] : flags.byzantine.split(',').map((view) => integer('--byzantine', view, 1, 10)),
        views: integer('--views', flags.views, 1, 9),
        heights: integer('--heights', flags.heights, 1, 8),
        crashes: integer('--crashes', flags.crashes, 0, 8),
        ...(flags.maxStates === undefined
          ? {}
          : { maxStates: integer('--max-states', flags.maxStates, 1, Number.MAX_SAFE_INTEGER) }),
        onProgress: ({ states, transitions, depth, waiting }) =>
          note(`${states} states, ${transitions} transitions, depth ${depth}, ${waiting} to go`),
      });
      const wallSeconds = Math.round(performance.now() - began) / 1000;
      print({ ...report, wallSeconds }, flags, textOf);
      if (report.violation !== null) process.exitCode = 1;
    });
}

function mechanismOf(name: string): 'simplex' {
  if (name === 'simplex') return name;
  throw new QuorateError('config/invalid', `--mechanism: there is no model of ${name}`);
}

function textOf(report: ModelReport & { readonly wallSeconds: number }): string {
  const { states, transitions, depth, complete, bounds, violation, collisionOdds, wallSeconds, activity } = report;
  const seen = complete ? 'every state within the bounds was seen' : 'stopped before every state was seen';
  return [
    `${states} states, ${transitions} transitions, depth ${depth}, ${wallSeconds} s: ${seen}`,
    `odds that a state was taken for another: below ${collisionOdds.toExponential(1)}`,
    `highest height ${activity.highest}; states in which somebody finalizes ${activity.finalizing}, nullifies ${activity.nullifying}, ends the epoch ${activity.ended}`,
    ...bounds.map((bound) => `bound: ${bound}`),
    violation === null
      ? `no rule is broken${complete ? '' : ' in what was seen'}`
      : `BROKEN: ${violation.rule}\n${violation.history.map((step, index) => `${String(index + 1).padStart(4)}  ${step}`).join('\n')}`,
  ].join('\n');
}
