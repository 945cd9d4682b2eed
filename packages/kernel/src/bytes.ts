/** A SHA-256 digest as 64 lower-case hexadecimal characters: comparable with `===`, usable as a map key. */
export type Digest = string;

/** A hash function from floor 1, handed to pure code that must not choose one itself. Returns 32 bytes. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

/** Milliseconds since the Unix epoch, an integer. */
export type Millis = number;

export const DIGEST_BYTES = 32;

/** The digest that stands for "nothing": 32 zero bytes. */
export const ZERO_DIGEST: Digest = '00'.repeat(DIGEST_BYTES);

const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Bytes whose digits are passed to one call as arguments. */
const HEX_STRIDE = 4096;
/** The codes of a digest on their way into text: most of what is spelled is one. */
const digestCodes = new Array<number>(2 * DIGEST_BYTES).fill(0);

/** Lower-case hexadecimal text of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  return hexOf(bytes, 0, bytes.length);
}

/** Lower-case hexadecimal text of the bytes from `start` up to `end`. */
export function hexOf(bytes: Uint8Array, start: number, end: number): string {
  const count = end - start;
  if (count > HEX_STRIDE) return hexOf(bytes, start, start + HEX_STRIDE) + hexOf(bytes, start + HEX_STRIDE, end);
  // One flat string from character codes: a third of the time of joining pieces, and a digest is a map key right after.
  const codes = count === DIGEST_BYTES ? digestCodes : new Array<number>(2 * count);
  for (let i = start, at = 0; i < end; i++, at += 2) {
    const byte = bytes[i] as number;
    codes[at] = DIGITS[byte >> 4] as number;
    codes[at + 1] = DIGITS[byte & 15] as number;
  }
  return String.fromCharCode.apply(null, codes);
}

/** What an ASCII character stands for as a hexadecimal digit; -1 for none. */
const VALUES = new Int8Array(128).fill(-1);
for (const [value, code] of DIGITS.entries()) VALUES[code] = value;

/** Whether `text` is an even number of lower-case hexadecimal characters, `bytes` of them when given. */
export function isHex(text: string, bytes?: number): boolean {
  if (text.length % 2 !== 0 || (bytes !== undefined && text.length !== 2 * bytes)) return false;
  for (let i = 0; i < text.length; i++) if ((VALUES[text.charCodeAt(i)] ?? -1) < 0) return false;
  return true;
}

/** The bytes of lower-case hexadecimal `text`. Throws `RangeError` when it is anything else: check outside text with {@link isHex} first. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new RangeError('hexadecimal text has an odd length');
  const bytes = new Uint8Array(text.length / 2);
  writeHex(bytes, 0, text);
  return bytes;
}

/** Puts the bytes of lower-case hexadecimal `text` of even length at `offset`. Throws `RangeError` when it is anything else. */
export function writeHex(to: Uint8Array, offset: number, text: string): void {
  // Judged once, at the end: the sign of any -1 stays in `values`, a code above 127 in `codes`.
  let codes = 0;
  let values = 0;
  for (let i = 0, at = offset; i < text.length; i += 2, at++) {
    const high = text.charCodeAt(i);
    const low = text.charCodeAt(i + 1);
    const value = ((VALUES[high] as number) << 4) | (VALUES[low] as number);
    codes |= high | low;
    values |= value;
    to[at] = value;
  }
  if (values < 0 || codes > 127) throw new RangeError('text is not lower-case hexadecimal');
}

/*
 * Small copies share memory: each would cost an allocation outside the heap of V8, which takes longer than making the bytes and is
 * longer to collect. Up to the first bound V8 keeps bytes in its heap; above the second a piece would waste too much of a slab.
 */
const IN_HEAP_BYTES = 64;
const SHARED_BYTES = 1024;
const SLAB_BYTES = 4096;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** A copy, perhaps beside others in one buffer: of its `buffer` only its own bytes may be used. Also of a `Buffer`, whose `slice` copies nothing. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length <= IN_HEAP_BYTES || length > SHARED_BYTES) return new Uint8Array(bytes);
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = new Uint8Array(slab.buffer, slabUsed, length);
  copy.set(bytes);
  slabUsed += length;
  return copy;
}

/** Lexicographic order of byte strings: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether two byte strings are equal. Not constant-time: never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** One byte string from several. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
