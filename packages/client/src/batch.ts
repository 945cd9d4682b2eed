import { concatBytes, MAX_TRANSACTION_BYTES, QuorateError } from '@quorate/kernel';

/** Most transactions in one submission. */
export const MAX_BATCH_TRANSACTIONS = 4096;
/** Largest body of `POST /tx`, and most bytes of transactions in one `submitBatch`. */
export const MAX_BATCH_BYTES = 8 << 20;

/** The body of `POST /tx`: each transaction behind its length, u32 little-endian. */
export function packTransactions(transactions: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...transactions.flatMap((tx) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, tx.length, true);
      return [length, tx];
    }),
  );
}

/** The transactions of such a body, as views. Throws `rpc/invalid`. */
export function unpackTransactions(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const transactions: Uint8Array[] = [];
  let at = 0;
  while (at < body.length) {
    if (transactions.length === MAX_BATCH_TRANSACTIONS)
      throw new QuorateError('rpc/invalid', `a batch holds at most ${MAX_BATCH_TRANSACTIONS} transactions`);
    const length = at + 4 <= body.length ? view.getUint32(at, true) : -1;
    if (length < 0 || at + 4 + length > body.length)
      throw new QuorateError('rpc/invalid', `transaction ${transactions.length} of the batch ends early`);
    if (length === 0 || length > MAX_TRANSACTION_BYTES) {
      throw new QuorateError(
        'rpc/invalid',
        `transaction ${transactions.length} of the batch has ${length} bytes: 1 to ${MAX_TRANSACTION_BYTES} are taken`,
      );
    }
    transactions.push(body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (transactions.length === 0) throw new QuorateError('rpc/invalid', 'the batch holds no transaction');
  return transactions;
}
