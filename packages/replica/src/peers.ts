import type { Epoch, Height, Millis, PeerId, Transport, ValidatorSet } from '@quorate/kernel';
import type { Counters } from './counters.ts';

/** A peer is expelled when its score reaches this. */
const EXPEL_SCORE = 100;
const BAN_MS = 60_000;
/** A second of good behaviour forgives one point. */
const FORGIVE_MS = 1_000;
/** Records of peers that left are kept so that a new connection does not clean the slate. */
const MAX_RECORDS = 2_048;

/** What a peer may ask of us: tokens per second, and how many it may save up. A token is one request plus 64 KiB served. */
const REQUEST_RATE = 200;
const REQUEST_BURST = 400;

/** How bad an offence is, in points. */
export type Offence = 'malformed' | 'unsolicited' | 'invalid' | 'misbehaved' | 'flood';
const POINTS: Readonly<Record<Offence, number>> = {
  malformed: 25,
  unsolicited: 2,
  invalid: 25,
  misbehaved: 10,
  flood: 1,
};

export interface Tip {
  readonly epoch: Epoch;
  readonly height: Height;
}

interface PeerRecord {
  score: number;
  scoredAt: Millis;
  expelledUntil: Millis;
  tokens: number;
  filledAt: Millis;
  tip: Tip | null;
  /** It was asked for blocks that it claims to have, and did not show them. */
  doubted: boolean;
}

/** Who is connected, how they behaved, what they may still ask, and where they say they stand. */
export class Peers {
  readonly #transport: Transport;
  readonly #counters: Counters;
  readonly #records = new Map<PeerId, PeerRecord>();
  readonly #onExpelled: (peer: PeerId, reason: string) => void;
  #connected: readonly PeerId[] = [];
  #validators: ValidatorSet | null = null;

  constructor(transport: Transport, counters: Counters, onExpelled: (peer: PeerId, reason: string) => void) {
    this.#transport = transport;
    this.#counters = counters;
    this.#onExpelled = onExpelled;
  }

  /** Connected peers in a fixed order. */
  get connected(): readonly PeerId[] {
    return this.#connected;
  }

  setConnected(connected: readonly PeerId[]): void {
    this.#connected = [...connected].sort();
    for (const [peer, record] of this.#records) if (!this.isConnected(peer)) record.tip = null;
  }

  isConnected(peer: PeerId): boolean {
    return this.#connected.includes(peer);
  }

  setValidators(validators: ValidatorSet): void {
    this.#validators = validators;
  }

  /** Whether the peer speaks for a validator of the current epoch. */
  isValidator(peer: PeerId): boolean {
    return this.#validators?.indexOfPeer(peer) != null;
  }

  /** Connected validators of the current epoch, in a fixed order. */
  get validators(): readonly PeerId[] {
    return this.#connected.filter((peer) => this.isValidator(peer));
  }

  tip(peer: PeerId): Tip | null {
    return this.#records.get(peer)?.tip ?? null;
  }

  setTip(peer: PeerId, tip: Tip, now: Millis): void {
    this.#record(peer, now).tip = tip;
  }

  /** Connected peers that say they have finalized `height`, in a fixed order. */
  withHeight(height: Height): readonly PeerId[] {
    return this.#connected.filter((peer) => (this.tip(peer)?.height ?? 0) >= height);
  }

  /** The greatest height any connected peer claims. A claim only: it makes us ask, never believe. */
  claimedHeight(): Height {
    let best = 0;
    for (const peer of this.#connected) best = Math.max(best, this.tip(peer)?.height ?? 0);
    return best;
  }

  /** Whether the peer showed the blocks that it claims to have. */
  showed(peer: PeerId, blocks: boolean, now: Millis): void {
    this.#record(peer, now).doubted = !blocks;
  }

  /**
   * The greatest height that there is reason to believe: claimed by some peer that was not found wanting, or by validators of
   * which one must be honest. One liar must not make a node look as if it were behind.
   */
  credibleHeight(): Height {
    let best = this.#minorityHeight();
    for (const peer of this.#connected) {
      const record = this.#records.get(peer);
      if (record?.doubted === false) best = Math.max(best, record.tip?.height ?? 0);
    }
    return best;
  }

  /** The greatest height that more than a third of the current epoch's weight claims. */
  #minorityHeight(): Height {
    const set = this.#validators;
    if (set === null) return 0;
    const claims = this.validators.map((peer) => {
      const weight = set.weightOf(set.indexOfPeer(peer) ?? -1);
      return { height: this.tip(peer)?.height ?? 0, weight };
    });
    let weight = 0;
    for (const claim of claims.sort((a, b) => b.height - a.height)) {
      weight += claim.weight;
      if (weight >= set.minority) return claim.height;
    }
    return 0;
  }

  /** Counts an offence; expels the peer when there are too many. */
  blame(peer: PeerId, offence: Offence, reason: string, now: Millis): void {
    this.#counters.add(`blamed.${offence}`);
    const record = this.#record(peer, now);
    record.score = Math.max(0, record.score - (now - record.scoredAt) / FORGIVE_MS) + POINTS[offence];
    record.scoredAt = now;
    if (record.score < EXPEL_SCORE) return;
    record.score = 0;
    record.expelledUntil = now + BAN_MS;
    this.#counters.add('expelled');
    this.#transport.expel(peer, reason, BAN_MS);
    this.#onExpelled(peer, reason);
  }

  /** Whether the peer was expelled not long ago: what it sent before that may still be waiting here. */
  isExpelled(peer: PeerId, now: Millis): boolean {
    return now < (this.#records.get(peer)?.expelledUntil ?? Number.NEGATIVE_INFINITY);
  }

  /** Takes the tokens of a request that costs `cost`; false when the peer has asked too much lately. */
  mayAsk(peer: PeerId, cost: number, now: Millis): boolean {
    const record = this.#record(peer, now);
    record.tokens = Math.min(REQUEST_BURST, record.tokens + ((now - record.filledAt) * REQUEST_RATE) / 1000);
    record.filledAt = now;
    if (record.tokens < 1) return false;
    // May go below zero: an answer's size is known only after it was made.
    record.tokens -= cost;
    return true;
  }

  #record(peer: PeerId, now: Millis): PeerRecord {
    let record = this.#records.get(peer);
    if (record === undefined) {
      if (this.#records.size >= MAX_RECORDS) {
        for (const known of this.#records.keys()) {
          if (this.isConnected(known)) continue;
          this.#records.delete(known);
          break;
        }
      }
      record = {
        score: 0,
        scoredAt: now,
        expelledUntil: Number.NEGATIVE_INFINITY,
        tokens: REQUEST_BURST,
        filledAt: now,
        tip: null,
        doubted: false,
      };
      this.#records.set(peer, record);
    }
    return record;
  }
}
