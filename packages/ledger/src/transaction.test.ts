import { conformance, decode, encode, isQuorateError, toHex } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addresses, at, hash, sign, users, verifySignatures } from '../../../test/conformance/ledger-chain.ts';
import { addressOf, formatAddress, parseAddress } from './address.ts';
import { MAX_BATCH_RECORDS, MAX_RECORD_BYTES, packRecords, recordBytes, unpackRecords } from './records.ts';
import {
  accountCodec,
  namespaceCodec,
  parametersCodec,
  returningCodec,
  returnsCodec,
  stakeCodec,
  stakeListCodec,
  supplyCodec,
  unbondingsCodec,
} from './state.ts';
import {
  decodeTransaction,
  encodeTransaction,
  isNamespace,
  signedItemOf,
  signTransaction,
  transactionCodec,
  transactionId,
} from './transaction.ts';

const utf8 = new TextEncoder();

describe('transactions', () => {
  it('decode to what encodes to the same bytes, or are a typed error', () => {
    const valid = sign(at(users, 0), { kind: 'transfer', to: at(addresses, 1), amount: 5n }, { nonce: 3 });
    const mutated = fc
      .tuple(fc.nat(valid.length - 1), fc.nat(255))
      .map(([i, byte]) => Uint8Array.from(valid).fill(byte, i, i + 1));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        let transaction: ReturnType<typeof decodeTransaction>;
        try {
          transaction = decodeTransaction(bytes);
        } catch (error) {
          expect(isQuorateError(error)).toBe(true);
          return;
        }
        expect(encodeTransaction(transaction)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
    for (let i = 0; i < 300; i++) {
      const bytes = encode(transactionCodec, transactionCodec.sample(next));
      expect(encode(transactionCodec, decode(transactionCodec, bytes))).toEqual(bytes);
    }
  });

  it('keep their form: a change here is a change of the network', () => {
    const codecs = {
      transactionCodec,
      accountCodec,
      supplyCodec,
      stakeCodec,
      stakeListCodec,
      unbondingsCodec,
      returningCodec,
      returnsCodec,
      namespaceCodec,
      parametersCodec,
    };
    const hashes = Object.fromEntries(
      Object.entries(codecs).map(([name, codec]) => [name, conformance<never>(codec as never, hash, 64).slice(0, 16)]),
    );
    expect(hashes).toMatchInlineSnapshot(`
      {
        "accountCodec": "7d56b5436dac4994",
        "namespaceCodec": "c52ec04062c9d26d",
        "parametersCodec": "9b05eef0aeee11fb",
        "returningCodec": "0afb80477402eb3c",
        "returnsCodec": "fe8565e902ca8fe4",
        "stakeCodec": "2dcc7ae2e6b01ba2",
        "stakeListCodec": "813e7d077d5561b7",
        "supplyCodec": "495524067d0a50c7",
        "transactionCodec": "b4372b183d40458b",
        "unbondingsCodec": "b5f8b70bd753f55d",
      }
    `);
  });

  it('are signed for one chain, by one key, over every byte', () => {
    const tx = sign(at(users, 0), { kind: 'record', namespace: 'a', data: utf8.encode('x') }, { nonce: 0 });
    const item = signedItemOf(hash, tx, decodeTransaction(tx));
    expect(verifySignatures([item])).toEqual([]);
    for (let i = 0; i < tx.length; i++) {
      const changed = Uint8Array.from(tx);
      changed[i] = (changed[i] ?? 0) ^ 1;
      try {
        expect(verifySignatures([signedItemOf(hash, changed, decodeTransaction(changed))])).toEqual([0]);
      } catch (error) {
        expect(isQuorateError(error)).toBe(true);
      }
    }
    expect(transactionId(hash, tx)).toBe(toHex(hash(tx)));
  });

  it.each([
    ['an amount of zero', { kind: 'transfer' as const, to: at(addresses, 1), amount: 0n }],
    ['no payments', { kind: 'multiTransfer' as const, payments: [] }],
    ['a namespace with capitals', { kind: 'record' as const, namespace: 'A', data: new Uint8Array() }],
    ['an empty namespace', { kind: 'record' as const, namespace: '', data: new Uint8Array() }],
    ['an address of 31 bytes', { kind: 'transfer' as const, to: new Uint8Array(31), amount: 1n }],
    ['too much data', { kind: 'record' as const, namespace: 'a', data: new Uint8Array(MAX_RECORD_BYTES + 1) }],
  ])('are not signed with %s', (_, action) => {
    const draft = { chainId: 'c', nonce: 0, fee: 0n, expiry: 0, action };
    expect(() => signTransaction(hash, at(users, 0), draft)).toThrow(expect.objectContaining({ name: 'QuorateError' }));
  });

  it('name namespaces by a narrow alphabet', () => {
    expect(['a', 'a/b.c-d_9', '0'.repeat(64)].every(isNamespace)).toBe(true);
    expect(['', '/a', 'A', 'a b', '0'.repeat(65), 'é'].some(isNamespace)).toBe(false);
  });
});

describe('batches of records', () => {
  it('hold any records, within their limits', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 20 }), (records) => {
        const batch = packRecords(records);
        expect(unpackRecords(batch)).toEqual(records);
        expect([batch.count, recordBytes(batch)]).toEqual([
          records.length,
          records.reduce((sum, { length }) => sum + length, 0),
        ]);
        const tx = sign(at(users, 0), { kind: 'records', namespace: 'a', batch }, { nonce: 0 });
        expect(decodeTransaction(tx).action).toEqual({ kind: 'records', namespace: 'a', batch });
      }),
      { numRuns: 30 },
    );
    expect(packRecords(Array.from({ length: 128 }, () => new Uint8Array(512))).count).toBe(128);
    expect(() => packRecords([])).toThrow(/1 to 4096/);
    expect(() => packRecords(Array.from({ length: MAX_BATCH_RECORDS + 1 }, () => new Uint8Array()))).toThrow(
      /1 to 4096/,
    );
    expect(() => packRecords([new Uint8Array(MAX_RECORD_BYTES), Uint8Array.of(1)])).toThrow(/65537 bytes/);
  });

  it('end where their last record ends', () => {
    const tx = sign(
      at(users, 0),
      { kind: 'records', namespace: 'a', batch: packRecords([Uint8Array.of(1, 2, 3)]) },
      { nonce: 0 },
    );
    const length = tx.length - 64 - 7; // the length of the only record
    for (const value of [0, 2, 4, 200]) {
      const changed = Uint8Array.from(tx);
      changed[length] = value;
      expect(() => decodeTransaction(changed)).toThrow(/a batch ends within/);
    }
  });
});

describe('addresses', () => {
  it('are text with a checksum that catches any one mistake', () => {
    const address = addressOf(hash, at(users, 0).publicKey);
    const text = formatAddress(hash, address);
    expect(text).toMatch(/^q[0-9a-f]{72}$/);
    expect(parseAddress(hash, text)).toEqual(Uint8Array.from(address));
    for (let i = 0; i < text.length; i++) {
      const wrong = `${text.slice(0, i)}${text[i] === '0' ? '1' : '0'}${text.slice(i + 1)}`;
      expect(() => parseAddress(hash, wrong)).toThrow(expect.objectContaining({ code: 'address/invalid' }));
    }
  });
});
