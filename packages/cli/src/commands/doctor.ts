import { resolve } from 'node:path';
import { createPureSuites, gateFile, openGate, readKeyFile, sha256 } from '@quorate/crypto';
import { checkGenesis, type Genesis, genesisDigest, isQuorateError, QuorateError, toHex } from '@quorate/kernel';
import { EXIT, loadConfig, NodeDisk, readConfigFile, readGenesis, readKey, readKeyText } from '@quorate/node';
import { examineHome } from '@quorate/replica';
import { Command } from 'commander';
import { adminCall } from '../admin.ts';
import { integer, print } from '../output.ts';
import { givenPassphrase } from '../secrets.ts';
import { compareHomes, describeComparison } from './doctor-against.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** There, and not looked into: a passphrase is wanted. */
  readonly skipped?: true;
}

/** Runs one look and keeps what came of it. `skipped` in place of what was found: there, and not looked into. */
type Check = <T>(
  name: string,
  look: () => Promise<readonly [detail: string, found: T, skipped?: true]>,
) => Promise<T | null>;

interface DoctorFlags {
  readonly home: string;
  readonly against?: string;
  readonly height?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

/** `quorate doctor`: what a home folder holds, and whether it is sound. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('examine the home folder of a node: genesis, configuration, keys, gate, journal, store')
    .requiredOption('--home <dir>', 'home folder', process.env.QUORATE_HOME)
    .option(
      '--against <dir>',
      'compare its state with that in the home of another stopped node, key by key, and do nothing else',
    )
    .option('--height <n>', 'with --against: the height to compare (default: the highest whose state both have)')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase of the key files; otherwise QUORATE_PASSPHRASE; without one the gate of an encrypted key is not examined',
    )
    .option('--json', 'answer as one line of JSON')
    .action(async (flags: DoctorFlags) => {
      if (flags.against !== undefined) return compare(flags, flags.against);
      if (flags.height !== undefined) {
        throw new QuorateError('config/invalid', '--height: says what to compare: name the other home with --against');
      }
      const findings = await examine(resolve(flags.home), await givenPassphrase(flags.passphraseFile));
      print({ home: flags.home, healthy: findings.every(({ ok }) => ok), findings }, flags, ({ healthy }) =>
        [
          ...findings.map(({ check, ok, detail, skipped }) => {
            const mark = skipped === true ? '-   ' : ok ? 'ok  ' : 'BAD ';
            return `${mark} ${check.padEnd(14)} ${detail}`;
          }),
          healthy
            ? `Nothing is wrong with ${findings.some(({ skipped }) => skipped) ? 'what was examined' : 'this home'}.`
            : 'Mend what is marked BAD before this node signs again; docs/operations.md says how.',
        ].join('\n'),
      );
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });
}

/** Exit code 65 when the states differ. */
async function compare(flags: DoctorFlags, against: string): Promise<void> {
  const height = flags.height === undefined ? null : integer('--height', flags.height, 0, Number.MAX_SAFE_INTEGER);
  const comparison = await compareHomes(resolve(flags.home), resolve(against), height);
  print(comparison, flags, describeComparison);
  if (!comparison.equal) process.exitCode = EXIT.data;
}

async function examine(home: string, passphrase: string | null): Promise<Finding[]> {
  const findings: Finding[] = [];
  const check: Check = async (name, look) => {
    try {
      const [detail, found, skipped] = await look();
      findings.push({ check: name, ok: true, detail, ...(skipped === true ? { skipped } : {}) });
      return found;
    } catch (error) {
      findings.push({
        check: name,
        ok: false,
        detail: isQuorateError(error) ? `${error.code}: ${error.message}` : String(error),
      });
      return null;
    }
  };
  const genesis = await check('genesis', async () => {
    const found = await readGenesis(home);
    checkGenesis(found, createPureSuites().get(found.suite));
    return [`${found.chainId}, ${found.validators.size} validators, digest ${genesisDigest(sha256, found)}`, found];
  });
  await check('configuration', async () => {
    loadConfig({ file: await readConfigFile(home), environment: process.env });
    return ['every setting is valid', null];
  });
  for (const kind of ['node', 'validator'] as const) {
    await check(`${kind} key`, async () => {
      const text = await readKeyText(home, kind);
      if (text === null) return [kind === 'validator' ? 'none: this node observes' : 'none', null];
      const { suite, publicKey, encrypted } = readKeyFile(text);
      const index = kind === 'validator' ? genesis?.validators.indexOfKey(publicKey) : undefined;
      const place = index === undefined || index === null ? '' : `, validator ${index} of genesis`;
      return [`${suite} ${toHex(publicKey).slice(0, 24)}… ${encrypted ? 'encrypted' : 'NOT encrypted'}${place}`, null];
    });
  }
  const running = await adminCall(home, 'status').catch(() => null);
  if (running !== null) {
    findings.push({
      check: 'process',
      ok: true,
      detail: 'a node runs here: gate, journal and store are its own; stop it to examine them',
    });
    return findings;
  }
  if (genesis !== null) await examineDisk({ home, genesis, passphrase }, check);
  return findings;
}

async function examineDisk(
  {
    home,
    genesis,
    passphrase,
  }: { readonly home: string; readonly genesis: Genesis; readonly passphrase: string | null },
  check: Check,
): Promise<void> {
  const disk = await check('lock', async () => ['no other process uses this home', await NodeDisk.open(home)]);
  if (disk === null) return;
  try {
    await check('gate', async () => {
      const text = await readKeyText(home, 'validator');
      if (text !== null && passphrase === null && readKeyFile(text).encrypted) {
        const how = '--passphrase-file or QUORATE_PASSPHRASE opens it';
        return [`not examined: the key is encrypted, and ${how}`, null, true];
      }
      const secret = await readKey(home, 'validator', passphrase, createPureSuites());
      if (secret === null) return ['no voting key', null];
      const { chainId } = genesis;
      // Looked for by name: opening a gate that is not there would begin one.
      if (!(await disk.listFiles('gate/')).includes(gateFile({ chainId, publicKey: secret.publicKey }))) {
        const until = 'silent through the first epoch in which it runs in the set, voting from the next on';
        return [`no record of what this key signed: once started it is ${until}`, null];
      }
      const gate = await openGate({ chainId, secret, allowFresh: false }, { disk });
      const { silent, neverSigned } = gate;
      await gate.close();
      return [silent ?? (neverSigned ? 'ready, this key has signed nothing yet' : 'ready'), null];
    });
    for (const { name, detail } of await examineHome({ genesis }, { disk, hash: sha256 })) {
      await check(name, async () => {
        if (detail instanceof Error) throw detail;
        return [detail, null];
      });
    }
    await check('disk', async () => {
      const { used, free } = await disk.usage();
      return [`${(used / 1e6).toFixed(1)} MB used, ${(free / 1e9).toFixed(1)} GB free`, null];
    });
  } finally {
    await disk.close();
  }
}
