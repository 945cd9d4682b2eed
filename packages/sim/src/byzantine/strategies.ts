import { type SecretKey, signedBytes, toHex, type Validator } from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { Membership } from '../checkers/sets.ts';
import type { Guise, Member } from '../cluster/member.ts';
import type { Cluster } from '../cluster.ts';
import { equivocating, fakeSync, garbage, invalidPayload, withholding } from './blocks.ts';
import { type Conspiracy, disguise, forgetful, type Strategy } from './disguise.ts';
import { framing } from './frames.ts';
import { underweight } from './proofs.ts';
import { conflicting, late, mutating, nullifyOnly, selective, silent, stale, twoFaced } from './votes.ts';

/** Behaves honestly, with a key that has no gate and a journal that does not last. */
const honest: Strategy = () => (outgoing) => [outgoing];

/** Views between two changes of mind. */
const STEADY = 2;

/** One strategy after the other, a few views each. */
const fickle: Strategy = (means) => {
  const all = Object.values(STRATEGIES).filter((strategy) => strategy !== fickle);
  const behaviours = all.map((strategy) => strategy(means));
  let stage = '0/0';
  let behave = means.stream.of(stage).pick(behaviours);
  return (outgoing, spoken) => {
    const place = spoken?.traffic === 'votes' ? placeOf(spoken.message) : null;
    const now = place === null ? stage : `${place.epoch}/${Math.floor(place.view / STEADY)}`;
    if (now !== stage) {
      stage = now;
      behave = means.stream.of(stage).pick(behaviours);
    }
    return behave(outgoing, spoken);
  };
};

/** Where its own vote or proposal says that a validator is; null for a message that says nothing of that. */
function placeOf(message: SimplexMessage): { readonly epoch: number; readonly view: number } | null {
  if (message.kind === 'vote') return message.vote.statement;
  return message.kind === 'proposal' ? message.header : null;
}

/** The ways to break the rules, by name: the words of `--strategy`. */
const STRATEGIES: Readonly<Record<string, Strategy>> = {
  amnesia: honest,
  conflict: conflicting,
  equivocate: equivocating,
  'fake-sync': fakeSync,
  fickle,
  frame: framing,
  garbage,
  invalid: invalidPayload,
  late,
  mutate: mutating,
  'nullify-only': nullifyOnly,
  selective,
  silent,
  stale,
  'two-faced': twoFaced,
  underweight,
  withhold: withholding,
};

/** Names of the ways to break the rules. */
export const strategyNames: readonly string[] = Object.keys(STRATEGIES);

/** What a member with this strategy gives its replica; null when no strategy has this name. */
export function guiseOf(name: string, cluster: Cluster, member: Member): Guise | null {
  const strategy = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name] : undefined;
  if (strategy === undefined) return null;
  const guise = disguise(strategy, conspiracyOf(cluster), { seed: cluster.world.seed, name: member.name });
  return name === 'amnesia' || name === 'fickle' ? forgetful(guise) : guise;
}

/** Another network with the same validators. */
const ABROAD = 'elsewhere';

function conspiracyOf(cluster: Cluster): Conspiracy {
  const { genesis, suite, members, guises, checkers } = cluster;
  const first = new Membership(genesis.validators.members);
  const sets = new Map<number, readonly Validator[]>([[0, first.members]]);
  const keyOf = new Map<string, SecretKey>();
  for (const { secret } of members) if (secret !== null) keyOf.set(toHex(secret.publicKey), secret);
  return {
    genesis,
    suite,
    peers: members.map(({ peer }) => peer),
    members: (epoch) => {
      const known = sets.get(epoch) ?? checkers.chain?.setOf(epoch)?.members ?? [];
      if (known.length > 0) sets.set(epoch, known);
      return known;
    },
    accomplices: () => [...guises.keys()].flatMap(({ secret }) => secret ?? []),
    abroad: (publicKey, statement) => keyOf.get(toHex(publicKey))?.sign(signedBytes(ABROAD, statement)) ?? null,
  };
}
