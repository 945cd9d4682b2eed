import {
  type Block,
  type Certificate,
  type Clock,
  type Epoch,
  encode,
  type Genesis,
  type Hash,
  type Height,
  isQuorateError,
  lastHeightOf,
  type Millis,
  type PeerId,
  type Transport,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import type { BlockStore } from './block-store.ts';
import type { Counters } from './counters.ts';
import type { Peers } from './peers.ts';
import { rangeFrom } from './range-server.ts';
import { type BlockWithBody, Stretch } from './range-stretch.ts';
import { MAX_RANGE, type SyncMessage, syncCodec } from './wire.ts';

/** Behind by so many heights a range is asked for at once; behind by less, when nothing moved for {@link PATIENCE_MS}. */
const FAR_BEHIND = 8;
const PATIENCE_MS = 1_000;
const ANSWER_MS = 5_000;
/** A tip is announced when it changed, at most this often, and at the latest after the second time; now and then even when it did not. */
const ANNOUNCE_MS = 1_000;
const ANNOUNCE_LATEST_MS = 2_000;
const REPEAT_MS = 10_000;
/** Finalized heights that may wait for execution before more are fetched. */
const MAX_UNEXECUTED = 2_048;
/** Bytes that may wait for one peer in this class before its requests are dropped: below what a transport holds (16 MiB), with room for most answers. */
const MAX_QUEUED = 4 << 20;

export interface BlockSyncParts {
  readonly genesis: Genesis;
  readonly store: BlockStore;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly hash: Hash;
  readonly now: () => Millis;
  readonly counters: Counters;
  readonly log: Log;
  /** The epoch of the running engine. */
  readonly epoch: () => Epoch;
  readonly lag: () => number;
  /** Why a certificate of the running epoch does not hold, or null. */
  readonly fault: (certificate: Certificate) => string | null;
  /** Blocks that a certificate proves final, stored, lowest first. */
  readonly proven: (from: PeerId, blocks: readonly Block[], certificate: Certificate) => void;
}

interface Outstanding {
  readonly request: number;
  readonly peer: PeerId;
  readonly from: Height;
  readonly cancel: () => void;
}

type Range = Extract<SyncMessage, { kind: 'range' }>;

/** Catching up: ranges of finalized blocks, checked against a certificate before they are stored, then given to the engine like anything else. */
export class BlockSync {
  readonly #parts: BlockSyncParts;
  #outstanding: Outstanding | null = null;
  #requests = 0;
  #turn = 0;
  #movedAt: Millis;
  #cancelCheck: (() => void) | null = null;
  #cancelAnnounce: (() => void) | null = null;
  #announceAt: Millis = 0;
  #announcedAt: Millis = Number.NEGATIVE_INFINITY;
  #applying = false;
  /** What is proven, but did not fit into one answer. */
  #stretch: Stretch | null = null;
  #stopped = false;

  constructor(parts: BlockSyncParts) {
    this.#parts = parts;
    this.#movedAt = parts.now();
  }

  /** Whether a peer that we have reason to believe claims to be far ahead of us. */
  get syncing(): boolean {
    const { peers, store } = this.#parts;
    const far = store.finalizedHeight + FAR_BEHIND;
    // The greatest claim of all is found at once; whether it is credible takes sorting.
    return peers.claimedHeight() >= far && peers.credibleHeight() >= far;
  }

  /** Something was finalized here, or the epoch changed. */
  moved(): void {
    this.#movedAt = this.#parts.now();
    // At once when it is time, among the other messages of this moment: a timer of its own would wake everybody once more.
    const since = this.#movedAt - this.#announcedAt;
    if (since >= ANNOUNCE_MS) this.#announce();
    else this.#announceSoon(ANNOUNCE_LATEST_MS - since);
    this.check();
  }

  /** A peer came: it learns at once where we stand. */
  greet(peer: PeerId): void {
    this.#parts.transport.send(peer, 'sync', this.#tip());
    this.#announceSoon(REPEAT_MS);
  }

  /** Tells one peer where we stand because it speaks of an epoch that is over. */
  correct(peer: PeerId): void {
    const { peers, transport, now } = this.#parts;
    if (peers.mayAsk(peer, 1, now())) transport.send(peer, 'sync', this.#tip());
  }

  /** Asks for the next range when we are behind and nobody is being asked. */
  check(): void {
    if (this.#stopped || this.#outstanding !== null || this.#applying) return;
    const { genesis, peers, now, clock, lag, epoch } = this.#parts;
    const next = this.#wanted();
    const claimed = peers.claimedHeight();
    if (claimed < next || lag() > MAX_UNEXECUTED) return;
    // The epoch is over but the next one's set is not in force yet: what comes could not be checked.
    if (next > lastHeightOf(genesis.consensus, epoch())) return;
    const wait = claimed >= next + FAR_BEHIND - 1 ? 0 : this.#movedAt + PATIENCE_MS - now();
    if (wait > 0) {
      if (this.#cancelCheck !== null) return;
      this.#cancelCheck = clock.after(wait, () => {
        this.#cancelCheck = null;
        this.check();
      });
      return;
    }
    this.#ask(next);
  }

  async receive(from: PeerId, message: Extract<SyncMessage, { kind: 'tip' | 'wantRange' | 'range' }>): Promise<void> {
    switch (message.kind) {
      case 'tip': {
        this.#parts.peers.setTip(from, message, this.#parts.now());
        return this.check();
      }
      case 'wantRange':
        return this.#serve(from, message.request, message.from, message.count);
      case 'range':
        return this.#receive(from, message);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#outstanding?.cancel();
    this.#cancelCheck?.();
    this.#cancelAnnounce?.();
  }

  #tip(): Uint8Array {
    const { store, epoch } = this.#parts;
    return encode(syncCodec, { kind: 'tip', epoch: epoch(), height: store.finalizedHeight });
  }

  /** Announces after `delay`; a sooner announcement takes the place of a later one. */
  #announceSoon(delay: Millis): void {
    const at = this.#parts.now() + delay;
    if (this.#stopped || (this.#cancelAnnounce !== null && this.#announceAt <= at)) return;
    this.#cancelAnnounce?.();
    this.#announceAt = at;
    this.#cancelAnnounce = this.#parts.clock.after(delay, () => {
      this.#cancelAnnounce = null;
      this.#announce();
    });
  }

  #announce(): void {
    const { peers, transport, now } = this.#parts;
    if (this.#stopped) return;
    this.#announcedAt = now();
    this.#cancelAnnounce?.();
    this.#cancelAnnounce = null;
    const bytes = this.#tip();
    for (const peer of peers.connected) transport.send(peer, 'sync', bytes);
    this.#announceSoon(REPEAT_MS);
  }

  #ask(from: Height): void {
    const { peers, transport, clock, now, counters } = this.#parts;
    const candidates = peers.withHeight(from);
    const peer = candidates[this.#turn++ % Math.max(1, candidates.length)];
    if (peer === undefined) return;
    const request = ++this.#requests;
    const cancel = clock.after(ANSWER_MS, () => {
      this.#outstanding = null;
      peers.showed(peer, false, now());
      peers.blame(peer, 'unsolicited', 'no answer to a request for blocks', now());
      this.check();
    });
    this.#outstanding = { request, peer, from, cancel };
    counters.add('sync.asked');
    if (!transport.send(peer, 'sync', encode(syncCodec, { kind: 'wantRange', request, from, count: MAX_RANGE }))) {
      cancel();
      this.#outstanding = null;
      this.#later(PATIENCE_MS);
    }
  }

  #later(delay: Millis): void {
    if (this.#stopped || this.#cancelCheck !== null) return;
    this.#cancelCheck = this.#parts.clock.after(delay, () => {
      this.#cancelCheck = null;
      this.check();
    });
  }

  async #receive(from: PeerId, range: Range): Promise<void> {
    const { peers, now, counters, log } = this.#parts;
    const asked = this.#outstanding;
    if (asked === null || asked.peer !== from || asked.request !== range.request) {
      counters.add('dropped.sync-unsolicited');
      return;
    }
    asked.cancel();
    this.#outstanding = null;
    if (range.blocks.length === 0 || range.certificate === null) {
      // It pruned what we need, or never had it.
      peers.showed(from, false, now());
      if (range.kept > asked.from) {
        log('warn', 'a peer no longer keeps the blocks that this node needs', {
          peer: from,
          from: asked.from,
          kept: range.kept,
        });
        counters.add('sync.pruned');
      }
      this.#later(PATIENCE_MS);
      return;
    }
    if (asked.from !== this.#wanted()) return this.check(); // overtaken by the engine
    this.#applying = true;
    let more = false;
    try {
      const { genesis, hash, store, fault } = this.#parts;
      const parts = { genesis, hash, epoch: this.#parts.epoch(), fault };
      const stretch = this.#inHand() ?? Stretch.proven(store.tip().block, range.blocks, range.certificate, parts);
      const bodies = typeof stretch === 'string' ? stretch : stretch.bodies(range.blocks, parts);
      peers.showed(from, typeof bodies !== 'string', now());
      if (typeof stretch === 'string' || typeof bodies === 'string') {
        const wrong = typeof stretch === 'string' ? stretch : bodies;
        peers.blame(from, 'invalid', `a range of blocks: ${wrong}`, now());
        this.#later(PATIENCE_MS);
        return;
      }
      counters.add('sync.blocks', bodies.length);
      more = await this.#apply(from, stretch, bodies);
    } finally {
      this.#applying = false;
    }
    this.#movedAt = now();
    if (more) this.check();
    this.#later(PATIENCE_MS); // in case the engine does not finalize
  }

  /** Stores bodies of the stretch; all of it goes to the engine once the last is here. Whether more are to be asked for at once. */
  async #apply(from: PeerId, stretch: Stretch, bodies: readonly BlockWithBody[]): Promise<boolean> {
    const { store, proven, counters } = this.#parts;
    try {
      await Promise.all(bodies.map(({ block, body }) => store.put(block, body)));
    } catch (error) {
      if (!isQuorateError(error, 'store/full')) throw error;
      counters.add('dropped.bodies-full');
      // Whoever led us to so far a goal left nearer certificates out: another may finalize what is stored already.
      this.#stretch = null;
      return false;
    }
    stretch.fill(bodies.length);
    if (stretch.next !== null) {
      this.#stretch = stretch;
      return true;
    }
    this.#stretch = null;
    if (!this.#stopped) proven(from, stretch.blocks, stretch.certificate);
    return false;
  }

  /** The stretch in hand, unless finality moved since it was proven: the engine may have gone another way up. */
  #inHand(): Stretch | null {
    if (this.#stretch === null) return null;
    if (this.#stretch.base.ref.digest !== this.#parts.store.tip().block.ref.digest) this.#stretch = null;
    return this.#stretch;
  }

  /** The first height that is wanted. */
  #wanted(): Height {
    return this.#inHand()?.next?.header.height ?? this.#parts.store.finalizedHeight + 1;
  }

  #serve(to: PeerId, request: number, from: Height, count: number): void {
    const { store, peers, transport, now, counters } = this.#parts;
    if (!peers.mayAsk(to, 1, now()) || transport.queued(to, 'sync') > MAX_QUEUED) {
      counters.add('dropped.requests');
      return;
    }
    const served = rangeFrom(this.#parts, from, count);
    const blocks = served?.blocks ?? [];
    const certificate = served?.certificate ?? null;
    const kept = store.kept.bodiesFrom;
    const message = encode(syncCodec, { kind: 'range', request, blocks, certificate, kept });
    peers.mayAsk(to, message.length / 65_536, now());
    counters.add('sync.served', blocks.length);
    if (transport.send(to, 'sync', message)) counters.add('sent.sync', message.length);
  }
}
