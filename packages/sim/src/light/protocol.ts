import type { Certificate, Digest, Effect, Header, SignerIndex, Statement, View, Vote } from '@quorate/kernel';
import type { Mechanism } from '@quorate/replica';
import type { LightNode } from './node.ts';

/** What a run of engines must know of one message: asked once, however many receive it. */
export interface MessageShape {
  /** Index into {@link LightProtocol.traffics}. */
  readonly traffic: number;
  /** The view that it is about. */
  readonly view: View;
  /** A digest of the whole message, for the running hash. */
  readonly word: number;
  /** The header of the block whose body travels along, or null. */
  readonly carries: Header | null;
}

/** What a Byzantine validator has at hand besides its honest engine. */
export interface AttackPort<M> {
  readonly self: LightNode;
  readonly nodes: readonly LightNode[];
  readonly nowMs: number;
  /** Does what an honest driver does with an effect. */
  perform(effect: Effect<M>): void;
  /** Sends to one node, over the same links as everybody. */
  transmit(to: LightNode, message: M): void;
  /** A vote with our own signature. */
  vote(statement: Statement): Vote;
  /** Signatures as one, however few they are. */
  join(signatures: readonly Uint8Array[]): Uint8Array;
  /** A block of which everybody who hears will find the body; `valid: false` for one that no application accepts. */
  block(header: Header, valid: boolean): Digest;
  /** Uniform in [0, 1): the next of those about a view, so that what happens in one view moves no draw about another. */
  draw(view: View): number;
}

/** A Byzantine validator: an honest engine whose effects somebody else carries out. It may add, drop and change them. */
export type Attack<M> = (port: AttackPort<M>, effects: readonly Effect<M>[]) => void;

/** A mechanism with what is needed to run its engines alone. Everything that names one protocol is in its adapter. */
export interface LightProtocol<M, R> {
  readonly mechanism: Pick<Mechanism<M, R>, 'name' | 'createEngine' | 'signedIn' | 'leaders'>;
  /** Kinds of messages that faults and partitions tell apart. */
  readonly traffics: readonly string[];
  shapeOf(message: M): MessageShape;
  /** The phases of a view, for partitions that change from one to the next. */
  readonly phases: readonly string[];
  /** The phase of its view that a message belongs to, as an index into `phases`; -1 for one that partitions do not concern. */
  phaseOf(message: M): number;
  /** Whether no correct validator signs both: stated anew here, since checks share no code with engines. */
  conflict(a: Statement, b: Statement): boolean;
  /** The statements whose certificates make a block final. */
  finalizes(certificate: Certificate): boolean;
  /** Quorums, one after another, between a proposal and finality in the good case. */
  readonly votingPhases: number;
  /** Attacks particular to the protocol, by name. */
  readonly attacks: Readonly<Record<string, Attack<M>>>;
}

/** Who leads a view, in place of the protocol's own schedule. */
export type Schedule = (view: View) => SignerIndex;
