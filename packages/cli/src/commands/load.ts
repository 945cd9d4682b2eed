import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { asks, type ConnectionFlags, connect } from '../connection.ts';
import type { LoadScenario } from '../load/plan.ts';
import { runLoad } from '../load/run.ts';
import { integer, note, print, table } from '../output.ts';
import { loadKey } from '../secrets.ts';

interface LoadFlags extends ConnectionFlags {
  readonly scenario: LoadScenario;
  readonly rate: string;
  readonly size: string;
  readonly seconds: string;
  readonly warmup: string;
  readonly accounts: string;
  readonly processes: string;
  readonly key: string;
  readonly also: readonly string[];
}

/** `quorate load`: offers transactions at a fixed rate and reports what came to be final. */
export function loadCommand(): Command {
  return asks(
    new Command('load').description(
      'offer signed transactions at a fixed rate, whatever comes back, and report what became final',
    ),
  )
    .addOption(
      new Option('--scenario <name>', 'single payments, or opaque records in signed batches')
        .choices(['transfer', 'opaque'])
        .default('transfer'),
    )
    .option('--rate <n>', 'transactions or records per second', '1000')
    .option('--size <bytes>', 'bytes of one record', '512')
    .option('--seconds <n>', 'measured time', '10')
    .option('--warmup <n>', 'seconds before it', '2')
    .option('--accounts <n>', 'sending accounts', '64')
    .option('--processes <n>', 'processes that send', String(Math.min(2, availableParallelism())))
    .option('--key <file>', 'key file of the account that funds them', '.devnet/faucet.json')
    .option('--also <url...>', 'further nodes to send to, one process each in turn', [])
    .action(async (flags: LoadFlags) => {
      // What was typed wrong is said before anything is asked, read or sent.
      const seconds = integer('--seconds', flags.seconds, 1, 86_400);
      const warmupSeconds = integer('--warmup', flags.warmup, 0, 3600);
      const options = {
        scenario: flags.scenario,
        urls: [flags.url, ...flags.also],
        rate: integer('--rate', flags.rate, 1, 1_000_000),
        size: integer('--size', flags.size, 1, 60_000),
        seconds,
        warmupSeconds,
        processes: integer('--processes', flags.processes, 1, 64),
        accounts: integer('--accounts', flags.accounts, 1, 4096),
      };
      const faucet = await loadKey(flags.key, 'account', {
        otherwise: 'name the account that funds the load with --key',
      });
      note(`sending for ${warmupSeconds + seconds} s …`);
      const summary = await runLoad(options, { client: connect(flags.url), faucet });
      print(summary, flags, (s) =>
        table([
          ['offered', `${s.offeredTps}/s, ${s.offered} in the measured time`],
          ['of those', `${s.final} final, ${s.failed} failed, ${s.pending} still pending at the end`],
          ['final', `${s.committedTps}/s`],
          ['latency', `p50 ${s.latencyMs.p50} ms, p90 ${s.latencyMs.p90} ms, p99 ${s.latencyMs.p99} ms`],
          ...s.reasons.map(([reason, count]) => ['', `${count} × ${reason}`] as const),
        ]),
      );
    });
}
