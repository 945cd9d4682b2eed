import { type BondedStake, type Client, readStaking, type Staking, type UnbondingStake } from '@quorate/client';
import { isQuorateError } from '@quorate/kernel';
import { failureLine } from '@quorate/node';
import { note } from './output.ts';

/** The stake of a chain as a node says it; null, with a note unless the application has none, where a node cannot tell. */
export async function stakingOf(client: Client): Promise<Staking | null> {
  try {
    return await readStaking(client);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    if (error.code !== 'application/unsupported') note(`stake is not shown: ${failureLine(error)}`);
    return null;
  }
}

/** The part of an account: its stakes and their sums. What was not listed may be of any account. */
export function stakingBy(staking: Staking, owner: string): Staking {
  const own = (stake: { readonly owner: string }): boolean => stake.owner === owner;
  const stakes = staking.stakes.filter(own);
  const leaving = staking.leaving.filter(own);
  return { ...staking, stakes, leaving, bonded: sumOf(stakes), unbonding: sumOf(leaving) };
}

function sumOf(stakes: readonly { readonly amount: string }[]): string {
  return stakes.reduce((sum, { amount }) => sum + BigInt(amount), 0n).toString();
}

/** What is bonded behind a key, and from when on it weighs what it says. */
function stakeText({ publicKey, amount, jailed, weight, nextWeight }: BondedStake, { next }: Staking): string {
  const change = weight === nextWeight ? '' : ` now, ${nextWeight} from epoch ${next.epoch} on (height ${next.height})`;
  return `${amount} bonded behind ${publicKey}, weight ${weight}${change}${jailed ? ', jailed' : ''}`;
}

/** When stake on its way out is paid out. */
export function payoutText({ height, hours, until }: Pick<UnbondingStake, 'height' | 'hours' | 'until'>): string {
  if (until !== null) return `paid out with the first block dated ${new Date(until).toISOString()} or later`;
  return `paid out ${hours === 0 ? 'at' : `${hours} hours by the times of blocks after`} height ${height}`;
}

/** A line for each piece that is on its way out, and one for what was not found. */
function leavingRows(staking: Staking, whose: (stake: UnbondingStake) => string): string[] {
  const rows = staking.leaving.map(
    (stake) => `  ${stake.amount} unbonding from ${stake.publicKey}, ${payoutText(stake)}${whose(stake)}`,
  );
  return staking.unlisted === '0'
    ? rows
    : [...rows, `  ${staking.unlisted} more unbonding on this chain, not listed here`];
}

/** All stake of a chain, with its owners; nothing where the application has none. */
export function chainStakeRows(staking: Staking | null): string[] {
  if (staking === null) return [];
  return [
    `stake after height ${staking.height}: ${staking.bonded} bonded, ${staking.unbonding} unbonding`,
    ...staking.stakes.map((stake) => `  ${stakeText(stake, staking)}, of ${stake.owner}`),
    ...leavingRows(staking, ({ owner }) => `, to ${owner}`),
  ];
}

/** The stake of one account, for its owner; nothing where there is none. */
export function stakeRows(staking: Staking | null): string[] {
  if (staking === null || staking.stakes.length + staking.leaving.length === 0) return [];
  return [
    `stake after height ${staking.height}, as the node says (not proven):`,
    ...staking.stakes.map((stake) => `  ${stakeText(stake, staking)}`),
    ...leavingRows(staking, () => ''),
  ];
}
