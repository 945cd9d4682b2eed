/** Slots are used up to this share. */
const FULL = 0.6;

/** The set of states seen, each as a digest of 64 bits: 8 bytes a slot, no state is kept. */
export class Visited {
  #size = 0;
  #mask: number;
  #high: Uint32Array;
  #low: Uint32Array;

  constructor(slots = 1 << 16) {
    this.#mask = slots - 1;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
  }

  get size(): number {
    return this.#size;
  }

  /** Upper bound on the probability that two different states had one digest, so that one was not looked at. */
  get collisionOdds(): number {
    return (this.#size * this.#size) / 2 ** 65;
  }

  /** Adds a state of whole numbers. `false`: it, or one with the same digest, is there. */
  add(state: Int32Array): boolean {
    let high = 0x2545_f491;
    let low = 0x9e37_79b9;
    for (let i = 0; i < state.length; i++) {
      const word = state[i] as number;
      high = Math.imul(high ^ word, 0xcc9e_2d51);
      high = Math.imul(high ^ (high >>> 15), 0x85eb_ca6b);
      low = Math.imul(low + word, 0x1b87_3593);
      low = Math.imul(low ^ (low >>> 13), 0xc2b2_ae35);
      low = (low + ((high << 7) | (high >>> 25))) | 0;
    }
    high ^= high >>> 16;
    low = Math.imul(low ^ (low >>> 16), 0x27d4_eb2f);
    low ^= low >>> 15;
    if (high === 0 && low === 0) low = 1; // an empty slot is 0
    if (!this.#insert(high >>> 0, low >>> 0)) return false;
    this.#size++;
    if (this.#size > FULL * this.#mask) this.#grow();
    return true;
  }

  #insert(high: number, low: number): boolean {
    let slot = low & this.#mask;
    while (this.#high[slot] !== 0 || this.#low[slot] !== 0) {
      if (this.#high[slot] === high && this.#low[slot] === low) return false;
      slot = (slot + 1) & this.#mask;
    }
    this.#high[slot] = high;
    this.#low[slot] = low;
    return true;
  }

  #grow(): void {
    const [highs, lows] = [this.#high, this.#low];
    this.#mask = 2 * this.#mask + 1;
    this.#high = new Uint32Array(this.#mask + 1);
    this.#low = new Uint32Array(this.#mask + 1);
    for (let slot = 0; slot < highs.length; slot++) {
      const [high, low] = [highs[slot] as number, lows[slot] as number];
      if (high !== 0 || low !== 0) this.#insert(high, low);
    }
  }
}

const CHUNK = 1 << 16;

/** Rows of whole numbers, in memory outside the heap. */
export class Rows {
  readonly width: number;
  readonly #chunks: Int32Array[] = [];
  #length = 0;

  constructor(width: number) {
    this.width = width;
  }

  get length(): number {
    return this.#length;
  }

  push(row: Int32Array): number {
    const at = this.#length++;
    const chunk = Math.floor(at / CHUNK);
    if (chunk === this.#chunks.length) this.#chunks.push(new Int32Array(CHUNK * this.width));
    this.#chunks[chunk]?.set(row, (at % CHUNK) * this.width);
    return at;
  }

  read(at: number, into: Int32Array): void {
    const chunk = this.#chunks[Math.floor(at / CHUNK)];
    const start = (at % CHUNK) * this.width;
    for (let i = 0; i < this.width; i++) into[i] = chunk?.[start + i] ?? 0;
  }
}
