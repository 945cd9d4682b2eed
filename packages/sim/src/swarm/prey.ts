import type { PeerId } from '@quorate/kernel';
import type { ReplicaStatus } from '@quorate/replica';
import { answerOf, type Member } from '../cluster/member.ts';
import type { Cluster } from '../cluster.ts';

// Whom an adversary that looks before it strikes goes for.

/** The replica that has come farthest, with what it says of itself. */
export function farthest(cluster: Cluster): { readonly member: Member; readonly status: ReplicaStatus } | null {
  let best: { readonly member: Member; readonly status: ReplicaStatus } | null = null;
  for (const [index, member] of cluster.members.entries()) {
    const status = cluster.statusOf(index);
    if (status === null) continue;
    const ahead = best === null ? 1 : status.epoch - best.status.epoch || status.view - best.status.view;
    if (ahead > 0) best = { member, status };
  }
  return best;
}

/** The node key of whoever would make progress next. */
export function farthestOf(cluster: Cluster): PeerId | null {
  return farthest(cluster)?.member.peer ?? null;
}

/** The node key of whoever leads, as the replica that has come farthest sees it. */
export function leaderOf(cluster: Cluster): PeerId | null {
  const best = farthest(cluster);
  if (best === null || best.status.engine.leader === null) return null;
  const { leader } = best.status.engine;
  return answerOf(best.member, (replica) => replica.validators(best.status.epoch))?.at(leader)?.peer ?? null;
}
