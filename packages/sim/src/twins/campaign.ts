import type { LightProtocol } from '../light/protocol.ts';
import { TwinsExecutor, type TwinsNetwork } from './execute.ts';
import { TwinsScenarios, type TwinsSpace } from './scenario.ts';
import { withoutReplacement } from './symmetry.ts';

export interface TwinsOptions<M, R> extends TwinsNetwork {
  readonly protocol: LightProtocol<M, R>;
  readonly space: Omit<TwinsSpace, 'phases'>;
  /** Order of the sample. */
  readonly seed: number;
  /** Scenarios `from` … `from + count − 1` of that order. Workers take ranges; no scenario comes twice. */
  readonly from?: number;
  readonly count: number;
  /** Ends the campaign at the first violation. */
  readonly stopAtViolation?: boolean;
  /** Weight that engines take for a quorum, to show that a wrong one is noticed. */
  readonly quorum?: number;
}

export interface TwinsReport {
  /** Canonical scenarios in the space, exactly. */
  readonly size: bigint;
  readonly scenarios: number;
  readonly events: number;
  /** Scenarios in which an honest validator finalized something by the end; a campaign of stuck networks shows nothing. */
  readonly active: number;
  readonly violations: readonly { readonly scenario: bigint; readonly fault: string }[];
}

/** Runs a sample of the canonical scenarios, or all of them when `count` is at least their number. */
export function runTwins<M, R>(options: TwinsOptions<M, R>): TwinsReport {
  const space: TwinsSpace = { ...options.space, phases: options.protocol.phases.length };
  const scenarios = new TwinsScenarios(space);
  const executor = new TwinsExecutor(options.protocol, space, options, options.quorum);
  const order = withoutReplacement(scenarios.size, options.seed);
  const violations: { scenario: bigint; fault: string }[] = [];
  const from = BigInt(options.from ?? 0);
  const end = from + BigInt(options.count);
  let run = 0;
  let events = 0;
  let active = 0;
  for (let i = from; i < end && i < scenarios.size; i++) {
    const scenario = order(i);
    const result = executor.run(scenarios.at(scenario));
    run++;
    events += result.events;
    if (result.height > 0) active++;
    const [fault] = result.violations;
    if (fault === undefined) continue;
    violations.push({ scenario, fault });
    if (options.stopAtViolation) break;
  }
  return { size: scenarios.size, scenarios: run, events, active, violations };
}
