import { describe, expect, it } from 'vitest';
import { killRounds } from './kill.ts';
import { Network } from './network.ts';

describe('kill -9 at random moments, under load', () => {
  it('survives 30 rounds of one of four', { timeout: 240_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await killRounds(network, { seed: 1, rounds: 30, victims: () => 1 });
    expect(payments.acknowledged.length).toBeGreaterThan(30);
  });

  it('survives 10 rounds of all four at once', { timeout: 240_000 }, async () => {
    const network = await Network.create();
    await network.run();
    await killRounds(network, { seed: 2, rounds: 10, victims: () => 4 });
  });

  it('survives 10 rounds of f of seven', { timeout: 240_000 }, async () => {
    const network = await Network.create({ validators: 7 });
    await network.run();
    await killRounds(network, { seed: 3, rounds: 10, victims: () => 2 });
  });
});
