import type { SignerIndex } from '@quorate/kernel';
import { type Committee, equalCommittee } from '../light/committee.ts';
import { LightNetwork } from '../light/network.ts';
import type { LightProtocol } from '../light/protocol.ts';
import type { TwinsScenario, TwinsSpace } from './scenario.ts';

/** How messages between the two sides of a partition fare. */
export interface TwinsNetwork {
  /** `delay`: they come late, after the view has timed out. `drop`: they never come, as Twins was published. */
  readonly across: 'delay' | 'drop';
  /** Δ in ms; default 50. */
  readonly delta?: number;
  /** ms to those on one side; default 5. */
  readonly near?: number;
  /** ms to everybody in later views; default 1.2 Δ: no timeout, and few views until everything late has come. */
  readonly later?: number;
  /** Which faults count; default all of them. Twins as published asks for disagreement only. */
  readonly counts?: (fault: string) => boolean;
  /** ms to the other side when delayed; default 4Δ, longer than any timeout of a view. */
  readonly late?: number;
}

export interface TwinsResult {
  readonly violations: readonly string[];
  /** Engine steps. */
  readonly events: number;
  /** Height that every honest validator holds to be final. */
  readonly height: number;
  readonly hash: string;
}

/** Runs scenarios of one space: what they share is made once. */
export class TwinsExecutor<M, R> {
  readonly #protocol: LightProtocol<M, R>;
  readonly #space: TwinsSpace;
  readonly #committee: Committee;
  readonly #twins: readonly SignerIndex[];
  readonly #network: Required<TwinsNetwork>;

  constructor(protocol: LightProtocol<M, R>, space: TwinsSpace, network: TwinsNetwork, quorum?: number) {
    const delta = network.delta ?? 50;
    this.#protocol = protocol;
    this.#space = space;
    this.#committee = equalCommittee(space.validators, quorum);
    this.#twins = Array.from({ length: space.twins }, (_, index) => index);
    this.#network = {
      across: network.across,
      delta,
      near: network.near ?? 5,
      late: network.late ?? 4 * delta,
      later: network.later ?? 1.2 * delta,
      counts: network.counts ?? (() => true),
    };
  }

  /** Runs one scenario until its views are over, everything late has come, and every honest validator finalized a later view; or gives up. */
  run({ leaders, sides }: TwinsScenario): TwinsResult {
    const { views, validators } = this.#space;
    const { across, delta, near, late, later, counts } = this.#network;
    const phaseOf = this.#protocol.phaseOf;
    let settled = 0;
    const network = new LightNetwork<M, R>({
      seed: 0,
      protocol: this.#protocol,
      committee: this.#committee,
      delta,
      delays: near,
      disk: 0,
      twins: this.#twins,
      schedule: (view) => leaders[view - 1] ?? (view - 1) % validators,
      route: (from, to, message, shape, nowMs) => {
        const { view } = shape;
        if (view < 1 || view > views) return later;
        const side = sides[view - 1]?.[phaseOf(message)] ?? 0;
        if (((side >> from.place) & 1) === ((side >> to.place) & 1)) return near;
        if (across === 'drop') return -1;
        if (nowMs + late > settled) settled = nowMs + late;
        return late;
      },
    });
    const { honest } = network;
    const end = (views + 8) * 4 * delta;
    for (let until = delta; until <= end; until += delta / 5) {
      network.run(until);
      if (network.watch.violations.some(counts)) break;
      if (until > settled && honest.every((node) => node.floor.ref.view > views)) break;
    }
    return {
      violations: network.watch.violations.filter(counts),
      events: network.events,
      height: honest.reduce((least, node) => Math.min(least, node.height), Number.POSITIVE_INFINITY),
      hash: network.hash,
    };
  }
}
