import { setTimeout as pause } from 'node:timers/promises';
import { audit } from './audit.ts';
import type { Network } from './network.ts';
import { Payments } from './payments.ts';

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface KillOptions {
  readonly seed: number;
  readonly rounds: number;
  /** How many nodes go in a round. */
  readonly victims: (round: number) => number;
}

/**
 * Cuts the power of random nodes at random moments under load, round after round, and starts them again. After each round
 * everybody, the victims included, must have finalized further blocks; at the end the audit must find nothing.
 */
export async function killRounds(network: Network, options: KillOptions): Promise<Payments> {
  const random = seeded(options.seed);
  const payments = await Payments.open(network);
  payments.start();
  for (let round = 0; round < options.rounds; round++) {
    await pause(600 * random());
    const rest = [...network.nodes];
    const victims = Array.from({ length: options.victims(round) }, () =>
      rest.splice(Math.floor(random() * rest.length), 1),
    ).flat();
    await network.kill(victims);
    // Now and then the others go on for a while without them.
    if (rest.length >= 2 * victims.length + 1 && random() < 0.25) await network.progress(1, rest);
    for (const victim of victims) victim.start();
    await network.progress(1, network.nodes).catch((error: Error) => {
      const names = victims.map(({ name }) => name).join(', ');
      throw new Error(`seed ${options.seed}, round ${round}, killed ${names}: ${error.message}`);
    });
  }
  await payments.moreOfEach(1).catch(async (error: Error) => {
    const statuses = await Promise.all(network.nodes.map(({ client }) => client.status()));
    const standing = statuses.map(({ height, executedHeight, view, silent, mempool, counters }) =>
      JSON.stringify({ height, executedHeight, view, silent, mempool, counters }),
    );
    throw new Error(`seed ${options.seed}, after the last round: ${error.message}\n${standing.join('\n')}`);
  });
  await audit(network, { payments });
  return payments;
}
