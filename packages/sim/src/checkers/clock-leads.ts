import type { Millis } from '@quorate/kernel';
import { isTwoThirds } from './sets.ts';

/** How far a block may be ahead of the clock of who votes for it, in ms: rule S3 postpones the vote otherwise. */
const ALLOWED_LEAD = 500;

/** A clock as it goes wrong. */
export interface FaultyClock {
  /** Ms by which it is ahead of true time now. */
  readonly error: Millis;
  jump(ms: Millis): void;
  runFast(drift: number): void;
}

/**
 * How far the clocks of voters may have been made to run ahead. A replica never lets its time go back: after a step back it goes on
 * from where it was, so every step forward since then adds to its lead. What counts is therefore the sum of all that a clock gained.
 */
export class ClockLeads {
  readonly #gains = new Map<string, { clock: FaultyClock; last: Millis; gained: Millis }>();

  /** Watches the clock of a voter from now on. */
  watch(name: string, clock: FaultyClock): void {
    const { error } = clock;
    this.#gains.set(name, { clock, last: error, gained: Math.max(0, error) });
    const [jump, runFast] = [clock.jump.bind(clock), clock.runFast.bind(clock)];
    clock.jump = (ms) => {
      this.leadOf(name);
      jump(ms);
      this.leadOf(name);
    };
    clock.runFast = (drift) => {
      this.leadOf(name);
      runFast(drift);
    };
  }

  /** The most by which the time of a voter can be ahead of true time, in ms; without end for a voter that is not watched. */
  leadOf(name: string): Millis {
    const gain = this.#gains.get(name);
    if (gain === undefined) return Number.POSITIVE_INFINITY;
    const { error } = gain.clock;
    gain.gained += Math.max(0, error - gain.last);
    gain.last = error;
    return gain.gained;
  }
}

/**
 * The most by which a block that a quorum voted for can be ahead of true time, in ms: any quorum holds somebody honest whose clock is no
 * farther ahead than this, because those beyond it, together with those that break the rules, are no quorum.
 */
export function mostLead(voters: readonly { readonly weight: number; readonly lead: Millis }[]): Millis {
  const total = voters.reduce((sum, { weight }) => sum + weight, 0);
  let beyond = 0;
  for (const { weight, lead } of [...voters].sort((a, b) => b.lead - a.lead)) {
    beyond += weight;
    if (isTwoThirds(beyond, total)) return lead + ALLOWED_LEAD;
  }
  return Number.POSITIVE_INFINITY;
}
