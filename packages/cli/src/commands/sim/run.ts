import { availableParallelism } from 'node:os';
import { QuorateError } from '@quorate/kernel';
import { type Campaign, campaignFault, coverageTable, isFailure, type Outcome, runCampaign } from '@quorate/sim';
import { Command } from 'commander';
import { integer, note, print, readNamedText } from '../../output.ts';
import { readScenario } from '../../scenario/format.ts';
import { simulate } from '../../scenario/simulated.ts';
import { type RunFlags, seedsOf, settingsOf, shapesRun, typed } from './flags.ts';

interface CampaignFlags extends RunFlags {
  readonly seeds?: string;
  readonly scenario?: string;
  readonly workers: string;
  readonly json?: boolean;
}

/** What `quorate sim run --json` prints. */
interface Summary {
  readonly mechanism: string;
  /** `4..7` where every seed draws its own. */
  readonly validators: number | '4..7';
  readonly seeds: number;
  /** Runs in which something happened that never must, and runs that came to a halt. */
  readonly violations: number;
  readonly stalls: number;
  /** The first of both, a hundred at most, with the command that tells such a run step by step. */
  readonly failures: readonly { readonly seed: number; readonly what: string; readonly replay: string }[];
  /** Heights, over all runs. */
  readonly finalized: number;
  /** Runs that prove too little to count, by reason. */
  readonly wasted: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly events: number;
  readonly virtualSeconds: number;
  readonly wallSeconds: number;
  readonly eventsPerSecond: number;
  /** Digest of the hash of every run. */
  readonly traceHash: string;
}

const PROGRESS_MS = 2000;
const SHOWN = 5;

/** `quorate sim run`: unchanged replicas through hostile schedules, one for each seed. */
export function runCommand(): Command {
  return shapesRun(
    new Command('run').description(
      'run unchanged replicas through hostile schedules drawn from seeds, and check what must hold',
    ),
  )
    .option('--seeds <range>', 'A..B, or a number of seeds from 1 on; 100, or the seed of the scenario')
    .option('--scenario <file>', 'run a scenario instead of drawn faults')
    .option('--workers <n>', 'threads; the result does not depend on it', String(availableParallelism()))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit code 1 when a rule was violated, a healed network came to a halt, or, with faults swarm or all, more than a\nfifth of the seeds prove too little. With --scenario each seed has a line, or an object, of its own.',
    )
    .action(async (flags: CampaignFlags) => {
      process.exitCode = flags.scenario === undefined ? await drawn(flags) : await scripted(flags, flags.scenario);
    });
}

async function drawn(flags: CampaignFlags): Promise<number> {
  const [first, last] = seedsOf(flags.seeds ?? '100');
  const options = settingsOf(flags);
  const workers = integer('--workers', flags.workers, 1, 256);
  const began = performance.now();
  let told = began;
  const campaign = await runCampaign({
    first,
    count: last - first + 1,
    options,
    workers,
    progress: (done, outcome) => {
      if (isFailure(outcome)) note(complaint(outcome, flags));
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      note(`${done} of ${last - first + 1} seeds`);
    },
  });
  const wallSeconds = Math.round(performance.now() - began) / 1000;
  const seen = coverageTable(campaign.coverage);
  print(summaryOf(campaign, flags, wallSeconds), flags, (summary) => [textOf(summary), '', ...seen].join('\n'));
  // Whoever chooses the faults also chooses what a run can prove.
  const isOpen = flags.faults === 'swarm' || flags.faults === 'all';
  const fault = campaignFault(isOpen ? campaign : { ...campaign, counted: campaign.seeds });
  if (fault === null) return 0;
  note(`quorate: ${fault}`);
  for (const outcome of campaign.failures.slice(0, SHOWN)) note(`  ${replayOf(outcome, flags)}`);
  return 1;
}

function complaint(outcome: Outcome, flags: RunFlags): string {
  const { seed, violations, stall } = outcome;
  return `seed ${seed}: ${violations[0] ?? stall}\n  ${replayOf(outcome, flags)}`;
}

function replayOf({ seed }: Outcome, flags: RunFlags): string {
  return `npx quorate sim replay --seed ${seed}${typed(flags)}`;
}

function summaryOf(campaign: Campaign, flags: RunFlags, wallSeconds: number): Summary {
  const { seeds, violations, stalls, failures, finalized, wasted, restarts, events, virtualMs, hash } = campaign;
  return {
    mechanism: flags.mechanism,
    validators: flags.validators === undefined ? '4..7' : Number(flags.validators),
    seeds,
    violations,
    stalls,
    failures: failures.map((outcome) => ({
      seed: outcome.seed,
      what: outcome.violations[0] ?? outcome.stall ?? '',
      replay: replayOf(outcome, flags),
    })),
    finalized,
    wasted,
    restarts,
    events,
    virtualSeconds: Math.round(virtualMs) / 1000,
    wallSeconds,
    eventsPerSecond: wallSeconds === 0 ? 0 : Math.round(events / wallSeconds),
    traceHash: hash,
  };
}

function textOf(summary: Summary): string {
  const { seeds, violations, stalls, finalized, restarts, virtualSeconds, wallSeconds, eventsPerSecond, wasted } =
    summary;
  const lost = Object.values(wasted).reduce((sum, count) => sum + count, 0);
  return [
    `${seeds} seeds of ${summary.mechanism}: ${violations} with violations, ${stalls} stalled, ${lost} that prove too little`,
    `${finalized} heights final, ${restarts} crash-restarts, ${virtualSeconds} virtual seconds in ${wallSeconds} s, ${eventsPerSecond} events/s`,
    `hash of all runs ${summary.traceHash}`,
  ].join('\n');
}

async function scripted(flags: CampaignFlags, file: string): Promise<number> {
  const given = typed(flags).trim();
  if (given !== '')
    throw new QuorateError('config/invalid', `--scenario: the file says what happens: leave out ${given}`);
  const scenario = readScenario(await readNamedText('--scenario: ', file), `--scenario: ${file}`);
  const [first, last] = flags.seeds === undefined ? [scenario.seed, scenario.seed] : seedsOf(flags.seeds);
  let failures = 0;
  for (let seed = first; seed <= last; seed++) {
    const result = await simulate(scenario, seed);
    if (result.failures.length > 0) failures++;
    print(result, flags, ({ common, height, hash }) =>
      [
        `seed ${seed}: highest height ${height}, everybody has ${common}, hash ${hash}`,
        ...result.failures.map((failure) => `  ${failure}`),
      ].join('\n'),
    );
  }
  if (failures === 0) return 0;
  note(`quorate: ${failures} of ${last - first + 1} seeds ended otherwise than ${file} expects`);
  return 1;
}
