import {
  type ConsensusParameters,
  fromHex,
  type GenesisView,
  type Hash,
  type Height,
  isHex,
  isQuorateError,
  MAX_TOTAL_WEIGHT,
  QuorateError,
  toHex,
} from '@quorate/kernel';
import { formatAddress, parseAddress } from './address.ts';
import { MAX_RECORD_BYTES } from './records.ts';
import { MAX_STAKED_VALIDATORS, MAX_VOTING_KEY_BYTES } from './state.ts';

/** The ledger's part of genesis. Amounts are in the smallest unit of money, up to 2^64 − 1 in all; addresses have 32 bytes. */
export interface LedgerGenesis {
  readonly accounts: readonly { readonly address: Uint8Array; readonly balance: bigint }[];
  /** The bonded stake of every genesis validator: `weight` × `stakeUnit` at least, less than one unit more. */
  readonly stakes: readonly { readonly publicKey: Uint8Array; readonly owner: Uint8Array; readonly amount: bigint }[];
  /** What every transaction pays at least, whatever its size. */
  readonly minimumFee: bigint;
  /** What it pays at least for each of its bytes, on top. */
  readonly feePerByte: bigint;
  /** Most bytes of records in one transaction, 1 to 65,536. */
  readonly maximumDataBytes: number;
  /** Heights that stake stays after its unbond; see {@link leastUnbondingDelay}. */
  readonly unbondingDelay: Height;
  /**
   * Hours by the headers that it stays on from the block at the end of that delay: light clients may trust for less than that.
   * 0 to 100,000; 0 is for networks to which nobody comes back after a while, since no trust that ages is safe there. A genesis
   * that does not name it means {@link DEFAULT_PARAMETERS}.
   */
  readonly unbondingHours: number;
  /** Stake that makes one unit of voting weight. */
  readonly stakeUnit: bigint;
}

/** Values that suit a new network: nothing is free, and a batch of 64 KiB costs about as much as 300 transfers. */
export const DEFAULT_PARAMETERS = {
  minimumFee: 1000n,
  feePerByte: 5n,
  maximumDataBytes: MAX_RECORD_BYTES,
  unbondingDelay: 100_000,
  unbondingHours: 504,
  stakeUnit: 1_000_000n,
} as const satisfies Omit<LedgerGenesis, 'accounts' | 'stakes'>;

/**
 * The least `unbondingDelay` of a chain, in heights. What an unbond at height h of epoch e takes out still backs the votes of
 * epoch e, and of e + 1 when the last header of e does not commit to the execution of h. Offences of e + 1 are admissible up to
 * its last height plus the evidence window, and that is at most h + 2 · `epochLength` − 1 + `evidenceWindow`. At least one block of
 * e + 1 must carry its parent's execution for that: an epoch of nothing but copied roots would put everything off by one more.
 */
export function leastUnbondingDelay(consensus: Pick<ConsensusParameters, 'epochLength' | 'evidenceWindow'>): Height {
  return 2 * consensus.epochLength + consensus.evidenceWindow;
}

/** The ledger's part of genesis as canonical JSON: sorted names, no spaces, amounts as decimal text. */
export function encodeLedgerGenesis(hash: Hash, genesis: LedgerGenesis): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({
      accounts: genesis.accounts.map(({ address, balance }) => ({
        address: formatAddress(hash, address),
        balance: balance.toString(),
      })),
      feePerByte: genesis.feePerByte.toString(),
      maximumDataBytes: genesis.maximumDataBytes,
      minimumFee: genesis.minimumFee.toString(),
      stakeUnit: genesis.stakeUnit.toString(),
      stakes: genesis.stakes.map(({ publicKey, owner, amount }) => ({
        amount: amount.toString(),
        owner: formatAddress(hash, owner),
        publicKey: toHex(publicKey),
      })),
      unbondingDelay: genesis.unbondingDelay,
      unbondingHours: genesis.unbondingHours,
    }),
  );
}

const MAX_SUPPLY = 2n ** 64n - 1n;

function refuse(field: string, problem: string): never {
  throw new QuorateError('genesis/invalid', `genesis: appState${field} ${problem}`);
}

type Json = Readonly<Record<string, unknown>>;

function objectAt(field: string, value: unknown, names: readonly string[], optional: readonly string[] = []): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(field, 'must be an object');
  const object = value as Json;
  for (const name of names) if (!(name in object)) refuse(`${field}.${name}`, 'is missing');
  for (const name of Object.keys(object))
    if (![...names, ...optional].includes(name)) refuse(`${field}.${name}`, 'is not a known field');
  return object;
}

function listAt(field: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(field, 'must be a list');
}

function amountAt(field: string, value: unknown): bigint {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,19})$/.test(value))
    return refuse(field, 'must be an amount as decimal text');
  const amount = BigInt(value);
  return amount > MAX_SUPPLY ? refuse(field, 'exceeds 2^64 - 1') : amount;
}

function integerAt(field: string, value: unknown, from: number, to: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < from || value > to) {
    return refuse(field, `must be an integer from ${from} to ${to}`);
  }
  return value;
}

function addressAt(hash: Hash, field: string, value: unknown): Uint8Array {
  if (typeof value !== 'string') return refuse(field, 'must be an address');
  try {
    return parseAddress(hash, value);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return refuse(field, `is wrong: ${error.message}`);
  }
}

const MAX_UNBONDING_HOURS = 100_000;
const FIELDS = ['accounts', 'stakes', 'minimumFee', 'feePerByte', 'maximumDataBytes', 'unbondingDelay', 'stakeUnit'];

/** Reads and checks the ledger's part of genesis against the rest. Throws `genesis/invalid` with the field that is wrong. */
export function decodeLedgerGenesis(
  hash: Hash,
  view: Pick<GenesisView, 'appState' | 'validators' | 'consensus'>,
): LedgerGenesis {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(view.appState));
  } catch {
    return refuse('', 'is not JSON');
  }
  const state = objectAt('', json, FIELDS, ['unbondingHours']);
  const seen = new Set<string>();
  const accounts = listAt('.accounts', state.accounts).map((value, i) => {
    const field = `.accounts[${i}]`;
    const entry = objectAt(field, value, ['address', 'balance']);
    const address = addressAt(hash, `${field}.address`, entry.address);
    if (seen.size === seen.add(toHex(address)).size) refuse(`${field}.address`, 'appears twice');
    return { address, balance: amountAt(`${field}.balance`, entry.balance) };
  });
  const stakes = listAt('.stakes', state.stakes).map((value, i) => {
    const field = `.stakes[${i}]`;
    const entry = objectAt(field, value, ['publicKey', 'owner', 'amount']);
    const key = entry.publicKey;
    const publicKey =
      typeof key === 'string' && isHex(key) ? key : refuse(`${field}.publicKey`, 'must be a voting key');
    return {
      publicKey: fromHex(publicKey),
      owner: addressAt(hash, `${field}.owner`, entry.owner),
      amount: amountAt(`${field}.amount`, entry.amount),
    };
  });
  const genesis: LedgerGenesis = {
    accounts,
    stakes,
    minimumFee: amountAt('.minimumFee', state.minimumFee),
    feePerByte: amountAt('.feePerByte', state.feePerByte),
    maximumDataBytes: integerAt('.maximumDataBytes', state.maximumDataBytes, 1, MAX_RECORD_BYTES),
    unbondingDelay: integerAt('.unbondingDelay', state.unbondingDelay, 1, 2 ** 40),
    unbondingHours: integerAt(
      '.unbondingHours',
      'unbondingHours' in state ? state.unbondingHours : DEFAULT_PARAMETERS.unbondingHours,
      0,
      MAX_UNBONDING_HOURS,
    ),
    stakeUnit: amountAt('.stakeUnit', state.stakeUnit),
  };
  checkDelay(genesis, view);
  checkStakes(genesis, view);
  return genesis;
}

/** Stake must not leave before the evidence about what it voted for. */
function checkDelay({ unbondingDelay }: LedgerGenesis, { consensus }: Pick<GenesisView, 'consensus'>): void {
  const least = leastUnbondingDelay(consensus);
  if (unbondingDelay >= least) return;
  refuse(
    '.unbondingDelay',
    `is ${unbondingDelay} heights, but must be at least ${least}: two epochs of ${consensus.epochLength} and the evidence ` +
      `window of ${consensus.evidenceWindow}, so that no stake leaves before evidence about its last vote has expired`,
  );
}

function checkStakes(genesis: LedgerGenesis, view: Pick<GenesisView, 'validators'>): void {
  const { stakes, accounts, stakeUnit } = genesis;
  if (stakeUnit === 0n) refuse('.stakeUnit', 'must be more than 0');
  const supply = [...accounts.map(({ balance }) => balance), ...stakes.map(({ amount }) => amount)].reduce(
    (a, b) => a + b,
    0n,
  );
  if (supply > MAX_SUPPLY) refuse('', 'has a total supply above 2^64 - 1');
  if (supply / stakeUnit > BigInt(MAX_TOTAL_WEIGHT))
    refuse('.stakeUnit', 'is so small that all stake together could weigh more than 2^51');
  if (view.validators.length > MAX_STAKED_VALIDATORS) refuse('.stakes', `cannot be more than ${MAX_STAKED_VALIDATORS}`);
  const byKey = new Map(stakes.map((stake) => [toHex(stake.publicKey), stake]));
  if (byKey.size !== stakes.length) refuse('.stakes', 'name a voting key twice');
  if (stakes.length !== view.validators.length)
    refuse('.stakes', `must be one for each of the ${view.validators.length} validators`);
  for (const { publicKey, weight } of view.validators) {
    const key = toHex(publicKey);
    if (publicKey.length > MAX_VOTING_KEY_BYTES)
      refuse(
        '.stakes',
        `name a voting key of ${publicKey.length} bytes; at most ${MAX_VOTING_KEY_BYTES} are supported`,
      );
    const stake = byKey.get(key) ?? refuse('.stakes', `lack the validator ${key}`);
    if (stake.amount / stakeUnit !== BigInt(weight)) {
      refuse(
        '.stakes',
        `give the validator ${key} ${stake.amount}, but its weight of ${weight} needs ${BigInt(weight) * stakeUnit}`,
      );
    }
  }
}
