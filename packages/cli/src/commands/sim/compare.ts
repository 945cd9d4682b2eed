import { mechanismNames } from '@quorate/replica';
import { Command } from 'commander';
import { print, readNamedText } from '../../output.ts';
import { readScenario } from '../../scenario/format.ts';
import { type SimulatedResult, simulate } from '../../scenario/simulated.ts';

type Row = SimulatedResult & { readonly mechanism: string };

/** `quorate sim compare`: one scenario under every mechanism. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('run one scenario in the simulator under every mechanism and print a row for each')
    .argument('<scenario>', 'scenario file, see docs/simulation.md')
    .option('--json', 'print one JSON object')
    .action(async (file: string, flags: { readonly json?: boolean }) => {
      const scenario = readScenario(await readNamedText('', file), file);
      const rows: Row[] = [];
      for (const mechanism of mechanismNames)
        rows.push({ mechanism, ...(await simulate({ ...scenario, mechanism }, scenario.seed)) });
      print({ scenario: scenario.name, rows }, flags, tableOf);
      if (rows.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
    });
}

function tableOf({ scenario, rows }: { readonly scenario: string; readonly rows: readonly Row[] }): string {
  const cells = rows.map(({ mechanism, common, height, finalityMs, messages, bytes, failures }) => [
    mechanism,
    `${common}`,
    `${height}`,
    finalityMs.p50?.toFixed(0) ?? '-',
    finalityMs.p99?.toFixed(0) ?? '-',
    `${messages}`,
    `${Math.round(bytes / 1000)}`,
    failures.length === 0 ? 'as expected' : failures.join('; '),
  ]);
  const all = [['mechanism', 'all have', 'highest', 'p50 ms', 'p99 ms', 'messages', 'kB', 'outcome'], ...cells];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [scenario, ...all.map(line)].join('\n');
}
