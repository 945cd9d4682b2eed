import { isQuorateError, type QuorateError } from '@quorate/kernel';
import type { Replica } from '@quorate/replica';

/** Behind the chain by more blocks than this, a node proposes empty blocks and is not ready. */
const MAX_EXECUTION_LAG = 16;

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in sentences. */
  readonly reasons: readonly string[];
}

/** Whether this node can be relied on: in step with the network, executing, and voting if it has a key. */
export function readinessOf(replica: Pick<Replica, 'status'>, halted: QuorateError | null): Readiness {
  if (halted !== null) return { ready: false, reasons: [`halted: ${halted.message}`] };
  const reasons: string[] = [];
  try {
    const { syncing, height, executedHeight, silent } = replica.status();
    if (syncing) reasons.push(`syncing: at height ${height}, catching up with the network`);
    const lag = height - executedHeight;
    if (lag > MAX_EXECUTION_LAG) reasons.push(`execution lag: ${lag} finalized blocks wait for the application`);
    if (silent !== null) reasons.push(`silent: ${silent}`);
  } catch (error) {
    reasons.push(isQuorateError(error) ? error.message : 'the replica does not answer');
  }
  return { ready: reasons.length === 0, reasons };
}
