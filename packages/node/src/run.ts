import { type ErrorCode, isQuorateError } from '@quorate/kernel';
import type { QuorateNode } from './node.ts';

/** Exit codes of a node (sysexits.h where it has a word for it). */
export const EXIT = { clean: 0, failed: 70, data: 65, disk: 74, locked: 75, keys: 77, config: 78 } as const;

/** With which code a process ends that this error stopped. */
export function exitCodeOf(error: unknown): number {
  if (!isQuorateError(error)) return EXIT.failed;
  const code: ErrorCode = error.code;
  if (code === 'gate/locked') return EXIT.locked;
  if (code.endsWith('/corrupt') || code === 'application/diverged' || code === 'consensus/fork') return EXIT.data;
  if (code.startsWith('disk/')) return EXIT.disk;
  if (code.startsWith('gate/') || code.startsWith('key/')) return EXIT.keys;
  if (code.startsWith('config/') || code.startsWith('genesis/')) return EXIT.config;
  return EXIT.failed;
}

/** One line for whoever reads the terminal or the journal of the service. */
export function failureLine(error: unknown): string {
  if (isQuorateError(error)) return `quorate: ${error.code}: ${error.message}`;
  return `quorate: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** What {@link runNode} needs of the process around it. */
export interface ProcessSignals {
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  off(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/**
 * Runs a node until it is told to stop (SIGTERM or SIGINT: a clean shutdown, as in a rolling restart) or stops itself.
 * Resolves with the exit code, everything closed; what stopped it goes to `complain` in one line.
 */
export async function runNode(
  node: QuorateNode,
  options: { readonly signals?: ProcessSignals; readonly complain?: (line: string) => void } = {},
): Promise<number> {
  const { signals = process, complain = (line) => process.stderr.write(`${line}\n`) } = options;
  let stop: () => void = () => {};
  const told = new Promise<null>((resolve) => {
    stop = () => resolve(null);
  });
  signals.on('SIGTERM', stop);
  signals.on('SIGINT', stop);
  try {
    const started = node.start();
    started.catch(() => {}); // awaited below, unless a signal comes first
    const failure = await Promise.race([started.then(() => Promise.race([told, node.halted])), told]);
    await node.stop();
    if (failure === null) return EXIT.clean;
    complain(failureLine(failure));
    return exitCodeOf(failure);
  } catch (error) {
    await node.stop();
    complain(failureLine(error));
    return exitCodeOf(error);
  } finally {
    signals.off('SIGTERM', stop);
    signals.off('SIGINT', stop);
  }
}
