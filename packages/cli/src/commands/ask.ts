import type { Client } from '@quorate/client';
import { isQuorateError, QuorateError } from '@quorate/kernel';
import { Command } from 'commander';
import { asks, type ConnectionFlags, connect } from '../connection.ts';
import { hexBytes, integer, print, readable, table } from '../output.ts';
import { chainStakeRows, stakingOf } from '../stake-text.ts';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The validators of an epoch; none where the node does not know that set yet. */
async function membersOf(client: Client, epoch: number): Promise<readonly { readonly address: string }[]> {
  try {
    return (await client.validators(epoch)).members;
  } catch (error) {
    if (isQuorateError(error) && error.code === 'rpc/not-found') return [];
    throw error;
  }
}

/** A validator by its number in the set and its address, which tells people what machine or home that is. */
export function validatorName(members: readonly { readonly address: string }[], number: number): string {
  const { address = '' } = members[number] ?? {};
  return `validator ${number}${address === '' ? '' : ` (${address})`}`;
}

/** `quorate status`: where a node stands. */
export function statusCommand(): Command {
  return asks(
    new Command('status').description(
      'where a node stands: height, view, peers, whether it votes; validators are numbered as `quorate validators` does',
    ),
  ).action(async (flags: ConnectionFlags) => {
    const client = connect(flags.url);
    const status = await client.status();
    const members = flags.json === true ? [] : await membersOf(client, status.epoch);
    const named = (number: number): string => validatorName(members, number);
    print(status, flags, (s) =>
      table([
        ['chain', `${s.chainId} (${s.mechanism}), genesis ${s.genesis.slice(0, 16)}…`],
        ['height', `${s.height}, ${seconds(Date.now() - s.lastBlockTime)} ago`],
        ['block', s.digest],
        ['epoch, view', `${s.epoch}, ${s.view}${s.engine.leader === null ? '' : `, led by ${named(s.engine.leader)}`}`],
        ['executed', `${s.executedHeight}, state root ${s.stateRoot.slice(0, 16)}…`],
        ['role', `${s.signer === null ? s.role : named(s.signer)}${s.silent === null ? '' : `, silent: ${s.silent}`}`],
        ['peers', s.peers.length],
        ['mempool', `${s.mempool.transactions} transactions, ${s.mempool.bytes} bytes`],
        ['synchronising', s.syncing ? 'yes' : 'no'],
        ...Object.entries(s.durationsMs).map(
          ([name, d]) => [name, `p50 ${d.p50.toFixed(1)} ms, p99 ${d.p99.toFixed(1)} ms`] as const,
        ),
      ]),
    );
  });
}

/** `quorate validators`: who votes, with what stake, and what of it changes when. */
export function validatorsCommand(): Command {
  const description =
    'the validator set of an epoch, numbered in the order of voting keys (not as home folders are: the address tells); ' +
    'of the current one also who bonded what, what waits for the next epoch and what is on its way out';
  return asks(new Command('validators').description(description))
    .option('--epoch <n>', 'epoch; the current one when not given')
    .action(async (flags: ConnectionFlags & { epoch?: string }) => {
      const asked = flags.epoch === undefined ? undefined : integer('--epoch', flags.epoch, 0, Number.MAX_SAFE_INTEGER);
      const client = connect(flags.url);
      const set = await client.validators(asked);
      const staking = asked === undefined ? await stakingOf(client) : null;
      print({ ...set, ...(asked === undefined ? { staking } : {}) }, flags, ({ epoch, total, quorum, members }) =>
        [
          `epoch ${epoch}: ${members.length} validators, total weight ${total}, quorum ${quorum}`,
          ...members.map((m, index) => `  ${index}  weight ${m.weight}  key ${m.publicKey}  ${m.address}`),
          ...chainStakeRows(staking),
        ].join('\n'),
      );
    });
}

/** `quorate block`: one finalized block. */
export function blockCommand(): Command {
  return asks(new Command('block').description('the finalized block at a height'))
    .argument('<height>', 'height of the block; the first is 1')
    .action(async (height: string, flags: ConnectionFlags) => {
      if (/^0+$/.test(height))
        throw new QuorateError(
          'config/invalid',
          'height: heights begin at 1; what came before the first block is genesis',
        );
      const at = integer('height', height, 1, Number.MAX_SAFE_INTEGER);
      const block = await connect(flags.url).block(at);
      print(block, flags, (b) =>
        table([
          ['height', b.header.height],
          ['digest', b.digest],
          ['time', new Date(b.header.time).toISOString()],
          ['epoch, view', `${b.header.epoch}, ${b.header.view}`],
          ['transactions', b.ids.length],
          ['evidence', b.evidence.length],
          ['finality', b.finality.grade],
        ]),
      );
    });
}

/** `quorate query`: a question to the application, answered from the committed state and not proven. */
export function queryCommand(): Command {
  return asks(
    new Command('query').description(
      'ask the application; the answer is not proven, and shown in hexadecimal where it is no text',
    ),
  )
    .argument('<path>', 'what to ask for, in the words of the application')
    .option('--data <hex>', 'data of the question, hexadecimal', '')
    .action(async (path: string, flags: ConnectionFlags & { data: string }) => {
      const data = Buffer.from(hexBytes('--data', flags.data, 0)).toString('base64');
      const answer = await connect(flags.url).query({ path, data });
      print(answer, flags, ({ code, log, value, height }) =>
        code === 0
          ? `${value === '' && log !== '' ? log : readable(Buffer.from(value, 'base64'))}   (after height ${height})`
          : `refused: ${log} (code ${code})`,
      );
      if (answer.code !== 0) process.exitCode = 1;
    });
}
