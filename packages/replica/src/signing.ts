import {
  type Certificate,
  type Clock,
  certificateFault,
  type Epoch,
  type Millis,
  type PeerId,
  QuorateError,
  type Signer,
  type SignerIndex,
  type SignOutcome,
  type Statement,
  signedBytes,
  toHex,
  type View,
  type Vote,
  type VotingContext,
} from '@quorate/kernel';
import type { Log } from './api.ts';
import type { Counters } from './counters.ts';

/** Statements held back while listening; beyond it the oldest is refused. */
const MAX_HELD = 256;
/** Views that must have been entered, with nothing of ours in them, for listening to end early; see {@link SigningParts.listed}. */
const QUIET_VIEWS = 4;

export interface SigningOptions {
  /** Δ: listening lasts two leader timeouts (2 · 2Δ), or Δ and {@link QUIET_VIEWS} views of a live network. */
  readonly delta: Millis;
  /** False for a validator that has never run on a chain that never moved: it has nothing to conflict with. */
  readonly listen: boolean;
}

export interface SigningParts {
  readonly signer: Signer;
  readonly clock: Clock;
  readonly now: () => Millis;
  readonly counters: Counters;
  readonly log: Log;
  readonly answer: (outcome: SignOutcome) => void;
  /** Views entered, and whether blocks are being caught up (views of the past say nothing about who lives now). */
  readonly progress: () => { readonly view: View; readonly syncing: boolean };
  /** Whether enough validators are connected to form a quorum with us. */
  readonly hearing: () => boolean;
  /**
   * Whether this node is the one that the set lists for our key. Its node key lets one process in at every peer, so that a
   * quorum that took us in speaks to no other of our name. Under another node key nothing does, and a second process that is
   * merely slow is told from none only by the whole time: certificates do not wait for anybody's vote.
   */
  readonly listed: () => boolean;
  /** A peer showed a signature that does not hold. */
  readonly blame: (peer: PeerId, reason: string) => void;
  readonly halt: (error: QuorateError) => void;
}

/** Where signatures are asked for: one call of the gate per batch, and a watch for a second process that holds our key. */
export class Signing {
  readonly #options: SigningOptions;
  readonly #parts: SigningParts;
  #asked: Statement[] = [];
  #held: Statement[] = [];
  #listening = false;
  /** Since when enough of the network is connected, or null. */
  #hearingSince: Millis | null = null;
  #viewAtStart: View | null = null;
  /** While listening: the view when last looked at, and the last one that we did not step into but were carried to. */
  #viewLately: View = 0;
  #carriedTo: View = 0;
  /** Peers that showed a false signature of ours, and until when nothing more is checked for them: at most the whole set. */
  readonly #doubted = new Map<PeerId, Millis>();
  #stopListening: () => void = () => {};
  #silent: string | null = null;
  #self: SignerIndex | null = null;
  #context: VotingContext | null = null;
  #floor: { readonly epoch: Epoch; readonly view: View } = { epoch: 0, view: 0 };
  #signedHere = false;
  #listened = false;
  #stopped = false;

  constructor(options: SigningOptions, parts: SigningParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Why nothing is signed although there is a key, or null. */
  get silent(): string | null {
    if (this.#silent !== null) return this.#silent;
    return this.#listening ? 'listening for another process with the same key' : null;
  }

  /** The set, and our place in it, from now on. */
  enter(epoch: Epoch, self: SignerIndex | null, context: VotingContext, floor: View): void {
    this.#self = self;
    this.#context = context;
    this.#floor = { epoch, view: floor };
    this.#held = this.#held.filter((statement) => statement.epoch >= epoch);
    this.#doubted.clear();
  }

  /** Begins to listen, when there is reason to: once, at start. */
  begin(): void {
    if (this.#options.listen) this.#listen();
  }

  /**
   * The network is ahead of a replica that has not signed yet. A fresh home looks like genesis until its first peer speaks:
   * so it listens from then on.
   */
  suspect(): void {
    if (!this.#signedHere && !this.#listened) this.#listen();
  }

  /** Who is connected has changed: listening means nothing while those whom a second process would speak to are not heard. */
  connected(): void {
    if (!this.#listening) return;
    const hearing = this.#parts.hearing();
    // As long as a quorum stays, who else comes and goes must not prolong it: an observer could keep validators silent for ever.
    if (hearing && this.#hearingSince !== null) return;
    this.#stopListening();
    this.#stopListening = () => {};
    this.#hearingSince = null;
    if (!hearing) return;
    this.#hearingSince = this.#parts.now();
    this.#stopListening = this.#parts.clock.after(4 * this.#options.delta, () => this.#release());
  }

  #listen(): void {
    if (this.#self === null || this.#listening || this.#stopped) return;
    this.#listened = true;
    this.#listening = true;
    this.#viewAtStart = null;
    this.#viewLately = 0;
    this.#hearingSince = null;
    this.connected();
  }

  /** Queues a statement of the current batch. */
  ask(statement: Statement): void {
    this.#asked.push(statement);
  }

  /** Ends the batch: one call of the gate. */
  flush(): void {
    if (this.#listening) this.#maybeRelease();
    if (this.#asked.length === 0) return;
    const asked = this.#asked;
    this.#asked = [];
    if (this.#silent !== null) {
      for (const statement of asked) this.#parts.answer({ kind: 'refused', statement, reason: this.#silent });
      return;
    }
    if (this.#listening) {
      for (const statement of asked) this.#hold(statement);
      return;
    }
    void this.#sign(asked);
  }

  /**
   * Finalization reached this view; what we issued at or below it may be forgotten. The gate hears of it after the
   * block store is durable.
   */
  async raiseFloor(epoch: Epoch, view: View): Promise<void> {
    if (epoch < this.#floor.epoch || (epoch === this.#floor.epoch && view <= this.#floor.view)) return;
    this.#floor = { epoch, view };
    if (this.#self !== null) await this.#parts.signer.raiseFloor(epoch, view);
  }

  /**
   * Looks for signatures of our key that our gate did not issue, in a message of a validator that the engine has not looked at
   * yet. Nothing in it is believed before its signature holds. Honest messages give nothing to check, since the gate issued
   * what carries our name; so whoever shows one false signature is not listened to for Δ, and a flood of them costs one check.
   */
  watch(from: PeerId, votes: readonly Vote[], certificates: readonly Certificate[]): void {
    const self = this.#self;
    const context = this.#context;
    if (self === null || context === null || this.#silent !== null || this.#doubts(from)) return;
    for (const vote of votes) {
      if (vote.signer !== self || !this.#foreign(vote.statement)) continue;
      if (!holds(context, vote)) {
        this.#doubt(from, 'a vote in our name that does not verify');
        return;
      }
      this.#duplicate(vote.statement, toHex(vote.signature));
      return;
    }
    for (const certificate of certificates) {
      if (!names(certificate.signers, self) || !this.#foreign(certificate.statement)) continue;
      const fault = certificateFault(context, certificate);
      if (fault !== null) {
        this.#doubt(from, `a certificate in our name of view ${certificate.statement.view}: ${fault}`);
        return;
      }
      this.#duplicate(certificate.statement, toHex(certificate.signature).slice(0, 256));
      return;
    }
  }

  #doubts(peer: PeerId): boolean {
    const until = this.#doubted.get(peer);
    if (until === undefined) return false;
    if (this.#parts.now() < until) return true;
    this.#doubted.delete(peer);
    return false;
  }

  #doubt(peer: PeerId, reason: string): void {
    this.#doubted.set(peer, this.#parts.now() + this.#options.delta);
    this.#parts.blame(peer, reason);
  }

  stop(): void {
    this.#stopped = true;
    this.#stopListening();
  }

  /**
   * Whether a statement with our signature would show a second process. A gate that lost its memory denies what an earlier
   * life of this node signed: so while listening only views count that began since, and later only a gate that signs. A view far
   * above ours did not begin since we listen, but before we heard of it: it may be an earlier life's. Who lives goes on voting.
   */
  #foreign(statement: Statement): boolean {
    const { epoch, view } = this.#floor;
    if (statement.epoch !== epoch || statement.view <= view || this.#parts.signer.issued(statement)) return false;
    if (!this.#listening) return this.#signedHere;
    return (
      this.#viewAtStart !== null && statement.view > this.#carriedTo && statement.view <= this.#viewLately + QUIET_VIEWS
    );
  }

  #duplicate(statement: Statement, signature: string): void {
    const what = `${statement.kind} in view ${statement.view} of epoch ${statement.epoch}`;
    const fields = { statement, signature };
    if (this.#listening) {
      this.#listening = false;
      this.#stopListening();
      this.#silent = `another process signs with this key (${what}): stop it, then restart this one`;
      this.#parts.log('error', this.#silent, fields);
      for (const held of this.#held.splice(0)) {
        this.#parts.answer({ kind: 'refused', statement: held, reason: this.#silent });
      }
      return;
    }
    this.#silent = 'another process signs with this key';
    this.#parts.log('error', `a live vote of our key was not issued here: ${what}`, fields);
    this.#parts.halt(
      new QuorateError(
        'gate/duplicate-key',
        `a vote of this validator's key that this process did not issue was seen: ${what}, signature ${signature}. ` +
          'Two processes share the key: stop one of them for good before starting the other',
      ),
    );
  }

  #hold(statement: Statement): void {
    this.#held.push(statement);
    const oldest = this.#held.length > MAX_HELD ? this.#held.shift() : undefined;
    if (oldest !== undefined) {
      this.#parts.answer({
        kind: 'refused',
        statement: oldest,
        reason: 'still listening for another process with this key',
      });
    }
  }

  #maybeRelease(): void {
    const { view, syncing } = this.#parts.progress();
    if (syncing || this.#viewAtStart === null || view > this.#viewLately + QUIET_VIEWS) this.#carriedTo = view;
    this.#viewLately = view;
    if (syncing || this.#viewAtStart === null) {
      this.#viewAtStart = view;
      return;
    }
    if (!this.#parts.listed()) return;
    const long = this.#hearingSince !== null && this.#parts.now() - this.#hearingSince >= this.#options.delta;
    if (long && view >= this.#viewAtStart + QUIET_VIEWS) this.#release();
  }

  #release(): void {
    if (!this.#listening || this.#stopped) return;
    this.#listening = false;
    this.#stopListening();
    const silent = this.#parts.signer.silent ?? null;
    if (silent === null) this.#parts.log('info', 'no other process signs with this key: voting', {});
    else this.#parts.log('info', 'no other process signs with this key; it signs nothing yet', { reason: silent });
    const held = this.#held.splice(0);
    if (held.length > 0) void this.#sign(held);
  }

  async #sign(statements: readonly Statement[]): Promise<void> {
    try {
      const before = this.#parts.now();
      const outcomes = await this.#parts.signer.sign(statements);
      this.#parts.counters.add('sign.calls');
      this.#parts.counters.sample('sign', this.#parts.now() - before);
      if (this.#stopped) return;
      for (const outcome of outcomes) {
        if (outcome.kind === 'signed') this.#signedHere = true;
        else this.#parts.counters.add('refused');
        this.#parts.answer(outcome);
      }
    } catch (error) {
      this.#parts.halt(
        error instanceof QuorateError
          ? error
          : new QuorateError('replica/failed', 'the signing gate failed', { cause: error }),
      );
    }
  }
}

function holds({ suite, validators, chainId }: VotingContext, { statement, signer, signature }: Vote): boolean {
  const publicKey = validators.at(signer)?.publicKey;
  if (publicKey === undefined || signature.length !== suite.signatureBytes) return false;
  return suite.verify({ publicKey, message: signedBytes(chainId, statement), signature });
}

/** Whether a bitmap of signers has one's bit: whether the rest of it makes sense is another question. */
function names(signers: Uint8Array, signer: SignerIndex): boolean {
  return (((signers[signer >> 3] ?? 0) >> (signer & 7)) & 1) === 1;
}
