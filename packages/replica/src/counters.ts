const MAX_SAMPLES = 1024;

/** Counters and recent durations for status and metrics. */
export class Counters {
  readonly #counts = new Map<string, number>();
  readonly #samples = new Map<string, number[]>();

  add(name: string, amount = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Remembers a duration in ms, the newest 1024 of each name. */
  sample(name: string, value: number): void {
    let ring = this.#samples.get(name);
    if (ring === undefined) {
      ring = [];
      this.#samples.set(name, ring);
    }
    ring.push(value);
    // Trimmed in strides: a shift per sample would be quadratic.
    if (ring.length >= 2 * MAX_SAMPLES) ring.splice(0, ring.length - MAX_SAMPLES);
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  samples(): Readonly<Record<string, readonly number[]>> {
    return Object.fromEntries(
      [...this.#samples].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, ring]) => [name, ring.slice(-MAX_SAMPLES)]),
    );
  }
}
