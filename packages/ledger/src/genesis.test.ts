import { QuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { genesis, genesisState, hash, openLedger } from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { decodeLedgerGenesis, encodeLedgerGenesis, leastUnbondingDelay } from './genesis.ts';

const text = new TextDecoder().decode(genesis.appState);

describe('the ledger in genesis', () => {
  it('is read as it was written', () => {
    const read = decodeLedgerGenesis(hash, genesis);
    expect(encodeLedgerGenesis(hash, read)).toEqual(genesis.appState);
    expect(read.accounts).toHaveLength(genesisState.accounts.length);
  });

  it('that does not name the hours of unbonding means three weeks of them', () => {
    const older = text.replace('"unbondingHours":0,', '').replace(',"unbondingHours":0', '');
    expect(older).not.toMatch(/unbondingHours/);
    const appState = new TextEncoder().encode(older);
    expect(decodeLedgerGenesis(hash, { ...genesis, appState }).unbondingHours).toBe(504);
  });

  it.each<[string, string | RegExp, string, RegExp]>([
    ['no JSON', /.$/, '', /is not JSON/],
    ['a missing field', '"minimumFee":"100",', '', /minimumFee is missing/],
    ['an unknown field', '{"accounts"', '{"extra":1,"accounts"', /extra is not a known field/],
    ['a number for an amount', '"minimumFee":"100"', '"minimumFee":100', /minimumFee must be an amount/],
    ['a leading zero', '"minimumFee":"100"', '"minimumFee":"0100"', /minimumFee must be an amount/],
    ['an amount too large', '"minimumFee":"100"', '"minimumFee":"18446744073709551616"', /exceeds 2\^64/],
    ['a mistyped address', /"address":"q./, '"address":"qz', /accounts\[0\]\.address is wrong/],
    ['too large a supply', '"balance":"1000000000"', '"balance":"18446744073709551615"', /total supply above/],
    ['a fraction', '"unbondingDelay":5', '"unbondingDelay":5.5', /unbondingDelay must be an integer/],
    ['no delay', '"unbondingDelay":5', '"unbondingDelay":0', /unbondingDelay must be an integer/],
    ['half an hour', '"unbondingHours":0', '"unbondingHours":0.5', /unbondingHours must be an integer/],
    ['no number of hours', '"unbondingHours":0', '"unbondingHours":null', /unbondingHours must be an integer/],
    ['too many hours', '"unbondingHours":0', '"unbondingHours":100001', /unbondingHours must be .* to 100000/],
    ['too much data', '"maximumDataBytes":65536', '"maximumDataBytes":65537', /maximumDataBytes must be/],
    ['no unit', '"stakeUnit":"1000000"', '"stakeUnit":"0"', /stakeUnit must be more than 0/],
    ['stake that is not the weight', '"amount":"5000000"', '"amount":"4999999"', /its weight of 5 needs 5000000/],
    ['stake of somebody else', /"publicKey":"../, '"publicKey":"ff', /lack the validator/],
    ['a list that is none', /"stakes":\[.*?\]/, '"stakes":{}', /stakes must be a list/],
  ])('is refused with %s', async (_, from, to, message) => {
    const appState = new TextEncoder().encode(text.replace(from, to));
    expect(() => decodeLedgerGenesis(hash, { ...genesis, appState })).toThrow(message);
    const ledger = await openLedger(new MemoryStore());
    const refused = ledger.initChain({ ...genesis, appState });
    await expect(refused).rejects.toBeInstanceOf(QuorateError);
    await expect(refused).rejects.toMatchObject({ code: 'genesis/invalid' });
    expect((await ledger.info()).stateRoot).toBe('00'.repeat(32));
  });

  it('is refused when stake could leave before the evidence about its votes expires', () => {
    // Two epochs and the window: 2 · 2 + 1 is what the fixture has, exactly.
    expect(leastUnbondingDelay(genesis.consensus)).toBe(genesisState.unbondingDelay);
    for (const longer of [{ epochLength: 3 }, { evidenceWindow: 2 }]) {
      const consensus = { ...genesis.consensus, ...longer };
      const least = leastUnbondingDelay(consensus);
      const withDelay = (unbondingDelay: number) => ({
        ...genesis,
        consensus,
        appState: encodeLedgerGenesis(hash, { ...genesisState, unbondingDelay }),
      });
      expect(() => decodeLedgerGenesis(hash, withDelay(least - 1))).toThrow(
        expect.objectContaining({
          code: 'genesis/invalid',
          message: expect.stringContaining(`unbondingDelay is ${least - 1} heights, but must be at least ${least}`),
        }),
      );
      expect(decodeLedgerGenesis(hash, withDelay(least)).unbondingDelay).toBe(least);
    }
  });

  it('is refused with an account twice, or a validator without stake', () => {
    const twice = { ...genesisState, accounts: [...genesisState.accounts, ...genesisState.accounts.slice(0, 1)] };
    expect(() => decodeLedgerGenesis(hash, { ...genesis, appState: encodeLedgerGenesis(hash, twice) })).toThrow(
      /appears twice/,
    );
    const fewer = { ...genesisState, stakes: genesisState.stakes.slice(1) };
    expect(() => decodeLedgerGenesis(hash, { ...genesis, appState: encodeLedgerGenesis(hash, fewer) })).toThrow(
      /one for each of the 3/,
    );
  });
});
