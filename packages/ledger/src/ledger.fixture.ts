import { toHex } from '@quorate/kernel';
import { expect } from 'vitest';
import {
  addresses,
  at,
  BALANCE,
  genesis,
  keyOf,
  type LedgerChain,
  STAKE,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { type BondConsent, consentToBond } from './bonding.ts';
import {
  decodeAccount,
  decodeReturning,
  decodeReturns,
  decodeStake,
  decodeSupply,
  decodeUnbondings,
  returningKey,
  returnsKey,
  unbondingKey,
} from './state.ts';
import type { Action, BondedValidator } from './transaction.ts';

export const utf8 = new TextEncoder();

/** An account by its address; one that nobody paid is empty. */
export async function accountOf(chain: LedgerChain, address: Uint8Array): Promise<{ balance: bigint; nonce: number }> {
  const value = await chain.value('account', address);
  return value.length === 0 ? { balance: 0n, nonce: 0 } : decodeAccount(value);
}

/** Balances of all known accounts, the treasury, bonded and unbonding stake, added up from the entries. */
export async function totalOf(chain: LedgerChain): Promise<bigint> {
  const supply = decodeSupply(await chain.value('supply'));
  let total = supply.treasury;
  for (const address of addresses) total += (await accountOf(chain, address)).balance;
  let [bonded, unbonding] = [0n, 0n];
  for (const voter of [...voters, keyOf(2000), keyOf(2001)]) {
    const value = await chain.value('stake', voter.publicKey);
    if (value.length > 0) bonded += decodeStake(value).amount;
  }
  for (let height = 0; height <= chain.height + 10; height++) {
    const value = await chain.value('state', unbondingKey(height));
    if (value.length > 0) for (const { amount } of decodeUnbondings(value)) unbonding += amount;
  }
  const returns = await chain.value('state', returnsKey());
  const { first, next } = returns.length === 0 ? { first: 0, next: 0 } : decodeReturns(returns);
  for (let number = first; number < next; number++) {
    for (const { amount } of decodeReturning(await chain.value('state', returningKey(number))).entries)
      unbonding += amount;
  }
  expect({ bonded, unbonding }).toEqual({ bonded: supply.bonded, unbonding: supply.unbonding });
  expect(total + bonded + unbonding).toBe(supply.supply);
  return total + bonded + unbonding;
}

/** All money of the genesis in test/conformance/ledger-chain.ts. */
export const SUPPLY = 6n * BALANCE + 3n * STAKE;

/** Seed of the node key of a newcomer. */
export const NODE = 3000;

/** What a newcomer bonds: its voting key and node key, by their seeds. */
export function candidate(voting = 2000, node = NODE): BondedValidator {
  const key = keyOf(voting);
  return { publicKey: key.publicKey, proof: key.prove(), peer: toHex(keyOf(node).publicKey), address: 'host:1' };
}

/** What its keys say to a bond by the owner of an account. */
export function consentTo(user: number, voting = 2000, node = NODE): BondConsent {
  const { chainId } = genesis;
  return consentToBond({ chainId, owner: at(addresses, user) }, { voting: keyOf(voting), node: keyOf(node) });
}

/** The bond of a newcomer by an account, with both consents. */
export function bondOf(user: number, amount: bigint, voting = 2000, node = NODE): Extract<Action, { kind: 'bond' }> {
  return { kind: 'bond', validator: candidate(voting, node), consent: consentTo(user, voting, node), amount };
}
