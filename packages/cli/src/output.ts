import { writeFile } from 'node:fs/promises';
import { type ErrorCode, fromHex, isHex, QuorateError } from '@quorate/kernel';
import { exitCodeOf, failureLine } from '@quorate/node';

/** Prints one value: as a line of JSON for machines, else as the text made of it for people. */
export function print<T>(value: T, options: { readonly json?: boolean | undefined }, text: (value: T) => string): void {
  process.stdout.write(`${options.json === true ? JSON.stringify(value) : text(value)}\n`);
}

/** A note to the person at the terminal, beside the answer. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `name  value` lines with the names padded to one width. */
export function table(rows: readonly (readonly [name: string, value: string | number])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Ends the process with the error's line and exit code. */
export function fail(error: unknown): never {
  process.stderr.write(`${failureLine(error)}\n`);
  process.exit(exitCodeOf(error));
}

/** What a file of the user's gave; a failure becomes `config/invalid` behind the flag that named the file. */
export async function naming<T>(flag: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new QuorateError('config/invalid', `${flag}${messageOf(error)}`, { cause: error });
  }
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
    const problem = exists ? 'it exists already, and nothing is overwritten: name a new file' : messageOf(error);
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
