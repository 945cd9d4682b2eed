import { isQuorateError, QuorateError } from '@quorate/kernel';

const FULL = new Set<unknown>(['ENOSPC', 'EDQUOT', 28, 122]);

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A failure of the operating system in our words: `disk/full` or `disk/failed`, with the file and what to do. */
export function diskError(error: unknown, doing: string, name: string): QuorateError {
  if (isQuorateError(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (FULL.has(codeOf(error)) || /no space left|ENOSPC/i.test(text)) {
    return new QuorateError('disk/full', `${doing} ${name}: the disk is full; make room and start again`, {
      cause: error,
    });
  }
  return new QuorateError('disk/failed', `${doing} ${name}: ${text}; check the disk and start again`, { cause: error });
}

/** Runs an operation on a file; what it throws becomes a {@link diskError}. */
export async function guarded<T>(doing: string, name: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskError(error, doing, name);
  }
}

/** Whether the file or folder was not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

export function alreadyExists(error: unknown): boolean {
  return codeOf(error) === 'EEXIST';
}
