import { stateProofFault } from '@quorate/crypto';
import { lastHeightOf, type SignedItem, toHex } from '@quorate/kernel';
import fc from 'fast-check';
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
  openLedger,
  STAKE,
  sign,
  transfer,
  users,
  verifySignatures,
  voters,
} from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { addressOf } from './address.ts';
import { type BondConsent, consentToBond } from './bonding.ts';
import { Outcome } from './outcome.ts';
import { packRecords } from './records.ts';
import {
  accountKey,
  decodeAccount,
  decodeNamespace,
  decodeStake,
  decodeStakes,
  decodeSupply,
  decodeUnbondings,
  unbondingKey,
} from './state.ts';
import type { Action, BondedValidator } from './transaction.ts';

const utf8 = new TextEncoder();

async function accountOf(chain: LedgerChain, address: Uint8Array): Promise<{ balance: bigint; nonce: number }> {
  const value = await chain.value('account', address);
  return value.length === 0 ? { balance: 0n, nonce: 0 } : decodeAccount(value);
}

/** Balances of all known accounts, the treasury, bonded and unbonding stake, added up from the entries. */
async function totalOf(chain: LedgerChain, strangers: readonly Uint8Array[] = []): Promise<bigint> {
  const supply = decodeSupply(await chain.value('supply'));
  let total = supply.treasury;
  for (const address of [...addresses, ...strangers]) total += (await accountOf(chain, address)).balance;
  let [bonded, unbonding] = [0n, 0n];
  for (const voter of [...voters, keyOf(2000), keyOf(2001)]) {
    const value = await chain.value('stake', voter.publicKey);
    if (value.length > 0) bonded += decodeStake(value).amount;
  }
  for (let height = 0; height <= chain.height + 10; height++) {
    const value = await chain.value('state', unbondingKey(height));
    if (value.length > 0) for (const { amount } of decodeUnbondings(value)) unbonding += amount;
  }
  expect({ bonded, unbonding }).toEqual({ bonded: supply.bonded, unbonding: supply.unbonding });
  expect(total + bonded + unbonding).toBe(supply.supply);
  return total + bonded + unbonding;
}

const SUPPLY = 6n * BALANCE + 3n * STAKE;

const NODE = 3000;

/** What a newcomer bonds: its voting key and node key, by their seeds. */
function candidate(voting = 2000, node = NODE): BondedValidator {
  const key = keyOf(voting);
  return { publicKey: key.publicKey, proof: key.prove(), peer: toHex(keyOf(node).publicKey), address: 'host:1' };
}

/** What its keys say to a bond by the owner of an account. */
function consentTo(user: number, voting = 2000, node = NODE): BondConsent {
  const { chainId } = genesis;
  return consentToBond({ chainId, owner: at(addresses, user) }, { voting: keyOf(voting), node: keyOf(node) });
}

function bondOf(user: number, amount: bigint, voting = 2000, node = NODE): Extract<Action, { kind: 'bond' }> {
  return { kind: 'bond', validator: candidate(voting, node), consent: consentTo(user, voting, node), amount };
}

describe('admission', () => {
  const good = (wish = {}): Uint8Array => transfer(0, 1, 5n, { nonce: 0, ...wish });
  const flipped = (tx: Uint8Array, at: number): Uint8Array => {
    const copy = Uint8Array.from(tx);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const poor = keyOf(77);
  const voteless: Action = {
    kind: 'bond',
    validator: { ...candidate(), publicKey: new Uint8Array(32).fill(255) },
    consent: consentTo(0),
    amount: STAKE,
  };

  const rows: [string, () => Uint8Array, string][] = [
    ['another chain', () => good({ chainId: 'elsewhere' }), 'for the chain elsewhere'],
    ['a forged signature', () => flipped(good(), good().length - 1), 'signature'],
    ['a changed amount', () => flipped(good(), good().length - 66), 'signature'],
    ['a cut transaction', () => good().subarray(0, 50), 'cannot be read'],
    ['bytes after the transaction', () => Uint8Array.of(...good(), 0), 'cannot be read'],
    ['an amount of zero', () => zeroAmount(), 'cannot be read'],
    ['too small a fee', () => good({ fee: 200n }), 'fee of 200'],
    ['a fee that the account cannot pay', () => good({ nonce: 1, fee: 2n * BALANCE }), 'does not cover the fee'],
    [
      'an account without money',
      () => sign(poor, { kind: 'transfer', to: at(addresses, 0), amount: 1n }, { nonce: 0 }),
      'does not cover the fee',
    ],
    ['an expired transaction', () => good({ expiry: 1 }), 'expired at height 1'],
    ['a used nonce', () => good(), 'nonce 0 is used'],
    ['a nonce far ahead', () => good({ nonce: 9000 }), 'too far ahead'],
    ['a voting key that is none', () => sign(at(users, 0), voteless, { nonce: 1 }), 'voting key'],
    [
      'a voting key without possession',
      () =>
        sign(
          at(users, 0),
          {
            kind: 'bond',
            validator: { ...candidate(), proof: Uint8Array.of(1) },
            consent: consentTo(0),
            amount: STAKE,
          },
          { nonce: 1 },
        ),
      'possession',
    ],
  ];

  function zeroAmount(): Uint8Array {
    const tx = Uint8Array.from(transfer(0, 1, 1n, { nonce: 1 }));
    tx[tx.length - 64 - 8] = 0;
    return tx;
  }

  it.each(rows)('refuses %s, alone and in a block', async (_, make, reason) => {
    const chain = await LedgerChain.begin();
    await chain.add([transfer(0, 1, 1n, { nonce: 0 })]);
    const admission = await chain.ledger.checkTx(make(), { now: 0, recheck: false });
    expect(admission.kind === 'rejected' ? admission.reason : '').toContain(reason);
    expect(await chain.fault([make()])).toContain(reason);
  });

  it('refuses in a block what only the mempool may hold: a gap between nonces, and the other order', async () => {
    const chain = await LedgerChain.begin();
    const [first, second] = [good(), good({ nonce: 1 })];
    expect(await chain.fault([second])).toContain('too far ahead');
    expect(await chain.fault([second, first])).toContain('transaction 0');
    expect(await chain.fault([first, second])).toBeNull();
    expect(await chain.fault([first, first])).toContain('transaction 1: nonce 0 is used');
    expect(await chain.ledger.checkTx(second, { now: 0, recheck: false })).toMatchObject({
      kind: 'admitted',
      nonce: 1n,
    });
  });

  it('refuses more data than genesis allows', async () => {
    const ledger = await openLedger(new MemoryStore());
    const appState = utf8.encode(
      new TextDecoder().decode(genesis.appState).replace('"maximumDataBytes":65536', '"maximumDataBytes":10'),
    );
    await ledger.initChain({ ...genesis, appState });
    for (const action of [
      { kind: 'record', namespace: 'n', data: new Uint8Array(11) },
      { kind: 'records', namespace: 'n', batch: packRecords([new Uint8Array(6), new Uint8Array(5)]) },
    ] satisfies Action[]) {
      const tx = sign(at(users, 0), action, { nonce: 0 });
      expect(await ledger.checkTx(tx, { now: 0, recheck: false })).toMatchObject({
        reason: expect.stringContaining('11 bytes'),
      });
    }
  });

  it('names sender, nonce, fee per byte and expiry', async () => {
    const chain = await LedgerChain.begin();
    const tx = good({ fee: 5000n, expiry: 9 });
    expect(await chain.ledger.checkTx(tx, { now: 0, recheck: false })).toEqual({
      kind: 'admitted',
      sender: toHex(at(addresses, 0)),
      nonce: 0n,
      priority: 5_000_000n / BigInt(tx.length),
      expiry: 9,
    });
    expect(await chain.ledger.checkTx(good(), { now: 0, recheck: false })).toMatchObject({ expiry: null });
  });

  it('verifies each signature once, and those of a block in one batch', async () => {
    const seen: number[] = [];
    const verify = (items: readonly SignedItem[]): number[] => {
      seen.push(items.length);
      return verifySignatures(items);
    };
    const ledger = await openLedger(new MemoryStore(), {}, verify);
    await ledger.initChain(genesis);
    const chain = new LedgerChain(ledger);
    const txs = Array.from({ length: 5 }, (_, i) => good({ nonce: i }));
    await ledger.checkTx(at(txs, 0), { now: 0, recheck: false });
    await ledger.checkTx(at(txs, 0), { now: 0, recheck: true });
    expect(await chain.fault(txs)).toBeNull();
    await chain.add(txs);
    expect(seen).toEqual([1, 4]);
  });

  it('does not take a refused signature for a verified one', async () => {
    const chain = await LedgerChain.begin();
    const bad = flipped(good(), good().length - 1);
    for (let i = 0; i < 2; i++) expect(await chain.fault([bad])).toContain('signature');
    expect(await chain.fault([good(), bad])).toContain('transaction 1: its signature');
  });

  it('leaves out of a proposal what does not apply, and judges its own proposal without executing it again', async () => {
    const seen: number[] = [];
    const counting = (bytes: Uint8Array): Uint8Array => {
      seen.push(bytes.length);
      return hash(bytes);
    };
    const { createLedger } = await import('./ledger.ts');
    const { suite } = await import('../../../test/conformance/ledger-chain.ts');
    const ledger = await createLedger(
      {},
      { store: new MemoryStore(), hash: counting, verifySignatures, votingSuite: suite },
    );
    await ledger.initChain(genesis);
    const chain = new LedgerChain(ledger);
    const offered = [good({ nonce: 1 }), good(), good({ nonce: 1 }), good({ nonce: 3 }), good({ nonce: 2, expiry: 0 })];
    const chosen = await ledger.prepareProposal(chain.block([]), offered, 1 << 20);
    expect(chosen).toEqual([offered[1], offered[2], offered[4]]);
    const before = seen.filter((length) => length === 65).length; // leaves of the tree
    expect(await chain.fault(chosen)).toBeNull();
    expect(seen.filter((length) => length === 65).length).toBe(before);
  });
});

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

describe('queries', () => {
  it('answer with proofs under the committed roots, and say when there is nothing', async () => {
    const chain = await LedgerChain.begin();
    await chain.add([transfer(0, 1, 5n, { nonce: 0 })]);
    await chain.add([transfer(0, 1, 5n, { nonce: 1 })]);
    for (const [address, height] of [
      [at(addresses, 1), 0],
      [at(addresses, 1), 1],
      [addressOf(hash, keyOf(99).publicKey), 0],
    ] as const) {
      const result = await chain.ledger.query({ path: 'account', data: address, height, prove: true });
      expect(result).toMatchObject({ code: 0, height: height === 0 ? 2 : height });
      const root = at(chain.executions, result.height - 1).stateRoot;
      const value = result.value.length === 0 ? null : result.value;
      expect(stateProofFault({ root, key: accountKey(address), value, proof: result.proof }, hash)).toBeNull();
    }
    expect(await chain.ledger.query({ path: 'nowhere', data: utf8.encode(''), height: 0, prove: false })).toMatchObject(
      { code: 1 },
    );
    expect(
      await chain.ledger.query({ path: 'account', data: utf8.encode('x'), height: 0, prove: false }),
    ).toMatchObject({ code: 1 });
    expect(await chain.ledger.query({ path: 'supply', data: new Uint8Array(), height: 3, prove: false })).toMatchObject(
      { code: 2 },
    );
  });
});

describe('candidates', () => {
  it('are bounded: rivals go first, and a line that is too long is refused', async () => {
    const ledger = await openLedger(new MemoryStore(), { maxCandidates: 4 });
    await ledger.initChain(genesis);
    const chain = new LedgerChain(ledger);
    const rival = chain.block([]);
    await ledger.finalizeBlock(rival);
    const line = [chain.block([])];
    await ledger.finalizeBlock(at(line, 0));
    for (let height = 2; height <= 4; height++) {
      const block = chain.block([], { height, parent: at(line, -1).block });
      await ledger.finalizeBlock(block);
      line.push(block);
    }
    await expect(ledger.commit(rival.block)).rejects.toMatchObject({ code: 'application/failed' });
    const fifth = chain.block([], { height: 5, parent: at(line, -1).block });
    await expect(ledger.finalizeBlock(fifth)).rejects.toMatchObject({ code: 'application/failed' });
    for (const { block } of line) await ledger.commit(block);
    await ledger.finalizeBlock(fifth);
  });

  it('do not survive the wrong genesis', async () => {
    const store = new MemoryStore();
    await (await openLedger(store)).initChain(genesis);
    const ledger = await openLedger(store);
    await expect(ledger.initChain({ ...genesis, digest: '22'.repeat(32) })).rejects.toMatchObject({
      code: 'genesis/mismatch',
    });
  });
});

describe('snapshots', () => {
  it('are the same bytes on every node, and the last `keep` stay', async () => {
    const [a, b] = [await LedgerChain.begin(), await LedgerChain.begin(new MemoryStore(), { checkpointInterval: 1 })];
    for (let i = 0; i < 3; i++) {
      for (const chain of [a, b]) {
        await chain.ledger.finalizeBlock(chain.block([]));
        await chain.add([transfer(0, 1, 5n, { nonce: i })]);
        await chain.ledger.snapshots.take(2);
      }
    }
    const infos = await a.ledger.snapshots.list();
    expect(infos.map(({ height }) => height)).toEqual([2, 3]);
    expect(await b.ledger.snapshots.list()).toEqual(infos);
    expect(await a.ledger.snapshots.load(1, 1, 0)).toBeNull();
    await a.ledger.snapshots.take(0);
    expect(await a.ledger.snapshots.list()).toEqual([]);
  });

  it('refuse what does not lead to the proven root, and leave the state as it was', async () => {
    const source = await LedgerChain.begin();
    await source.add([transfer(0, 1, 5n, { nonce: 0 })]);
    await source.ledger.snapshots.take(1);
    const info = at(await source.ledger.snapshots.list(), 0);
    const bytes = (await source.ledger.snapshots.load(1, 1, 0)) ?? new Uint8Array();
    const store = new MemoryStore();
    const joining = await LedgerChain.begin(store);
    const before = await joining.ledger.info();
    const { snapshots } = joining.ledger;
    const block = source.head;
    const entries = store.size;
    expect(await snapshots.offer({ ...info, digest: '00'.repeat(32) }, { stateRoot: source.root, block })).toBe(
      'reject',
    );
    expect(await snapshots.offer({ ...info, format: 2 }, { stateRoot: source.root, block })).toBe('reject');
    expect(await snapshots.offer(info, { stateRoot: '77'.repeat(32), block })).toBe('accept');
    expect(await snapshots.apply(0, bytes)).toBe('bad');
    expect(await joining.ledger.info()).toEqual(before);
    const reopened = await openLedger(store);
    expect(await reopened.info()).toEqual(before);
    expect(store.size).toBe(entries);
    await joining.add([transfer(0, 1, 5n, { nonce: 0 })]);
    expect(joining.root).toBe(source.root);
    expect(await snapshots.offer(info, { stateRoot: source.root, block })).toBe('reject');
  });
});

describe('blocks that change nothing', () => {
  it('wait for the next one that does: a crash loses only what executing them again gives back', async () => {
    const store = new MemoryStore();
    const chain = await LedgerChain.begin(store);
    await chain.add([transfer(0, 1, 5n, { nonce: 0 })]);
    const durable = await chain.ledger.info();
    for (let i = 0; i < 3; i++) await chain.add([]);
    const { ledger } = chain;
    expect((await ledger.info()).height).toBe(4);
    expect(await ledger.commit(at(chain.blocks, 3).block)).toEqual({ retainHeight: 1 });
    expect((await ledger.query({ path: 'supply', data: new Uint8Array(), height: 3, prove: true })).code).toBe(0);

    const crashed = await openLedger(store);
    expect(await crashed.info()).toEqual(durable);
    for (const block of chain.blocks.slice(1)) {
      await crashed.finalizeBlock(block);
      await crashed.commit(block.block);
    }
    expect(await crashed.info()).toEqual(await ledger.info());

    await chain.add([transfer(0, 1, 5n, { nonce: 1 })]);
    const reopened = await openLedger(store);
    expect(await reopened.info()).toEqual(await ledger.info());
    const asked = { path: 'supply', data: new Uint8Array(), prove: true };
    for (let height = 1; height <= 5; height++)
      expect(await reopened.query({ ...asked, height })).toEqual(await ledger.query({ ...asked, height }));
  });

  it('are written at the latest after 32 of their kind, and when the ledger is closed', async () => {
    const store = new MemoryStore();
    const chain = await LedgerChain.begin(store, { checkpointInterval: 100 });
    for (let i = 0; i < 34; i++) await chain.add([]);
    expect((await (await openLedger(store)).info()).height).toBe(33);
    await chain.ledger.close();
    expect((await (await openLedger(store)).info()).height).toBe(34);
  });
});

describe('memory of the caches', () => {
  it('remembers at most so many signatures', async () => {
    let verified = 0;
    const ledger = await openLedger(new MemoryStore(), { signatureCache: 3 }, (items) => {
      verified += items.length;
      return verifySignatures(items);
    });
    await ledger.initChain(genesis);
    const txs = Array.from({ length: 5 }, (_, i) => transfer(0, 1, 1n, { nonce: i }));
    for (let round = 0; round < 2; round++) for (const tx of txs) await ledger.checkTx(tx, { now: 0, recheck: false });
    expect(verified).toBe(10);
    await ledger.checkTx(at(txs, -1), { now: 0, recheck: false });
    expect(verified).toBe(10);
  });
});
