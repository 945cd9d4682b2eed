import { toHex } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  BALANCE,
  hash,
  keyOf,
  LedgerChain,
  misbehaviorOf,
  STAKE,
  sign,
  transfer,
  users,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { accountOf, bondOf, NODE, SUPPLY, totalOf, utf8 } from './ledger.fixture.ts';
import { Outcome } from './outcome.ts';
import { packRecords } from './records.ts';
import { decodeNamespace, decodeStakes, decodeSupply } from './state.ts';
import type { Action } from './transaction.ts';

describe('execution', () => {
  it('moves money and pays the proposer the fee', async () => {
    const chain = await LedgerChain.begin();
    const { receipts, events } = await chain.add([transfer(3, 4, 70n, { nonce: 0, fee: 1000n })]);
    expect(receipts).toEqual([
      {
        code: Outcome.ok,
        log: '',
        data: new Uint8Array(),
        events: [
          {
            type: 'transfer',
            attributes: { from: toHex(at(addresses, 3)), to: toHex(at(addresses, 4)), amount: '70' },
          },
        ],
      },
    ]);
    expect(await accountOf(chain, at(addresses, 3))).toEqual({ balance: BALANCE - 1070n, nonce: 1 });
    expect(await accountOf(chain, at(addresses, 4))).toEqual({ balance: BALANCE + 70n, nonce: 0 });
    expect((await accountOf(chain, at(addresses, 0))).balance).toBe(BALANCE + 1000n);
    expect(events).toEqual([{ type: 'fees', attributes: { amount: '1000', to: toHex(at(addresses, 0)) } }]);
    await chain.add([transfer(3, 4, 1n, { nonce: 1, fee: 1000n })], { proposer: new Uint8Array(32) });
    expect(decodeSupply(await chain.value('supply')).treasury).toBe(1000n);
  });

  it('takes the fee and the nonce of what fails', async () => {
    const chain = await LedgerChain.begin();
    const payments = [1, 2].map((i) => ({ to: at(addresses, i), amount: BALANCE / 2n }));
    const { receipts } = await chain.add([
      transfer(3, 4, BALANCE, { nonce: 0, fee: 1000n }),
      sign(at(users, 3), { kind: 'multiTransfer', payments }, { nonce: 1, fee: 1000n }),
    ]);
    expect(receipts.map(({ code }) => code)).toEqual([Outcome.insufficientBalance, Outcome.insufficientBalance]);
    expect(await accountOf(chain, at(addresses, 3))).toEqual({ balance: BALANCE - 2000n, nonce: 2 });
    expect((await accountOf(chain, at(addresses, 1))).balance).toBe(BALANCE);
  });

  it('counts records and chains their transactions', async () => {
    const chain = await LedgerChain.begin();
    const one = sign(at(users, 0), { kind: 'record', namespace: 'log', data: utf8.encode('a') }, { nonce: 0 });
    const batch = packRecords([utf8.encode('b'), utf8.encode('c')]);
    const two = sign(at(users, 1), { kind: 'records', namespace: 'log', batch }, { nonce: 0 });
    const { receipts } = await chain.add([one, two]);
    expect(receipts.map(({ events }) => events[0]?.attributes)).toEqual([
      { namespace: 'log', first: '0', count: '1' },
      { namespace: 'log', first: '1', count: '2' },
    ]);
    const link = (before: Uint8Array, tx: Uint8Array): Uint8Array => hash(Uint8Array.of(...before, ...hash(tx)));
    expect(decodeNamespace(await chain.value('namespace', utf8.encode('log')))).toEqual({
      count: 3,
      digest: toHex(link(link(new Uint8Array(32), one), two)),
    });
  });

  it('conserves the supply, repeats nothing and leaves no balance below zero, whatever is sent', async () => {
    const validator = fc.constantFrom(...voters, keyOf(2000), keyOf(2001));
    const newcomers = [
      [2000, NODE],
      [2001, NODE + 1],
      [2001, NODE],
    ] as const;
    const amount = fc.oneof(fc.bigInt(1n, 3n * STAKE), fc.bigInt(1n, 2n * BALANCE));
    const user = fc.integer({ min: 0, max: 5 });
    const actionsOf = (from: number): fc.Arbitrary<Action> =>
      fc.oneof(
        fc.record({ kind: fc.constant('transfer' as const), to: fc.constantFrom(...addresses), amount }),
        fc.record({
          kind: fc.constant('multiTransfer' as const),
          payments: fc.array(fc.record({ to: fc.constantFrom(...addresses), amount }), { minLength: 1, maxLength: 3 }),
        }),
        fc.record({ kind: fc.constant('unbond' as const), publicKey: validator.map((key) => key.publicKey), amount }),
        fc.tuple(fc.constantFrom(...newcomers), amount).map(([keys, amount]) => bondOf(from, amount, ...keys)),
      );
    const step = fc.record({
      sent: user.chain((from) => fc.record({ from: fc.constant(from), action: actionsOf(from) })),
      punish: fc.integer({ min: 0, max: 40 }),
      proposer: validator,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const chain = await LedgerChain.begin();
        const nonces = new Map<number, number>();
        const sent: Uint8Array[] = [];
        for (const { sent: wanted, punish, proposer } of steps) {
          const { from, action } = wanted;
          const nonce = nonces.get(from) ?? 0;
          const tx = sign(at(users, from), action, { nonce });
          const admissible = (await chain.fault([tx])) === null;
          if (admissible) nonces.set(from, nonce + 1);
          const evidence = punish < voters.length ? [misbehaviorOf(at(voters, punish))] : [];
          await chain.add(admissible ? [tx] : [], { evidence, proposer: proposer.publicKey });
          if (admissible) sent.push(tx);
          expect(await totalOf(chain)).toBe(SUPPLY);
          expect(decodeStakes(await chain.value('stakes')).length).toBeGreaterThan(0);
        }
        for (const tx of sent) expect(await chain.fault([tx])).toContain('is used');
      }),
      { numRuns: 25 },
    );
  });
});
