import { toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  genesis,
  genesisState,
  hash,
  LedgerChain,
  sign,
  users,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { encodeLedgerGenesis } from './genesis.ts';
import { QueryCode } from './ledger.ts';
import { decodeWaitingPage, waitingQuery } from './waiting.ts';

const DELAY = 2500;
const UNIT = 1_000_000n;

const begin = () =>
  LedgerChain.begin(undefined, undefined, {
    ...genesis,
    appState: encodeLedgerGenesis(hash, { ...genesisState, unbondingDelay: DELAY }),
  });
const unbond = (user: number, amount: bigint, nonce: number): Uint8Array =>
  sign(at(users, user), { kind: 'unbond', publicKey: at(voters, user).publicKey, amount }, { nonce });

describe('the query unbonding', () => {
  it('finds stake on its way out by the height that ends its delay, over some pages', async () => {
    const chain = await begin();
    await chain.add([unbond(1, UNIT, 0), unbond(2, 2n * UNIT, 0)]);
    await chain.add([unbond(1, 7n, 1)]);
    const found: [height: number, owner: string, amount: bigint][] = [];
    let pages = 0;
    for (let from = 0; pages === 0 || from !== 0; pages++) {
      const page = decodeWaitingPage(await chain.value('unbonding', pages === 0 ? undefined : waitingQuery(from)));
      for (const { height, entries } of page.waiting)
        for (const { owner, amount } of entries) found.push([height, toHex(owner), amount]);
      from = page.next;
    }
    const [one, two] = [toHex(at(addresses, 1)), toHex(at(addresses, 2))];
    expect(found).toEqual([
      [1 + DELAY, one, UNIT],
      [1 + DELAY, two, 2n * UNIT],
      [2 + DELAY, one, 7n],
    ]);
    expect(pages).toBe(3);
  });

  it('answers of an older state what stood there, and refuses what it cannot answer', async () => {
    const chain = await begin();
    await chain.add([unbond(1, UNIT, 0)]);
    const ask = (data: Uint8Array, height: number, prove = false) =>
      chain.ledger.query({ path: 'unbonding', data, height, prove });
    const from = waitingQuery(DELAY);
    expect(decodeWaitingPage((await ask(from, 1)).value).waiting).toHaveLength(1);
    expect(decodeWaitingPage((await ask(from, 0)).value).waiting).toHaveLength(1);
    await chain.add([]);
    const now = await ask(from, 0);
    expect(now).toMatchObject({ code: QueryCode.ok, height: 2 });
    expect(decodeWaitingPage(now.value)).toEqual({
      next: 0,
      waiting: [{ height: 1 + DELAY, entries: [expect.anything()] }],
    });
    expect((await ask(Uint8Array.of(1), 0)).code).toBe(QueryCode.unknownPath);
    expect((await ask(from, 99)).code).toBe(QueryCode.unavailable);
    expect((await ask(from, 0, true)).code).toBe(QueryCode.unavailable);
  });
});
