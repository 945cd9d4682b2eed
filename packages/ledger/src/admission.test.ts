import { type SignedItem, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  BALANCE,
  genesis,
  hash,
  keyOf,
  LedgerChain,
  openLedger,
  STAKE,
  sign,
  transfer,
  users,
  verifySignatures,
} from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { candidate, consentTo, utf8 } from './ledger.fixture.ts';
import { packRecords } from './records.ts';
import type { Action } from './transaction.ts';

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
      next: 0n,
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
      next: 0n,
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
