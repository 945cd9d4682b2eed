import { sha256 } from '@quorate/crypto';
import {
  epochOf,
  fromHex,
  type Height,
  isQuorateError,
  lastHeightOf,
  type Millis,
  QuorateError,
  toHex,
} from '@quorate/kernel';
import {
  decodeParameters,
  decodeReturning,
  decodeReturns,
  decodeStake,
  decodeStakes,
  decodeSupply,
  decodeWaitingPage,
  formatAddress,
  type Parameters,
  returningKey,
  returnsKey,
  type Unbonding,
  waitingQuery,
} from '@quorate/ledger';
import { fromBase64, toBase64 } from './base64.ts';
import type { Client } from './client.ts';
import type { Result } from './contract.ts';
import type { CallOptions } from './http.ts';

/** Stake behind a voting key, and what it weighs. Amounts are decimal text in the smallest unit. */
export interface BondedStake {
  /** Voting key, hexadecimal. */
  readonly publicKey: string;
  /** Address of the account that bonded it. */
  readonly owner: string;
  readonly amount: string;
  /** Locked for good, without weight from the next epoch on. */
  readonly jailed: boolean;
  /** Weight in the set of {@link Staking.epoch}; 0 when it is not in that set. */
  readonly weight: number;
  /** Weight from {@link Staking.next} on, unless the stake changes again before. */
  readonly nextWeight: number;
}

/** Stake that was unbonded and is not paid out. */
export interface UnbondingStake {
  readonly publicKey: string;
  readonly owner: string;
  readonly amount: string;
  /** The block with which its delay ends; null when that is over. */
  readonly height: Height | null;
  /** Hours by the times of the headers that it waits from that block on; 0 when that block pays it out. */
  readonly hours: number;
  /** It is paid out with the first block that is not dated earlier, Unix ms; null while the delay lasts. */
  readonly until: Millis | null;
}

/** What is bonded and what is on its way out, after a height. A node says so; nothing of it is proven. */
export interface Staking {
  readonly height: Height;
  /** Epoch of the block after that height: the set that the weights are of. */
  readonly epoch: number;
  /** The next epoch and its first height: from there on stake weighs what it is now. */
  readonly next: { readonly epoch: number; readonly height: Height };
  /** All of the chain. */
  readonly bonded: string;
  readonly unbonding: string;
  readonly stakes: readonly BondedStake[];
  readonly leaving: readonly UnbondingStake[];
  /** What is on its way out and was not found within the limits of this search; usually 0. */
  readonly unlisted: string;
}

/** Answers that one search asks for at most: pages of heights, and of those that wait for their time. */
const MAX_QUERIES = 256;
/** Stakes that are asked for at the same time. */
const AT_ONCE = 16;

/**
 * What is bonded on a chain of the ledger, what waits to weigh something and what is paid out when: as the node says.
 * Throws `application/unsupported` for a chain of another application, `application/failed` for what the node refuses, and as {@link Client.call}.
 */
export async function readStaking(client: Client, options?: CallOptions): Promise<Staking> {
  const { application, consensus } = await client.call('genesis', {}, options);
  if (application !== 'ledger')
    throw new QuorateError('application/unsupported', `this chain runs ${application}, which has no stake to ask for`);
  const reading = await Reading.begin(client, options);
  const supply = decodeSupply(reading.supply);
  const parameters = decodeParameters(await reading.of('parameters'));
  const set = await setOf(client, epochOf(consensus, reading.height + 1), options);
  const { epoch } = set;
  const entries = decodeStakes(await reading.of('stakes'));
  const found = await leavingOf(reading, parameters, supply.unbonding);
  const weights = new Map(set.members.map(({ publicKey, weight }) => [publicKey, weight]));
  const keys = new Set([...weights.keys(), ...entries.map(({ publicKey }) => toHex(publicKey))]);
  // A jailed key left the list of stakes, and a set shows it for the rest of its epoch only; it may have stake to come back.
  for (const { publicKey } of found) keys.add(publicKey);
  return {
    height: reading.height,
    epoch,
    next: { epoch: epoch + 1, height: lastHeightOf(consensus, epoch) + 1 },
    bonded: supply.bonded.toString(),
    unbonding: supply.unbonding.toString(),
    stakes: await stakesOf(reading, [...keys].sort(), weights, parameters),
    leaving: found,
    unlisted: (supply.unbonding - sumOf(found)).toString(),
  };
}

/** Queries of one state: all of them are of the height that the first one met. */
class Reading {
  readonly height: Height;
  readonly supply: Uint8Array;
  readonly #client: Client;
  readonly #options: CallOptions | undefined;

  constructor(height: Height, supply: Uint8Array, client: Client, options: CallOptions | undefined) {
    this.height = height;
    this.supply = supply;
    this.#client = client;
    this.#options = options;
  }

  static async begin(client: Client, options: CallOptions | undefined): Promise<Reading> {
    const { height, value } = await client.query({ path: 'supply' }, options);
    return new Reading(height, fromBase64(value), client, options);
  }

  /** The value under a path; empty when there is none. */
  async of(path: string, data: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    const { height } = this;
    const { code, log, value } = await this.#client.query({ path, data: toBase64(data), height }, this.#options);
    if (code === 0) return fromBase64(value);
    throw new QuorateError('application/failed', `${this.#client.url} does not say ${path}: ${log}`);
  }
}

/** The set of an epoch; before its first block the node may know the one before only. */
async function setOf(client: Client, epoch: number, options?: CallOptions): Promise<Result<'validators'>> {
  try {
    return await client.validators(epoch, options);
  } catch (error) {
    if (isQuorateError(error) && error.code === 'rpc/not-found') return client.validators(undefined, options);
    throw error;
  }
}

async function stakesOf(
  reading: Reading,
  keys: readonly string[],
  weights: ReadonlyMap<string, number>,
  { stakeUnit }: Parameters,
): Promise<BondedStake[]> {
  const stakes: BondedStake[] = [];
  for (let at = 0; at < keys.length; at += AT_ONCE) {
    const some = keys.slice(at, at + AT_ONCE);
    const values = await Promise.all(some.map((key) => reading.of('stake', fromHex(key))));
    for (const [i, publicKey] of some.entries()) {
      const value = values[i];
      if (value === undefined || value.length === 0) continue;
      const { owner, amount, jailed } = decodeStake(value);
      const weight = weights.get(publicKey) ?? 0;
      const nextWeight = jailed ? 0 : Number(amount / stakeUnit);
      if (amount === 0n && weight === 0) continue;
      stakes.push({
        publicKey,
        owner: formatAddress(sha256, owner),
        amount: amount.toString(),
        jailed,
        weight,
        nextWeight,
      });
    }
  }
  return stakes;
}

const sumOf = (stakes: readonly UnbondingStake[]): bigint =>
  stakes.reduce((sum, { amount }) => sum + BigInt(amount), 0n);

/** What is on its way out, soonest first. Looks until it has found as much as the ledger says there is. */
async function leavingOf(
  reading: Reading,
  { unbondingHours }: Parameters,
  total: bigint,
): Promise<readonly UnbondingStake[]> {
  const found: UnbondingStake[] = [];
  let left = total;
  const add = (entries: readonly Unbonding[], when: Pick<UnbondingStake, 'height' | 'hours' | 'until'>): void => {
    for (const { publicKey, owner, amount } of entries) {
      found.push({
        publicKey: toHex(publicKey),
        owner: formatAddress(sha256, owner),
        amount: amount.toString(),
        ...when,
      });
      left -= amount;
    }
  };
  if (unbondingHours > 0 && left > 0n) {
    const queue = await reading.of('state', returnsKey());
    const { first, next } = queue.length === 0 ? { first: 0, next: 0 } : decodeReturns(queue);
    for (let number = first; number < Math.min(next, first + MAX_QUERIES) && left > 0n; number++) {
      const { until, entries } = decodeReturning(await reading.of('state', returningKey(number)));
      add(entries, { height: null, hours: unbondingHours, until });
    }
  }
  let from = reading.height + 1;
  for (let asked = 0; asked < MAX_QUERIES && left > 0n && from > 0; asked++) {
    const { next, waiting } = decodeWaitingPage(await reading.of('unbonding', waitingQuery(from)));
    for (const { height, entries } of waiting) add(entries, { height, hours: unbondingHours, until: null });
    from = next;
  }
  return found;
}
