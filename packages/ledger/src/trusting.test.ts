import { type Genesis, ValidatorSet } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { genesis, genesisState, hash } from '../../../test/conformance/ledger-chain.ts';
import { encodeLedgerGenesis } from './genesis.ts';
import { demandTrustingPeriod } from './trusting.ts';

const HOUR = 3_600_000;

function chainWith(unbondingHours: number, application = 'ledger'): Genesis {
  const { chainId, time, consensus, validators } = genesis;
  const appState = encodeLedgerGenesis(hash, { ...genesisState, unbondingHours });
  return {
    chainId,
    time,
    suite: 'ed25519',
    consensus,
    validators: new ValidatorSet(validators),
    application,
    appState,
  };
}

it('trust must be shorter than unbonding, to the millisecond', () => {
  expect(() => demandTrustingPeriod(hash, chainWith(504), 336 * HOUR)).not.toThrow();
  expect(() => demandTrustingPeriod(hash, chainWith(336), 336 * HOUR - 1)).not.toThrow();
  for (const [unbonding, trusting] of [
    [336, 336],
    [17, 336],
    [0, 1],
  ] as const) {
    expect(() => demandTrustingPeriod(hash, chainWith(unbonding), trusting * HOUR)).toThrow(
      expect.objectContaining({
        code: 'config/invalid',
        message: expect.stringContaining(
          `the trusting period of ${trusting} hours is not below the ${unbonding} hours`,
        ),
      }),
    );
  }
});

it('of another application nothing is known', () => {
  expect(() => demandTrustingPeriod(hash, chainWith(1, 'counter'), 336 * HOUR)).not.toThrow();
});
