import { lastHeightOf, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  BALANCE,
  genesis,
  genesisState,
  hash,
  keyOf,
  LedgerChain,
  misbehaviorOf,
  STAKE,
  sign,
  users,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { encodeLedgerGenesis } from './genesis.ts';
import { accountOf, bondOf, candidate, NODE, SUPPLY, totalOf } from './ledger.fixture.ts';
import { Outcome } from './outcome.ts';
import { decodeStake, decodeStakes, decodeSupply } from './state.ts';

describe('stake', () => {
  const bond = (user: number, amount: bigint, nonce: number, voting = 2000, node = NODE): Uint8Array =>
    sign(at(users, user), bondOf(user, amount, voting, node), { nonce });
  const unbond = (user: number, publicKey: Uint8Array, amount: bigint, nonce: number): Uint8Array =>
    sign(at(users, user), { kind: 'unbond', publicKey, amount }, { nonce });
  const codes = ({ receipts }: { receipts: readonly { code: number }[] }): number[] => receipts.map(({ code }) => code);

  it('becomes weight, in one update per validator and block', async () => {
    const chain = await LedgerChain.begin();
    const execution = await chain.add([bond(4, 2_500_000n, 0), bond(4, 600_000n, 1)]);
    expect(execution.validatorUpdates).toEqual([{ ...candidate(), weight: 3 }]);
    expect(execution.receipts[0]?.events[0]).toMatchObject({ type: 'bond', attributes: { amount: '2500000' } });
    expect(decodeStakes(await chain.value('stakes'))).toHaveLength(4);
    expect(await totalOf(chain)).toBe(SUPPLY);
  });

  it('comes back after the delay and not before', async () => {
    const chain = await LedgerChain.begin();
    const key = at(voters, 1).publicKey;
    const execution = await chain.add([unbond(1, key, STAKE, 0)]);
    expect(execution.validatorUpdates).toMatchObject([{ publicKey: key, weight: 0 }]);
    const { balance } = await accountOf(chain, at(addresses, 1));
    for (let height = 2; height <= 5; height++) await chain.add([]);
    expect((await accountOf(chain, at(addresses, 1))).balance).toBe(balance);
    const { events } = await chain.add([]);
    expect(events).toMatchObject([{ type: 'released' }]);
    expect((await accountOf(chain, at(addresses, 1))).balance).toBe(balance + STAKE);
    expect(await totalOf(chain)).toBe(SUPPLY);
    expect(chain.height).toBe(1 + genesisState.unbondingDelay);
  });

  it('is not kept in by somebody who fills a height with small pieces', async () => {
    const chain = await LedgerChain.begin();
    const pieces = Array.from({ length: 256 }, (_, nonce) => unbond(2, at(voters, 2).publicKey, 1n, nonce));
    const { receipts } = await chain.add([...pieces, unbond(1, at(voters, 1).publicKey, STAKE, 0)]);
    expect(new Set(receipts.map(({ code }) => code))).toEqual(new Set([Outcome.ok]));
    while (chain.height < genesisState.unbondingDelay) await chain.add([]);
    const { events } = await chain.add([]);
    expect(events.map(({ attributes }) => attributes.amount)).toEqual(['256', STAKE.toString()]);
    expect(await totalOf(chain)).toBe(SUPPLY);
  });

  describe('that waits for hours too', () => {
    const HOURS = 2;
    const HOUR = 3_600_000;
    const waiting = () =>
      LedgerChain.begin(undefined, undefined, {
        ...genesis,
        appState: encodeLedgerGenesis(hash, { ...genesisState, unbondingHours: HOURS }),
      });
    const balanceOf = async (chain: LedgerChain, user: number): Promise<bigint> =>
      (await accountOf(chain, at(addresses, user))).balance;

    it('comes back when both delay and hours are over, by the headers, the hours from the end of the delay', async () => {
      const chain = await waiting();
      await chain.add([unbond(1, at(voters, 1).publicKey, STAKE, 0)]);
      const balance = await balanceOf(chain, 1);
      const start = genesis.time + 100 * HOUR; // long after the unbond: time alone brings nothing back
      for (let height = 2; height <= 5; height++) await chain.add([], { time: start - HOUR + height });
      expect(await balanceOf(chain, 1)).toBe(balance);
      await chain.add([], { time: start }); // the delay is over; heights alone bring nothing back
      await chain.add([], { time: start + HOURS * HOUR - 1 });
      expect(await balanceOf(chain, 1)).toBe(balance);
      expect(await totalOf(chain)).toBe(SUPPLY);
      const { events } = await chain.add([], { time: start + HOURS * HOUR });
      expect(events).toMatchObject([{ type: 'released', attributes: { amount: STAKE.toString() } }]);
      expect(await balanceOf(chain, 1)).toBe(balance + STAKE);
      expect(await totalOf(chain)).toBe(SUPPLY);
      expect((await chain.add([], { time: start + 9 * HOURS * HOUR })).events).toEqual([]);
    });

    it('is locked when its key is convicted while it waits', async () => {
      const chain = await waiting();
      const key = at(voters, 1).publicKey;
      await chain.add([unbond(1, key, STAKE, 0)]);
      while (chain.height < 8) await chain.add([]);
      await chain.add([], { evidence: [misbehaviorOf(at(voters, 1))] });
      expect((await chain.add([], { time: genesis.time + 100 * HOUR })).events).toEqual([]);
      expect(decodeStake(await chain.value('stake', key))).toMatchObject({ jailed: true, amount: STAKE });
      expect(await totalOf(chain)).toBe(SUPPLY);
    });

    it('comes back in its order, over some blocks when much is due at once', async () => {
      const chain = await waiting();
      const unit = 1_000_000n;
      // Six blocks, each with stake of another kind to take out: four units of one validator, two of another.
      for (let i = 0; i < 4; i++) await chain.add([unbond(1, at(voters, 1).publicKey, unit, i)]);
      for (let i = 0; i < 2; i++) await chain.add([unbond(2, at(voters, 2).publicKey, unit, i)]);
      while (chain.height < 20) await chain.add([]);
      const late = genesis.time + 100 * HOUR;
      const owners = async (time: number): Promise<(string | undefined)[]> =>
        (await chain.add([], { time })).events.map(({ attributes }) => attributes.owner);
      const [one, two] = [toHex(at(addresses, 1)), toHex(at(addresses, 2))];
      expect(await owners(late)).toEqual([one, one, one, one]);
      expect(await totalOf(chain)).toBe(SUPPLY);
      expect(await owners(late + 1)).toEqual([two, two]);
      expect(await owners(late + 2)).toEqual([]);
      expect(await totalOf(chain)).toBe(SUPPLY);
    });
  });

  it('fails with a code and no effect on the set', async () => {
    const chain = await LedgerChain.begin();
    const key = at(voters, 1).publicKey;
    const execution = await chain.add([
      unbond(1, keyOf(5).publicKey, 1n, 0),
      unbond(1, at(voters, 0).publicKey, 1n, 1),
      unbond(1, key, STAKE + 1n, 2),
      unbond(1, key, STAKE - 1n, 3),
      bond(1, 999_999n, 4),
      bond(1, 2n * BALANCE, 5),
      bond(1, STAKE, 6, 2000, 4000),
      bond(1, STAKE, 7, 1000),
    ]);
    expect(codes(execution)).toEqual([
      Outcome.unknownStake,
      Outcome.notOwner,
      Outcome.insufficientBalance,
      Outcome.stakeTooSmall,
      Outcome.stakeTooSmall,
      Outcome.insufficientBalance,
      Outcome.peerTaken,
      Outcome.notOwner,
    ]);
    expect(execution.validatorUpdates).toEqual([]);
  });

  it('of the last validator cannot leave, by will or by force', async () => {
    const chain = await LedgerChain.begin();
    const all = voters.map((voter, i) => unbond(i, voter.publicKey, STAKE, 0));
    expect(codes(await chain.add(all))).toEqual([0, 0, Outcome.lastValidator]);
    const evidence = [misbehaviorOf(at(voters, 2))];
    const { events, validatorUpdates } = await chain.add([], { evidence });
    expect(events).toMatchObject([{ type: 'spared' }]);
    expect(validatorUpdates).toEqual([]);
    expect((await chain.add([], { evidence })).events).toEqual([]);
  });

  it('that is on its way out is still there for the last evidence about what it voted for', async () => {
    const chain = await LedgerChain.begin();
    const key = at(voters, 1).publicKey;
    await chain.add([unbond(1, key, STAKE, 0)]); // height 1, the first of epoch 0
    // At worst it votes through epoch 1, and evidence of that is admissible for the window after it.
    const { evidenceWindow } = genesis.consensus;
    const lastAdmissible = lastHeightOf(genesis.consensus, 1) + evidenceWindow;
    while (chain.height < lastAdmissible - 1) await chain.add([]);
    const { events } = await chain.add([], { evidence: [misbehaviorOf(at(voters, 1))] });
    expect(events).toMatchObject([{ type: 'jailed', attributes: { validator: toHex(key) } }]);
    const { balance } = await accountOf(chain, at(addresses, 1));
    expect((await chain.add([])).events).toEqual([]); // it would have been released here
    expect((await accountOf(chain, at(addresses, 1))).balance).toBe(balance);
    expect(decodeStake(await chain.value('stake', key))).toMatchObject({ jailed: true, amount: STAKE });
    expect(decodeSupply(await chain.value('supply'))).toMatchObject({ unbonding: 0n });
  });

  it('of an offender is locked, once per offence', async () => {
    const chain = await LedgerChain.begin();
    const key = at(voters, 1).publicKey;
    await chain.add([unbond(1, key, 1_000_000n, 0)]);
    const evidence = [misbehaviorOf(at(voters, 1)), misbehaviorOf(at(voters, 1))];
    const jailing = await chain.add([], { evidence });
    expect(jailing.events).toMatchObject([{ type: 'jailed', attributes: { validator: toHex(key) } }]);
    expect(jailing.validatorUpdates).toMatchObject([{ publicKey: key, weight: 0 }]);
    const again = await chain.add([], { evidence });
    expect({ events: again.events, updates: again.validatorUpdates }).toEqual({ events: [], updates: [] });
    const tries = await chain.add([unbond(1, key, 1n, 1), bond(1, STAKE, 2, 1001)]);
    expect(codes(tries)).toEqual([Outcome.jailed, Outcome.jailed]);
    for (let height = chain.height; height < 8; height++) await chain.add([]);
    expect(decodeStake(await chain.value('stake', key))).toMatchObject({ jailed: true, amount: STAKE });
    expect(await totalOf(chain)).toBe(SUPPLY);
  });
});
