import {
  type Clock,
  type Codec,
  type Effect,
  type Epoch,
  type Evidence,
  encode,
  type Millis,
  type PeerId,
  type TimerKey,
  type Transport,
  unreachable,
  withEncoding,
} from '@quorate/kernel';
import type { Counters } from './counters.ts';
import type { Dissemination } from './dissemination.ts';
import type { Finalizer } from './finalizer.ts';
import type { Late } from './late.ts';
import type { Loop } from './loop.ts';
import type { Peers } from './peers.ts';
import type { Proposer } from './proposer.ts';
import type { Rhythm } from './rhythm.ts';
import type { Signing } from './signing.ts';
import type { Verification } from './verification.ts';
import { envelopeCodec } from './wire.ts';

export interface EffectsParts<M, R> {
  readonly messageCodec: Codec<M>;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly counters: Counters;
  readonly now: () => Millis;
  /** Takes the answers. */
  readonly loop: Loop<M, R>;
  readonly signing: Signing;
  readonly verification: Verification;
  readonly dissemination: Dissemination;
  readonly finalizer: Finalizer;
  readonly rhythm: Rhythm;
  readonly proposer: Late<Proposer>;
  /** The engine found evidence. */
  readonly found: (evidence: Evidence) => void;
}

/** Does what the engine wants done, and feeds the answers to the loop. Nothing here waits: what takes time is done elsewhere. */
export class Effects<M, R> {
  readonly #parts: EffectsParts<M, R>;
  readonly #timers = new Map<TimerKey, () => void>();

  constructor(parts: EffectsParts<M, R>) {
    this.#parts = parts;
  }

  /** Does what the engine of an epoch wants, unless another one runs by now. */
  perform(epoch: Epoch, effect: Effect<M>): void {
    const { loop, peers, counters, now } = this.#parts;
    if (epoch !== loop.epoch) return;
    switch (effect.kind) {
      case 'send':
        this.#send([effect.to], epoch, effect.message);
        break;
      case 'broadcast':
        this.#send(peers.connected, epoch, effect.message);
        break;
      case 'setTimer':
        this.#setTimer(epoch, effect.timer, effect.at);
        break;
      case 'cancelTimer':
        this.#timers.get(effect.timer)?.();
        this.#timers.delete(effect.timer);
        break;
      case 'sign':
        this.#parts.signing.ask(effect.statement);
        break;
      case 'verify': {
        const invalid = this.#parts.verification.invalid(effect.items);
        counters.add('verified', effect.items.length);
        loop.own(epoch, { kind: 'verified', request: effect.request, invalid });
        break;
      }
      case 'build':
        this.#parts.proposer.value.build(effect.request, effect.build);
        break;
      case 'judge':
        this.#parts.rhythm.saw(effect.block.ref.digest, now());
        this.#parts.proposer.value.judge(effect.request, effect.block, effect.parent);
        break;
      case 'certify':
        // S5: an application (ABCI 2.0 too) has no such hook, so no engine here is made to ask; the default answer is yes.
        loop.own(epoch, { kind: 'certified', request: effect.request, ok: true });
        break;
      case 'fetch':
        this.#parts.dissemination.fetch(effect.wants, effect.hint);
        break;
      case 'finalized':
        for (const { ref } of effect.commit.blocks) {
          const took = this.#parts.rhythm.finalized(ref.digest, now());
          if (took !== null) counters.sample('finality', took);
          this.#parts.proposer.value.finalized(ref);
        }
        this.#parts.finalizer.finalized(effect.commit, effect.finality, now());
        break;
      case 'epochEnded':
        this.#parts.finalizer.ended(effect.epoch, effect.last);
        break;
      case 'forked':
        this.#parts.finalizer.forked(effect, now());
        break;
      case 'evidence':
        this.#parts.found(effect.evidence);
        break;
      case 'blame':
        peers.blame(effect.peer, 'misbehaved', effect.reason, now());
        break;
      default:
        unreachable(effect);
    }
  }

  /** The engine that set them is let go. */
  cancelTimers(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #setTimer(epoch: Epoch, timer: TimerKey, at: Millis): void {
    const { clock, loop, now } = this.#parts;
    this.#timers.get(timer)?.();
    const fire = (): void => {
      this.#timers.delete(timer);
      loop.own(epoch, { kind: 'timer', timer });
    };
    this.#timers.set(timer, clock.after(Math.max(0, at - now()), fire));
  }

  #send(to: readonly PeerId[], epoch: Epoch, message: M): void {
    const { messageCodec, transport, counters } = this.#parts;
    const bytes = withEncoding(messageCodec, message, (payload) => encode(envelopeCodec, { epoch, payload }));
    for (const peer of to) {
      if (transport.send(peer, 'votes', bytes)) counters.add('sent.votes', bytes.length);
      else counters.add('dropped.send');
    }
  }
}
