/** What a source of faults chose, in words and numbers that a person can edit: `{ kind: 'lose' }`, `{ kind: 'delay', ms: 310 }`. */
export type Choice = { readonly kind: string } & Readonly<Record<string, string | number | boolean>>;

/** A fault that happened: the `index`-th time that `domain` was asked, counted from 0. Times without a fault leave no trace. */
export interface Decision {
  readonly domain: string;
  readonly index: number;
  readonly choice: Choice;
}

/**
 * Everything that goes wrong in a world, asked for here and nowhere else. Drawn from the seed it is written down; from a list,
 * exactly what the list names happens and nothing besides, so that a trace can be edited and shrunk.
 */
export class Decisions {
  readonly #script: ReadonlyMap<string, Choice> | null;
  readonly #asked = new Map<string, number>();
  readonly #taken: Decision[] = [];

  private constructor(script: ReadonlyMap<string, Choice> | null) {
    this.#script = script;
  }

  /** Sources draw, and what they choose is recorded. */
  static drawn(): Decisions {
    return new Decisions(null);
  }

  /** Only what the list says happens. Entries that are never asked for do nothing. */
  static listed(list: readonly Decision[]): Decisions {
    return new Decisions(new Map(list.map(({ domain, index, choice }) => [`${domain}#${index}`, choice])));
  }

  /** Faults so far, in order. */
  get taken(): readonly Decision[] {
    return this.#taken;
  }

  /**
   * One question of `domain`: the fault, or null for none. `draw` is called only when faults are drawn; what it chooses must follow
   * from streams of its own. A choice of a list is data from outside: the domain checks that it understands it.
   */
  decide(domain: string, draw: () => Choice | null): Choice | null {
    const index = this.#asked.get(domain) ?? 0;
    this.#asked.set(domain, index + 1);
    const choice = this.#script === null ? draw() : (this.#script.get(`${domain}#${index}`) ?? null);
    if (choice !== null) this.#taken.push({ domain, index, choice });
    return choice;
  }
}
