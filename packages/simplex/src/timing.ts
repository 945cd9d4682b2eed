import type { Millis } from '@quorate/kernel';

/** The durations of one engine, in ms. Only `delta` is needed; the rest follows from it. */
export interface Timing {
  /** Δ: the assumed bound on delivering and judging a full block. */
  readonly delta: Millis;
  /** Cap of the back-off; liveness is lost when real delays exceed it. */
  readonly maxTimeout: Millis;
  /** α > 1: growth of the timeouts per view without finalization. */
  readonly alpha: number;
  /** tRetry: how often a nullifying validator repeats itself while it stays in its view. */
  readonly retry: Millis;
  /** Ts: how long nothing finalizes before everything known is said again. */
  readonly standstill: Millis;
  /** How long a leader must have been silent for its views to be skipped. */
  readonly skipTimeout: Millis;
}

/** Views without finalization before the back-off starts. */
const PATIENCE_VIEWS = 4;
/** How far a block's time may lie ahead of the local clock before its judgement is postponed, in ms. */
export const MAX_CLOCK_LEAD = 500;

/** Complete durations from Δ and whatever is set by hand. Throws `RangeError` when they make no sense. */
export function timingFrom(given: Partial<Timing> & Pick<Timing, 'delta'>): Timing {
  const { delta } = given;
  const timing: Timing = {
    delta,
    maxTimeout: given.maxTimeout ?? Math.max(60_000, 3 * delta),
    alpha: given.alpha ?? 1.2,
    retry: given.retry ?? 2 * delta,
    standstill: given.standstill ?? 10 * delta,
    skipTimeout: given.skipTimeout ?? 5 * delta,
  };
  if (!(timing.alpha > 1)) throw new RangeError(`alpha is ${timing.alpha}: timeouts must grow, so more than 1`);
  for (const name of ['delta', 'maxTimeout', 'retry', 'standstill', 'skipTimeout'] as const) {
    if (!(timing[name] >= 1)) throw new RangeError(`${name} is ${timing[name]} ms: at least 1 is needed`);
  }
  return timing;
}

/** Whether so few views passed without finalization that nothing backs off yet. */
export function isPatient(viewsSinceFinalized: number): boolean {
  return viewsSinceFinalized <= PATIENCE_VIEWS;
}

/** S1, S9: tLeader = 2Δ and tAdvance = 3Δ, times α per view beyond the first few without finalization, capped. */
export function timeouts(timing: Timing, viewsSinceFinalized: number): { leader: Millis; advance: Millis } {
  const scale = timing.alpha ** Math.max(0, viewsSinceFinalized - PATIENCE_VIEWS);
  const capped = (base: Millis): Millis => Math.ceil(Math.min(base * scale, Math.max(timing.maxTimeout, base)));
  return { leader: capped(2 * timing.delta), advance: capped(3 * timing.delta) };
}
