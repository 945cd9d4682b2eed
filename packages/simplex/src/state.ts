import {
  Bitmap,
  type Block,
  type BlockRef,
  type Certificate,
  type Digest,
  type Effect,
  type Epoch,
  emptyRoot,
  type Hash,
  type Height,
  type Millis,
  type PeerId,
  QuorateError,
  type RequestId,
  type SignatureSuite,
  type SignerIndex,
  type Statement,
  type TimerKey,
  type ValidatorSet,
  type View,
  type Vote,
} from '@quorate/kernel';
import { LeaderSchedule } from './leader.ts';
import type { SimplexMessage } from './messages.ts';
import type { SimplexRecord } from './records.ts';
import { type Proposal, Round } from './round.ts';
import { type Timing, timingFrom } from './timing.ts';
import { BlockTree } from './tree.ts';

/** One epoch of one chain, as one node sees it. */
export interface SimplexOptions {
  readonly chainId: string;
  readonly epoch: Epoch;
  readonly validators: ValidatorSet;
  /** Our index in the set, or null for an observer, which follows and never signs. */
  readonly self: SignerIndex | null;
  /** The finalized block to start from. */
  readonly floor: Block;
  /** 0 when the floor belongs to an earlier epoch (or is genesis), else its view. */
  readonly floorView: View;
  /** What finalized the floor: of the floor itself, or of a descendant in this epoch. */
  readonly floorCertificate: Certificate | null;
  /** Digest of the block (or genesis) that started the epoch: seeds the leader shuffle. */
  readonly epochStart: Digest;
  /** Height E, which ends the epoch. */
  readonly lastHeight: Height;
  /** Whether the application builds and judges on parents that are not final yet. */
  readonly speculative: boolean;
  /** Whether the application is asked to certify every notarized block. Default: no. */
  readonly certify?: boolean;
  readonly timing: Partial<Timing> & Pick<Timing, 'delta'>;
  /** Votes are kept up to so many views ahead. Default 64. */
  readonly window?: number;
  /** Who leads, in place of the schedule by weight: for simulations that choose it. Must be the same for all. */
  readonly leaders?: (view: View) => SignerIndex;
  /** A larger justification is left out of its proposal and asked for by digest. Default 1 MiB. */
  readonly maxJustificationBytes?: number;
}

export interface SimplexParts {
  readonly hash: Hash;
  /** Joins verified signatures into certificates. The engine itself never checks a signature. */
  readonly suite: Pick<SignatureSuite, 'aggregate'>;
}

/** A question whose answer carries its number. */
export type Pending =
  | { readonly kind: 'votes'; readonly view: View; readonly statement: Statement; readonly votes: readonly Vote[] }
  | { readonly kind: 'conflict'; readonly view: View; readonly votes: readonly [Vote, Vote] }
  | { readonly kind: 'certificate'; readonly view: View; readonly key: string }
  | {
      readonly kind: 'proposal';
      readonly view: View;
      readonly from: PeerId;
      readonly vote: Vote;
      readonly proposal: Proposal;
      readonly unknown: readonly Certificate[];
      readonly misfit: boolean;
    }
  | { readonly kind: 'build'; readonly view: View; readonly parent: Block; readonly parentView: View }
  | { readonly kind: 'judge'; readonly view: View; readonly digest: Digest }
  | { readonly kind: 'certify'; readonly view: View; readonly digest: Digest };

export interface Floor {
  readonly block: Block;
  readonly view: View;
  /** The Finalization of exactly this block in this epoch, when known. */
  readonly certificate: Certificate | null;
}

/** A justification that is being fetched piece by piece. */
export interface Gathering {
  readonly from: PeerId;
  readonly block: Block;
  readonly vote: Vote;
  readonly certificates: Certificate[];
}

/** Most blocks asked for at one time. */
const MAX_FETCHES = 1024;

/** Everything one engine knows, and the output of the step at hand. The rules are functions over it. */
export class State {
  readonly epoch: Epoch;
  readonly chainId: string;
  readonly validators: ValidatorSet;
  readonly validatorsRoot: Digest;
  /** The root of no transactions and no evidence. */
  readonly nothing: Digest;
  readonly self: SignerIndex | null;
  readonly lastHeight: Height;
  readonly speculative: boolean;
  readonly certify: boolean;
  readonly timing: Timing;
  readonly window: number;
  readonly maxJustificationBytes: number;
  readonly parts: SimplexParts;
  readonly leaders: Pick<LeaderSchedule, 'at' | 'forget'>;

  now: Millis = 0;
  persist: SimplexRecord[] = [];
  effects: Effect<SimplexMessage>[] = [];
  /** Something changed on which a rule may wait. */
  dirty = false;

  view: View;
  floor: Floor;
  /** S8: Finalizations above the floor, by view: they wait for blocks. `top` is the highest. */
  readonly finalizations = new Map<View, Certificate>();
  top: Certificate | null = null;
  /** S11: the Finalization that shows that the epoch is over. */
  ended: Certificate | null = null;
  /** The last final blocks, the floor the highest, by view. */
  readonly finals = new Map<View, Digest>();
  /** Two Finalizations contradict each other. */
  forked = false;
  readonly rounds = new Map<View, Round>();
  /** Rounds in which a proposal or a Notarization waits for something. */
  readonly open = new Set<Round>();
  tree: BlockTree;

  readonly requests = new Map<RequestId, Pending>();
  readonly fetching = new Map<Digest, { readonly ref: BlockRef; readonly hint: readonly PeerId[] }>();
  /** Certificates being checked, by kind and view; the first of each list is at the checker. */
  readonly unverified = new Map<string, { readonly from: PeerId; readonly certificate: Certificate }[]>();
  readonly unverifiedOf = new Map<PeerId, number>();
  readonly gathering = new Map<View, Gathering>();
  readonly heard: Millis[];
  readonly served = new Map<PeerId, { since: Millis; count: number }>();
  connected: readonly PeerId[] = [];
  standstillCursor = 0;

  nullifiedViews = 0;
  readonly dropped = new Map<string, number>();
  /** Statements that the signing gate refused, newest last. */
  readonly refusals: { readonly statement: Statement; readonly reason: string }[] = [];
  nextRequest: RequestId = 1;

  constructor(options: SimplexOptions, parts: SimplexParts) {
    this.epoch = options.epoch;
    this.chainId = options.chainId;
    this.validators = options.validators;
    this.validatorsRoot = options.validators.root(parts.hash);
    this.nothing = emptyRoot(parts.hash);
    this.self = options.self;
    this.lastHeight = options.lastHeight;
    this.speculative = options.speculative;
    this.certify = options.certify ?? false;
    this.timing = timingFrom(options.timing);
    this.window = options.window ?? 64;
    this.maxJustificationBytes = options.maxJustificationBytes ?? 1 << 20;
    this.parts = parts;
    if (this.self !== null && this.validators.at(this.self) === undefined) {
      throw new QuorateError('config/invalid', `validator ${this.self} is not in a set of ${this.validators.size}`);
    }
    const { floor, floorView, floorCertificate } = options;
    const given = floorCertificate?.statement;
    const names = given?.kind === 'finalize' && given.epoch === this.epoch;
    const exact = names && given.view === floorView && given.block === floor.ref.digest;
    this.floor = { block: floor, view: floorView, certificate: exact ? floorCertificate : null };
    if (names && floorCertificate !== null && given.view > floorView) {
      this.top = floorCertificate;
      this.finalizations.set(given.view, floorCertificate);
    }
    this.finals.set(floorView, floor.ref.digest);
    this.view = floorView;
    this.leaders =
      options.leaders === undefined
        ? new LeaderSchedule(this.validators, options.epochStart, parts.hash)
        : { at: options.leaders, forget: () => {} };
    if (floorView > 0) this.leaders.forget(floorView);
    this.tree = new BlockTree({ digest: floor.ref.digest, view: floorView });
    this.heard = this.validators.members.map(() => 0);
  }

  /** The round of a view above the floor, made when needed. */
  round(view: View): Round {
    let round = this.rounds.get(view);
    if (round === undefined) {
      round = new Round(view, this.validators);
      this.rounds.set(view, round);
    }
    return round;
  }

  /** View of the highest Finalization known. */
  get finalizedView(): View {
    return Math.max(this.floor.view, this.top?.statement.view ?? 0);
  }

  get viewsSinceFinalized(): number {
    return Math.max(0, this.view - this.finalizedView - 1);
  }

  leads(view: View): boolean {
    return this.self !== null && this.leaders.at(view) === this.self;
  }

  peerOf(signer: SignerIndex): PeerId | null {
    return this.validators.at(signer)?.peer ?? null;
  }

  /** The peers of a certificate's signers, ourselves excepted: who should have its block. */
  signersOf(certificate: Certificate): PeerId[] {
    const indices = Bitmap.indices(this.validators.size, certificate.signers) ?? [];
    return indices.filter((index) => index !== this.self).flatMap((index) => this.validators.at(index)?.peer ?? []);
  }

  request(pending: Pending): RequestId {
    const id = this.nextRequest++;
    this.requests.set(id, pending);
    return id;
  }

  /** The question that an answer belongs to, once; `null` when it no longer matters. */
  answered<K extends Pending['kind']>(id: RequestId, ...kinds: readonly K[]): Extract<Pending, { kind: K }> | null {
    const pending = this.requests.get(id);
    if (pending === undefined || !isOneOf(pending, kinds)) return null;
    this.requests.delete(id);
    return pending;
  }

  send(to: PeerId, message: SimplexMessage): void {
    this.effects.push({ kind: 'send', to, message });
  }

  broadcast(message: SimplexMessage): void {
    this.effects.push({ kind: 'broadcast', message });
  }

  setTimer(timer: TimerKey, after: Millis): void {
    this.effects.push({ kind: 'setTimer', timer, at: this.now + after });
  }

  cancelTimer(timer: TimerKey): void {
    this.effects.push({ kind: 'cancelTimer', timer });
  }

  /** Counts something that was not taken in. */
  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  blame(peer: PeerId, reason: string): void {
    this.drop('misbehaviour');
    this.effects.push({ kind: 'blame', peer, reason });
  }

  /** Asks for a block unless that was done already. */
  fetch(ref: BlockRef, hint: readonly PeerId[]): void {
    if (this.fetching.has(ref.digest)) return;
    if (this.fetching.size >= MAX_FETCHES) {
      this.drop('too many fetches');
      return;
    }
    this.fetching.set(ref.digest, { ref, hint });
    this.effects.push({ kind: 'fetch', wants: [ref], hint });
  }

  /** Asks again for every block that is still missing. */
  refetch(): void {
    for (const { ref, hint } of this.fetching.values()) this.effects.push({ kind: 'fetch', wants: [ref], hint });
  }
}

function isOneOf<K extends Pending['kind']>(
  pending: Pending,
  kinds: readonly K[],
): pending is Extract<Pending, { kind: K }> {
  for (const kind of kinds) if (kind === pending.kind) return true;
  return false;
}
