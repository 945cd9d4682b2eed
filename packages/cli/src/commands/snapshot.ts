import { type ConsensusParameters, epochOf } from '@quorate/kernel';
import { Command } from 'commander';
import { adminCall } from '../admin.ts';
import { asks, type ConnectionFlags, connect } from '../connection.ts';
import { print, table } from '../output.ts';

/** `quorate snapshot`: snapshots of the application's state, and how another node joins from one. */
export function snapshotCommand(): Command {
  const snapshot = new Command('snapshot').description("snapshots of the application's state, and joining from one");
  snapshot
    .command('take')
    .description('ask the running node of a home to take a snapshot of its committed state now')
    .requiredOption('--home <dir>', 'home folder of the running node', process.env.QUORATE_HOME)
    .option('--json', 'answer as one line of JSON')
    .action(async (flags: { home: string; json?: boolean }) => {
      print(await adminCall(flags.home, 'snapshot'), flags, (taken) => takenText(heightOf(taken)));
    });
  asks(
    snapshot
      .command('trust')
      .description('the settings with which a new node joins by state sync; check the digest with somebody you trust'),
  ).action(async (flags: ConnectionFlags) => {
    const client = connect(flags.url);
    const [{ genesis }, latest] = await Promise.all([client.genesis(), client.checkpoint()]);
    const height = trustedHeight(genesis.consensus, latest.height);
    const { header, digest } = await client.header(height);
    print({ height, digest, time: header.time }, flags, (trust) =>
      table([
        ['height', trust.height],
        ['digest', trust.digest],
        ['of', new Date(trust.time).toISOString()],
        [
          'why so old',
          `the snapshot is proven from here on: no snapshot that a node still offers may be older (the chain is at ${latest.height})`,
        ],
        [
          'join with',
          `quorate start --home <dir> --state-sync-height ${trust.height} --state-sync-digest ${trust.digest}`,
        ],
      ]),
    );
  });
  return snapshot;
}

/** What is said of a snapshot that was taken. */
function takenText(height: string): string {
  return `taken at height ${height}; for a new node: quorate snapshot trust (a block below the snapshot, often far below: it needs no newer one)`;
}

function heightOf(taken: unknown): string {
  return typeof taken === 'object' && taken !== null && 'height' in taken ? String(taken.height) : 'unknown';
}

/** Twice the heights between two snapshots, unless the nodes of this chain are told otherwise. */
const OLDER_THAN_SNAPSHOTS = 2000;

/**
 * A snapshot is proven from a block at or below it, and the newest snapshot may be much older than the newest block: the first
 * block of the epoch before is old enough if epochs are long, and well inside the evidence window.
 */
function trustedHeight(consensus: Pick<ConsensusParameters, 'epochLength' | 'evidenceWindow'>, latest: number): number {
  const before = Math.max(0, epochOf(consensus, latest) - 1);
  const old = Math.min(before * consensus.epochLength + 1, latest - OLDER_THAN_SNAPSHOTS);
  return Math.max(1, old, latest - Math.floor(consensus.evidenceWindow / 2));
}
