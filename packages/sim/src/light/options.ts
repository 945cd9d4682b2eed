import type { Block, Digest, SignerIndex } from '@quorate/kernel';
import type { Decisions } from '../decisions.ts';
import type { Committee } from './committee.ts';
import type { LightFaults } from './faults.ts';
import type { LightNode } from './node.ts';
import type { Attack, LightProtocol, MessageShape, Schedule } from './protocol.ts';

/** One-way delays in ms: the same for all pairs, or `[from][to]` by signer. */
export type Delays = number | readonly (readonly number[])[];

/** Where a message goes: ms until it arrives, or -1 for never. */
export type Route<M> = (from: LightNode, to: LightNode, message: M, shape: MessageShape, nowMs: number) => number;

export interface LightOptions<M, R> {
  readonly seed: number;
  readonly protocol: LightProtocol<M, R>;
  readonly committee: Committee;
  /** Δ in ms. */
  readonly delta: number;
  readonly delays: Delays;
  /** Each message takes up to this fraction more than its link's delay; default 0. */
  readonly jitter?: number;
  /** ms until records are durable; default 1. With 0 nothing is ever under way when a node crashes. */
  readonly disk?: number;
  /** ms that building or judging a block takes; default 0. */
  readonly application?: number;
  readonly faults?: LightFaults;
  /** ms from the beginning at which faults end; default: never. */
  readonly stableAt?: number;
  /** Faults of a list in place of drawn ones. */
  readonly decisions?: Decisions;
  readonly byzantine?: ReadonlyMap<SignerIndex, Attack<M>>;
  /** Validators that never start. */
  readonly absent?: readonly SignerIndex[];
  /** Signers that run twice, two honest engines under one key. Their second copies take the places after the others. */
  readonly twins?: readonly SignerIndex[];
  readonly schedule?: Schedule;
  /** Instead of `delays` and the faults of links. */
  readonly route?: Route<M>;
  readonly lastHeight?: number;
  /** Called when a validator proposes a block (at `ms` since the beginning) and when a node holds it to be final. */
  readonly onProposed?: (block: Digest, by: SignerIndex, ms: number) => void;
  readonly onFinal?: (block: Block, node: LightNode, ms: number) => void;
  /** Whether restarted nodes forget their journal and floor: for tests of the checks. */
  readonly forgetful?: boolean;
}
