import {
  type Hash,
  isQuorateError,
  type Millis,
  type PeerId,
  QuorateError,
  type SignatureSuite,
} from '@quorate/kernel';
import type { StateSyncRequest, StateSyncResponse } from './state-sync-wire.ts';

/** What asking peers, and checking their answers, needs. */
export interface Asking {
  readonly suite: SignatureSuite;
  readonly hash: Hash;
  readonly now: () => Millis;
  /** Connected peers. */
  readonly peers: () => readonly PeerId[];
  /** Rejects when the peer does not answer in time. */
  readonly ask: (peer: PeerId, request: StateSyncRequest) => Promise<StateSyncResponse>;
  /** Who hears of a lie. */
  readonly blame: (peer: PeerId, reason: string) => void;
}

/**
 * The first answer that holds. A peer whose answer is false is blamed; one that has none, or does not answer, is passed over.
 * Throws `sync/refused` when nobody proves it, `light/expired` and `light/conflict` at once.
 */
export async function anyPeer<T>(
  { blame }: Pick<Asking, 'blame'>,
  peers: readonly PeerId[],
  what: string,
  attempt: (peer: PeerId) => Promise<T>,
): Promise<T> {
  const refusals: string[] = [];
  for (const peer of peers) {
    try {
      return await attempt(peer);
    } catch (error) {
      if (isQuorateError(error, 'light/expired') || isQuorateError(error, 'light/conflict')) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      refusals.push(`${peer}: ${reason}`);
      const lie = isQuorateError(error) && error.code !== 'sync/refused' && !error.code.startsWith('rpc/');
      if (lie) blame(peer, `${what}: ${reason}`);
    }
  }
  throw new QuorateError(
    'sync/refused',
    `no peer proves ${what}${refusals.length === 0 ? '' : ` (${refusals.join('; ')})`}`,
  );
}

/** What a peer gave; `sync/refused` when it has nothing. */
export function given<T>(found: T | null): T {
  if (found === null) throw new QuorateError('sync/refused', 'it does not have it');
  return found;
}
