import { createRandom } from '@quorate/node';
import { Command } from 'commander';
import { type NetworkFlags, networkOf, shapesNetwork } from '../network-flags.ts';
import { print } from '../output.ts';
import { newPassphrase } from '../secrets.ts';
import { createTestnet } from '../testnet.ts';

/** `quorate testnet`: keys, genesis and home folders for a network on several machines. */
export function testnetCommand(): Command {
  return shapesNetwork(
    new Command('testnet').description('make keys, genesis and one home folder per validator in a new folder'),
  )
    .argument('<dir>', 'new folder')
    .option(
      '--hosts <host...>',
      'host of each validator: what the others dial, and where it listens. Without --validators there are as many as hosts; with it, fewer hosts take turns',
      [],
    )
    .option('--listen <host>', 'where every node listens instead, such as 0.0.0.0 behind NAT or in a container')
    .option('--plain', 'do not encrypt the key files')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase of all key files; otherwise QUORATE_PASSPHRASE or the terminal',
    )
    .option('--application <name>', 'application of the chain', 'ledger')
    .option('--json', 'answer as one line of JSON')
    .action(
      async (
        folder: string,
        flags: NetworkFlags & {
          hosts: string[];
          listen?: string;
          plain?: boolean;
          passphraseFile?: string;
          application: string;
          json?: boolean;
        },
        self: Command,
      ) => {
        const shape = networkOf(flags);
        const count = self.getOptionValueSource('validators') === 'cli' ? 0 : flags.hosts.length;
        const { homes, faucet } = await createTestnet({
          ...shape,
          validators: count === 0 ? shape.validators : count,
          folder,
          hosts: flags.hosts,
          ...(flags.listen === undefined ? {} : { listen: flags.listen }),
          application: flags.application,
          sealing:
            flags.plain === true
              ? { plain: true }
              : {
                  passphrase: await newPassphrase('Passphrase for the key files', flags.passphraseFile),
                  random: createRandom(),
                },
          config: {},
        });
        print({ folder, homes, faucet }, flags, () =>
          [
            ...homes.map(({ home, p2p }) => `${home}   peers reach it at ${p2p}`),
            ...(faucet === null ? [] : [`${faucet.file}   owns the free tokens: ${faucet.address}`]),
            flags.hosts.length === 0
              ? 'All on this machine (--hosts names others); run each: npx quorate start --home <dir>'
              : 'Copy each home to its machine and run there: npx quorate start --home <dir>',
          ].join('\n'),
        );
      },
    );
}
