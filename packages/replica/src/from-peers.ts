import {
  type Application,
  type Block,
  type Certificate,
  type Epoch,
  encode,
  type Genesis,
  type Millis,
  type PeerId,
  type Transport,
  unreachable,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import type { BlockSync } from './block-sync.ts';
import type { Counters } from './counters.ts';
import type { CurrentEpoch } from './current-epoch.ts';
import type { Gossip } from './gossip.ts';
import type { Late } from './late.ts';
import type { Loop } from './loop.ts';
import type { Mechanism } from './mechanism.ts';
import type { Peers } from './peers.ts';
import type { Proposer } from './proposer.ts';
import type { Signing } from './signing.ts';
import { serveStateSync } from './state-sync-serving.ts';
import type { StateSyncRequest } from './state-sync-wire.ts';
import type { SyncRequests } from './sync-requests.ts';
import { type SyncMessage, syncCodec } from './wire.ts';

export interface FromPeersParts<M, R> {
  readonly genesis: Genesis;
  readonly mechanism: Mechanism<M, R>;
  readonly application: Application;
  readonly store: BlockStore;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly counters: Counters;
  readonly now: () => Millis;
  readonly current: CurrentEpoch<M, R>;
  readonly loop: Loop<M, R>;
  readonly signing: Signing;
  readonly blockSync: BlockSync;
  readonly requests: SyncRequests;
  readonly gossip: Late<Gossip>;
  readonly proposer: Late<Proposer>;
}

/** What comes from peers, decoded by the ingress, and whom here it concerns. */
export class FromPeers<M, R> {
  readonly #parts: FromPeersParts<M, R>;

  constructor(parts: FromPeersParts<M, R>) {
    this.#parts = parts;
  }

  /** A message for the engine, of so many bytes on the wire. */
  message(epoch: Epoch, from: PeerId, message: M, bytes: number): void {
    const { loop, mechanism, signing } = this.#parts;
    // What finds no room is not looked at either.
    if (!loop.message(epoch, from, message, bytes)) return;
    const { votes, certificates } = mechanism.signedIn(message);
    signing.watch(from, votes, certificates);
  }

  /** A block that was proposed or asked for is durable. */
  available(block: Block): void {
    const { loop, proposer, store } = this.#parts;
    loop.own(block.ref.epoch, { kind: 'available', block });
    proposer.value.advanced(store.finalizedHeight);
  }

  /** Blocks that were missed are durable, and a certificate that proves them final: the engine takes it as it takes any other. */
  proven(from: PeerId, blocks: readonly Block[], certificate: Certificate): void {
    const { loop, mechanism } = this.#parts;
    const { epoch } = certificate.statement;
    for (const block of blocks) loop.own(epoch, { kind: 'available', block });
    loop.own(epoch, { kind: 'message', from, message: mechanism.certificateMessage(certificate) });
  }

  /** A message of synchronisation, of blocks or of state. */
  async sync(from: PeerId, message: SyncMessage): Promise<void> {
    const { peers, counters, current, signing, blockSync, requests } = this.#parts;
    const now = this.#parts.now();
    switch (message.kind) {
      case 'tip':
        if (current.state === null) return peers.setTip(from, message, now);
        await blockSync.receive(from, message);
        if (blockSync.syncing) signing.suspect();
        return;
      case 'wantRange':
      case 'range':
        if (current.state !== null) await blockSync.receive(from, message);
        return;
      case 'ask':
        if (current.state === null || !peers.mayAsk(from, 1, now)) return counters.add('dropped.requests');
        return this.#answer(from, message.request, message.ask, now);
      case 'answer':
        if (!requests.answered(from, message.request, message.answer)) counters.add('dropped.sync-unsolicited');
        return;
      default:
        return unreachable(message);
    }
  }

  async #answer(from: PeerId, request: number, ask: StateSyncRequest, now: Millis): Promise<void> {
    const { transport, peers } = this.#parts;
    const answer = await serveStateSync(ask, this.#parts);
    const bytes = encode(syncCodec, { kind: 'answer', request, answer });
    peers.mayAsk(from, bytes.length / 65_536, now);
    transport.send(from, 'sync', bytes);
  }

  /** Who is connected has changed; `news` are those who were not before. */
  connected(connected: readonly PeerId[], news: readonly PeerId[]): void {
    const { current, loop, signing, blockSync, gossip } = this.#parts;
    if (current.state === null) return;
    signing.connected();
    loop.own(current.state.epoch, { kind: 'peers', connected });
    for (const peer of news) {
      blockSync.greet(peer);
      gossip.value.greet(peer);
    }
    blockSync.check();
  }
}
