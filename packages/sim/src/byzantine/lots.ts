import { Stream } from '../random.ts';

/**
 * The draws of one breaker of the rules: a stream that begins anew whenever somebody says what the next draws are about. So what is
 * drawn for one message does not depend on what was drawn for others, and a fault left out of a run changes only lies about what it
 * touched.
 */
export class Lots extends Stream {
  readonly #seed: number;
  readonly #name: string;
  readonly #asked = new Map<string, number>();
  #now: Stream;

  /** `name` tells it from the other breakers of the run, and its lives from each other. */
  constructor(seed: number, name: string) {
    super([1, 0, 0, 0]); // never drawn from
    this.#seed = seed;
    this.#name = name;
    this.#now = Stream.named(seed, name);
  }

  /** The next draws are about the nth message like this one. */
  about(what: string): void {
    const index = this.#asked.get(what) ?? 0;
    this.#asked.set(what, index + 1);
    this.#now = Stream.named(this.#seed, `${this.#name}/${what}#${index}`);
  }

  /** A stream of its own for what lasts longer than one message. */
  of(what: string): Stream {
    return Stream.named(this.#seed, `${this.#name}/${what}`);
  }

  override u32(): number {
    return this.#now.u32();
  }
}
