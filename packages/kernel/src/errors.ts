/**
 * Every way in which Quorate refuses. The prefix names the floor that refuses; callers branch on the code, people read the message.
 */
export type ErrorCode =
  | 'codec/truncated'
  | 'codec/trailing'
  | 'codec/limit'
  | 'codec/invalid'
  | 'validators/invalid'
  | 'certificate/invalid'
  | 'proof/invalid'
  | 'key/invalid'
  | 'key/decrypt'
  | 'suite/unknown'
  | 'suite/disagreement'
  | 'gate/missing'
  | 'gate/foreign-key'
  | 'gate/corrupt'
  | 'gate/locked'
  | 'gate/duplicate-key'
  | 'gate/conflict'
  | 'disk/full'
  | 'disk/failed'
  | 'disk/corrupt'
  | 'journal/corrupt'
  | 'journal/version'
  | 'store/corrupt'
  | 'store/version'
  | 'store/full'
  | 'genesis/invalid'
  | 'genesis/mismatch'
  | 'application/failed'
  | 'application/unsupported'
  | 'application/diverged'
  | 'consensus/fork'
  | 'sync/refused'
  | 'address/invalid'
  | 'transaction/invalid'
  | 'transaction/expired'
  | 'mempool/full'
  | 'transport/refused'
  | 'config/invalid'
  | 'subscription/slow'
  | 'subscription/pruned'
  | 'rpc/failed'
  | 'rpc/unavailable'
  | 'rpc/invalid'
  | 'rpc/limited'
  | 'rpc/not-found'
  | 'rpc/timeout'
  | 'light/untrusted'
  | 'light/expired'
  | 'light/conflict'
  | 'upgrade/required'
  | 'snapshot/invalid'
  | 'replica/failed';

/** An error with a code to branch on and a message that says what happened, to what, and what to do. */
export class QuorateError extends Error {
  override readonly name = 'QuorateError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a {@link QuorateError}, of the given code when one is named. */
export function isQuorateError(error: unknown, code?: ErrorCode): error is QuorateError {
  return error instanceof QuorateError && (code === undefined || error.code === code);
}

/** The end of an exhaustive switch: unreachable while the types hold. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected variant: ${JSON.stringify(value)}`);
}
