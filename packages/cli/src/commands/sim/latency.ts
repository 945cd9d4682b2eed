import { QuorateError } from '@quorate/kernel';
import { mechanismNames } from '@quorate/replica';
import {
  assignRegions,
  builtInRegions,
  type LatencyReport,
  latency,
  lightSimplex,
  loadRegions,
  type Percentiles,
  type Regions,
} from '@quorate/sim';
import { Command, Option } from 'commander';
import { integer, print, readNamed } from '../../output.ts';

interface LatencyFlags {
  readonly mechanism: string;
  readonly validators: string;
  readonly regions?: string;
  readonly among?: string;
  readonly crashed?: string;
  readonly silent?: string;
  readonly loss?: string;
  readonly blocks: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** One row of the answer: what the validators and the links suffer, and how long finality takes. */
interface Case {
  readonly name: string;
  readonly crashed: number;
  readonly silent: number;
  /** Chance of each message to vanish. */
  readonly loss: number;
}

/** `quorate sim latency`: how long finality takes over the links of the world, beside what the links alone allow. */
export function latencyCommand(): Command {
  return new Command('latency')
    .description('finality between places of the world, beside the bound that the speed of the links sets')
    .addOption(new Option('--mechanism <name>', 'consensus mechanism').choices([...mechanismNames]).default('simplex'))
    .option('--validators <n>', 'number of validators, evenly over the regions', '50')
    .option('--regions <file>', 'a measured matrix of round trips, JSON or CSV; otherwise a model of 33 cloud regions')
    .option('--among <names>', 'only these regions, separated by commas')
    .option('--crashed <n>', 'validators that never start')
    .option('--silent <n>', 'validators that hear and say nothing')
    .option('--loss <percent>', 'messages that vanish')
    .option('--blocks <n>', 'blocks that are measured', '100')
    .option('--seed <n>', 'of everything random', '1')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nWithout --crashed, --silent and --loss: the good case, one crashed, f silent, 1 % and 5 % loss, one row each. The bound is the time\nof a proposal and two quorums of votes over the same links, with no disk, no computing and no jitter: three message delays.',
    )
    .action(async (flags: LatencyFlags) => {
      const rows = await measure(flags);
      print(rows, flags, tableOf);
      if (rows.cases.some(({ report }) => report.violations.length > 0)) process.exitCode = 1;
    });
}

interface Answer {
  readonly mechanism: string;
  readonly validators: number;
  readonly regions: string;
  readonly cases: readonly (Case & { readonly report: LatencyReport })[];
}

async function measure(flags: LatencyFlags): Promise<Answer> {
  const { mechanism } = flags;
  if (mechanism !== 'simplex')
    throw new QuorateError('config/invalid', `--mechanism: the simulator does not run ${mechanism} yet`);
  const validators = integer('--validators', flags.validators, 4, 1000);
  const blocks = integer('--blocks', flags.blocks, 1, 100_000);
  const seed = integer('--seed', flags.seed, 0, 0xffff_ffff);
  const cases = casesOf(flags, validators);
  const regions = await regionsOf(flags);
  const among = flags.among?.split(',').map((name) => name.trim());
  const places = assignRegions(validators, regions, among);
  const delays = places.map((from, a) => places.map((to, b) => (a === b ? 0 : regions.latencyOf(from, to))));
  const protocol = lightSimplex();
  return {
    mechanism,
    validators,
    regions: flags.regions ?? 'built in',
    cases: cases.map((one) => {
      const { crashed, silent, loss } = one;
      return { ...one, report: latency({ protocol, seed, delays, blocks, crashed, silent, loss }) };
    }),
  };
}

async function regionsOf({ regions }: LatencyFlags): Promise<Regions> {
  if (regions === undefined) return builtInRegions();
  await readNamed('--regions: ', regions); // in the words of the command line when there is no such file
  return loadRegions(regions);
}

function casesOf(flags: LatencyFlags, validators: number): Case[] {
  if (flags.crashed === undefined && flags.silent === undefined && flags.loss === undefined) {
    const f = Math.floor((validators - 1) / 3);
    return [
      { name: 'good case', crashed: 0, silent: 0, loss: 0 },
      ...(f > 0 ? [{ name: 'one crashed', crashed: 1, silent: 0, loss: 0 }] : []),
      ...(f > 0 ? [{ name: `${f} silent`, crashed: 0, silent: f, loss: 0 }] : []),
      { name: '1 % loss', crashed: 0, silent: 0, loss: 0.01 },
      { name: '5 % loss', crashed: 0, silent: 0, loss: 0.05 },
    ];
  }
  const loss = Number(flags.loss ?? 0);
  if (!(loss >= 0 && loss < 100))
    throw new QuorateError('config/invalid', `--loss: ${flags.loss} is no percentage below 100`);
  const crashed = integer('--crashed', flags.crashed ?? '0', 0, validators);
  const silent = integer('--silent', flags.silent ?? '0', 0, validators - crashed);
  return [{ name: 'as asked', crashed, silent, loss: loss / 100 }];
}

function tableOf({ mechanism, validators, regions, cases }: Answer): string {
  const ms = ({ p50, p90, p99 }: Percentiles): string =>
    [p50, p90, p99].map((value) => value.toFixed(0).padStart(6)).join('');
  const delays = ({ p50, p90, p99 }: Percentiles): string =>
    [p50, p90, p99].map((value) => value.toFixed(2).padStart(6)).join('');
  const width = Math.max(...cases.map(({ name }) => name.length));
  const head = `${''.padEnd(width)}  finality, ms        message delays      bound, ms           interval`;
  const names = `${''.padEnd(width)}     p50   p90   p99   p50   p90   p99     p50   p90   p99        ms`;
  const rows = cases.map(
    ({ name, report }) =>
      `${name.padEnd(width)}  ${ms(report.finality)}${delays(report.messageDelays)}  ${ms(report.bound)}  ${report.interval.toFixed(0).padStart(8)}`,
  );
  return [`${mechanism}, ${validators} validators, regions: ${regions}`, head, names, ...rows].join('\n');
}
