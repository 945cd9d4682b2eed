import {
  type AppEvent,
  compareBytes,
  encode,
  equalBytes,
  fromHex,
  type Hash,
  type Height,
  type Millis,
  type Misbehavior,
  offenceId,
  toHex,
  u53,
  type ValidatorUpdate,
} from '@quorate/kernel';
import { Outcome } from './outcome.ts';
import {
  decodeStake,
  decodeStakes,
  decodeSupply,
  MAX_STAKED_VALIDATORS,
  offenceKey,
  type Parameters,
  type Stake,
  type StakeEntry,
  type Supply,
  stakeCodec,
  stakeKey,
  stakeListCodec,
  stakesKey,
  supplyCodec,
  supplyKey,
} from './state.ts';
import type { BondedValidator } from './transaction.ts';
import { Unbondings } from './unbonding.ts';
import { type AccountCell, hexOf, type Working } from './working.ts';

const NOTHING = new Uint8Array();

/** Bonds, unbondings and punishments of one block. Weight is stake / `stakeUnit`, rounded down; a jailed key weighs nothing. */
export class Staking {
  readonly #working: Working;
  readonly #hash: Hash;
  readonly #parameters: Parameters;
  readonly #unbondings: Unbondings;
  /** Voting keys whose stake this block touched, with the weight before. */
  readonly #before = new Map<string, number>();

  constructor(working: Working, hash: Hash, parameters: Parameters) {
    this.#working = working;
    this.#hash = hash;
    this.#parameters = parameters;
    this.#unbondings = new Unbondings(working, parameters);
  }

  stake(publicKey: Uint8Array): Stake | null {
    const value = this.#working.get(stakeKey(publicKey));
    return value === null ? null : decodeStake(value);
  }

  /** Validators in the set that the stakes make up, in order of voting keys. */
  validators(): StakeEntry[] {
    const value = this.#working.get(stakesKey());
    return value === null ? [] : decodeStakes(value);
  }

  supply(): Supply {
    return decodeSupply(this.#working.get(supplyKey()) ?? NOTHING);
  }

  changeSupply(change: Partial<Supply>): void {
    this.#working.put(supplyKey(), encode(supplyCodec, { ...this.supply(), ...change }));
  }

  #weight(stake: Stake | null): number {
    return stake === null || stake.jailed ? 0 : Number(stake.amount / this.#parameters.stakeUnit);
  }

  #setStake(publicKey: Uint8Array, before: Stake | null, after: Stake): void {
    const name = toHex(publicKey);
    if (!this.#before.has(name)) this.#before.set(name, this.#weight(before));
    this.#working.put(stakeKey(publicKey), encode(stakeCodec, after));
    const [had, has] = [this.#weight(before) > 0, this.#weight(after) > 0];
    if (had === has) return;
    const others = this.validators().filter((entry) => !equalBytes(entry.publicKey, publicKey));
    const entries = has ? [...others, { publicKey, peer: after.peer }] : others;
    entries.sort((a, b) => compareBytes(a.publicKey, b.publicKey));
    this.#working.put(stakesKey(), encode(stakeListCodec, entries));
  }

  /** Moves money of the sender behind a voting key. Returns an {@link Outcome}; nothing changed unless it is `ok`. */
  bond(sender: AccountCell, validator: BondedValidator, amount: bigint): number {
    const { publicKey, proof, peer, address } = validator;
    const before = this.stake(publicKey);
    if (before?.jailed) return Outcome.jailed;
    if (before !== null && !equalBytes(before.owner, sender.address)) return Outcome.notOwner;
    if (sender.balance < amount) return Outcome.insufficientBalance;
    const after: Stake = {
      owner: sender.address,
      amount: (before?.amount ?? 0n) + amount,
      jailed: false,
      proof,
      peer,
      address,
    };
    if (this.#weight(after) === 0) return Outcome.stakeTooSmall;
    const others = this.validators().filter((entry) => !equalBytes(entry.publicKey, publicKey));
    if (others.length >= MAX_STAKED_VALIDATORS) return Outcome.setFull;
    if (others.some((entry) => entry.peer === peer)) return Outcome.peerTaken;
    sender.balance -= amount;
    this.changeSupply({ bonded: this.supply().bonded + amount });
    this.#setStake(publicKey, before, after);
    // A new peer or address of a validator that stays has to reach the list as well.
    this.#working.put(
      stakesKey(),
      encode(
        stakeListCodec,
        [...others, { publicKey, peer }].sort((a, b) => compareBytes(a.publicKey, b.publicKey)),
      ),
    );
    return Outcome.ok;
  }

  /** Starts the way back of stake; {@link Unbondings} says when it ends. Returns an {@link Outcome}; nothing changed unless it is `ok`. */
  unbond(sender: AccountCell, publicKey: Uint8Array, amount: bigint, height: Height): number {
    const before = this.stake(publicKey);
    if (before === null) return Outcome.unknownStake;
    if (!equalBytes(before.owner, sender.address)) return Outcome.notOwner;
    if (before.jailed) return Outcome.jailed;
    if (before.amount < amount) return Outcome.insufficientBalance;
    const after: Stake = { ...before, amount: before.amount - amount };
    if (this.#weight(after) === 0) {
      if (after.amount > 0n) return Outcome.stakeTooSmall;
      if (this.validators().length <= 1) return Outcome.lastValidator;
    }
    if (!this.#unbondings.add(height, { publicKey, owner: before.owner, amount })) return Outcome.queueFull;
    const supply = this.supply();
    this.changeSupply({ bonded: supply.bonded - amount, unbonding: supply.unbonding + amount });
    this.#setStake(publicKey, before, after);
    return Outcome.ok;
  }

  /** Pays out what comes back in the block of this height and header time. Stake of a key that was jailed meanwhile goes back to the locked stake instead. */
  release(height: Height, time: Millis): AppEvent[] {
    const events: AppEvent[] = [];
    for (const { publicKey, owner, amount } of this.#unbondings.take(height, time)) {
      const stake = this.stake(publicKey);
      const supply = this.supply();
      if (stake?.jailed) {
        this.changeSupply({ unbonding: supply.unbonding - amount, bonded: supply.bonded + amount });
        this.#setStake(publicKey, stake, { ...stake, amount: stake.amount + amount });
        continue;
      }
      this.changeSupply({ unbonding: supply.unbonding - amount });
      const account = this.#working.account(owner);
      account.balance += amount;
      account.changed = true;
      events.push({ type: 'released', attributes: { owner: hexOf(account), amount: amount.toString() } });
    }
    return events;
  }

  /** Jails an offender, once for each offence and never the last validator. Its stake stays where it is. */
  punish(misbehavior: Misbehavior, height: Height): AppEvent[] {
    const { offender, evidence } = misbehavior;
    const id = offenceId(this.#hash, evidence);
    const key = offenceKey(fromHex(id));
    if (this.#working.get(key) !== null) return [];
    this.#working.put(key, encode(u53, height));
    const before = this.stake(offender);
    if (before === null || before.jailed) return [];
    const validators = this.validators();
    const isLast = validators.length === 1 && this.#weight(before) > 0;
    if (!isLast) this.#setStake(offender, before, { ...before, jailed: true });
    const attributes = { validator: toHex(offender), offence: id, kind: evidence.kind };
    return [{ type: isLast ? 'spared' : 'jailed', attributes }];
  }

  /** The account that earns the fees of a block, if the proposer's stake names one. */
  earner(proposer: Uint8Array): AccountCell | null {
    const stake = this.stake(proposer);
    return stake === null || stake.jailed ? null : this.#working.account(stake.owner);
  }

  /** What the block changed about the validator set, in order of voting keys. */
  updates(): ValidatorUpdate[] {
    const updates: ValidatorUpdate[] = [];
    for (const name of [...this.#before.keys()].sort()) {
      const publicKey = fromHex(name);
      const stake = this.stake(publicKey);
      const weight = this.#weight(stake);
      if (stake === null || (weight === 0 && this.#before.get(name) === 0)) continue;
      updates.push({ publicKey, weight, proof: stake.proof, peer: stake.peer, address: stake.address });
    }
    return updates;
  }
}
