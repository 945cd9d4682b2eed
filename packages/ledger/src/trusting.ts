import { type Genesis, type Hash, type Millis, QuorateError } from '@quorate/kernel';
import { decodeLedgerGenesis } from './genesis.ts';
import { HOUR } from './unbonding.ts';

/**
 * Refuses to trust for as long as stake takes to come back, or longer: whoever had it behind old votes by then has nothing left to
 * lose by signing others in their place. Knows the ledger's chains only; what another application binds its validators with is for
 * the caller to know. Throws `config/invalid` naming both times, and `genesis/invalid`.
 */
export function demandTrustingPeriod(hash: Hash, genesis: Genesis, trustingPeriod: Millis): void {
  const { application, appState, consensus, validators } = genesis;
  if (application !== 'ledger') return;
  const { unbondingHours } = decodeLedgerGenesis(hash, { appState, consensus, validators: validators.members });
  if (trustingPeriod < unbondingHours * HOUR) return;
  throw new QuorateError(
    'config/invalid',
    `the trusting period of ${Number((trustingPeriod / HOUR).toFixed(3))} hours is not below the ${unbondingHours} hours for ` +
      `which stake of this chain stays locked (unbondingHours in genesis): signers of that age may have nothing left to lose` +
      (unbondingHours === 0 ? '. On this chain no trust that ages is safe' : '. Trust for a shorter time'),
  );
}
