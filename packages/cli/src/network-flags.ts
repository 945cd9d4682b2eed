import { QuorateError } from '@quorate/kernel';
import { mechanismNames } from '@quorate/replica';
import { type Command, Option } from 'commander';
import { integer } from './output.ts';

/** Flags that shape a new network, shared by `testnet` and `devnet`. */
export interface NetworkFlags {
  readonly validators: string;
  readonly suite: 'ed25519' | 'bls12-381';
  readonly mechanism: string;
  readonly chainId: string;
  readonly delta: string;
  readonly epochLength: string;
  readonly upgradeHeight: string;
  readonly p2pPort: string;
  readonly rpcPort: string;
}

export function shapesNetwork(command: Command): Command {
  return command
    .option('--validators <n>', 'number of validators', '4')
    .addOption(
      new Option('--suite <suite>', 'signature suite of the votes')
        .choices(['ed25519', 'bls12-381'])
        .default('ed25519'),
    )
    .addOption(new Option('--mechanism <name>', 'consensus mechanism').choices([...mechanismNames]).default('simplex'))
    .option(
      '--chain-id <id>',
      'name of the chain: 1 to 64 characters of a-z 0-9 . _ -, the first a letter or digit',
      'devnet',
    )
    .option('--delta <ms>', 'assumed bound on delivering and judging a full block', '1000')
    .option('--epoch-length <n>', 'heights per epoch', '10000')
    .option('--upgrade-height <n>', 'first height of protocol version 2; 0 for never', '0')
    .option('--p2p-port <port>', 'first port for peers; each further validator on a host takes the next ten', '26600')
    .option('--rpc-port <port>', 'first port of the RPC; likewise', '26601');
}

/** The parsed values of {@link NetworkFlags}. Throws `config/invalid` naming the flag. */
export function networkOf(flags: NetworkFlags): {
  validators: number;
  suite: 'ed25519' | 'bls12-381';
  mechanism: string;
  chainId: string;
  delta: number;
  epochLength: number;
  upgradeHeight: number;
  p2pPort: number;
  rpcPort: number;
} {
  return {
    validators: integer('--validators', flags.validators, 1, 100),
    suite: flags.suite,
    mechanism: flags.mechanism,
    chainId: chainIdOf(flags.chainId),
    delta: integer('--delta', flags.delta, 10, 60_000),
    epochLength: integer('--epoch-length', flags.epochLength, 2, 1_000_000_000),
    upgradeHeight: integer('--upgrade-height', flags.upgradeHeight, 0, Number.MAX_SAFE_INTEGER),
    p2pPort: integer('--p2p-port', flags.p2pPort, 1, 65_535),
    rpcPort: integer('--rpc-port', flags.rpcPort, 1, 65_535),
  };
}

/** The rule of `checkGenesis`, said of the flag. */
function chainIdOf(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,63}$/.test(text)) return text;
  const rule = 'is no chain id: 1 to 64 characters of a-z 0-9 . _ -, the first a letter or digit';
  throw new QuorateError('config/invalid', `--chain-id: ${JSON.stringify(text.slice(0, 80))} ${rule}`);
}
