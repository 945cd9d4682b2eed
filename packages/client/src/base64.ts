import { QuorateError } from '@quorate/kernel';

const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 61;
const VALUES = new Int8Array(128).fill(-1);
for (const [value, code] of ALPHABET.entries()) VALUES[code] = value;
const ascii = new TextDecoder();

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  const text = new Uint8Array(4 * Math.ceil(bytes.length / 3)).fill(PAD);
  const symbol = (value: number): number => ALPHABET[value & 63] as number;
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const [a, b, c] = [bytes[i] as number, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0];
    text[at] = symbol(a >> 2);
    text[at + 1] = symbol((a << 4) | (b >> 4));
    if (left > 1) text[at + 2] = symbol((b << 2) | (c >> 6));
    if (left > 2) text[at + 3] = symbol(c);
    at += 4;
  }
  return ascii.decode(text);
}

/** Whether `text` is canonical base64: right length, known symbols, padding only at the end, no stray bits. */
export function isBase64(text: string): boolean {
  return decodedLength(text) >= 0 && decodeInto(text, null);
}

/** The bytes of canonical base64. Throws `rpc/invalid` for any other text, so that one byte string has one spelling. */
export function fromBase64(text: string): Uint8Array {
  const length = decodedLength(text);
  if (length >= 0) {
    const bytes = new Uint8Array(length);
    if (decodeInto(text, bytes)) return bytes;
  }
  throw new QuorateError('rpc/invalid', `text of ${text.length} characters is not canonical base64`);
}

/** Bytes that a base64 text of this shape stands for; -1 when its length is impossible. */
export function decodedLength(text: string): number {
  if (text.length % 4 !== 0) return -1;
  const pads = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - pads;
}

function valueAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 128 ? (VALUES[code] as number) : -1;
}

function decodeInto(text: string, bytes: Uint8Array | null): boolean {
  const length = decodedLength(text);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    const left = length - at;
    const a = valueAt(text, i);
    const b = valueAt(text, i + 1);
    const c = left > 1 ? valueAt(text, i + 2) : 0;
    const d = left > 2 ? valueAt(text, i + 3) : 0;
    if ((a | b | c | d) < 0) return false;
    if (left === 1 && (b & 15) !== 0) return false;
    if (left === 2 && (c & 3) !== 0) return false;
    if (bytes !== null) {
      bytes[at] = (a << 2) | (b >> 4);
      if (left > 1) bytes[at + 1] = (b << 4) | (c >> 2);
      if (left > 2) bytes[at + 2] = (c << 6) | d;
    }
    at += 3;
  }
  return true;
}
