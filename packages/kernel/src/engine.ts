import type { Block, BlockRef } from './blocks.ts';
import type { Digest, Millis } from './bytes.ts';
import type { Certificate, Evidence, Vote } from './certificates.ts';
import type { Finality } from './finality.ts';
import type { PeerId } from './ports.ts';
import type { Epoch, Height, Statement, View } from './statements.ts';
import type { SignerIndex } from './validators.ts';

/** Names a request of an engine; its answer carries the same number. Unique within one engine's life. */
export type RequestId = number;
/** Names a timer of an engine, e.g. `7/leader`. Setting it again replaces it. */
export type TimerKey = string;

/**
 * A consensus protocol as a state machine. Same inputs, same outputs, on every machine: no clock, no timer, no promise,
 * no randomness, no I/O and no signing key inside. `M` is the engine's wire message, `R` its journal record.
 */
export interface Engine<M, R> {
  /** Takes one input. Never throws on anything a peer can cause. */
  step(input: Input<M, R>): Output<M, R>;
  /** The least list of records from which a new engine on the same floor restores what this one must not forget: replaces the journal. */
  checkpoint(): R[];
  /** What an operator may know: views, timers, who is missing. For status and metrics only. */
  status(): EngineStatus;
}

/** The effects run only after the records are durable. */
export interface Output<M, R> {
  readonly persist: readonly R[];
  readonly effects: readonly Effect<M>[];
}

/** Every input carries `now`: Unix ms, non-decreasing, stamped once at ingress. */
export type Input<M, R> = { readonly now: Millis } & (
  | { readonly kind: 'start'; readonly restored: readonly R[] } // first input after construction
  | { readonly kind: 'message'; readonly from: PeerId; readonly message: M } // decoded; sent by `from`
  | { readonly kind: 'timer'; readonly timer: TimerKey }
  | { readonly kind: 'peers'; readonly connected: readonly PeerId[] }
  | { readonly kind: 'available'; readonly block: Block } // its body is durable in the block store and fits its header
  | { readonly kind: 'signed'; readonly statement: Statement; readonly signature: Uint8Array }
  | { readonly kind: 'refused'; readonly statement: Statement; readonly reason: string }
  | { readonly kind: 'built'; readonly request: RequestId; readonly block: Block | null }
  | { readonly kind: 'judged'; readonly request: RequestId; readonly verdict: 'valid' | 'invalid' } // permanent
  | { readonly kind: 'certified'; readonly request: RequestId; readonly ok: boolean }
  | { readonly kind: 'verified'; readonly request: RequestId; readonly invalid: readonly number[] } // indices of the bad items
  | { readonly kind: 'executed'; readonly height: Height; readonly stateRoot: Digest }
);

/** Something whose signature the replica checks for the engine, against the engine's own epoch. */
export type Verifiable =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'certificate'; readonly certificate: Certificate };

/** What the replica needs to finish a header that the engine began. */
export interface BuildRequest {
  readonly epoch: Epoch;
  readonly view: View;
  readonly height: Height;
  readonly parent: Block;
  readonly justificationDigest: Digest;
  /**
   * `full`: transactions from the mempool on top of the executed parent.
   * `empty`: no transactions, execution fields copied from the parent (valid without asking the application).
   */
  readonly content: 'full' | 'empty';
  /** This block ends the epoch and must name the next set. */
  readonly lastOfEpoch: boolean;
  /** With nothing to propose, wait until then for something; then build anyway. */
  readonly idleUntil: Millis;
}

export type Effect<M> =
  | { readonly kind: 'send'; readonly to: PeerId; readonly message: M }
  | { readonly kind: 'broadcast'; readonly message: M } // to every connected peer, not to oneself
  | { readonly kind: 'setTimer'; readonly timer: TimerKey; readonly at: Millis }
  | { readonly kind: 'cancelTimer'; readonly timer: TimerKey }
  | { readonly kind: 'sign'; readonly statement: Statement } // through the signing gate, nowhere else
  | { readonly kind: 'verify'; readonly request: RequestId; readonly items: readonly Verifiable[] }
  | { readonly kind: 'build'; readonly request: RequestId; readonly build: BuildRequest }
  | { readonly kind: 'judge'; readonly request: RequestId; readonly block: Block; readonly parent: Block }
  | { readonly kind: 'certify'; readonly request: RequestId; readonly block: Block }
  | { readonly kind: 'fetch'; readonly wants: readonly BlockRef[]; readonly hint: readonly PeerId[] } // answered by `available`, perhaps at once
  | { readonly kind: 'finalized'; readonly commit: Commit; readonly finality: Finality } // in order, at least once
  | { readonly kind: 'epochEnded'; readonly epoch: Epoch; readonly last: Block; readonly proof: Certificate }
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  /**
   * Two verified Finalizations that cannot both be: more than a third misbehaved. `first` made what we hold final, and is null when
   * it is not at hand; `second` is of the last of `commits`, which are what is known of the other branch, lowest first.
   */
  | {
      readonly kind: 'forked';
      readonly first: Certificate | null;
      readonly second: Certificate;
      readonly commits: readonly Commit[];
    }
  | { readonly kind: 'blame'; readonly peer: PeerId; readonly reason: string }; // misbehaviour on the wire that proves nothing to others

/** A step of the agreed order. Simplex: one block; a DAG: a leader and the blocks below it. */
export interface Commit {
  /** Consecutive; for Simplex the height. */
  readonly index: number;
  readonly previous: Digest;
  readonly leader: SignerIndex;
  readonly blocks: readonly Block[];
  /** The certificates that justified the block's parent, kept for light clients and evidence. */
  readonly justification: readonly Certificate[];
}

export interface EngineStatus {
  readonly epoch: Epoch;
  readonly view: View;
  readonly leader: SignerIndex | null;
  readonly finalizedHeight: Height;
  readonly finalizedView: View;
  /** Views entered since something was finalized. */
  readonly viewsSinceFinalized: number;
  /** Views that this engine saw nullified since it was constructed. */
  readonly nullifiedViews: number;
  /** Messages dropped because a bound was reached, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}
