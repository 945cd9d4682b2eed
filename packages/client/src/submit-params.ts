import { MAX_TRANSACTION_BYTES, QuorateError } from '@quorate/kernel';
import { decodedLength, fromBase64 } from './base64.ts';
import { MAX_BATCH_TRANSACTIONS } from './batch.ts';
import { DEFAULT_WAIT_MS, MAX_WAIT_MS } from './schemas.ts';

export interface SubmitOptions {
  readonly wait: 'accepted' | 'final';
  readonly timeoutMs: number;
}

/** Parameters of `submit` and `submitBatch`, decoded. */
export interface SubmitParams extends SubmitOptions {
  readonly txs: readonly Uint8Array[];
}

function refuse(problem: string): never {
  throw new QuorateError('rpc/invalid', `parameters: ${problem}`);
}

/** The options of a submission from values of any origin, with the contract's defaults and limits. Throws `rpc/invalid`. */
export function submitOptions(wait: unknown, timeoutMs: unknown): SubmitOptions {
  if (wait !== undefined && wait !== 'accepted' && wait !== 'final') refuse('wait is "accepted" or "final"');
  const isWait =
    typeof timeoutMs === 'number' && Number.isSafeInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_WAIT_MS;
  if (timeoutMs !== undefined && !isWait) refuse(`timeoutMs is an integer of 1 to ${MAX_WAIT_MS}`);
  return { wait: wait ?? 'accepted', timeoutMs: isWait ? timeoutMs : DEFAULT_WAIT_MS };
}

function transaction(text: unknown): Uint8Array {
  if (typeof text !== 'string') return refuse('a transaction is base64 text');
  const length = decodedLength(text);
  if (length < 1 || length > MAX_TRANSACTION_BYTES) refuse(`a transaction has 1 to ${MAX_TRANSACTION_BYTES} bytes`);
  return fromBase64(text);
}

/**
 * Reads the parameters of the two hottest methods by hand, as strictly as the schemas in the contract: a test holds them together.
 * Throws `rpc/invalid`.
 */
export function readSubmitParams(method: 'submit' | 'submitBatch', params: unknown): SubmitParams {
  if (typeof params !== 'object' || params === null || Array.isArray(params)) return refuse('an object is expected');
  const fields: Readonly<Record<string, unknown>> = { ...params };
  const payload = method === 'submit' ? 'tx' : 'txs';
  for (const name of Object.keys(fields)) {
    if (name !== payload && name !== 'wait' && name !== 'timeoutMs')
      refuse(`${JSON.stringify(name.slice(0, 40))} is unknown`);
  }
  const options = submitOptions(fields.wait, fields.timeoutMs);
  const { tx, txs } = fields;
  if (method === 'submit') return { ...options, txs: [transaction(tx)] };
  if (!Array.isArray(txs) || txs.length === 0 || txs.length > MAX_BATCH_TRANSACTIONS) {
    return refuse(`txs is a list of 1 to ${MAX_BATCH_TRANSACTIONS} transactions`);
  }
  return { ...options, txs: txs.map(transaction) };
}
