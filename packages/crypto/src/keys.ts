import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import {
  equalBytes,
  fromHex,
  isHex,
  QuorateError,
  type Random,
  type SecretKey,
  type SuiteName,
  toHex,
} from '@quorate/kernel';
import type { SuiteRegistry } from './suites.ts';

/** What a key is for: voting, speaking on the wire, or moving an account. A file says it, so that one is never taken for the other. */
export type KeyKind = 'validator' | 'node' | 'account';

/** What it costs to try one passphrase (RFC 7914). */
export interface ScryptParameters {
  /** Cost: a power of two. Memory is 128·N·r bytes. */
  readonly N: number;
  /** Block size. */
  readonly r: number;
  /** Passes, one after the other. */
  readonly p: number;
}

/** 128 MiB. */
export const DEFAULT_SCRYPT: ScryptParameters = { N: 2 ** 17, r: 8, p: 1 };

/** What can be read from a key file without its passphrase. */
export interface KeyFileInfo {
  readonly kind: KeyKind;
  readonly suite: SuiteName;
  readonly publicKey: Uint8Array;
  readonly encrypted: boolean;
}

/** Bounds on what a file may ask for, whoever wrote it: 256 MiB and four passes over it. */
const MAX_SCRYPT_BYTES = 256 << 20;
const MAX_SCRYPT_PASSES = 4;
const MAX_FILE_CHARACTERS = 16_384;
const FORMAT = 'quorate/key';
const VERSION = 1;
const SALT_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const MAX_SECRET_BYTES = 4096;

type Sealed =
  | { readonly plain: true; readonly bytes: string }
  | {
      readonly plain: false;
      readonly kdf: ScryptParameters;
      readonly salt: string;
      readonly nonce: string;
      readonly bytes: string;
    };

interface KeyFile {
  readonly kind: KeyKind;
  readonly suite: SuiteName;
  readonly publicKey: string;
  readonly secret: Sealed;
}

/** How to seal a key file: under a passphrase, or openly for development networks. */
export type KeySealing =
  | { readonly passphrase: string; readonly random: Random; readonly scrypt?: ScryptParameters }
  | { readonly plain: true };

/**
 * The text of a key file: JSON, sealed with scrypt and XChaCha20-Poly1305 unless `plain`. The seal covers kind, suite and
 * public key as well. The caller writes it with mode 0600. Throws `key/invalid` for scrypt parameters out of bounds.
 */
export function encryptKey(secret: SecretKey, kind: KeyKind, sealing: KeySealing): string {
  const bytes = secret.export();
  const named = { kind, suite: secret.suite, publicKey: toHex(secret.publicKey) };
  if ('plain' in sealing) return render({ ...named, secret: { plain: true, bytes: toHex(bytes) } });
  const kdf = sealing.scrypt ?? DEFAULT_SCRYPT;
  const salt = sealing.random.bytes(SALT_BYTES);
  const nonce = sealing.random.bytes(NONCE_BYTES);
  const sealed = cipher(named, kdf, sealing.passphrase, salt, nonce).encrypt(bytes);
  return render({
    ...named,
    secret: { plain: false, kdf, salt: toHex(salt), nonce: toHex(nonce), bytes: toHex(sealed) },
  });
}

/**
 * The key in a key file. `passphrase` is null for a file that is expected to be open; an open file ignores one.
 * Throws `key/invalid` for text that is not a key file, another kind, or a key that is not what the file says it is, and
 * `key/decrypt` for a missing or wrong passphrase or a file that was changed.
 */
export function decryptKey(text: string, kind: KeyKind, passphrase: string | null, suites: SuiteRegistry): SecretKey {
  const file = parse(text);
  if (file.kind !== kind) refuse(`it holds ${article(file.kind)} key, ${article(kind)} key is wanted here`);
  const secret = suites.get(file.suite).secretFromBytes(open(file, passphrase));
  if (!equalBytes(secret.publicKey, fromHex(file.publicKey))) refuse('its secret does not belong to its public key');
  return secret;
}

/** What a key file says about itself. Throws `key/invalid`. */
export function readKeyFile(text: string): KeyFileInfo {
  const { kind, suite, publicKey, secret } = parse(text);
  return { kind, suite, publicKey: fromHex(publicKey), encrypted: !secret.plain };
}

function article(kind: KeyKind): string {
  return kind === 'account' ? `an ${kind}` : `a ${kind}`;
}

function refuse(problem: string): never {
  throw new QuorateError('key/invalid', `not a usable key file: ${problem}`);
}

function cipher(
  named: Pick<KeyFile, 'kind' | 'suite' | 'publicKey'>,
  kdf: ScryptParameters,
  passphrase: string,
  salt: Uint8Array,
  nonce: Uint8Array,
): { encrypt(bytes: Uint8Array): Uint8Array; decrypt(bytes: Uint8Array): Uint8Array } {
  const { N, r, p } = kdf;
  const wellFormed =
    [N, r, p].every((value) => Number.isSafeInteger(value) && value >= 1) && N >= 2 && Number.isInteger(Math.log2(N));
  if (!wellFormed || p > MAX_SCRYPT_PASSES || 128 * N * r > MAX_SCRYPT_BYTES) {
    refuse(
      `scrypt N=${N} r=${r} p=${p}: N must be a power of two, p at most ${MAX_SCRYPT_PASSES}, 128·N·r at most 256 MiB`,
    );
  }
  const utf8 = new TextEncoder();
  const password = utf8.encode(passphrase.normalize('NFKC'));
  const key = scrypt(password, salt, { N, r, p, dkLen: 32, maxmem: 2 * MAX_SCRYPT_BYTES });
  const bound = utf8.encode(JSON.stringify([FORMAT, VERSION, named.kind, named.suite, named.publicKey, N, r, p]));
  return xchacha20poly1305(key, nonce, bound);
}

function open(file: KeyFile, passphrase: string | null): Uint8Array {
  const { secret } = file;
  if (secret.plain) return fromHex(secret.bytes);
  if (passphrase === null) throw new QuorateError('key/decrypt', 'the key file is encrypted: give its passphrase');
  const opener = cipher(file, secret.kdf, passphrase, fromHex(secret.salt), fromHex(secret.nonce));
  try {
    return opener.decrypt(fromHex(secret.bytes));
  } catch (error) {
    throw new QuorateError('key/decrypt', 'wrong passphrase, or the key file was changed', { cause: error });
  }
}

function render(file: KeyFile): string {
  const { kind, suite, publicKey, secret } = file;
  const sealed = secret.plain
    ? { plain: true, bytes: secret.bytes }
    : {
        cipher: 'xchacha20-poly1305',
        kdf: 'scrypt',
        ...secret.kdf,
        salt: secret.salt,
        nonce: secret.nonce,
        bytes: secret.bytes,
      };
  return `${JSON.stringify({ format: FORMAT, version: VERSION, kind, suite, publicKey, secret: sealed }, null, 2)}\n`;
}

function parse(text: string): KeyFile {
  if (text.length > MAX_FILE_CHARACTERS) refuse(`${text.length} characters`);
  const file = record(parseJson(text), 'the file');
  if (file.format !== FORMAT) refuse('it does not say that it is one');
  if (file.version !== VERSION) refuse(`version ${String(file.version)}, this program reads version ${VERSION}`);
  const secret = record(file.secret, 'secret');
  return {
    kind: oneOf(file.kind, ['validator', 'node', 'account'], 'kind'),
    suite: oneOf(file.suite, ['ed25519', 'bls12-381', 'simulated'], 'suite'),
    publicKey: hexText(file.publicKey, 1, 2048, 'publicKey'),
    secret:
      secret.plain === true
        ? { plain: true, bytes: hexText(secret.bytes, 1, MAX_SECRET_BYTES, 'secret.bytes') }
        : parseSealed(secret),
  };
}

function parseSealed(secret: Readonly<Record<string, unknown>>): Sealed {
  oneOf(secret.cipher, ['xchacha20-poly1305'], 'secret.cipher');
  oneOf(secret.kdf, ['scrypt'], 'secret.kdf');
  return {
    plain: false,
    kdf: { N: integer(secret.N, 'secret.N'), r: integer(secret.r, 'secret.r'), p: integer(secret.p, 'secret.p') },
    salt: hexText(secret.salt, 16, 64, 'secret.salt'),
    nonce: hexText(secret.nonce, NONCE_BYTES, NONCE_BYTES, 'secret.nonce'),
    bytes: hexText(secret.bytes, TAG_BYTES + 1, MAX_SECRET_BYTES + TAG_BYTES, 'secret.bytes'),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new QuorateError('key/invalid', 'not a usable key file: it is not JSON', { cause: error });
  }
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(`${name} is not an object`);
  return Object.fromEntries(Object.entries(value));
}

function oneOf<const W extends string>(value: unknown, words: readonly W[], name: string): W {
  return words.find((word) => word === value) ?? refuse(`${name} is not one of ${words.join(', ')}`);
}

function integer(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return refuse(`${name} is not an integer`);
  return value;
}

function hexText(value: unknown, least: number, most: number, name: string): string {
  if (typeof value !== 'string' || !isHex(value) || value.length < 2 * least || value.length > 2 * most) {
    return refuse(`${name} is not hexadecimal of the right length`);
  }
  return value;
}
