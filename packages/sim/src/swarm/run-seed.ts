import { toHex } from '@quorate/kernel';
import { strategyNames } from '../byzantine/strategies.ts';
import { ClockLeads, mostLead } from '../checkers/clock-leads.ts';
import type { Membership } from '../checkers/sets.ts';
import { demandEvidence, hearVotes } from '../cluster/inspection.ts';
import { Cluster } from '../cluster.ts';
import { Decisions } from '../decisions.ts';
import type { LinkOptions } from '../link.ts';
import { cast, frailOf } from './casting.ts';
import { type Configuration, configurationOf, LEAST_HEIGHTS } from './configuration.ts';
import { Coverage } from './coverage.ts';
import { Faults } from './faults.ts';
import type { FaultFamily, Outcome, SeedOptions } from './outcome.ts';
import { heal, LOOK, look, type Run, Views } from './phases.ts';
import { familyOf, planFaults } from './plan.ts';

/** Bounds of the mempool of every replica. */
const MEMPOOL = { maxBytes: 256 << 10, maxTransactions: 400, maxPerSender: 20 };
const MEMORY = {
  mempoolBytes: MEMPOOL.maxBytes,
  mempoolTransactions: MEMPOOL.maxTransactions,
  samples: 1024,
  counters: 200,
};

/**
 * Runs one seed: a safety phase full of faults, then a liveness phase in which a healed core must make progress. Everything follows
 * from the options and the code. Throws `config/invalid` for decisions that nobody understands.
 */
export async function runSeed(options: SeedOptions): Promise<Outcome> {
  const configuration = configurationOf(options, strategyNames);
  const decisions = options.decisions === undefined ? Decisions.drawn() : Decisions.listed(options.decisions);
  const cluster = await clusterFor(configuration, decisions, options.log);
  options.observe?.(cluster);
  const { world, network, checkers } = cluster;
  const { genesis, suite } = cluster;
  const memory = { ...MEMORY, voters: cluster.members.length };
  checkers.watchChain({ genesis, suite, offeredOnly: true, memory, latestTime: latestTimeIn(cluster) });
  const coverage = new Coverage(cluster);
  cast(cluster, configuration, decisions);
  hearVotes(cluster);
  const frail = frailOf(cluster, configuration);
  const run: Run = { cluster, configuration, faults: new Faults(cluster, frail), views: new Views(cluster) };
  const plan = planFaults(configuration, decisions, frail);
  cluster.start(...cluster.members.flatMap(({ secret }, index) => (secret === null ? [] : [index])));
  cluster.load(configuration.interval, configuration.padding);
  run.faults.plan(plan);
  const isOver = (): boolean => options.brief === true && checkers.violations.length > 0;
  while (world.elapsed < configuration.safety && !isOver()) {
    await world.runFor(LOOK);
    look(run);
  }
  const stall = isOver() ? null : await heal(run);
  cluster.examine((name, error) => run.faults.operator.excuses(name, error));
  demandEvidence(cluster);
  const happened = new Set(decisions.taken.flatMap((decision) => familyOf(decision) ?? []));
  if (!configuration.families.has('disk-tear')) happened.delete('disk-tear');
  const { restarts } = run.faults.operator;
  const finalized = checkers.height;
  const validators = configuration.weights.length;
  return {
    seed: options.seed,
    violations: checkers.violations,
    stall,
    finalized,
    views: run.views.most,
    messages: network.messages,
    events: world.events,
    virtualMs: Math.round(world.elapsed),
    hash: world.hash,
    families: [...happened].sort(),
    restarts,
    wasted: wasteOf({ happened, restarts, finalized, validators }),
    decisions: decisions.taken,
    coverage: coverage.counts(happened),
  };
}

/** The latest time that a block may carry, from the clocks of the members as they were made to go wrong. */
function latestTimeIn({ members, guises, world }: Cluster): (voters: Membership) => number {
  const leads = new ClockLeads();
  for (const { name, machine } of members) leads.watch(name, machine.clock);
  const byKey = new Map(
    members.flatMap((member) => (member.secret === null ? [] : [[toHex(member.secret.publicKey), member] as const])),
  );
  return (voters) => {
    const counted = voters.members.map(({ publicKey, weight }) => {
      const member = byKey.get(toHex(publicKey));
      const isBound = member !== undefined && !guises.has(member);
      return { weight, lead: isBound ? leads.leadOf(member.name) : Number.POSITIVE_INFINITY };
    });
    return world.time + mostLead(counted);
  };
}

function clusterFor(configuration: Configuration, decisions: Decisions, log: SeedOptions['log']): Promise<Cluster> {
  const { delta, epochLength, maxBlockBytes, snapshotInterval } = configuration;
  return Cluster.create({
    seed: configuration.seed,
    weights: configuration.weights,
    candidates: configuration.candidates,
    observers: configuration.observers,
    speculative: configuration.speculative,
    consensus: { delta, epochLength, maxBlockBytes },
    replica: {
      journalBytes: configuration.journalBytes,
      retainBlocks: configuration.retainBlocks,
      snapshotInterval,
      keepSnapshots: snapshotInterval === 0 ? 0 : 2,
      mempool: MEMPOOL,
    },
    network: { link: linkOf(configuration) },
    disk: { tears: configuration.families.has('disk-tear') ? ['lose', 'keep', 'prefix', 'sectors'] : ['lose'] },
    ties: 'seeded',
    decisions,
    ...(log === undefined ? {} : { log: logTo(log) }),
  });
}

/** Rates that follow from the families: what they bring about is a decision for each message. */
function linkOf({ families, latency, jitter, intensity, delta }: Configuration): Partial<LinkOptions> {
  const scale = (rate: number, family: FaultFamily): number => (families.has(family) ? rate * intensity : 0);
  return {
    latency,
    jitter,
    loss: scale(0.006, 'loss'),
    corrupt: scale(0.0005, 'loss'),
    duplicate: scale(0.01, 'duplicate'),
    replay: scale(0.003, 'duplicate'),
    spike: scale(0.006, 'delay'),
    spikeMs: 2 * delta,
    overtake: scale(0.01, 'reorder'),
    overtakeMs: delta,
  };
}

function wasteOf(run: {
  readonly happened: ReadonlySet<FaultFamily>;
  readonly restarts: number;
  readonly finalized: number;
  readonly validators: number;
}): string | null {
  if (run.validators < 4) return `${run.validators} validators`;
  if (run.happened.size < 3) return `${run.happened.size} families of faults`;
  if (run.restarts < 1) return 'no validator crashed and came back';
  if (run.finalized < LEAST_HEIGHTS) return `${run.finalized} heights`;
  return null;
}

function logTo(log: (line: string) => void) {
  return (node: string) =>
    (level: string, message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (level !== 'debug') log(`${node} ${level} ${message} ${JSON.stringify(fields)}`);
    };
}
