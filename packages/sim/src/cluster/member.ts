import {
  type ConsensusParameters,
  isQuorateError,
  type PeerId,
  type Ports,
  type QuorateError,
  type SecretKey,
  type SignatureSuite,
  type Validator,
} from '@quorate/kernel';
import type { Log, Replica, ReplicaOptions } from '@quorate/replica';
import type { ClockOptions } from '../clock.ts';
import type { Decisions } from '../decisions.ts';
import type { DiskOptions } from '../disk/options.ts';
import type { Machine, Program } from '../machine.ts';
import type { NetworkOptions } from '../network.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly chainId?: string;
  /** Validators of genesis, by weight. */
  readonly weights: readonly number[];
  /** Suite of the votes; the simulated one unless a test is about a real one. */
  readonly suite?: SignatureSuite;
  /** Further machines: with `candidates` keys that may join the set later, and without keys. */
  readonly candidates?: number;
  readonly observers?: number;
  /** Whether the application executes on uncommitted parents. */
  readonly speculative?: boolean;
  readonly consensus?: Partial<ConsensusParameters>;
  readonly replica?: Partial<ReplicaOptions>;
  readonly network?: NetworkOptions;
  readonly disk?: DiskOptions;
  readonly clock?: (index: number) => ClockOptions;
  readonly log?: (node: string) => Log;
  /** Where faults come from; drawn from the seed unless told otherwise. */
  readonly decisions?: Decisions;
  /** The order of simultaneous events; `fifo` unless told otherwise. */
  readonly ties?: 'fifo' | 'seeded';
}

/** A validator that breaks the rules: what it gives its replica instead of honest ports. */
export type Guise = (ports: Ports, secret: SecretKey) => Ports;

/** A replica with what a scenario wants to see of it. */
export interface Running extends Program {
  readonly replica: Replica;
  /** Why the replica stopped itself, or `null`. */
  halted: QuorateError | null;
}

/** One machine of a cluster. */
export interface Member {
  readonly name: string;
  readonly peer: PeerId;
  readonly machine: Machine<Running>;
  /** The voting key; `null` for an observer. */
  readonly secret: SecretKey | null;
  /** As it would stand in a validator set, with weight 1. */
  readonly validator: Validator | null;
}

/** What the replica of a member says when an observer asks; null while none runs, and of one that cannot answer: it stops, or its store is damaged. */
export function answerOf<T>({ machine }: Member, question: (replica: Replica) => T): T | null {
  const replica = machine.program?.replica;
  if (replica === undefined) return null;
  try {
    return machine.disk.aside(() => question(replica));
  } catch (error) {
    if (isQuorateError(error)) return null;
    throw error;
  }
}
