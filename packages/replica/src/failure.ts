import { isQuorateError, QuorateError } from '@quorate/kernel';

/** What stops the replica: the error itself when it has a code, else `replica/failed` with what failed. */
export function asFailure(error: unknown, what: string): QuorateError {
  return isQuorateError(error) ? error : new QuorateError('replica/failed', what, { cause: error });
}
