import type { Hash } from '@quorate/kernel';

/** A 32-bit word from two: good enough to spread draws and to notice differences, never for security. */
export function mix(a: number, b: number): number {
  let z = Math.imul(a ^ (b >>> 16) ^ (b << 16), 0x9e37_79b1) ^ b;
  z = Math.imul(z ^ (z >>> 15), 0x85eb_ca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
  return z ^ (z >>> 16);
}

/** Uniform in [0, 1), the `index`-th of a domain: no stream, so that asking here moves nothing elsewhere. */
export function drawAt(seed: number, domain: number, index: number): number {
  return (mix(mix(seed, domain), index) >>> 0) / 0x1_0000_0000;
}

/** The running hash of a run: two lanes of 32 bits. */
export class RunningHash {
  #high = 0x811c_9dc5;
  #low = 0x9e37_79b9;

  mix(word: number): void {
    const high = Math.imul(this.#high ^ word, 0x0100_0193);
    const low = Math.imul((this.#low ^ (word >>> 3)) + high, 0x85eb_ca6b);
    this.#high = high;
    this.#low = low ^ (low >>> 13);
  }

  /** A time in µs, beyond 32 bits. */
  mixTime(time: number): void {
    this.mix(time | 0);
    this.mix(Math.floor(time / 0x1_0000_0000));
  }

  /** 16 hexadecimal characters. */
  get text(): string {
    return [this.#high, this.#low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }
}

/** The first eight hexadecimal characters of a digest as a word. */
export function wordOf(digest: string): number {
  let word = 0;
  for (let i = 0; i < 8; i++) {
    const code = digest.charCodeAt(i);
    word = (word << 4) | (code & 64 ? (code & 15) + 9 : code & 15);
  }
  return word;
}

/**
 * 32 bytes in place of SHA-256: what engines hash in a simulation is made by nobody who looks for collisions, and the time of
 * SHA-256 is not what a simulation of engines is about.
 */
export const quickHash: Hash = (bytes) => {
  let a = 0x243f_6a88 ^ bytes.length;
  let b = 0x85a3_08d3;
  let c = 0x1319_8a2e;
  let d = 0x0370_7344;
  const whole = bytes.length & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    const word =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    const mixed = Math.imul(a ^ word, 0x9e37_79b1);
    a = Math.imul(b ^ (mixed >>> 15) ^ word, 0x85eb_ca6b);
    b = c ^ mixed;
    c = (d + (a ^ (a >>> 13))) | 0;
    d = mixed ^ (a << 7) ^ (a >>> 25);
  }
  for (; i < bytes.length; i++) a = Math.imul(a ^ (bytes[i] as number), 0x0100_0193);
  // Filled byte by byte: a second view of the memory would move it out of the heap, which costs more than all of the above.
  const digest = new Uint8Array(32);
  for (let at = 0; at < 32; at += 4) {
    a = mix(a, b + at);
    b = mix(b, c ^ a);
    c = mix(c, d ^ b);
    d = mix(d, a ^ c);
    const word = a ^ c;
    digest[at] = word;
    digest[at + 1] = word >>> 8;
    digest[at + 2] = word >>> 16;
    digest[at + 3] = word >>> 24;
  }
  return digest;
};
