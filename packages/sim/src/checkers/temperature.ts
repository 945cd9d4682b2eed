/**
 * Heat of a network: views that pass without a block becoming final. A stuck network stays cool and is caught by its deadline; one that
 * changes views for ever and decides nothing, a livelock, heats up.
 */
export class Temperature {
  readonly #limit: number;
  #height = -1;
  #views = 0;
  #highest = 0;

  /** `limit`: views without finalization that a healthy core can need. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Greatest number of views without finalization so far. */
  get highest(): number {
    return this.#highest;
  }

  /** The highest height final anywhere in the core, and views entered so far over all epochs. Returns the heat when it is too high. */
  measure(height: number, views: number): number | null {
    if (height > this.#height) {
      this.#height = height;
      this.#views = views;
    }
    const heat = views - this.#views;
    this.#highest = Math.max(this.#highest, heat);
    return heat > this.#limit ? heat : null;
  }
}
