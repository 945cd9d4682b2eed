import { digestText } from '../random.ts';
import type { Cut, FaultPlan } from './faults.ts';
import { drawAt, mix } from './mixing.ts';
import type { LightNode } from './node.ts';
import type { Delays, Route } from './options.ts';
import type { MessageShape } from './protocol.ts';

export interface LinksOptions {
  readonly seed: number;
  /** Nodes, twins included. */
  readonly nodes: number;
  readonly delays: Delays;
  readonly jitter: number;
  /** µs since the beginning at which faults end. */
  readonly stableAt: number;
  readonly plan: FaultPlan | null;
  readonly route: Route<unknown> | null;
}

/** How long messages take and which are lost. Times are µs since the beginning. */
export class Links {
  /** Messages sent, one per receiver, and how many of them never arrive. */
  messages = 0;
  lost = 0;
  readonly cuts = new Set<Cut>();
  readonly #options: LinksOptions;
  readonly #matrix: readonly (readonly number[])[] | null;
  readonly #uniform: number;
  /** Messages sent over each link: what jitter is drawn by. */
  readonly #sent: Float64Array | null;
  readonly #jitterSeed: number;

  constructor(options: LinksOptions) {
    const { delays, nodes, seed, jitter } = options;
    this.#options = options;
    this.#uniform = typeof delays === 'number' ? Math.round(delays * 1000) : 0;
    this.#matrix = typeof delays === 'number' ? null : delays.map((row) => row.map((ms) => Math.round(ms * 1000)));
    this.#sent = jitter > 0 ? new Float64Array(nodes * nodes) : null;
    this.#jitterSeed = mix(seed, digestText('jitter'));
  }

  /**
   * When a message sent at `now` arrives, or -1. `again` is called with the time of a second copy, which comes later.
   */
  arrival(
    from: LightNode,
    to: LightNode,
    message: unknown,
    shape: MessageShape,
    now: number,
    again: (at: number) => void,
  ): number {
    this.messages++;
    const { route, plan, stableAt } = this.#options;
    if (route !== null) {
      const ms = route(from, to, message, shape, now / 1000);
      if (ms < 0) this.lost++;
      return ms < 0 ? -1 : now + Math.round(ms * 1000);
    }
    const at = now + this.delay(from, to);
    if (plan === null || now >= stableAt) return at;
    if (this.cuts.size > 0 && this.#isCut(from.place, to.place)) {
      this.lost++;
      return -1;
    }
    const mishap = plan.perMessage ? plan.mishap(from.place, to.place, shape.traffic) : null;
    if (mishap === null) return at;
    switch (mishap.kind) {
      case 'lose':
        this.lost++;
        return -1;
      case 'delay':
        return at + mishap.ms * 1000;
      case 'duplicate':
        again(at + mishap.ms * 1000);
        return at;
    }
  }

  /** µs that the next message of a link takes. */
  delay(from: LightNode, to: LightNode): number {
    const base = this.#matrix === null ? this.#uniform : (this.#matrix[from.signer]?.[to.signer] ?? 0);
    if (this.#sent === null) return base;
    const { nodes, jitter } = this.#options;
    const link = from.place * nodes + to.place;
    const index = this.#sent[link] as number;
    this.#sent[link] = index + 1;
    return base + Math.round(base * jitter * drawAt(this.#jitterSeed, link, index));
  }

  /** µs to ask a node for something and to get it, or -1 while a cut lies between. */
  roundTrip(from: LightNode, to: LightNode, now: number): number {
    const { route, stableAt } = this.#options;
    if (route !== null) return 2000;
    if (now < stableAt && this.cuts.size > 0) {
      if (this.#isCut(from.place, to.place) || this.#isCut(to.place, from.place)) return -1;
    }
    return this.delay(from, to) + this.delay(to, from);
  }

  #isCut(from: number, to: number): boolean {
    for (const { sides, oneWay } of this.cuts) {
      if (sides[from] !== sides[to] && (!oneWay || sides[from] === '1')) return true;
    }
    return false;
  }
}
