import { join, resolve } from 'node:path';
import { accountAddress, formatOffer, offerValidator } from '@quorate/client';
import { createPureSuites, type KeyKind, openGate, readKeyFile } from '@quorate/crypto';
import { QuorateError, type SuiteName, toHex } from '@quorate/kernel';
import { HOME, loadConfig, NodeDisk, parsePeer, readConfigFile, readGenesis, readKey } from '@quorate/node';
import { Command, Option } from 'commander';
import { makeKey } from '../new-key.ts';
import { address, note, print, readNamed, readNamedText, table, writeNew } from '../output.ts';
import { homePassphrase, loadKey } from '../secrets.ts';

const KINDS: readonly KeyKind[] = ['account', 'validator', 'node'];
const SUITES: readonly SuiteName[] = ['ed25519', 'bls12-381'];

const WITHOUT_RECORD =
  'This voting key has no record of what it signed: its validator will be silent through the first epoch in which it is in the set.\n' +
  'Made as keys/validator.json of a home that holds genesis.json, a key gets an empty record and votes in that epoch.';

function describe(kind: KeyKind, suite: SuiteName, publicKey: Uint8Array): Record<string, string> {
  const key = { kind, suite, publicKey: toHex(publicKey) };
  return kind === 'account' ? { ...key, address: accountAddress(publicKey) } : key;
}

/** `quorate keys`: key files, and the record of what a key signed. */
export function keysCommand(): Command {
  const keys = new Command('keys').description(
    'key files, offering a validator, and moving the record of what a voting key signed',
  );
  keys
    .command('new')
    .description(
      'make a key and write it to a new file, mode 0600; a voting key made as keys/validator.json of a home may vote at once',
    )
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
        const { plain = false, passphraseFile } = options;
        const { publicKey, recordFor } = await makeKey({ file, kind, suite, plain, passphraseFile });
        const record = kind !== 'validator' ? {} : { record: recordFor === null ? 'none' : `empty, for ${recordFor}` };
        print({ file, ...describe(kind, suite, publicKey), ...record }, options, (value) =>
          table(Object.entries(value)),
        );
        if (kind === 'validator' && recordFor === null) note(WITHOUT_RECORD);
      },
    );
  keys
    .command('show')
    .description('what a key file says about itself; needs no passphrase')
    .argument('<file>', 'key file')
    .option('--json', 'answer as one line of JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const { kind, suite, publicKey, encrypted } = readKeyFile(await readNamedText('', file));
      print({ ...describe(kind, suite, publicKey), encrypted }, options, (value) => table(Object.entries(value)));
    });
  keys
    .command('offer')
    .description('offer the validator of a home to an account: both keys of the home sign that it may bond them')
    .requiredOption('--home <dir>', 'home folder that holds a voting key')
    .requiredOption('--owner <address>', 'account that will bond')
    .option('--address <host:port>', 'where peers dial the node; otherwise p2p.listen of the home')
    .option('--passphrase-file <file>', 'file with the passphrase of the key files')
    .option('--json', 'answer as one line of JSON')
    .argument('<file>', 'file to write; it holds no secret')
    .action(async (file: string, flags: OfferFlags) => {
      const offer = await offerOf(flags);
      await writeNew(file, formatOffer(offer), { mode: 0o644 });
      const { peer, address, publicKey } = offer.validator;
      print({ file, validator: toHex(publicKey), peer, address }, flags, (value) => table(Object.entries(value)));
    });
  keys
    .command('export-gate')
    .description('write what the voting key of a stopped node signed to a file, to move the key to another home')
    .requiredOption('--home <dir>', 'home folder of the stopped node')
    .option('--passphrase-file <file>', 'file with the passphrase of the key files')
    .argument('<file>', 'file to write')
    .action(async (file: string, options: GateFlags) => {
      await withGate(options, async (gate) => writeNew(file, await gate.export()));
      process.stdout.write(
        `${file} holds the record. Never start the old home again: two homes with one key get the key slashed.\n`,
      );
    });
  keys
    .command('import-gate')
    .description('merge such a file into the home that now holds the key')
    .requiredOption('--home <dir>', 'home folder that now holds the key; its node is stopped')
    .option('--passphrase-file <file>', 'file with the passphrase of the key files')
    .argument('<file>', 'file to read')
    .action(async (file: string, options: GateFlags) => {
      const exported = await readNamed('', file);
      await withGate(options, (gate) => gate.import(exported));
      process.stdout.write(`the record of ${file} is merged into ${options.home}\n`);
    });
  return keys;
}

interface GateFlags {
  readonly home: string;
  readonly passphraseFile?: string;
}

interface OfferFlags {
  readonly home: string;
  readonly owner: string;
  readonly address?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

async function offerOf(flags: OfferFlags): Promise<ReturnType<typeof offerValidator>> {
  const home = resolve(flags.home);
  const { chainId, suite } = await readGenesis(home);
  const owner = address('--owner', flags.owner);
  const { passphraseFile } = flags;
  const voting = await loadKey(join(home, HOME.validatorKey), 'validator', {
    passphraseFile,
    otherwise: `make one with: quorate keys new ${join(flags.home, HOME.validatorKey)} --kind validator --suite ${suite}`,
  });
  if (voting.suite !== suite)
    throw new QuorateError('key/invalid', `${home}: the voting key is ${voting.suite}, the chain votes with ${suite}`);
  const node = await loadKey(join(home, HOME.nodeKey), 'node', {
    passphraseFile,
    otherwise: `make one with: quorate keys new ${join(flags.home, HOME.nodeKey)} --kind node`,
  });
  const { config } = loadConfig({ file: await readConfigFile(home), environment: process.env });
  const dialled = flags.address ?? config.p2p.listen;
  if (parsePeer(`${toHex(node.publicKey)}@${dialled}`) === null || /^(0\.0\.0\.0|\[::\]):/.test(dialled)) {
    const problem =
      flags.address === undefined
        ? `is where the home listens (p2p.listen), and no peer could dial that: give --address HOST:PORT`
        : 'is no host:port that peers could dial';
    throw new QuorateError('config/invalid', `--address: ${dialled} ${problem}`);
  }
  return offerValidator({ chainId, owner, address: dialled }, { voting, node });
}

async function withGate(
  { home, passphraseFile }: GateFlags,
  work: (gate: Awaited<ReturnType<typeof openGate>>) => Promise<void>,
): Promise<void> {
  const folder = resolve(home);
  const genesis = await readGenesis(folder);
  const secret = await readKey(folder, 'validator', await homePassphrase(folder, passphraseFile), createPureSuites());
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
