import { resolve } from 'node:path';
import {
  attachRpc,
  createLogging,
  createNode,
  describeConfig,
  loadConfig,
  readConfigFile,
  runNode,
} from '@quorate/node';
import { Command } from 'commander';
import { note } from '../output.ts';
import { homePassphrase } from '../secrets.ts';
import { VERSION } from '../version.ts';

/** `quorate start`: one node from its home folder, until it is told to stop. */
export function startCommand(): Command {
  const command = new Command('start')
    .description('run the node of a home folder until SIGTERM or SIGINT')
    .requiredOption('--home <dir>', 'home folder of the node', process.env.QUORATE_HOME)
    .option('--i-know-this-key-never-signed', 'vote although the record of what this key signed is missing (logged)')
    .addHelpText(
      'after',
      '\nEvery setting of config.json is a flag and a variable too; docs/configuration.md explains them. Exit codes: 0 stopped, 65 corrupt data,\n70 failure, 74 disk, 75 home in use, 77 key or gate, 78 configuration.',
    );
  for (const { flag, type, description } of describeConfig())
    command.option(`${flag} <${type === 'true | false' ? 'bool' : 'value'}>`, description);
  return command.action(async (_options: unknown, self: Command) => {
    const { home, iKnowThisKeyNeverSigned, ...flags } = self.opts<{
      home: string;
      iKnowThisKeyNeverSigned?: boolean;
    }>();
    const folder = resolve(home);
    const { config, unknown } = loadConfig({
      file: await readConfigFile(folder),
      environment: process.env,
      flags: renamed(flags),
    });
    for (const name of unknown) note(`quorate: ${name} is not a setting; it is ignored`);
    const passphrase =
      config.keys.passphraseFile === null ? await homePassphrase(folder, undefined, '--keys-passphrase-file') : null;
    const { log, level } = createLogging(config.log);
    const node = await createNode(
      { home: folder, config },
      {
        log,
        ...(passphrase === null ? {} : { passphrase }),
        ...(iKnowThisKeyNeverSigned === true ? { freshGate: 'operator' } : {}),
      },
    );
    void attachRpc(node, {
      version: VERSION,
      admin: { stop: () => process.kill(process.pid, 'SIGTERM'), logLevel: level },
    });
    process.exitCode = await runNode(node);
  });
}

type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Flags by the names that people type: `rpcPort` → `rpc-port`. */
function renamed(flags: Flags): Flags {
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [kebab(name), value]));
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
