import { readFile, writeFile } from 'node:fs/promises';
import { sha256 } from '@quorate/crypto';
import { type ErrorCode, fromHex, isHex, isQuorateError, QuorateError, toHex } from '@quorate/kernel';
import { parseAddress } from '@quorate/ledger';
import { EXIT, exitCodeOf, failureLine } from '@quorate/node';

/** Prints one value: as a line of JSON for machines, else as the text made of it for people. */
export function print<T>(value: T, options: { readonly json?: boolean | undefined }, text: (value: T) => string): void {
  process.stdout.write(`${options.json === true ? JSON.stringify(value) : text(value)}\n`);
}

/** A note to the person at the terminal, beside the answer. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `name  value` lines with the names padded to one width. */
export function table(rows: readonly (readonly [name: string, value: string | number | boolean])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Characters that a terminal shows and does not obey: control characters and marks that turn the line round are none. */
const PRINTABLE = /^[\P{C}\t\n\u200d]*$/u;

/** Bytes for a terminal: as text where they are printable UTF-8, else in hexadecimal with their number. */
export function readable(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (PRINTABLE.test(text)) return text;
  } catch {
    // No UTF-8.
  }
  return `0x${toHex(bytes)}, ${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`;
}

/** What a person may type wrong without a flag's name in front of it. */
const INPUT: readonly string[] = ['address/invalid', 'rpc/invalid'];

/** The exit code of a failed command: what was typed wrong is 78, whoever found out. */
export function exitCodeFor(error: unknown): number {
  return isQuorateError(error) && INPUT.includes(error.code) ? EXIT.config : exitCodeOf(error);
}

/** What a failed command says: one line, and for what was typed wrong one more that points to the command's help. */
export function complaintOf(error: unknown, command: string): string {
  const isInput =
    isQuorateError(error) &&
    (INPUT.includes(error.code) || (error.code === 'config/invalid' && error.message.startsWith('--')));
  return `${failureLine(error)}\n${isInput ? `${helpPointer(command)}\n` : ''}`;
}

export function helpPointer(command: string): string {
  return `(${command} --help shows what there is)`;
}

/** What a file of the user's gave; a failure becomes `config/invalid` behind the flag and the name of the file. */
export async function naming<T>(flag: string, work: Promise<T>, file?: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const message = file === undefined ? messageOf(error) : `${file}: ${problemOf(error)}`;
    throw new QuorateError('config/invalid', `${flag}${message}`, { cause: error });
  }
}

/** A file that the user named. Throws `config/invalid` behind the flag, with the name of the file and what is wrong with it. */
export async function readNamed(flag: string, file: string): Promise<Uint8Array> {
  return naming(flag, readFile(file), file);
}

/** The text of {@link readNamed}. */
export async function readNamedText(flag: string, file: string): Promise<string> {
  return naming(flag, readFile(file, 'utf8'), file);
}

/** What is wrong with a file, in words and without its name. */
export function problemOf(error: unknown): string {
  switch (error instanceof Error && 'code' in error ? error.code : null) {
    case 'ENOENT':
      return 'there is no such file or folder: name one that is there';
    case 'EISDIR':
      return 'it is a folder: name a file';
    case 'ENOTDIR':
      return 'a file stands where a folder is wanted';
    case 'EACCES':
      return 'this user may not open it: see its mode and owner';
    default:
      return messageOf(error);
  }
}

/** Whether an error says that a file or a folder is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Writes a file that the user named, mode 0600 unless told otherwise. Throws `code` rather than write over another file. */
export async function writeNew(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, code = 'config/invalid' }: { readonly mode?: number; readonly code?: ErrorCode } = {},
): Promise<void> {
  try {
    await writeFile(path, content, { mode, flag: 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const problem = exists
      ? 'it exists already, and nothing is overwritten: name a new file'
      : isMissing(error)
        ? 'its folder is not there: make it first'
        : problemOf(error);
    throw new QuorateError(code, `${path}: ${problem}`, { cause: error });
  }
}

/** Bytes given as hexadecimal text, at least `least` of them. Throws `config/invalid` naming the flag. */
export function hexBytes(flag: string, text: string, least: number): Uint8Array {
  const hex = text.toLowerCase();
  if (isHex(hex) && hex.length >= 2 * least) return fromHex(hex);
  throw new QuorateError('config/invalid', `${flag}: ${JSON.stringify(text)} is not hexadecimal`);
}

/** A whole number in [from, to], given as text on the command line. Throws `config/invalid` naming the flag. */
export function integer(flag: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new QuorateError(
    'config/invalid',
    `${flag}: ${JSON.stringify(text)} is not a whole number from ${from} to ${to}`,
  );
}

/** The largest amount that the ledger can write. */
const MAX_AMOUNT = 2n ** 64n - 1n;

/** A token amount given as text. Throws `config/invalid` naming the flag. */
export function amount(flag: string, text: string): bigint {
  if (/^[1-9][0-9]{0,19}$/.test(text) && BigInt(text) <= MAX_AMOUNT) return BigInt(text);
  throw new QuorateError(
    'config/invalid',
    `${flag}: ${JSON.stringify(text)} is not a whole number of the token's smallest unit, from 1 to ${MAX_AMOUNT}`,
  );
}

/** The bytes of an account's address. Throws `address/invalid` naming the flag. */
export function address(flag: string, text: string): Uint8Array {
  try {
    return parseAddress(sha256, text);
  } catch (error) {
    throw new QuorateError('address/invalid', `${flag}: ${messageOf(error)}`, { cause: error });
  }
}
