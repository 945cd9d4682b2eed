/** Whether a crash comes when an effect is about to happen, or when it has happened and nobody was told yet. */
export type Side = 'before' | 'after';

/** What is counted: what leaves a mark (append, sync, batch, replace, remove, truncate, send), or reads of the disk as well. */
export type Counted = 'effects' | 'operations';

interface Trap {
  readonly counted: Counted;
  readonly at: number;
  readonly side: Side;
  readonly spring: () => void;
}

/**
 * The boundaries at which a crash makes a difference: every effect that a process has on the world outside its memory. They
 * are counted from 1, so that a campaign can crash a machine at each of them in turn.
 */
export class Boundaries {
  #effects = 0;
  #operations = 0;
  #trap: Trap | null = null;
  /** Gets the kind of every effect as it happens; for reports. */
  log: string[] | null = null;

  get effects(): number {
    return this.#effects;
  }

  get operations(): number {
    return this.#operations;
  }

  /** Springs once, at the `at`-th boundary from now; replaces an earlier trap. */
  arm(at: number, { counted, side, spring }: Omit<Trap, 'at'>): void {
    if (!Number.isInteger(at) || at < 1) throw new RangeError(`boundaries are counted from 1, not ${at}`);
    const passed = counted === 'effects' ? this.#effects : this.#operations;
    this.#trap = { counted, at: passed + at, side, spring };
  }

  disarm(): void {
    this.#trap = null;
  }

  /** Something is about to happen; `false`: the process died of it, and it does not happen. */
  begin(kind: string, effect: boolean): boolean {
    this.#operations++;
    if (effect) {
      this.#effects++;
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

  #reached({ counted, at }: Trap, effect: boolean): boolean {
    return counted === 'operations' ? this.#operations === at : effect && this.#effects === at;
  }
}
