import { QuorateError } from '@quorate/kernel';
import { guiseOf, strategyNames } from '../byzantine/strategies.ts';
import type { Cluster } from '../cluster.ts';
import type { Decisions } from '../decisions.ts';
import { Stream } from '../random.ts';
import { numberIn } from './choice.ts';
import type { Configuration } from './configuration.ts';

/** Most breakers of the rules in one run. */
const MOST = 16;

/**
 * Decides who breaks the rules, and how: one decision of the domain `byzantine` for each. Drawn, their weight stays below a third;
 * a list may name as many as it likes. Throws `config/invalid` for a strategy that nobody knows.
 */
export function cast(cluster: Cluster, configuration: Configuration, decisions: Decisions): void {
  const { byzantine, weights, seed } = configuration;
  const stream = Stream.named(seed, 'casting');
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order = stream.shuffled([...weights.keys()]);
  const forced = byzantine !== null && byzantine.strategy === 'fork';
  let weight = 0;
  for (let index = 0; index < MOST; index++) {
    const choice = decisions.decide('byzantine', () => {
      if (byzantine === null || index >= byzantine.count) return null;
      const node = order[index];
      if (node === undefined) return null;
      const after = weight + (weights[node] ?? 0);
      if (!forced && 3 * after >= total) return null;
      weight = after;
      return { kind: byzantine.strategy, node };
    });
    if (choice === null) continue;
    if (!strategyNames.includes(choice.kind))
      throw new QuorateError('config/invalid', `byzantine: no strategy is called ${choice.kind}`);
    const member = cluster.members[numberIn(choice, 'node')];
    const guise = member === undefined ? null : guiseOf(choice.kind, cluster, member);
    if (member !== undefined && guise !== null) cluster.guises.set(member, guise);
  }
}

/** Validators that harsh faults may strike: with those that break the rules, below a third of the weight. */
export function frailOf(cluster: Cluster, { weights, seed }: Configuration): number[] {
  const stream = Stream.named(seed, 'frail');
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const breakers = [...weights.keys()].filter((index) => cluster.guises.has(cluster.member(index)));
  let weight = breakers.reduce((sum, index) => sum + (weights[index] ?? 0), 0);
  const frail: number[] = [];
  for (const index of stream.shuffled([...weights.keys()])) {
    const own = weights[index] ?? 0;
    if (breakers.includes(index) || 3 * (weight + own) >= total) continue;
    weight += own;
    frail.push(index);
  }
  return frail;
}
