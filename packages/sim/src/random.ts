/** A 32-bit digest of text (FNV-1a), for names of streams and kinds of events. */
export function digestText(text: string): number {
  let digest = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x0100_0193);
  return digest >>> 0;
}

/** A 32-bit digest of bytes, four at a time: for the running hash of a world, never for security. */
export function digestBytes(bytes: Uint8Array): number {
  let digest = 0x811c_9dc5 ^ bytes.length;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    const word =
      (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24);
    digest = Math.imul(digest ^ word, 0x0100_0193);
    digest ^= digest >>> 15;
  }
  for (; i < bytes.length; i++) digest = Math.imul(digest ^ (bytes[i] ?? 0), 0x0100_0193);
  return digest >>> 0;
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function scramble(word: number): number {
  let z = word;
  z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/**
 * Random numbers by counter: the `index`-th number of a domain is a function of (seed, domain, index) and of nothing else. Leaving
 * one draw out moves no other, which a running {@link Stream} cannot give.
 */
export class Draws {
  readonly #first: number;
  readonly #second: number;
  #index = 0;

  constructor(seed: number, domain: string) {
    const next = splitmix32(Math.imul(seed | 0, 0x9e37_79b1) ^ Math.floor(seed / 0x1_0000_0000) ^ digestText(domain));
    // Two domains whose 32-bit digests collide still differ in the second key.
    this.#first = next();
    this.#second = (next() ^ digestText(`${domain}/${domain.length}`)) >>> 0;
  }

  /** The next number of this domain, uniform in [0, 1), a multiple of 2^-53. */
  next(): number {
    return this.at(this.#index++);
  }

  /** The number at `index`, from 0 to 2^53 - 1; moves no counter. */
  at(index: number): number {
    const low = scramble(this.#first ^ Math.imul(index | 0, 0x9e37_79b9) ^ Math.floor(index / 0x1_0000_0000));
    const high = scramble(Math.imul(low ^ this.#second, 0x2c1b_3c6d) + (index | 0));
    return ((high >>> 5) * 0x400_0000 + ((low ^ Math.imul(high, 0x297a_2d39)) >>> 6)) / 0x20_0000_0000_0000;
  }
}

/** Where a lane of events stands among those of the same time (µs), as the seed has it: a 32-bit integer without sign. */
export function saltOf(seed: number, lane: number, time: number): number {
  const low = scramble((seed | 0) ^ Math.imul(time | 0, 0x9e37_79b9) ^ Math.floor(time / 0x1_0000_0000));
  return scramble(low ^ Math.imul(lane, 0x2c1b_3c6d) ^ Math.floor(seed / 0x1_0000_0000));
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** xoshiro128** 1.1 (Blackman and Vigna): a stream of uniform 32-bit integers from 128 bits of state. */
export class Stream {
  readonly #state: Uint32Array;

  /** The state must not be all zero. */
  constructor(state: readonly [number, number, number, number]) {
    if (state.every((word) => word >>> 0 === 0)) throw new RangeError('the state of xoshiro128** is not all zero');
    this.#state = Uint32Array.from(state);
  }

  /** The stream of this name under this seed. Streams of different names are independent: drawing from one moves no other. */
  static named(seed: number, name: string): Stream {
    const next = splitmix32(Math.imul(seed | 0, 0x9e37_79b1) ^ Math.floor(seed / 0x1_0000_0000) ^ digestText(name));
    return new Stream([next(), next(), next(), next() | 1]);
  }

  /** A uniform integer in [0, 2^32). */
  u32(): number {
    const s = this.#state;
    const [a, b, c, d] = [s[0] ?? 0, s[1] ?? 0, s[2] ?? 0, s[3] ?? 0];
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const mixedC = c ^ a;
    const mixedD = d ^ b;
    s[1] = b ^ mixedC;
    s[0] = a ^ mixedD;
    s[2] = mixedC ^ (b << 9);
    s[3] = rotateLeft(mixedD, 11);
    return result;
  }

  /** A uniform integer in [0, bound), without bias; `bound` from 1 to 2^32. */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x1_0000_0000) throw new RangeError(`no range below ${bound}`);
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let draw = this.u32();
    while (draw >= limit) draw = this.u32();
    return draw % bound;
  }

  /** A uniform integer in [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** A uniform number in [0, 1). */
  fraction(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** True with this probability; draws even for 0 and 1, so that a changed rate moves no later draw. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u32() & 0xff);
  }

  /** One of the items. Throws `RangeError` when there is none. */
  pick<T>(items: readonly T[]): T {
    const index = this.below(items.length);
    for (const item of items.slice(index, index + 1)) return item;
    throw new RangeError('nothing to pick from');
  }

  /** The items in a random order. */
  shuffled<T>(items: readonly T[]): T[] {
    const rest = [...items];
    const shuffled: T[] = [];
    while (rest.length > 0) shuffled.push(...rest.splice(this.below(rest.length), 1));
    return shuffled;
  }
}
