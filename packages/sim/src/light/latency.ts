import { type Digest, QuorateError, type SignerIndex } from '@quorate/kernel';
import { physicalBound } from './bound.ts';
import { committeeOf } from './committee.ts';
import { drawAt } from './mixing.ts';
import { LightNetwork } from './network.ts';
import type { Attack, LightProtocol } from './protocol.ts';

export interface LatencyOptions<M, R> {
  readonly protocol: LightProtocol<M, R>;
  readonly seed: number;
  /** One-way delays in ms, `[from][to]`: as many rows as validators. */
  readonly delays: readonly (readonly number[])[];
  /** Default: all equal. */
  readonly weights?: readonly number[];
  /** Messages take up to this fraction longer than their link; default 0.02. */
  readonly jitter?: number;
  /** Δ in ms; default twice the slowest link, at least 100. */
  readonly delta?: number;
  /** ms of one durable write; default 1. */
  readonly disk?: number;
  /** ms that building or judging a block takes; default 1. */
  readonly application?: number;
  /** So many validators, drawn from the seed, never start. */
  readonly crashed?: number;
  /** So many hear everything and say nothing. */
  readonly silent?: number;
  /** Probability that a message is lost, each for itself; default 0. */
  readonly loss?: number;
  /** Heights after which the measurement ends; default 50. The first few, in which nobody knows who is silent, count too. */
  readonly blocks?: number;
  /** Virtual ms after which it gives up; default 600,000. */
  readonly until?: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export interface LatencyReport {
  readonly mechanism: string;
  readonly validators: number;
  /** ms from the proposal of a block until a validator holds it to be final, over blocks and validators. */
  readonly finality: Percentiles;
  /** The same in message delays: in units of the bound of that leader and that validator, which is worth `phases + 1` of them. */
  readonly messageDelays: Percentiles;
  /** ms: {@link physicalBound}, over the same blocks and validators. */
  readonly bound: Percentiles;
  /** Median finality over median bound. */
  readonly ratio: number;
  /** ms from when a transaction reaches everybody, at any moment, until a validator holds its block to be final. */
  readonly transaction: Percentiles;
  /** Mean ms between two final blocks. */
  readonly interval: number;
  readonly blocks: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly hash: string;
  readonly violations: readonly string[];
}

/** Transactions arrive every so many ms. */
const ARRIVAL = 7;

/**
 * Finality of a mechanism over given links, beside what the links alone allow. Throws `config/invalid` for a matrix that is not square,
 * and for fewer live validators than any block needs.
 */
export function latency<M, R>(options: LatencyOptions<M, R>): LatencyReport {
  const { protocol, seed, delays } = options;
  const size = delays.length;
  if (size === 0 || delays.some((row) => row.length !== size || row.some((ms) => !(ms >= 0)))) {
    throw new QuorateError('config/invalid', 'delays are a square matrix of ms, one row per validator');
  }
  const weights = options.weights ?? delays.map(() => 1);
  if (weights.length !== size) {
    throw new QuorateError('config/invalid', `there are ${weights.length} weights for ${size} validators`);
  }
  const slowest = Math.max(...delays.flat());
  const lots = weights.map((_, at) => ({ at, lot: drawAt(seed, 0x1a7e, at) })).sort((a, b) => a.lot - b.lot);
  const crashed = lots.slice(0, options.crashed ?? 0).map(({ at }) => at);
  const silent = lots.slice(crashed.length, crashed.length + (options.silent ?? 0)).map(({ at }) => at);
  const alive = weights.map((_, at) => !crashed.includes(at) && !silent.includes(at));
  const mute: Attack<M> = (port, effects) => {
    for (const effect of effects) if (effect.kind !== 'send' && effect.kind !== 'broadcast') port.perform(effect);
  };
  const proposed = new Map<Digest, { readonly by: SignerIndex; readonly ms: number }>();
  const finals = new Map<number, { readonly digest: Digest; readonly at: number[] }>();
  const network = new LightNetwork<M, R>({
    seed,
    protocol,
    committee: committeeOf(weights),
    delta: options.delta ?? Math.max(100, Math.ceil(2 * slowest)),
    delays,
    jitter: options.jitter ?? 0.02,
    disk: options.disk ?? 1,
    application: options.application ?? 1,
    absent: crashed,
    byzantine: new Map(silent.map((signer) => [signer, mute])),
    ...(options.loss === undefined ? {} : { faults: { loss: options.loss } }),
    onProposed: (block, by, ms) => {
      if (!proposed.has(block)) proposed.set(block, { by, ms });
    },
    onFinal: (block, node, ms) => {
      if (!node.honest) return;
      const { height } = block.header;
      let final = finals.get(height);
      if (final === undefined) {
        final = { digest: block.ref.digest, at: [] };
        finals.set(height, final);
      }
      final.at[node.signer] = ms;
    },
  });
  const wanted = options.blocks ?? 50;
  const until = options.until ?? 600_000;
  const living = network.nodes.filter((node) => alive[node.signer] === true);
  while (network.elapsed < until && living.some((node) => node.height < wanted))
    network.run(network.elapsed + slowest + 10);
  if (living.every((node) => node.height === 0)) {
    throw new QuorateError('config/invalid', `nothing became final in ${until} ms: too few of the validators speak`);
  }

  const bounds = new Map<SignerIndex, readonly number[]>();
  const measured: number[] = [];
  const possible: number[] = [];
  const inDelays: number[] = [];
  const transactions: number[] = [];
  let last = 0;
  let blocks = 0;
  let lastMs = 0;
  for (let height = 1; height <= wanted; height++) {
    const final = finals.get(height);
    const proposal = final === undefined ? undefined : proposed.get(final.digest);
    if (final === undefined || proposal === undefined) continue;
    blocks++;
    lastMs = proposal.ms;
    const { by } = proposal;
    const bound = bounds.get(by) ?? physicalBound({ weights, delays, alive, phases: protocol.votingPhases }, by);
    bounds.set(by, bound);
    final.at.forEach((ms, signer) => {
      measured.push(ms - proposal.ms);
      possible.push(bound[signer] ?? 0);
      inDelays.push(((protocol.votingPhases + 1) * (ms - proposal.ms)) / (bound[signer] ?? 1));
    });
    for (; last < proposal.ms; last += ARRIVAL) {
      const place = living[transactions.length % living.length]?.signer ?? 0;
      const at = final.at[place];
      if (at !== undefined) transactions.push(at - last);
    }
  }
  const finality = percentiles(measured);
  const bound = percentiles(possible);
  return {
    mechanism: protocol.mechanism.name,
    validators: size,
    finality,
    messageDelays: percentiles(inDelays),
    bound,
    ratio: round(finality.p50 / bound.p50),
    transaction: percentiles(transactions),
    interval: round(lastMs / Math.max(1, blocks - 1)),
    blocks,
    events: network.events,
    virtualMs: Math.round(network.elapsed),
    hash: network.hash,
    violations: network.watch.violations,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** By the nearest rank. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
