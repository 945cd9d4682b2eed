import {
  type Block,
  blockOf,
  type Engine,
  type EngineStatus,
  type Input,
  type Millis,
  type Output,
  type PeerId,
  type RequestId,
  type Statement,
  type TimerKey,
  unreachable,
} from '@quorate/kernel';
import { considerNotarization, onCertified } from './accept.ts';
import { onCertificateVerified, receiveCertificate } from './certificates.ts';
import { onConflictVerified, onVotesVerified, receiveVote } from './collect.ts';
import { copyInto } from './copy.ts';
import { finalize } from './finalize.ts';
import { type Held, heldBy } from './held.ts';
import { epochOfMessage, type SimplexMessage } from './messages.ts';
import { considerProposal, onJudged, onProposalVerified, receiveJustification, receiveProposal } from './notarize.ts';
import { nullify, retryNullify } from './nullify.ts';
import { askForCertificates, onBuilt, propose, stopAwaitingFinality } from './propose.ts';
import type { SimplexRecord } from './records.ts';
import { checkpoint, restore } from './restore.ts';
import type { Round } from './round.ts';
import { serveCertificates, serveJustification, serveProof } from './serve.ts';
import { greet, standstill } from './standstill.ts';
import { type SimplexOptions, type SimplexParts, State } from './state.ts';
import { onRefused, onSigned } from './vote.ts';

/** {@link EngineStatus}, with what is particular to Simplex. */
export interface SimplexStatus extends EngineStatus {
  /** Statements about which we are silent because the signing gate refused them; the last few. */
  readonly refusals: readonly { readonly statement: Statement; readonly reason: string }[];
  /** Validators that were not heard for `skipTimeout`. */
  readonly silent: readonly number[];
  /** How much it holds, counted when it is asked for. */
  readonly held: Held;
}

/**
 * Simplex BFT for one epoch, as a pure state machine: rules S1–S11 of the protocol, one file each.
 * Throws `config/invalid` when `options.self` is outside the set and `RangeError` for impossible durations.
 */
export class Simplex implements Engine<SimplexMessage, SimplexRecord> {
  readonly #options: SimplexOptions;
  readonly #state: State;

  constructor(options: SimplexOptions, parts: SimplexParts) {
    this.#options = options;
    this.#state = new State(options, parts);
  }

  /** An engine of its own in the same state: for checkers, which try more than one next input. */
  fork(): Simplex {
    const fork = new Simplex(this.#options, this.#state.parts);
    copyInto(fork.#state, this.#state);
    return fork;
  }

  /** Everything this engine knows, to be read only: for checkers, which ask whether two engines are in the same state. */
  get memory(): Readonly<State> {
    return this.#state;
  }

  step(input: Input<SimplexMessage, SimplexRecord>): Output<SimplexMessage, SimplexRecord> {
    const state = this.#state;
    state.now = Math.max(state.now, input.now);
    state.persist = [];
    state.effects = [];
    this.#take(input);
    this.#settle();
    return { persist: state.persist, effects: state.effects };
  }

  checkpoint(): SimplexRecord[] {
    return checkpoint(this.#state);
  }

  status(): SimplexStatus {
    const state = this.#state;
    const { skipTimeout } = state.timing;
    return {
      epoch: state.epoch,
      view: state.view,
      leader: state.view > state.floor.view ? state.leaders.at(state.view) : null,
      finalizedHeight: Math.min(state.floor.block.header.height, state.lastHeight),
      finalizedView: state.floor.view,
      viewsSinceFinalized: state.viewsSinceFinalized,
      nullifiedViews: state.nullifiedViews,
      // What follows is seldom looked at, and a status is asked for often.
      get dropped() {
        return Object.fromEntries(state.dropped);
      },
      get refusals() {
        return [...state.refusals];
      },
      get silent() {
        const isSilent = (at: Millis, signer: number): boolean =>
          signer !== state.self && state.now - at >= skipTimeout;
        return state.heard.flatMap((at, signer) => (isSilent(at, signer) ? [signer] : []));
      },
      get held() {
        return heldBy(state);
      },
    };
  }

  #take(input: Input<SimplexMessage, SimplexRecord>): void {
    const state = this.#state;
    switch (input.kind) {
      case 'start':
        restore(state, input.restored);
        return;
      case 'message':
        this.#receive(input.from, input.message);
        return;
      case 'timer':
        this.#onTimer(input.timer);
        return;
      case 'peers':
        this.#onPeers(input.connected);
        return;
      case 'available':
        this.#onAvailable(input.block);
        return;
      case 'signed':
        onSigned(state, input.statement, input.signature);
        return;
      case 'refused':
        onRefused(state, input.statement, input.reason);
        return;
      case 'built': {
        const asked = state.answered(input.request, 'build');
        if (asked !== null) onBuilt(state, asked, input.block);
        return;
      }
      case 'judged': {
        const asked = state.answered(input.request, 'judge');
        if (asked !== null) onJudged(state, asked, input.verdict);
        return;
      }
      case 'certified': {
        const asked = state.answered(input.request, 'certify');
        if (asked !== null) onCertified(state, asked, input.ok);
        return;
      }
      case 'verified':
        this.#onVerified(input.request, input.invalid);
        return;
      case 'executed':
        return;
      default:
        unreachable(input);
        return;
    }
  }

  #receive(from: PeerId, message: SimplexMessage): void {
    const state = this.#state;
    const signer = state.validators.indexOfPeer(from);
    if (signer !== null) state.heard[signer] = state.now;
    if (epochOfMessage(message) !== state.epoch) {
      state.drop('message of another epoch');
      return;
    }
    if (state.ended !== null) {
      serveProof(state, from, message);
      return;
    } // S11
    switch (message.kind) {
      case 'proposal':
        receiveProposal(state, from, message);
        return;
      case 'vote':
        receiveVote(state, from, message.vote);
        return;
      case 'certificate':
        receiveCertificate(state, from, message.certificate);
        return;
      case 'want':
        serveCertificates(state, from, message.certificates);
        return;
      case 'wantJustification':
        serveJustification(state, from, message);
        return;
      case 'justification':
        receiveJustification(state, from, message);
        return;
      default:
        unreachable(message);
        return;
    }
  }

  #onVerified(request: RequestId, invalid: readonly number[]): void {
    const state = this.#state;
    const checked = state.answered(request, 'votes', 'conflict', 'certificate', 'proposal');
    if (checked === null) return;
    switch (checked.kind) {
      case 'votes':
        onVotesVerified(state, checked, invalid);
        return;
      case 'conflict':
        onConflictVerified(state, checked, invalid);
        return;
      case 'certificate':
        onCertificateVerified(state, checked, invalid);
        return;
      case 'proposal':
        onProposalVerified(state, checked, invalid);
        return;
      default:
        unreachable(checked);
        return;
    }
  }

  #onTimer(timer: TimerKey): void {
    const state = this.#state;
    if (state.ended !== null) return;
    if (timer === 'standstill') {
      standstill(state);
      return;
    } // S9
    const [view, purpose] = timer.split('/');
    const round = state.rounds.get(Number(view));
    if (round === undefined || (round.view !== state.view && purpose !== 'time')) return;
    switch (purpose) {
      case 'leader': // S6: no proposal in time
        if (round.proposal === null) nullify(state, round);
        return;
      case 'advance': // S6: no accepted Notarization in time
        nullify(state, round);
        return;
      case 'retry':
        if (round.sought) askForCertificates(state, round);
        state.refetch();
        retryNullify(state);
        return;
      case 'finality':
        stopAwaitingFinality(state, true);
        return;
      case 'time':
        considerProposal(state, round);
        return;
    }
  }

  #onPeers(connected: readonly PeerId[]): void {
    const state = this.#state;
    const before = new Set(state.connected);
    state.connected = [...connected];
    if (state.ended !== null || state.view === 0) return;
    for (const peer of connected) if (!before.has(peer)) greet(state, peer);
  }

  #onAvailable(block: Block): void {
    const state = this.#state;
    const wanted = state.fetching.delete(block.ref.digest);
    if (state.ended !== null || block.ref.epoch !== state.epoch || block.ref.view <= state.floor.view) return;
    const near = block.ref.view <= state.view + state.window;
    if (!wanted && !near && !state.tree.extendsRooted(block)) {
      state.drop('block not asked for');
      return;
    }
    if (state.tree.add(block, true)) state.dirty = true;
    else state.drop('too many blocks that do not connect');
  }

  /** Lets every rule look again until nothing changes. */
  #settle(): void {
    const state = this.#state;
    while (state.dirty && state.ended === null) {
      state.dirty = false;
      finalize(state); // S8
      const open = [...state.open];
      if (open.length > 1) open.sort((a, b) => a.view - b.view);
      for (const round of open) {
        considerNotarization(state, round); // S5
        considerProposal(state, round); // S3
        if (!isOpen(state, round)) state.open.delete(round);
      }
      stopAwaitingFinality(state, false);
      propose(state); // S2
    }
  }
}

/** Whether a round waits for something that a later input may bring. */
function isOpen(state: State, round: Round): boolean {
  const block = round.notarization === null ? null : blockOf(round.notarization.statement);
  if (block !== null && !(round.accepted && state.tree.isRooted(block))) return true;
  return round.proposal !== null && round.verdict === 'open';
}
