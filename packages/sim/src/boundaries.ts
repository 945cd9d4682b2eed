/** Whether a crash comes when an effect is about to happen, or when it has happened and nobody was told yet. */
export type Side = 'before' | 'after';

/** What is counted: what leaves a mark (append, sync, batch, replace, remove, truncate, send), or reads of the disk as well. */
export type Counted = 'effects' | 'operations';

interface Trap {
  readonly counted: Counted;
  /** Counts only effects of this name; all when absent. */
  readonly named?: string;
  readonly at: number;
  readonly side: Side;
  readonly spring: () => void;
}

/**
 * The boundaries at which a crash makes a difference: every effect that a process has on the world outside its memory. They
 * are counted from 1, so that a campaign can crash a machine at each of them in turn. They also have names, of what happens and
 * where to: `append gate`, `sync journal`, `batch blocks`, `send votes`, so that one can be chosen for what it means.
 */
export class Boundaries {
  #effects = 0;
  #operations = 0;
  readonly #byName = new Map<string, number>();
  #trap: Trap | null = null;
  /** Gets the kind of every effect as it happens; for reports. */
  log: string[] | null = null;

  get effects(): number {
    return this.#effects;
  }

  get operations(): number {
    return this.#operations;
  }

  /** Names of the effects so far, each with how often it happened. */
  get names(): ReadonlyMap<string, number> {
    return this.#byName;
  }

  /** Springs once, at the `at`-th boundary from now; replaces an earlier trap. */
  arm(at: number, { counted, side, spring, named }: Omit<Trap, 'at'>): void {
    if (!Number.isInteger(at) || at < 1) throw new RangeError(`boundaries are counted from 1, not ${at}`);
    this.#trap = {
      counted,
      at: this.#passed(counted, named) + at,
      side,
      spring,
      ...(named === undefined ? {} : { named }),
    };
  }

  disarm(): void {
    this.#trap = null;
  }

  /** Something is about to happen, to `what`; `false`: the process died of it, and it does not happen. */
  begin(kind: string, effect: boolean, what = ''): boolean {
    this.#operations++;
    if (effect) {
      this.#effects++;
      const name = `${kind} ${what}`;
      this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1);
      this.log?.push(kind);
    }
    return !this.#spring('before', effect);
  }

  /** It has happened; `false`: the process died of it, and nobody is told. */
  end(effect: boolean): boolean {
    return !this.#spring('after', effect);
  }

  /** Whether a crash is due once the effect that just began has left the machine. */
  takeAfter(): (() => void) | null {
    const trap = this.#trap;
    if (trap === null || trap.side !== 'after' || !this.#reached(trap, true)) return null;
    this.#trap = null;
    return trap.spring;
  }

  #spring(side: Side, effect: boolean): boolean {
    const trap = this.#trap;
    if (trap === null || trap.side !== side || !this.#reached(trap, effect)) return false;
    this.#trap = null;
    trap.spring();
    return true;
  }

  #reached({ counted, at, named }: Trap, effect: boolean): boolean {
    if (counted === 'effects' && !effect) return false;
    return this.#passed(counted, named) === at;
  }

  #passed(counted: Counted, named: string | undefined): number {
    if (named !== undefined) return this.#byName.get(named) ?? 0;
    return counted === 'effects' ? this.#effects : this.#operations;
  }
}
