import type { Digest, Input } from '@quorate/kernel';
import type { LightNode } from './node.ts';
import type { MessageShape } from './protocol.ts';

// What an event of the queue is: its kind and the place of its node share one word.

export const EVENT = {
  deliver: 1,
  timer: 2,
  durable: 3,
  seek: 4,
  answer: 5,
  crash: 6,
  restart: 7,
  cut: 8,
  heal: 9,
  start: 10,
} as const;
/** Bits of the kind. */
export const KINDS = 15;
/** Where the place begins. */
export const PLACE = 4;

/** An input of whatever engine runs. */
export type AnyInput = Input<unknown, unknown>;

/** A message under way: one object, however many receive it. */
export interface Parcel {
  readonly message: unknown;
  readonly from: LightNode;
  readonly shape: MessageShape;
  readonly carried: Digest | null;
}
