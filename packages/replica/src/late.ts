import { QuorateError } from '@quorate/kernel';

/** A part that exists only once the replica has got so far in starting. */
export class Late<T> {
  readonly #name: string;
  #value: T | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  set(value: T): T {
    this.#value = value;
    return value;
  }

  /** Throws `rpc/unavailable` while the part does not exist yet. */
  get value(): T {
    if (this.#value === null)
      throw new QuorateError('rpc/unavailable', `the replica is starting: no ${this.#name} yet`);
    return this.#value;
  }

  get orNull(): T | null {
    return this.#value;
  }
}
