import type { Millis } from '@quorate/kernel';
import type { Log } from '@quorate/replica';

/** What a node can see of its place in the network. */
export interface Sight {
  /** Peers that are connected. */
  readonly connected: number;
  /** Where peers are dialled, `host:port`. */
  readonly dialled: readonly string[];
  /** Why the latest attempt to dial failed, or null. */
  readonly dialFailure: string | null;
  /** Whether this node alone is the whole validator set. */
  readonly sufficesAlone: boolean;
  readonly syncing: boolean;
  readonly height: number;
  /** Why the signing gate signs nothing, and until when, or null. */
  readonly silent: string | null;
  /** Whether the replica takes part: before that, a height that stands still says nothing. */
  readonly running: boolean;
  /** Voting weight of the validators that are connected, this node's own included, and what finality takes. */
  readonly weight: { readonly connected: number; readonly total: number; readonly needed: number };
}

/** Connections take a moment: who has been alone for less says nothing. */
const ALONE_AFTER_MS = 3000;
const ALONE_AGAIN_MS = 30_000;
const PROGRESS_MS = 5000;
/** Addresses that are named in full. */
const MAX_NAMED = 4;
/** An idle chain makes a block every Δ/2: one that made none for so many Δ, and for so long, has lost something. */
const QUIET_DELTAS = 10;
const QUIET_AT_LEAST_MS = 10_000;

/** How long a chain may make no final block, ms. */
export function quietAfter(delta: Millis): Millis {
  return Math.max(QUIET_DELTAS * delta, QUIET_AT_LEAST_MS);
}

/** Why nothing can be learned from the network, in a sentence, or null when somebody is connected or nobody is needed. */
export function loneliness({ connected, dialled, dialFailure, sufficesAlone }: Sight): string | null {
  if (connected > 0 || sufficesAlone) return null;
  if (dialled.length === 0)
    return 'no peer connected, and none to dial: neither genesis nor the validator set names an address; set p2p.peers to KEY@host:port';
  const more = dialled.length > MAX_NAMED ? ` and ${dialled.length - MAX_NAMED} more` : '';
  const failure = dialFailure === null ? '' : `; the latest attempt failed: ${dialFailure}`;
  return `no peer connected: dialling ${dialled.slice(0, MAX_NAMED).join(', ')}${more}${failure}`;
}

/** Says in the log what an operator would otherwise have to ask for, now and then and not for every block. */
export class Watch {
  readonly #look: () => Sight;
  readonly #log: Log;
  readonly #quietMs: Millis;
  #final: { readonly height: number; readonly since: number } | null = null;
  #toldStalledSince: number | null = null;
  #aloneSince: number | null = null;
  #toldAloneAt: number | null = null;
  #progress: { readonly at: number; readonly height: number } | null = null;
  #toldSilent: string | null = null;

  /** `quietMs`: how long the chain may make no final block, see {@link quietAfter}. */
  constructor(options: { readonly quietMs: Millis }, parts: { readonly look: () => Sight; readonly log: Log }) {
    this.#quietMs = options.quietMs;
    this.#look = parts.look;
    this.#log = parts.log;
  }

  /** Looks once. `now` in ms, from a clock that never goes back. */
  tick(now: number): void {
    const sight = this.#look();
    this.#alone(sight, now);
    this.#catchingUp(sight, now);
    this.#standstill(sight, now);
    if (sight.silent === this.#toldSilent) return;
    this.#toldSilent = sight.silent;
    if (sight.silent !== null) this.#log('warn', 'this voting key signs nothing yet', { reason: sight.silent });
  }

  /** Why the chain counts as standing still, in a sentence, or null. `now` as in {@link tick}. */
  stalled(now: number): string | null {
    return this.#stalled(this.#look(), now);
  }

  #stalled({ running, syncing, height, weight }: Sight, now: number): string | null {
    // Who catches up has another reason, and learns blocks that were final long ago.
    if (!running || syncing) this.#final = null;
    else if (this.#final === null || this.#final.height !== height) this.#final = { height, since: now };
    const quiet = this.#final === null ? 0 : now - this.#final.since;
    if (quiet < this.#quietMs) return null;
    const { connected, total, needed } = weight;
    return `no block became final for ${Math.floor(quiet / 1000)} s; connected validators hold ${connected} of ${total} weight, this node's own included, ${needed} are needed`;
  }

  #standstill(sight: Sight, now: number): void {
    const reason = this.#stalled(sight, now);
    const { height } = sight;
    if (reason !== null) {
      if (this.#toldStalledSince !== null) return;
      this.#toldStalledSince = this.#final?.since ?? now;
      this.#log('warn', reason, { height });
    } else if (this.#toldStalledSince !== null) {
      const seconds = Math.floor((now - this.#toldStalledSince) / 1000);
      this.#toldStalledSince = null;
      this.#log('info', 'the chain no longer stands still', { height, seconds });
    }
  }

  #alone(sight: Sight, now: number): void {
    const reason = loneliness(sight);
    if (reason === null) {
      this.#aloneSince = null;
      this.#toldAloneAt = null;
      return;
    }
    this.#aloneSince ??= now;
    const due = this.#toldAloneAt === null ? this.#aloneSince + ALONE_AFTER_MS : this.#toldAloneAt + ALONE_AGAIN_MS;
    if (now < due) return;
    this.#toldAloneAt = now;
    this.#log('warn', reason, { height: sight.height });
  }

  #catchingUp({ syncing, height, connected }: Sight, now: number): void {
    if (!syncing) {
      this.#progress = null;
      return;
    }
    const last = this.#progress;
    if (last !== null && now - last.at < PROGRESS_MS) return;
    this.#progress = { at: now, height };
    if (last === null) return;
    const perSecond = Math.round((1000 * (height - last.height)) / (now - last.at));
    this.#log('info', 'catching up', { height, blocksPerSecond: perSecond, peers: connected });
  }
}
