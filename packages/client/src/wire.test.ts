import { isQuorateError, MAX_TRANSACTION_BYTES } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, isBase64, toBase64 } from './base64.ts';
import { MAX_BATCH_TRANSACTIONS, packTransactions, unpackTransactions } from './batch.ts';
import { contract } from './contract.ts';
import { errorFromJson, errorToJson, isRpcErrorCode, PROTOCOL_ERRORS, RPC_ERRORS } from './errors.ts';
import { MAX_TRANSACTION_TEXT, MAX_WAIT_MS } from './schemas.ts';
import { readSubmitParams } from './submit-params.ts';

function codeOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (isQuorateError(error)) return error.code;
    throw error;
  }
}

describe('base64', () => {
  it("agrees with Node's, both ways", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(toBase64(bytes)).toBe(text);
        expect(fromBase64(text)).toEqual(bytes);
      }),
    );
  });

  it('has one spelling for each byte string: whatever decodes, encodes to itself', () => {
    const letters = fc.constantFrom(...'ABCDwxyz0189+/==-_ é\u0141'.split(''));
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 12 }), (characters) => {
        const text = characters.join('');
        if (isBase64(text)) expect(toBase64(fromBase64(text))).toBe(text);
        else expect(codeOf(() => fromBase64(text))).toBe('rpc/invalid');
      }),
      { numRuns: 2000 },
    );
    for (const text of [
      'A',
      'AA',
      'AAA',
      'AB==',
      'AAB=',
      '====',
      'A===',
      '=AAA',
      'AA=A',
      'AAAA=',
      'AA==AAAA',
      'AA A',
    ]) {
      expect(isBase64(text), text).toBe(false);
    }
  });
});

describe('the binary batch', () => {
  it('unpacks to what was packed, as views', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength: 1, maxLength: 20 }), (txs) => {
        const packed = packTransactions(txs);
        const unpacked = unpackTransactions(packed);
        expect(unpacked.map((tx) => [...tx])).toEqual(txs.map((tx) => [...tx]));
        expect(unpacked.every(({ buffer }) => buffer === packed.buffer)).toBe(true);
      }),
    );
  });

  it('refuses or reads any bytes, with one reading for each', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        let txs: Uint8Array[];
        try {
          txs = unpackTransactions(noise);
        } catch (error) {
          expect(isQuorateError(error, 'rpc/invalid')).toBe(true);
          return;
        }
        expect([...packTransactions(txs)]).toEqual([...noise]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is bounded', () => {
    const one = Uint8Array.of(1);
    expect(codeOf(() => unpackTransactions(packTransactions(new Array(MAX_BATCH_TRANSACTIONS).fill(one))))).toBeNull();
    expect(codeOf(() => unpackTransactions(packTransactions(new Array(MAX_BATCH_TRANSACTIONS + 1).fill(one))))).toBe(
      'rpc/invalid',
    );
    expect(codeOf(() => unpackTransactions(packTransactions([new Uint8Array(MAX_TRANSACTION_BYTES)])))).toBeNull();
    expect(codeOf(() => unpackTransactions(packTransactions([new Uint8Array(MAX_TRANSACTION_BYTES + 1)])))).toBe(
      'rpc/invalid',
    );
  });
});

describe('parameters of submit, read by hand', () => {
  const tx = fc.oneof(
    { arbitrary: fc.uint8Array({ minLength: 1, maxLength: 8 }).map(toBase64), weight: 6 },
    fc.constantFrom<unknown>('', '=', 'AA', 'AB==', 'AAAA', 'é', 5, null, undefined, [], {}),
  );
  const txs = fc.oneof({ arbitrary: fc.array(tx, { maxLength: 3 }), weight: 4 }, { arbitrary: tx, weight: 1 });
  const wait = fc.constantFrom<unknown>(undefined, 'accepted', 'final', 'accepted', 'final', 'soon', '', null, 1);
  const timeoutMs = fc.constantFrom<unknown>(
    undefined,
    undefined,
    1,
    2,
    500,
    30_000,
    MAX_WAIT_MS - 1,
    MAX_WAIT_MS,
    MAX_WAIT_MS + 1,
    0,
    -1,
    1.5,
    '5',
    null,
    Number.NaN,
  );
  const absent = (fields: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const odd = fc.constantFrom<unknown>(undefined, null, 7, 'x', [], [{}], {});

  it('are accepted and refused exactly as the contract says', () => {
    const shapes = {
      submit: fc.oneof(
        { arbitrary: fc.record({ tx, wait, timeoutMs }).map(absent), weight: 4 },
        odd,
        fc.record({ tx, wait, other: fc.constant(1) }).map(absent),
      ),
      submitBatch: fc.oneof(
        { arbitrary: fc.record({ txs, wait, timeoutMs }).map(absent), weight: 4 },
        odd,
        fc.record({ txs: fc.array(tx, { maxLength: 2 }), tx }).map(absent),
      ),
    };
    for (const method of ['submit', 'submitBatch'] as const) {
      let accepted = 0;
      fc.assert(
        fc.property(shapes[method], (params) => {
          const schema = contract[method].params.safeParse(params);
          let byHand: ReturnType<typeof readSubmitParams> | null = null;
          try {
            byHand = readSubmitParams(method, params);
          } catch (error) {
            expect(isQuorateError(error, 'rpc/invalid')).toBe(true);
          }
          expect(byHand !== null).toBe(schema.success);
          if (byHand === null || !schema.success) return;
          accepted++;
          const { wait: w, timeoutMs: t, ...payload } = schema.data;
          const texts = 'tx' in payload ? [payload.tx] : payload.txs;
          expect(byHand).toEqual({ wait: w, timeoutMs: t, txs: texts.map((text) => fromBase64(text)) });
        }),
        { numRuns: 1500 },
      );
      expect(accepted).toBeGreaterThan(15);
    }
  });

  it('are bounded in size', () => {
    const full = 'A'.repeat(MAX_TRANSACTION_TEXT);
    const texts = [`${full.slice(2)}==`, full, `${full}AAAA`, toBase64(new Uint8Array(MAX_TRANSACTION_BYTES + 1))];
    const byHand = texts.map((tx) => codeOf(() => readSubmitParams('submit', { tx })) === null);
    expect(byHand).toEqual(texts.map((tx) => contract.submit.params.safeParse({ tx }).success));
    expect(byHand).toEqual([true, false, false, false]);
  });

  it('are bounded in number', () => {
    const text = toBase64(Uint8Array.of(1));
    for (const [count, ok] of [
      [MAX_BATCH_TRANSACTIONS, true],
      [MAX_BATCH_TRANSACTIONS + 1, false],
    ] as const) {
      const params = { txs: new Array(count).fill(text) };
      expect(codeOf(() => readSubmitParams('submitBatch', params)) === null).toBe(ok);
      expect(contract.submitBatch.params.safeParse(params).success).toBe(ok);
    }
  });
});

describe('errors', () => {
  it('have numbers of their own, outside those of JSON-RPC, and keep their code on the way', () => {
    const numbers = Object.values(RPC_ERRORS);
    expect(new Set([...numbers, ...Object.values(PROTOCOL_ERRORS)]).size).toBe(numbers.length + 3);
    for (const [code, number] of Object.entries(RPC_ERRORS)) {
      if (!isRpcErrorCode(code)) throw new Error(`${code} is not in its own table`);
      const back = errorFromJson({ code: number, message: 'why', data: { code } });
      expect([back.code, back.message]).toEqual([code, 'why']);
      expect(errorToJson(back)).toMatchObject({ code: number, data: { code } });
    }
  });

  it('of the node itself are not told to strangers', () => {
    const shown = errorToJson(new Error('cannot open /home/q/secret'));
    expect(shown).toMatchObject({ code: -32603, data: { code: 'rpc/failed' } });
    expect(shown.message).not.toMatch(/secret/);
    expect(errorFromJson({ code: 77, message: 'x', data: { code: '__proto__' } }).code).toBe('rpc/failed');
    expect(errorFromJson({ code: -32601, message: 'x' }).code).toBe('rpc/invalid');
  });
});
