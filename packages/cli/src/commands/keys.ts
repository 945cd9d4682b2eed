import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { accountAddress } from '@quorate/client';
import { createPureSuites, type KeyKind, openGate, readKeyFile } from '@quorate/crypto';
import { QuorateError, type SuiteName, toHex } from '@quorate/kernel';
import { NodeDisk, readGenesis, readKey } from '@quorate/node';
import { Command, Option } from 'commander';
import { print, table } from '../output.ts';
import { sealKey, writeKey } from '../secrets.ts';

const KINDS: readonly KeyKind[] = ['account', 'validator', 'node'];
const SUITES: readonly SuiteName[] = ['ed25519', 'bls12-381'];

function describe(kind: KeyKind, suite: SuiteName, publicKey: Uint8Array): Record<string, string> {
  const key = { kind, suite, publicKey: toHex(publicKey) };
  return kind === 'account' ? { ...key, address: accountAddress(publicKey) } : key;
}

/** `quorate keys`: key files, and the record of what a key signed. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('key files, and moving the record of what a voting key signed');
  keys
    .command('new')
    .description('make a key and write it to a new file, mode 0600')
    .argument('<file>', 'file to write')
    .addOption(new Option('--kind <kind>', 'what the key is for').choices([...KINDS]).default('account'))
    .addOption(
      new Option('--suite <suite>', 'signature suite; account and node keys are ed25519')
        .choices([...SUITES])
        .default('ed25519'),
    )
    .option('--plain', 'do not encrypt the file')
    .option('--passphrase-file <file>', 'file with the passphrase; otherwise QUORATE_PASSPHRASE or the terminal')
    .option('--json', 'answer as one line of JSON')
    .action(
      async (
        file: string,
        options: { kind: KeyKind; suite: SuiteName; plain?: boolean; passphraseFile?: string; json?: boolean },
      ) => {
        const { kind, suite } = options;
        if (kind !== 'validator' && suite !== 'ed25519')
          throw new QuorateError('config/invalid', `--suite: ${kind} keys are ed25519`);
        const key = createPureSuites().get(suite).secretFromSeed(randomBytes(32));
        await writeKey(
          file,
          await sealKey(key, kind, { plain: options.plain === true, passphraseFile: options.passphraseFile }),
        );
        print({ file, ...describe(kind, suite, key.publicKey) }, options, (value) => table(Object.entries(value)));
      },
    );
  keys
    .command('show')
    .description('what a key file says about itself; needs no passphrase')
    .argument('<file>', 'key file')
    .option('--json', 'answer as one line of JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const { kind, suite, publicKey, encrypted } = readKeyFile(await readFile(file, 'utf8'));
      print({ ...describe(kind, suite, publicKey), encrypted: String(encrypted) }, options, (value) =>
        table(Object.entries(value)),
      );
    });
  keys
    .command('export-gate')
    .description('write what the voting key of a stopped node signed to a file, to move the key to another home')
    .requiredOption('--home <dir>', 'home folder of the stopped node')
    .argument('<file>', 'file to write')
    .action(async (file: string, options: { home: string }) => {
      await withGate(options.home, async (gate) => writeFile(file, await gate.export(), { flag: 'wx', mode: 0o600 }));
      process.stdout.write(
        `${file} holds the record. Never start the old home again: two homes with one key get the key slashed.\n`,
      );
    });
  keys
    .command('import-gate')
    .description('merge such a file into the home that now holds the key')
    .requiredOption('--home <dir>', 'home folder of the stopped node')
    .argument('<file>', 'file to read')
    .action(async (file: string, options: { home: string }) => {
      await withGate(options.home, async (gate) => gate.import(await readFile(file)));
      process.stdout.write(`the record of ${file} is merged into ${options.home}\n`);
    });
  return keys;
}

async function withGate(
  home: string,
  work: (gate: Awaited<ReturnType<typeof openGate>>) => Promise<void>,
): Promise<void> {
  const folder = resolve(home);
  const genesis = await readGenesis(folder);
  const secret = await readKey(folder, 'validator', process.env.QUORATE_PASSPHRASE ?? null, createPureSuites());
  if (secret === null) throw new QuorateError('key/invalid', `${home} holds no voting key`);
  const disk = await NodeDisk.open(folder);
  try {
    const gate = await openGate({ chainId: genesis.chainId, secret, allowFresh: false }, { disk });
    await work(gate);
    await gate.close();
  } finally {
    await disk.close();
  }
}
