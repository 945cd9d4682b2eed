import {
  type Block,
  type BlockRef,
  type Body,
  blockOfHeader,
  bodyBytes,
  bodyRoots,
  type Clock,
  type Digest,
  type Epoch,
  encode,
  type Hash,
  type Height,
  isQuorateError,
  type Millis,
  type PeerId,
  type Transport,
  type View,
} from '@quorate/kernel';
import type { BlockStore } from './block-store.ts';
import type { Counters } from './counters.ts';
import type { Peers } from './peers.ts';
import { type BodiesMessage, bodiesCodec, type CarriedBlock, MAX_WANTS } from './wire.ts';

/** Answers that may still be on their way when the push has come first: so many are remembered. */
const MAX_RECENT = 256;
const RETRY_MS = 400;
const MAX_RETRY_MS = 5_000;
/** Blocks wanted at one time; the engine asks again for what was let go. */
const MAX_WANTED = 1_024;
/** How far above our view a push may be. */
const VIEWS_AHEAD = 16;
/** Blocks of one view that are taken unasked: one, and another from a leader that crashed before it proposed. */
const PUSHES_PER_VIEW = 2;
/** Bytes that may wait for one peer in the class of bodies before we serve it no more. */
const MAX_QUEUED = 16 << 20;

/** What a message holds beside the body, about. */
const HEADER_ROOM = 512;

export interface DisseminationOptions {
  readonly chainId: string;
  readonly maxBlockBytes: number;
  /** How long a fetch waits for the proposer's push before it asks: a full body takes a good part of Δ to arrive. */
  readonly grace: Millis;
}

export interface DisseminationParts {
  readonly store: BlockStore;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly hash: Hash;
  readonly now: () => Millis;
  readonly counters: Counters;
  /** Where this replica stands, and who leads a view of its epoch. */
  readonly standing: () => {
    readonly epoch: Epoch;
    readonly view: View;
    readonly finalizedView: View;
    readonly finalizedHeight: Height;
  };
  readonly leader: (view: View) => PeerId | null;
  /** The body is durable. */
  readonly available: (block: Block) => void;
}

interface Wanted {
  readonly ref: BlockRef;
  readonly hint: readonly PeerId[];
  attempts: number;
  asked: PeerId | null;
  cancel: () => void;
}

/** Bodies: pushed once by who proposes them, asked for by name by who missed them. Bodies are written before they are spoken of. */
export class Dissemination {
  readonly #options: DisseminationOptions;
  readonly #parts: DisseminationParts;
  readonly #wanted = new Map<Digest, Wanted>();
  /** Blocks that were asked for and came, perhaps from elsewhere. */
  readonly #recent = new Set<Digest>();
  /** Blocks taken unasked, by view of the running epoch. */
  readonly #pushed = new Map<View, Set<Digest>>();
  #epoch: Epoch = 0;
  #stopped = false;

  constructor(options: DisseminationOptions, parts: DisseminationParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Sends our own proposal to every peer, ahead of the vote that names it. */
  push(block: Block, body: Body): void {
    const { transport, peers, counters } = this.#parts;
    const bytes = encode(
      bodiesCodec,
      { kind: 'push', block: { header: block.header, body } },
      bodyBytes(body) + HEADER_ROOM,
    );
    for (const peer of peers.connected) {
      if (transport.send(peer, 'bodies', bytes)) counters.add('sent.bodies', bytes.length);
    }
  }

  /** Gets blocks that the engine asked for: at once when they are stored, else from peers, in turn, until they come. */
  fetch(refs: readonly BlockRef[], hint: readonly PeerId[]): void {
    for (const ref of refs) {
      const stored = this.#parts.store.hasBody(ref) ? this.#parts.store.header(ref) : null;
      if (stored !== null) {
        this.#parts.available(stored);
        continue;
      }
      if (this.#wanted.has(ref.digest) || this.#wanted.size >= MAX_WANTED) continue;
      const wanted: Wanted = { ref, hint, attempts: 0, asked: null, cancel: () => {} };
      this.#wanted.set(ref.digest, wanted);
      this.#later(wanted, this.#options.grace);
    }
  }

  /** Lets go of what can no longer matter. */
  prune(epoch: Epoch, finalizedView: View): void {
    for (const [digest, wanted] of this.#wanted) {
      if (wanted.ref.epoch > epoch || (wanted.ref.epoch === epoch && wanted.ref.view > finalizedView)) continue;
      wanted.cancel();
      this.#wanted.delete(digest);
    }
    for (const view of this.#pushed.keys()) {
      if (epoch !== this.#epoch || view <= finalizedView) this.#pushed.delete(view);
    }
    this.#epoch = epoch;
  }

  async receive(from: PeerId, message: BodiesMessage): Promise<void> {
    switch (message.kind) {
      case 'push':
      case 'block':
        return this.#accept(from, message.kind, message.block);
      case 'want':
        return this.#serve(from, message.refs);
      case 'missing':
        for (const ref of message.refs) {
          const wanted = this.#wanted.get(ref.digest);
          if (wanted === undefined || wanted.asked !== from) continue;
          wanted.cancel();
          this.#ask(wanted);
        }
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const wanted of this.#wanted.values()) wanted.cancel();
    this.#wanted.clear();
  }

  async #accept(from: PeerId, kind: 'push' | 'block', carried: CarriedBlock): Promise<void> {
    const { store, peers, hash, now, counters, available } = this.#parts;
    const block = blockOfHeader(hash, this.#options.chainId, carried.header);
    const wanted = this.#wanted.get(block.ref.digest);
    if (wanted === undefined && !this.#mayPush(from, kind, block)) {
      counters.add('dropped.bodies-unsolicited');
      // A push for a view that has just ended is late, not wrong.
      if (kind === 'push' && peers.isValidator(from)) return;
      if (kind === 'block' && this.#recent.has(block.ref.digest)) return; // asked for, and overtaken by the push
      peers.blame(from, 'unsolicited', 'a block that nobody asked for', now());
      return;
    }
    if (!store.hasBody(block.ref)) {
      const fault = bodyFault(hash, this.#options.maxBlockBytes, block, carried.body);
      if (fault !== null) {
        peers.blame(from, 'invalid', fault, now());
        return;
      }
      try {
        await store.put(block, carried.body);
      } catch (error) {
        if (!isQuorateError(error, 'store/full')) throw error;
        counters.add('dropped.bodies-full');
        return;
      }
    }
    if (this.#stopped) return;
    counters.add('bodies.received');
    if (wanted !== undefined) this.#came(wanted);
    available(block);
  }

  #came(wanted: Wanted): void {
    const { digest } = wanted.ref;
    wanted.cancel();
    this.#wanted.delete(digest);
    if (wanted.attempts === 0) return;
    this.#recent.add(digest);
    for (const oldest of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(oldest);
    }
  }

  /**
   * Only the leader of a view near ours may push a block of that view, and next to nothing but one. Its height must be one that
   * the view can have, since every block takes a view: a block above would never be dropped, and leave no room for others.
   */
  #mayPush(from: PeerId, kind: 'push' | 'block', { ref, header }: Block): boolean {
    if (kind !== 'push') return false;
    const { epoch, view, finalizedView, finalizedHeight } = this.#parts.standing();
    if (ref.epoch !== epoch || ref.view <= finalizedView || ref.view > view + VIEWS_AHEAD) return false;
    const above = header.height - finalizedHeight;
    if (above < 1 || above > ref.view - finalizedView) return false;
    if (this.#parts.leader(ref.view) !== from) return false;
    const pushed = this.#pushed.get(ref.view) ?? new Set();
    if (!pushed.has(ref.digest) && pushed.size >= PUSHES_PER_VIEW) return false;
    this.#pushed.set(ref.view, pushed.add(ref.digest));
    return true;
  }

  #serve(from: PeerId, refs: readonly BlockRef[]): void {
    const { store, transport, peers, now, counters } = this.#parts;
    const missing: BlockRef[] = [];
    for (const ref of refs) {
      if (!peers.mayAsk(from, 1, now()) || transport.queued(from, 'bodies') > MAX_QUEUED) {
        counters.add('dropped.requests');
        return;
      }
      const block = store.header(ref);
      const body = block === null ? null : store.body(ref);
      if (block === null || body === null) {
        missing.push(ref);
        continue;
      }
      const bytes = encode(
        bodiesCodec,
        { kind: 'block', block: { header: block.header, body } },
        bodyBytes(body) + HEADER_ROOM,
      );
      peers.mayAsk(from, bytes.length / 65_536, now());
      if (transport.send(from, 'bodies', bytes)) counters.add('sent.bodies', bytes.length);
    }
    if (missing.length > 0) transport.send(from, 'bodies', encode(bodiesCodec, { kind: 'missing', refs: missing }));
  }

  #later(wanted: Wanted, delay: Millis): void {
    wanted.cancel = this.#parts.clock.after(delay, () => this.#ask(wanted));
  }

  #ask(wanted: Wanted): void {
    if (this.#stopped || !this.#wanted.has(wanted.ref.digest)) return;
    const { peers, transport, counters } = this.#parts;
    const hinted = wanted.hint.filter((peer) => peers.isConnected(peer));
    const others = [...peers.validators, ...peers.connected].filter((peer) => !hinted.includes(peer));
    const candidates = [...new Set([...hinted, ...others])];
    const peer = candidates[wanted.attempts % Math.max(1, candidates.length)];
    wanted.attempts += 1;
    wanted.asked = peer ?? null;
    if (peer !== undefined) {
      counters.add('bodies.asked');
      transport.send(peer, 'bodies', encode(bodiesCodec, { kind: 'want', refs: [wanted.ref].slice(0, MAX_WANTS) }));
    }
    const round = Math.floor(wanted.attempts / Math.max(1, candidates.length));
    this.#later(wanted, Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(round, 4)));
  }
}

/** Why a body does not belong to a block, or null. */
export function bodyFault(hash: Hash, maxBlockBytes: number, block: Block, body: Body): string | null {
  const size = bodyBytes(body);
  if (size > maxBlockBytes) return `a body of ${size} bytes, the limit is ${maxBlockBytes}`;
  const { txRoot, evidenceRoot } = bodyRoots(hash, body);
  if (txRoot !== block.header.txRoot || evidenceRoot !== block.header.evidenceRoot) {
    return 'a body that is not the one its header names';
  }
  return null;
}
