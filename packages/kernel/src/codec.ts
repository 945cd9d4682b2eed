import { copyOf, type Digest, hexOf, toHex, writeHex } from './bytes.ts';
import { QuorateError } from './errors.ts';

/**
 * The canonical binary encoding: little-endian fixed-width integers, u32 length prefixes, no optional spellings.
 * For every codec, a byte string either decodes to a value that encodes to the same bytes, or is a typed error (`codec/*`).
 */
export interface Codec<T> {
  write(to: Writer, value: T): void;
  read(from: Reader): T;
  /** A value drawn with `next` (uniform u32): feeds the round-trip tests and the conformance hashes, nothing else. */
  sample(next: () => number): T;
}

/** The type that a codec carries. */
export type CodecValue<C> = C extends Codec<infer T> ? T : never;

/** A growing byte buffer. */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** Room for so many bytes to begin with, or memory to begin in. */
  constructor(room: number | Uint8Array = 256) {
    this.#bytes = typeof room === 'number' ? new Uint8Array(room) : room;
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #room(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): void {
    const at = this.#room(1); // before `#bytes` is read: it may be replaced by a larger buffer
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#room(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  /** A safe non-negative integer in eight bytes. */
  u53(value: number): void {
    const at = this.#room(8);
    this.#view.setUint32(at, value % 0x1_0000_0000, true);
    this.#view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }

  u64(value: bigint): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, value, true);
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Bytes given as lower-case hexadecimal text, without a length. Throws `RangeError` for any other text. */
  hex(text: string): void {
    if (text.length % 2 !== 0) throw new RangeError('hexadecimal text has an odd length');
    const at = this.#room(text.length / 2);
    writeHex(this.#bytes, at, text);
  }

  /** Text behind its u32 length when it is ASCII, else nothing: `false`, and the caller spells it in UTF-8. */
  ascii(value: string): boolean {
    const start = this.#room(4 + value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#length = start;
        return false;
      }
      this.#bytes[start + 4 + i] = code;
    }
    this.#view.setUint32(start, value.length, true);
    return true;
  }

  /** Begins again in the memory at hand. */
  reset(): void {
    this.#length = 0;
  }

  /** The bytes written so far; a view that the next write may invalidate. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** A bounded cursor over bytes that came from outside. Byte strings it returns are views of the input. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.remaining) {
      throw new QuorateError(
        'codec/truncated',
        `input ends early: ${count} bytes wanted at offset ${this.#at}, ${this.remaining} left`,
      );
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u53(): number {
    const at = this.#take(8);
    const high = this.#view.getUint32(at + 4, true);
    if (high > 0x1f_ffff) throw new QuorateError('codec/invalid', `integer at offset ${at} exceeds 2^53 - 1`);
    return high * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** `count` bytes as lower-case hexadecimal text. */
  hex(count: number): string {
    const at = this.#take(count);
    return hexOf(this.#bytes, at, at + count);
  }
}

/** What a writer that is lent out may grow to before it is let go. */
const LENT_BYTES = 4096;
/** Writers at hand: as many as there ever were encodings inside each other. */
const writers: Writer[] = [];

/** Bytes of the lent writer that may be kept: larger ones as they are, since it is let go. */
const keep = (bytes: Uint8Array): Uint8Array => (bytes.length > LENT_BYTES ? bytes : copyOf(bytes));

/** Canonical bytes of `value`. `capacity` is a guess at their number that saves copying large values. */
export function encode<T>(codec: Pick<Codec<T>, 'write'>, value: T, capacity = 0): Uint8Array {
  if (capacity <= LENT_BYTES) return withEncoding(codec, value, keep);
  const writer = new Writer(capacity);
  codec.write(writer, value);
  return writer.finish();
}

/** What `use` makes of the canonical bytes of `value`. They are lent: `use` must not keep them. Spares the copy where bytes are only hashed. */
export function withEncoding<T, U>(codec: Pick<Codec<T>, 'write'>, value: T, use: (bytes: Uint8Array) => U): U {
  const writer = writers.pop() ?? new Writer(LENT_BYTES);
  try {
    writer.reset();
    codec.write(writer, value);
    return use(writer.finish());
  } finally {
    if (writer.length <= LENT_BYTES) writers.push(writer);
  }
}

/** The value of exactly these bytes. Throws `codec/truncated`, `codec/trailing`, `codec/limit` or `codec/invalid`. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  if (reader.remaining > 0) throw new QuorateError('codec/trailing', `${reader.remaining} bytes follow the value`);
  return value;
}

function refuse(message: string): never {
  throw new QuorateError('codec/invalid', message);
}

export const u8: Codec<number> = {
  write: (to, value) => to.u8(value),
  read: (from) => from.u8(),
  sample: (next) => next() & 0xff,
};

export const u16: Codec<number> = {
  write: (to, value) => to.u16(value),
  read: (from) => from.u16(),
  sample: (next) => next() & 0xffff,
};

export const u32: Codec<number> = {
  write: (to, value) => to.u32(value),
  read: (from) => from.u32(),
  sample: (next) => next() >>> 0,
};

/** Heights, views, epochs, times, weights: integers up to 2^53 - 1. */
export const u53: Codec<number> = {
  write: (to, value) => to.u53(value),
  read: (from) => from.u53(),
  sample: (next) => (next() & 0x1f_ffff) * 0x1_0000_0000 + (next() >>> 0),
};

/** Token amounts. */
export const u64: Codec<bigint> = {
  write: (to, value) => to.u64(value),
  read: (from) => from.u64(),
  sample: (next) => (BigInt(next() >>> 0) << 32n) | BigInt(next() >>> 0),
};

export const bool: Codec<boolean> = {
  write: (to, value) => to.u8(value ? 1 : 0),
  read: (from) => {
    const byte = from.u8();
    if (byte > 1) refuse(`a boolean is 0 or 1, not ${byte}`);
    return byte === 1;
  },
  sample: (next) => (next() & 1) === 1,
};

/** Exactly `count` bytes. */
export function fixed(count: number): Codec<Uint8Array> {
  return {
    write: (to, value) => {
      if (value.length !== count) refuse(`${count} bytes expected, ${value.length} given`);
      to.raw(value);
    },
    read: (from) => from.raw(count),
    sample: (next) => Uint8Array.from({ length: count }, () => next() & 0xff),
  };
}

/** Up to `limit` bytes behind a u32 length. */
export function bytes(limit: number): Codec<Uint8Array> {
  return {
    write: (to, value) => {
      if (value.length > limit)
        throw new QuorateError('codec/limit', `${value.length} bytes exceed the limit of ${limit}`);
      to.u32(value.length);
      to.raw(value);
    },
    read: (from) => {
      const length = from.u32();
      if (length > limit) throw new QuorateError('codec/limit', `${length} bytes exceed the limit of ${limit}`);
      return from.raw(length);
    },
    sample: (next) => Uint8Array.from({ length: next() % (Math.min(limit, 40) + 1) }, () => next() & 0xff),
  };
}

/** `count` bytes shown as lower-case hexadecimal text. */
export function hex(count: number): Codec<string> {
  const raw = fixed(count);
  return {
    write: (to, value) => {
      if (value.length !== 2 * count) refuse(`${count} bytes expected, ${value.length / 2} given`);
      to.hex(value);
    },
    read: (from) => from.hex(count),
    sample: (next) => toHex(raw.sample(next)),
  };
}

export const digest: Codec<Digest> = hex(32);

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Longest text that is decoded character by character, which is faster than a call of the decoder. */
const SHORT_TEXT = 96;

/** The text of short ASCII bytes, or `null` for anything else. */
function shortAscii(encoded: Uint8Array): string | null {
  if (encoded.length > SHORT_TEXT) return null;
  const codes = new Array<number>(encoded.length);
  for (let i = 0; i < encoded.length; i++) {
    const code = encoded[i] as number;
    if (code > 127) return null;
    codes[i] = code;
  }
  return String.fromCharCode.apply(null, codes);
}

/** UTF-8 text of up to `limit` bytes. */
export function text(limit: number): Codec<string> {
  const raw = bytes(limit);
  return {
    write: (to, value) => {
      if (value.length > limit || !to.ascii(value)) raw.write(to, utf8.encode(value));
    },
    read: (from) => {
      const encoded = raw.read(from);
      const short = shortAscii(encoded);
      if (short !== null) return short;
      try {
        return fromUtf8.decode(encoded);
      } catch {
        return refuse('text is not UTF-8');
      }
    },
    sample: (next) =>
      Array.from({ length: next() % (Math.min(limit, 20) + 1) }, () => String.fromCharCode(97 + (next() % 26))).join(
        '',
      ),
  };
}

/** Up to `limit` items behind a u32 count. */
export function list<T>(item: Codec<T>, limit: number): Codec<T[]> {
  return {
    write: (to, values) => {
      if (values.length > limit)
        throw new QuorateError('codec/limit', `${values.length} items exceed the limit of ${limit}`);
      to.u32(values.length);
      for (const value of values) item.write(to, value);
    },
    read: (from) => {
      const count = from.u32();
      if (count > limit) throw new QuorateError('codec/limit', `${count} items exceed the limit of ${limit}`);
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(item.read(from));
      return values;
    },
    sample: (next) => Array.from({ length: next() % (Math.min(limit, 4) + 1) }, () => item.sample(next)),
  };
}

/** A value or `null`, behind a 0/1 byte. */
export function nullable<T>(item: Codec<T>): Codec<T | null> {
  return {
    write: (to, value) => {
      to.u8(value === null ? 0 : 1);
      if (value !== null) item.write(to, value);
    },
    read: (from) => (bool.read(from) ? item.read(from) : null),
    sample: (next) => (bool.sample(next) ? item.sample(next) : null),
  };
}

/** Fields in the order in which they are written down. */
export function struct<T extends object>(fields: { readonly [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[];
  const columns = names.map((name) => ({ name, codec: fields[name] }));
  return {
    write: (to, value) => {
      for (const { name, codec } of columns) codec.write(to, value[name]);
    },
    read: (from) => {
      const value = {} as T;
      for (const { name, codec } of columns) value[name] = codec.read(from);
      return value;
    },
    sample: (next) => {
      const value = {} as T;
      for (const name of names) value[name] = fields[name].sample(next);
      return value;
    },
  };
}

type Variant<U extends { kind: string }, K extends U['kind']> = Omit<Extract<U, { kind: K }>, 'kind'>;

/** A union told apart by `kind`: one tag byte (its number in `variants`), then the other fields. Numbers are for ever. */
export function union<U extends { kind: string }>(
  variants: {
    readonly [K in U['kind']]: readonly [tag: number, fields: Codec<Variant<U, K>>];
  },
): Codec<U> {
  const byTag = new Map<number, string>();
  const table = variants as Readonly<Record<string, readonly [number, Codec<object>]>>;
  for (const kind of Object.keys(table)) {
    const tag = (table[kind] as readonly [number, Codec<object>])[0];
    if (byTag.has(tag)) throw new RangeError(`tag ${tag} names both ${byTag.get(tag)} and ${kind}`);
    byTag.set(tag, kind);
  }
  const kinds = Object.keys(table);
  return {
    write: (to, value) => {
      const [tag, fields] = table[value.kind] as readonly [number, Codec<object>];
      to.u8(tag);
      fields.write(to, value);
    },
    read: (from) => {
      const tag = from.u8();
      const kind = byTag.get(tag);
      if (kind === undefined) return refuse(`unknown tag ${tag}`);
      const [, fields] = table[kind] as readonly [number, Codec<object>];
      return { kind, ...fields.read(from) } as U;
    },
    sample: (next) => {
      const kind = kinds[next() % kinds.length] as string;
      const [, fields] = table[kind] as readonly [number, Codec<object>];
      return { kind, ...fields.sample(next) } as U;
    },
  };
}

/** One of a fixed list of words, as its index. */
export function word<const W extends string>(words: readonly W[]): Codec<W> {
  return {
    write: (to, value) => to.u8(words.indexOf(value)),
    read: (from) => words[from.u8()] ?? refuse('unknown word'),
    sample: (next) => words[next() % words.length] as W,
  };
}

/** A codec whose decoded values must also pass `check`, which throws (`codec/invalid` by convention) when they do not. */
export function checked<T>(codec: Codec<T>, check: (value: T) => void, sample?: (next: () => number) => T): Codec<T> {
  return {
    write: codec.write,
    read: (from) => {
      const value = codec.read(from);
      check(value);
      return value;
    },
    sample: sample ?? codec.sample,
  };
}

/**
 * The conformance hash of a codec: the digest of `count` encodings of values drawn from a fixed generator.
 * A change of the hash is a change of the wire or journal format: a deliberate, visible act.
 */
export function conformance<T>(codec: Codec<T>, hash: (bytes: Uint8Array) => Uint8Array, count = 256): Digest {
  let state = 0x9e37_79b9;
  const next = (): number => {
    state = (state + 0x9e37_79b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const all = new Writer();
  for (let i = 0; i < count; i++) bytes(0xffff_ffff).write(all, encode(codec, codec.sample(next)));
  return toHex(hash(all.finish()));
}
