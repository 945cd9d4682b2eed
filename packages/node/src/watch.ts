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
}

/** Connections take a moment: who has been alone for less says nothing. */
const ALONE_AFTER_MS = 3000;
const ALONE_AGAIN_MS = 30_000;
const PROGRESS_MS = 5000;
/** Addresses that are named in full. */
const MAX_NAMED = 4;

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
  #aloneSince: number | null = null;
  #toldAloneAt: number | null = null;
  #progress: { readonly at: number; readonly height: number } | null = null;
  #toldSilent: string | null = null;

  constructor(parts: { readonly look: () => Sight; readonly log: Log }) {
    this.#look = parts.look;
    this.#log = parts.log;
  }

  /** Looks once. `now` in ms, from a clock that never goes back. */
  tick(now: number): void {
    const sight = this.#look();
    this.#alone(sight, now);
    this.#catchingUp(sight, now);
    if (sight.silent === this.#toldSilent) return;
    this.#toldSilent = sight.silent;
    if (sight.silent !== null) this.#log('warn', 'this voting key signs nothing yet', { reason: sight.silent });
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
