import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { createPureSuites, decryptKey, encryptKey, type KeyKind, readKeyFile } from '@quorate/crypto';
import { QuorateError, type SecretKey } from '@quorate/kernel';
import { createRandom, HOME } from '@quorate/node';
import { isMissing, problemOf, readNamedText, writeNew } from './output.ts';

async function readPassphrase(file: string): Promise<string> {
  return (await readNamedText('--passphrase-file: ', file)).replace(/\r?\n$/, '');
}

/** Asks a person; `flag` is what else would give the answer. */
export type Ask = (question: string, flag: string) => Promise<string>;

/** Asks on the terminal without echo. Throws `key/decrypt` when there is no terminal. */
async function ask(question: string, flag: string): Promise<string> {
  if (process.stdin.isTTY !== true) {
    throw new QuorateError('key/decrypt', `${question}: no terminal to ask on; use ${flag} or QUORATE_PASSPHRASE`);
  }
  process.stderr.write(`${question}: `);
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silence, terminal: true });
  const answer = await new Promise<string>((resolve) => lines.question('', resolve));
  lines.close();
  process.stderr.write('\n');
  return answer;
}

/** The passphrase from the file, QUORATE_PASSPHRASE, or the terminal. */
async function passphrase(question: string, file: string | undefined, flag = '--passphrase-file'): Promise<string> {
  if (file !== undefined) return readPassphrase(file);
  return process.env.QUORATE_PASSPHRASE ?? ask(question, flag);
}

/**
 * The passphrase for a new key: from the file, QUORATE_PASSPHRASE, or the terminal, where it is asked twice. Throws `key/invalid` when
 * it is empty or the two differ.
 */
export async function newPassphrase(question: string, file: string | undefined, terminal: Ask = ask): Promise<string> {
  const flag = '--passphrase-file';
  const given = file === undefined ? process.env.QUORATE_PASSPHRASE : await readPassphrase(file);
  const secret = given ?? (await terminal(question, flag));
  if (secret === '') throw new QuorateError('key/invalid', 'an empty passphrase seals nothing: use --plain to say so');
  if (given === undefined && (await terminal(`${question}, again`, flag)) !== secret)
    throw new QuorateError('key/invalid', 'the two passphrases differ: no key was made');
  return secret;
}

/** The passphrase that a file or QUORATE_PASSPHRASE gives, without asking anybody; null when neither does. */
export async function givenPassphrase(file: string | undefined): Promise<string | null> {
  return file === undefined ? (process.env.QUORATE_PASSPHRASE ?? null) : readPassphrase(file);
}

/** The passphrase of a home's key files; null when none of them is encrypted. */
export async function homePassphrase(home: string, file: string | undefined, flag?: string): Promise<string | null> {
  const texts = await Promise.all(
    [HOME.nodeKey, HOME.validatorKey].map((name) => readFile(join(home, name), 'utf8').catch(() => null)),
  );
  return texts.some((text) => text !== null && isEncrypted(text))
    ? passphrase(`Passphrase of the keys in ${home}`, file, flag)
    : null;
}

function isEncrypted(text: string): boolean {
  try {
    return readKeyFile(text).encrypted;
  } catch {
    return false; // who reads the key says what is wrong with it
  }
}

/**
 * The key in a key file; asks for the passphrase when the file is encrypted. Throws `key/*` naming the file, `config/invalid` when it
 * cannot be read, with `otherwise` as what to do where there is none.
 */
export async function loadKey(
  path: string,
  kind: KeyKind,
  { passphraseFile, otherwise }: { readonly passphraseFile?: string | undefined; readonly otherwise?: string } = {},
): Promise<SecretKey> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const problem =
      isMissing(error) && otherwise !== undefined ? `there is no such file: ${otherwise}` : problemOf(error);
    throw new QuorateError('config/invalid', `${path}: ${problem}`, { cause: error });
  });
  try {
    const secret = readKeyFile(text).encrypted ? await passphrase(`Passphrase of ${path}`, passphraseFile) : null;
    return decryptKey(text, kind, secret, createPureSuites());
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new QuorateError(error instanceof QuorateError ? error.code : 'key/invalid', `${path}: ${problem}`, {
      cause: error,
    });
  }
}

/** Text of a key file: open when `plain`, else sealed under a passphrase. */
export async function sealKey(
  key: SecretKey,
  kind: KeyKind,
  options: { readonly plain: boolean; readonly passphraseFile?: string | undefined },
): Promise<string> {
  if (options.plain) return encryptKey(key, kind, { plain: true });
  const secret = await newPassphrase('Passphrase for the new key', options.passphraseFile);
  return encryptKey(key, kind, { passphrase: secret, random: createRandom() });
}

/** Writes a new key file, mode 0600. Throws `key/invalid` rather than overwrite. */
export function writeKey(path: string, text: string): Promise<void> {
  return writeNew(path, text, { code: 'key/invalid' });
}
