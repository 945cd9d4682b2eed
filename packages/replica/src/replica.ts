import { checkGenesis } from '@quorate/kernel';
import type { Replica, ReplicaOptions, ReplicaParts } from './api.ts';
import { replicaFor } from './mechanisms.ts';

/** A replica on these ports, not started yet. Throws `genesis/invalid`. */
export function createReplica(options: ReplicaOptions, parts: ReplicaParts): Replica {
  checkGenesis(options.genesis, parts.suite);
  return replicaFor(options.genesis)(options, parts);
}
