import type { Millis } from '@quorate/kernel';
import type { Cluster } from '../cluster.ts';
import type { Operator } from './operator.ts';

/** What the faults of a run act upon. */
export interface Stage {
  readonly cluster: Cluster;
  readonly operator: Operator;
  /**
   * Ends a fault in `ms`, or earlier: when all faults end, or by the returned function. `always`: also in a run whose faults stay as
   * they are outside the healed core.
   */
  last(release: () => void, ms: Millis, always?: boolean): () => void;
}
