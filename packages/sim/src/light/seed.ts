import { isQuorateError, type Millis } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { type Decision, Decisions } from '../decisions.ts';
import { committeeOf } from './committee.ts';
import { LightNetwork } from './network.ts';
import type { LightNode } from './node.ts';
import { seedAttacks } from './seed-attacks.ts';
import { type LightConfiguration, type LightSeedOptions, lightConfiguration } from './seed-configuration.ts';
import { Observed, observed } from './seed-observer.ts';
import { Validity } from './seed-validity.ts';
import { lightSimplex } from './simplex.ts';

type Mechanism = Parameters<typeof lightSimplex>[0];
type Network = LightNetwork<SimplexMessage, SimplexRecord>;

/** What became of a run of engines alone. Equal for equal options and equal code. */
export interface LightOutcome {
  readonly seed: number;
  /** What must never happen, and did: `checker: sentence`. */
  readonly violations: readonly string[];
  /** Why there was no progress in time once nothing went wrong any more, or null. */
  readonly stall: string | null;
  /** Heights that everybody honest holds to be final. */
  readonly finalized: number;
  /** Steps of engines. */
  readonly events: number;
  readonly restarts: number;
  readonly virtualMs: Millis;
  readonly hash: string;
  /** Every fault of the run, in order: what replays and shrinks it. */
  readonly decisions: readonly Decision[];
}

/** Heights that everybody honest must add once nothing goes wrong. */
const PROGRESS = 3;
/** Steps after which a run has no end. Four honest engines take a few thousand; their number grows with the square of the validators. */
function mostSteps(validators: number): number {
  return Math.max(200_000, 8_000 * validators * validators);
}

/** Which check a sentence of the network's own comes from. */
const CHECKERS: readonly (readonly [RegExp, string])[] = [
  [/^validator \d+ signed /, 'equivocation'],
  [/is final in two ways|sees a fork/, 'agreement'],
  [/^node \d+ committed /, 'order'],
  [/ certificate of view |calls final what/, 'certificates'],
  [/ blames the honest | has evidence against the honest /, 'accountability'],
];

/**
 * One run of engines alone: a small network drawn from the seed, on which things go wrong until it is stable; then everybody honest must
 * make progress within the bound of the protocol. `mechanism` is another one only where a broken engine takes its place. Throws
 * `config/invalid` for options and decisions that make no sense; what an engine throws is a violation.
 */
export function runLightSeed(options: LightSeedOptions, mechanism: Mechanism = simplexMechanism): LightOutcome {
  const protocol = lightSimplex();
  const attacks = { ...protocol.attacks, ...seedAttacks() };
  const configuration = lightConfiguration(options, Object.keys(attacks));
  const { byzantine, lastHeight, faults, delta, delays, jitter, disk, application, stableAt } = configuration;
  const found: string[] = [];
  const attack = byzantine === null ? undefined : attacks[byzantine.attack];
  const most = mostSteps(configuration.weights.length);
  let steps = 0;
  const watched = observed(mechanism, {
    isHonest: (signer) => signer !== byzantine?.signer,
    fault: (sentence) => found.push(sentence),
    delta,
    lastHeight,
    log: options.log ?? null,
    beforeStep: () => {
      if (++steps > 2 * most) throw new Error(`one event leads to ${most} steps and more`);
    },
  });
  const committee = committeeOf(configuration.weights);
  const validity = new Validity(committee, lastHeight, (sentence) => found.push(sentence));
  const network = new LightNetwork({
    seed: options.seed,
    protocol: lightSimplex(watched),
    committee,
    delta,
    delays,
    jitter,
    disk,
    application,
    faults,
    stableAt,
    ...(lastHeight === null ? {} : { lastHeight }),
    ...(options.decisions === undefined ? {} : { decisions: Decisions.listed(options.decisions) }),
    ...(byzantine !== null && attack !== undefined ? { byzantine: new Map([[byzantine.signer, attack]]) } : {}),
    ...(byzantine?.attack === 'twins' ? { twins: [byzantine.signer] } : {}),
    onFinal: (block, node) => {
      if (node.honest) validity.committed(block, node.place);
    },
  });
  return new LightRun(network, configuration, options, found).outcome();
}

/** The two phases of a run. */
class LightRun {
  readonly #network: Network;
  readonly #configuration: LightConfiguration;
  readonly #options: LightSeedOptions;
  readonly #found: string[];
  readonly #most: number;

  constructor(network: Network, configuration: LightConfiguration, options: LightSeedOptions, found: string[]) {
    this.#network = network;
    this.#configuration = configuration;
    this.#options = options;
    this.#found = found;
    this.#most = mostSteps(configuration.weights.length);
  }

  outcome(): LightOutcome {
    const network = this.#network;
    let stall: string | null = null;
    try {
      this.#until(this.#configuration.stableAt);
      stall = this.#isOver ? null : this.#stalled();
    } catch (error) {
      if (isQuorateError(error) && error.code === 'config/invalid') throw error;
      this.#found.push(`exception: ${error instanceof Error ? error.message : String(error)}`);
    }
    // What the network saw comes after what was seen of single engines: the same for equal runs.
    const violations = [...this.#found, ...network.watch.violations.map(named)];
    if (network.events >= this.#most) violations.push(`flood: ${this.#most} steps and no end`);
    return {
      seed: this.#options.seed,
      violations,
      stall: violations.length > 0 ? null : stall,
      finalized: this.#lowest,
      events: network.events,
      restarts: network.restarts,
      virtualMs: network.elapsed,
      hash: network.hash,
      decisions: network.decisions.taken,
    };
  }

  get #isOver(): boolean {
    const { brief } = this.#options;
    const { watch, events } = this.#network;
    return events >= this.#most || (brief === true && this.#found.length + watch.violations.length > 0);
  }

  get #lowest(): number {
    return this.#network.honest.reduce((least, { height }) => Math.min(least, height), Number.POSITIVE_INFINITY);
  }

  /** Who would go on in an epoch that is over. */
  get #unaware(): readonly LightNode[] {
    return this.#network.honest.filter(({ engine }) => engine instanceof Observed && !engine.isOver);
  }

  /** Runs up to a time, in slices, since a run that has failed need not go on. */
  #until(end: Millis, isDone: () => boolean = () => false): void {
    const slice = this.#configuration.delta;
    for (let at = this.#network.elapsed; at < end && !this.#isOver && !isDone(); ) {
      at = Math.min(end, at + slice);
      this.#network.run(at, this.#most);
    }
  }

  /** Why nobody makes progress in the time that the protocol has for it, or null. */
  #stalled(): string | null {
    const { lastHeight } = this.#configuration;
    const reached = this.#network.honest.reduce((most, { height }) => Math.max(most, height), 0);
    const target = Math.min(lastHeight ?? Number.POSITIVE_INFINITY, reached + PROGRESS);
    const within = this.#bound();
    const isThere = (): boolean => this.#lowest >= target && (target !== lastHeight || this.#unaware.length === 0);
    this.#until(this.#network.elapsed + within, isThere);
    if (isThere() || this.#isOver) return null;
    const behind = this.#network.honest.filter(({ height }) => height < target);
    if (behind.length === 0) {
      const places = this.#unaware.map(({ place }) => place).join(', ');
      return `after ${Math.round(within)} ms without a fault node ${places} does not know that the epoch is over`; // S11
    }
    const heights = behind.map(({ place, height }) => `node ${place} is at height ${height}`).join(', ');
    return `after ${Math.round(within)} ms without a fault ${heights} of ${target}`;
  }

  /**
   * ms in which everybody honest must add {@link PROGRESS} heights. With Δ and W the views of one turn of the leader schedule: the last one
   * is back up and in the present view (a downtime, two standstills of 10Δ); views until somebody honest leads, each as long as the
   * back-off has made it, 3Δ·1.2^k; then as often as there are heights to add a turn whose views begin at 3Δ again.
   */
  #bound(): Millis {
    const { delta, weights, faults, delays, jitter } = this.#configuration;
    const turn = weights.reduce((sum, weight) => sum + weight, 0);
    const backOff = this.#network.honest.reduce(
      (most, { engine, floor }) => Math.max(most, engine.status().view - floor.ref.view),
      0,
    );
    const trip = 2 * (1 + jitter) * Math.max(...delays.flat());
    let bound = (faults.downtime ?? 0) + 20 * delta + 20 * trip;
    for (let view = 0; view < turn; view++) bound += lasts(delta, backOff + view) + trip;
    for (let view = 0; view < turn; view++) bound += PROGRESS * (lasts(delta, view) + trip);
    return bound;
  }
}

/** A view that comes to nothing, after so many others. */
function lasts(delta: Millis, skipped: number): Millis {
  let duration = 3 * delta;
  for (let view = 4; view < skipped && duration < 60_000; view++) duration *= 1.2;
  return Math.min(60_000, duration);
}

/** A sentence of the network as `checker: sentence`. */
function named(sentence: string): string {
  const checker = CHECKERS.find(([pattern]) => pattern.test(sentence))?.[1] ?? 'network';
  return `${checker}: ${sentence}`;
}
