import type { Simplex, SimplexOptions, SimplexParts } from '@quorate/simplex';
import { equivocator, nullifyOnly, silent } from './byzantine.ts';
import { type Decorator, Network, type NetworkOptions } from './network.ts';

const decorators: readonly (Decorator | null)[] = [null, silent, nullifyOnly, equivocator];

export type EngineClass = new (
  options: SimplexOptions,
  parts: SimplexParts,
) => Pick<Simplex, 'step' | 'checkpoint' | 'status'>;

const STABLE = 1500;
const END = 3500;

/** A schedule drawn from its seed: loss, delays, crashes and Byzantine validators, then peace. */
export function schedule(engine: EngineClass, seed: number, n: number): NetworkOptions {
  const f = Math.floor((n - 1) / 3);
  const decorator = decorators[seed % decorators.length] ?? null;
  const byzantine = new Map<number, Decorator>();
  if (decorator !== null) for (let i = 0; i < f; i++) byzantine.set((seed + i) % n, decorator);
  return {
    seed,
    weights: Array.from({ length: n }, () => 1),
    engine,
    byzantine,
    stableAt: STABLE,
    loss: [0, 0.05, 0.2][seed % 3] ?? 0,
    slowest: [20, 150, 400][Math.floor(seed / 3) % 3] ?? 20,
    crashes: decorator === null ? 4 : 2,
    speculative: seed % 5 !== 0,
    certify: seed % 7 === 0,
  };
}

/** Runs a schedule; throws what went wrong: a fault, or no progress in the stable two seconds at its end. */
export function check(engine: EngineClass, seed: number, n: number): Network {
  const network = new Network(schedule(engine, seed, n));
  network.run(STABLE);
  const reached = network.honest.map((node) => node.highest);
  network.run(END);
  if (network.faults.length > 0) throw new Error(`seed ${seed}: ${network.faults.slice(0, 3).join('; ')}`);
  network.honest.forEach((node, index) => {
    if (node.highest < (reached[index] ?? 0) + 4) throw new Error(`seed ${seed}: validator ${node.index} stands still`);
  });
  return network;
}
