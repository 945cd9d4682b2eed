import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decryptKey, type KeyKind, type SuiteRegistry } from '@quorate/crypto';
import { type Genesis, QuorateError, type SecretKey } from '@quorate/kernel';
import { guarded, isMissing } from './disk/failures.ts';
import { parseGenesis, renderGenesis } from './genesis-file.ts';

/** What lies where in a home folder. `gate/` and the stores belong to the signing gate, the replica and the application. */
export const HOME = {
  genesis: 'genesis.json',
  config: 'config.json',
  validatorKey: 'keys/validator.json',
  nodeKey: 'keys/node.json',
  gate: 'gate',
} as const;

/** The keys that live in a home; account keys are their owners' business. */
export type HomeKey = Exclude<KeyKind, 'account'>;

const KEY_FILES: Readonly<Record<HomeKey, string>> = { validator: HOME.validatorKey, node: HOME.nodeKey };

/** The genesis of a home. Throws `genesis/invalid` when there is none or it is wrong. */
export async function readGenesis(home: string): Promise<Genesis> {
  const text = await readText(home, HOME.genesis);
  if (text === null) {
    throw new QuorateError(
      'genesis/invalid',
      `${join(home, HOME.genesis)} is missing: every node of a chain needs the same file`,
    );
  }
  return parseGenesis(text);
}

export async function writeGenesis(home: string, genesis: Genesis): Promise<void> {
  await writeText(home, HOME.genesis, renderGenesis(genesis), 0o644);
}

/** The parsed configuration file, or `null` when the home has none. Throws `config/invalid` when it is not JSON. */
export async function readConfigFile(home: string): Promise<{ readonly name: string; readonly value: unknown } | null> {
  const name = join(home, HOME.config);
  const text = await readText(home, HOME.config);
  if (text === null) return null;
  try {
    return { name, value: JSON.parse(text) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new QuorateError('config/invalid', `${name}: not JSON: ${problem}`, { cause: error });
  }
}

export async function writeConfigFile(home: string, value: unknown): Promise<void> {
  await writeText(home, HOME.config, `${JSON.stringify(value, null, 2)}\n`, 0o600);
}

/** The text of a key file, or `null` when the home has none: a node without a validator key is an observer. */
export async function readKeyText(home: string, kind: HomeKey): Promise<string | null> {
  return readText(home, KEY_FILES[kind]);
}

/** The key of a home, or `null` when there is none. Throws `key/invalid` and `key/decrypt`, naming the file. */
export async function readKey(
  home: string,
  kind: HomeKey,
  passphrase: string | null,
  suites: SuiteRegistry,
): Promise<SecretKey | null> {
  const text = await readKeyText(home, kind);
  if (text === null) return null;
  try {
    return decryptKey(text, kind, passphrase, suites);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    throw new QuorateError(error.code, `${join(home, KEY_FILES[kind])}: ${error.message}`, { cause: error });
  }
}

/** Writes a key file, mode 0600. Throws `key/invalid` when there is one already: keys are never overwritten. */
export async function writeKeyText(home: string, kind: HomeKey, text: string): Promise<void> {
  if ((await readKeyText(home, kind)) !== null) {
    const path = join(home, KEY_FILES[kind]);
    throw new QuorateError('key/invalid', `${path} exists already: move it away first, a key is never overwritten`);
  }
  await writeText(home, KEY_FILES[kind], text, 0o600);
}

async function readText(home: string, name: string): Promise<string | null> {
  return guarded('read', join(home, name), async () => {
    try {
      return await readFile(join(home, name), 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  });
}

/** Writes a file as a whole, durably. */
async function writeText(home: string, name: string, text: string, mode: number): Promise<void> {
  const path = join(home, name);
  await guarded('write', path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const draft = join(dirname(path), `.draft-${process.pid}`);
    const file = await open(draft, 'w', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(draft, mode);
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  });
}
