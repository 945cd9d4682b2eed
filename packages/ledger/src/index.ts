export * from './address.ts';
export { type BondConsent, type BondTerms, bondStatement, consentToBond } from './bonding.ts';
export {
  type ComparisonOptions,
  type ComparisonParts,
  compareStates,
  type StateComparison,
  type StateDifference,
} from './comparison.ts';
export {
  DEFAULT_PARAMETERS,
  decodeLedgerGenesis,
  encodeLedgerGenesis,
  type LedgerGenesis,
  leastUnbondingDelay,
} from './genesis.ts';
export {
  createLedger,
  DEFAULT_LEDGER_OPTIONS,
  type Ledger,
  type LedgerOptions,
  type LedgerParts,
  QueryCode,
} from './ledger.ts';
export { Outcome, sentenceOf } from './outcome.ts';
export * from './records.ts';
export {
  type Account,
  accountKey,
  decodeAccount,
  decodeNamespace,
  decodeParameters,
  decodeReturning,
  decodeReturns,
  decodeStake,
  decodeStakes,
  decodeSupply,
  type Namespace,
  namespaceKey,
  type Parameters,
  parametersKey,
  queryKey,
  returningKey,
  returnsKey,
  type Stake,
  type StakeEntry,
  type Supply,
  stakeKey,
  stakesKey,
  supplyKey,
  type Unbonding,
} from './state.ts';
export type { Subject } from './subjects.ts';
export {
  type AccountKey,
  type Action,
  type BondedValidator,
  type Draft,
  decodeTransaction,
  encodeTransaction,
  isNamespace,
  type Payment,
  signTransaction,
  type Transaction,
  transactionBytes,
  transactionCodec,
  transactionId,
} from './transaction.ts';
export { demandTrustingPeriod } from './trusting.ts';
export { decodeWaitingPage, type WaitingPage, waitingQuery } from './waiting.ts';
