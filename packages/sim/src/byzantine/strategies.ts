import type { Guise } from '../cluster/member.ts';
import type { Cluster } from '../cluster.ts';
import { equivocating, fakeSync, garbage, invalidPayload, withholding } from './blocks.ts';
import { disguise, forgetful, type Strategy } from './disguise.ts';
import { conflicting, late, mutating, nullifyOnly, selective, silent, stale, twoFaced } from './votes.ts';

/** Behaves honestly, with a key that has no gate and a journal that does not last. */
const honest: Strategy = () => (outgoing) => [outgoing];

/** One strategy after the other, a few messages each. */
const fickle: Strategy = (means) => {
  const all = Object.values(STRATEGIES).filter((strategy) => strategy !== fickle);
  const behaviours = all.map((strategy) => strategy(means));
  let left = 0;
  let behave = means.stream.pick(behaviours);
  return (outgoing, spoken) => {
    if (left-- <= 0) {
      behave = means.stream.pick(behaviours);
      left = means.stream.between(5, 200);
    }
    return behave(outgoing, spoken);
  };
};

/** The ways to break the rules, by name: the words of `--strategy`. */
const STRATEGIES: Readonly<Record<string, Strategy>> = {
  amnesia: honest,
  conflict: conflicting,
  equivocate: equivocating,
  'fake-sync': fakeSync,
  fickle,
  garbage,
  invalid: invalidPayload,
  late,
  mutate: mutating,
  'nullify-only': nullifyOnly,
  selective,
  silent,
  stale,
  'two-faced': twoFaced,
  withhold: withholding,
};

/** Names of the ways to break the rules. */
export const strategyNames: readonly string[] = Object.keys(STRATEGIES);

/** What a validator with this strategy gives its replica; null when no strategy has this name. */
export function guiseOf(name: string, cluster: Cluster): Guise | null {
  const strategy = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name] : undefined;
  if (strategy === undefined) return null;
  const peers = cluster.members.map(({ peer }) => peer);
  const guise = disguise(strategy, { genesis: cluster.genesis, peers, stream: cluster.world.stream('byzantine') });
  return name === 'amnesia' || name === 'fickle' ? forgetful(guise) : guise;
}
