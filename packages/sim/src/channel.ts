import { type PeerId, QuorateError, type Traffic } from '@quorate/kernel';
import type { Choice } from './decisions.ts';
import { checkLink, type LinkOptions } from './link.ts';
import type { Draws } from './random.ts';
import type { World } from './world.ts';

/** What a barrier does to a direction: nothing, hold what is sent until it falls, or lose it. */
export type Passage = 'open' | 'clogged' | 'cut';

/** From when on, within which time, and what the adversary may do before: all in virtual ms. */
export interface Stability {
  readonly at: number;
  readonly delta: number;
  readonly rate: number;
  readonly cap: number;
}

/** Messages that a channel remembers for replays, of ages that double: 2^14 back at most. */
const MEMORY = 14;
/** Largest message that it remembers. */
const MEMORY_BYTES = 64 << 10;

export interface LinkEnds {
  readonly from: PeerId;
  readonly to: PeerId;
  /** Nodes have names once they have ports. */
  nameOf(peer: PeerId): string;
}

/** One direction between two nodes, for the whole run: its options, and one channel per class of traffic. */
export class Link {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly #nameOf: (peer: PeerId) => string;
  readonly #world: World;
  readonly #channels: Partial<Record<Traffic, Channel>> = {};
  #options: LinkOptions;
  stability: Stability | null = null;
  passage: Passage = 'open';
  /** Of the network's barriers when {@link passage} was found. */
  version = -1;

  constructor(world: World, ends: LinkEnds, options: LinkOptions) {
    this.#world = world;
    this.from = ends.from;
    this.to = ends.to;
    this.#nameOf = ends.nameOf;
    this.#options = checkLink(options);
  }

  /** `n0>n1`: for domains, so that a trace can be read. */
  get name(): string {
    return `${this.#nameOf(this.from)}>${this.#nameOf(this.to)}`;
  }

  get options(): LinkOptions {
    return this.#options;
  }

  change(change: Partial<LinkOptions>): void {
    this.#options = checkLink({ ...this.#options, ...change });
  }

  /** Whether the network has become well-behaved here. */
  get stable(): boolean {
    return this.stability !== null && this.#world.elapsed >= this.stability.at;
  }

  channel(traffic: Traffic): Channel {
    const known = this.#channels[traffic];
    if (known !== undefined) return known;
    const channel = new Channel(this.#world, this, traffic);
    this.#channels[traffic] = channel;
    return channel;
  }
}

/** What happens to one message: found by {@link Channel.next}. */
export interface Fate {
  /** Ms on the way, usual latency and jitter together. */
  readonly latency: number;
  readonly fault: Fault | null;
}

export type Fault =
  | { readonly kind: 'lose' }
  | { readonly kind: 'duplicate'; readonly ms: number }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'reorder'; readonly ms: number }
  | { readonly kind: 'replay'; readonly of: number }
  | { readonly kind: 'corrupt'; readonly bit: number };

/**
 * The messages of one class in one direction, numbered from 0. Latency and jitter of the n-th follow from (seed, link, class, n) and
 * what goes wrong with it is a decision: so that leaving a fault out of a list changes nothing about other messages.
 */
export class Channel {
  /** Under which its decisions are asked for. */
  readonly domain: string;
  readonly #world: World;
  readonly #link: Link;
  readonly #jitter: Draws;
  readonly #faults: Draws;
  readonly #memory: ({ readonly index: number; readonly bytes: Uint8Array } | undefined)[] = [];
  #index = -1;

  constructor(world: World, link: Link, traffic: Traffic) {
    this.domain = `link/${link.name}/${traffic}`;
    this.#world = world;
    this.#link = link;
    this.#jitter = world.draws(`jitter/${link.name}/${traffic}`);
    this.#faults = world.draws(`fault/${link.name}/${traffic}`);
  }

  /** The fate of the next message. Throws `config/invalid` for a listed decision that no network understands. */
  next(): Fate {
    this.#index++;
    const { latency, jitter } = this.#link.options;
    const choice = this.#world.decisions.decide(this.domain, this.#draw);
    return {
      latency: jitter === 0 ? latency : latency + jitter * this.#jitter.at(this.#index),
      fault: choice === null ? null : faultOf(this.domain, choice),
    };
  }

  /** Keeps a copy of the present message if replays may happen here. */
  remember(bytes: Uint8Array): void {
    if (this.#link.options.replay === 0 || bytes.length > MEMORY_BYTES) return;
    // The number of trailing zeros picks the slot: slot k holds a message that is about 2^k old.
    const slot = Math.min(MEMORY, 31 - Math.clz32((this.#index + 1) & -(this.#index + 1)));
    this.#memory[slot] = { index: this.#index, bytes: new Uint8Array(bytes) };
  }

  /** The message of this number, if it is remembered. */
  recall(index: number): Uint8Array | null {
    return this.#memory.find((one) => one?.index === index)?.bytes ?? null;
  }

  /** Two draws per message, used or not: which fault, and how bad. */
  readonly #draw = (): Choice | null => {
    const { options, stability } = this.#link;
    if (this.#link.stable || this.#link.passage === 'cut') return null;
    let which = this.#faults.at(2 * this.#index);
    const much = (): number => this.#faults.at(2 * this.#index + 1);
    const hit = (rate: number): boolean => {
      which -= rate;
      return which < 0;
    };
    if (hit(options.loss)) return { kind: 'lose' };
    if (hit(options.duplicate)) return { kind: 'duplicate', ms: micros(much() * (options.latency + options.jitter)) };
    if (hit(options.spike)) return { kind: 'delay', ms: micros(much() * options.spikeMs) };
    if (hit(options.overtake)) return { kind: 'reorder', ms: micros(much() * options.overtakeMs) };
    if (hit(options.replay)) {
      const kept = this.#memory.filter((one) => one !== undefined);
      const old = kept[Math.floor(much() * kept.length)];
      return old === undefined ? null : { kind: 'replay', of: old.index };
    }
    if (hit(options.corrupt)) return { kind: 'corrupt', bit: Math.floor(much() * 0x1_0000_0000) };
    if (stability !== null && hit(stability.rate)) return { kind: 'delay', ms: micros(much() * stability.cap) };
    return null;
  };
}

/** Rounded to µs: what a decision says is what happens. */
function micros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function faultOf(domain: string, choice: Choice): Fault {
  const number = (name: string): number => {
    const value = choice[name];
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
    throw new QuorateError(
      'config/invalid',
      `decision ${choice.kind} of ${domain}: ${name} is ${value}, no number from 0`,
    );
  };
  switch (choice.kind) {
    case 'lose':
      return { kind: 'lose' };
    case 'duplicate':
    case 'delay':
    case 'reorder':
      return { kind: choice.kind, ms: number('ms') };
    case 'replay':
      return { kind: 'replay', of: number('of') };
    case 'corrupt':
      return { kind: 'corrupt', bit: number('bit') };
    default:
      throw new QuorateError('config/invalid', `decision ${choice.kind} of ${domain} is none that a link knows`);
  }
}
