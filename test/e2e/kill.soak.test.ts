import { describe, it } from 'vitest';
import { killRounds } from './kill.ts';
import { Network } from './network.ts';

describe('kill -9 at random moments, for long', () => {
  it.each([
    ['one of four', 4, 101, 500, () => 1],
    ['all four', 4, 102, 200, () => 4],
    ['f of seven', 7, 103, 200, () => 2],
    ['anything from one to all of four', 4, 104, 150, (round: number) => 1 + (round % 4)],
  ] as const)('survives many rounds of %s', async (_name, validators, seed, rounds, victims) => {
    const network = await Network.create({ validators });
    await network.run();
    await killRounds(network, { seed, rounds, victims });
  });
});
