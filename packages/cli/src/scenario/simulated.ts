import { Cluster } from '@quorate/sim';
import { quantile } from '../devnet/view.ts';
import { linkAt, type Scenario } from './format.ts';

/** What came of a scenario in the simulator. Equal for equal seeds and equal code. */
export interface SimulatedResult {
  readonly seed: number;
  /** Height that every validator has at the end, and the highest one. */
  readonly common: number;
  readonly height: number;
  /** What the scenario expected and did not find, and what must never happen; empty when all is well. */
  readonly failures: readonly string[];
  /** ms from the proposal's arrival until the block is final, over the last blocks of every validator that runs at the end. */
  readonly finalityMs: { readonly p50: number | null; readonly p99: number | null };
  /** Messages that arrived, and the bytes that left. */
  readonly messages: number;
  readonly bytes: number;
  readonly events: number;
  /** Hash of every event of the run. */
  readonly hash: string;
}

/** Runs a scenario with unchanged replicas in a simulated world, under this seed. */
export async function simulate(scenario: Scenario, seed: number): Promise<SimulatedResult> {
  const { validators, deltaMs, epochLength, links, load, faults, expect } = scenario;
  const cluster = await Cluster.create({
    seed,
    weights: Array.from({ length: validators }, () => 1),
    consensus: { mechanism: scenario.mechanism, delta: deltaMs, epochLength },
    network: { link: { latency: links.latencyMs, jitter: links.jitterMs, loss: links.loss } },
  });
  const { world, network, checkers } = cluster;
  const shape = (second: number): void => {
    network.heal();
    for (const [from, a] of cluster.members.entries()) {
      for (const [to, b] of cluster.members.entries()) {
        if (from === to) continue;
        const { latencyMs, jitterMs, loss, blocked } = linkAt(scenario, second, from, to);
        network.setLink(a.peer, b.peer, { latency: latencyMs, jitter: jitterMs, loss });
        if (blocked) network.block(a.peer, b.peer);
      }
    }
  };
  for (const fault of faults) {
    const end = fault.at + fault.for;
    switch (fault.kind) {
      case 'crash':
        world.schedule(1000 * fault.at, 'scenario', () => cluster.member(fault.node).machine.crash());
        world.schedule(1000 * end, 'scenario', () => cluster.start(fault.node));
        break;
      case 'pause':
        world.schedule(1000 * fault.at, 'scenario', () => cluster.member(fault.node).machine.pause(1000 * fault.for));
        break;
      case 'partition':
      case 'block':
      case 'links':
        for (const second of [fault.at, end]) world.schedule(1000 * second, 'scenario', () => shape(second));
    }
  }
  cluster.start();
  if (load.perSecond > 0) cluster.load(1000 / load.perSecond);
  await world.runFor(1000 * scenario.seconds);
  const failures = [...checkers.violations];
  const heights = cluster.members.map((_, index) => cluster.heightOf(index));
  for (const [index, height] of heights.entries()) {
    if (expect.everybody && height < expect.heights) failures.push(`validator ${index} is at height ${height}`);
  }
  if (checkers.height < expect.heights)
    failures.push(`height ${checkers.height} was reached, ${expect.heights} expected`);
  const finality = cluster.members.flatMap((_, index) => cluster.statusOf(index)?.samples.finality ?? []);
  return {
    seed,
    common: Math.min(...heights),
    height: checkers.height,
    failures,
    finalityMs: { p50: quantile(finality, 0.5), p99: quantile(finality, 0.99) },
    messages: network.messages,
    bytes: network.bytes,
    events: world.events,
    hash: world.hash,
  };
}
