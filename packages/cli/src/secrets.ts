import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { createPureSuites, decryptKey, encryptKey, type KeyKind, readKeyFile } from '@quorate/crypto';
import { QuorateError, type SecretKey } from '@quorate/kernel';
import { createRandom, HOME } from '@quorate/node';
import { naming, writeNew } from './output.ts';

async function readPassphrase(file: string): Promise<string> {
  return (await naming('--passphrase-file: ', readFile(file, 'utf8'))).replace(/\r?\n$/, '');
}

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
export async function passphrase(
  question: string,
  file: string | undefined,
  flag = '--passphrase-file',
): Promise<string> {
  if (file !== undefined) return readPassphrase(file);
  return process.env.QUORATE_PASSPHRASE ?? ask(question, flag);
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

/** The key in a key file; asks for the passphrase when the file is encrypted. Throws `key/*` naming the file. */
export async function loadKey(path: string, kind: KeyKind, passphraseFile?: string): Promise<SecretKey> {
  try {
    const text = await readFile(path, 'utf8');
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
  const secret = await passphrase('Passphrase for the new key', options.passphraseFile);
  if (secret === '') throw new QuorateError('key/invalid', 'an empty passphrase seals nothing: use --plain to say so');
  return encryptKey(key, kind, { passphrase: secret, random: createRandom() });
}

/** Writes a new key file, mode 0600. Throws `key/invalid` rather than overwrite. */
export function writeKey(path: string, text: string): Promise<void> {
  return writeNew(path, text, { code: 'key/invalid' });
}
