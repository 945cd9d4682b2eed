import {
  type Disk,
  type DiskFile,
  type Epoch,
  QuorateError,
  type SecretKey,
  type Signer,
  type SignOutcome,
  type Statement,
  signedBytes,
  unreachable,
  type View,
} from '@quorate/kernel';
import type { HighWaterMarks } from './marks.ts';
import { FRAME_RECORDS, frames, type GateRecord } from './records.ts';
import { type Barrier, type GateOwner, mergeBarriers, NOT_SILENT, ownerOf, snapshot } from './state.ts';
import { decodeExport, encodeExport, mergeMarks } from './transfer.ts';

export interface GateOptions {
  readonly chainId: string;
  /** The voting key. It never leaves the gate. */
  readonly secret: SecretKey;
  /**
   * What to do when there is no state for this key:
   * `false` observe until an epoch boundary has passed (the safe answer: the state may have been lost);
   * `'genesis'` the key was made a moment ago for this chain;
   * `'operator'` an operator vouches for it (`--i-know-this-key-never-signed`); also ends a silence that was recorded. Logged.
   */
  readonly allowFresh: false | 'genesis' | 'operator';
}

/** What the gate needs of its world. `disk` is that of the home; events that an operator must see go to `log`. */
export interface GateParts {
  readonly disk: Disk;
  readonly log?: (level: 'info' | 'warn', message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Whether the gate signs, and if not, why and until when. */
export type GateStatus =
  | { readonly kind: 'ready' }
  /** Signs in no epoch up to `silentThrough`, and in later ones only once {@link SigningGate.enterEpoch} saw the boundary live. */
  | { readonly kind: 'observer'; readonly reason: string; readonly silentThrough: Epoch | null };

/** The log is rewritten when it exceeds this and twice its size after the last rewriting. */
const COMPACT_ABOVE_BYTES = 1 << 20;
/** New signatures in one frame; leaves room for the floors that go with them. */
const SIGN_BATCH = FRAME_RECORDS >> 1;

/**
 * The only place where a vote is signed (simplex.md, "Signing gate"). Its log is separate from the replica's journal and
 * outlives it; nothing is returned before it is durable. After a failed write it refuses everything: the owner stops.
 * Calls may overlap; they are served one after another.
 */
export class SigningGate implements Signer {
  readonly publicKey: Uint8Array;
  readonly #owner: GateOwner;
  readonly #secret: SecretKey;
  readonly #disk: Disk;
  readonly #log: NonNullable<GateParts['log']>;
  #file: DiskFile;
  #marks: HighWaterMarks;
  #barrier: Barrier;
  /** Floors raised and not written yet, the highest of each epoch. */
  readonly #unwritten = new Map<Epoch, View>();
  #compactAbove = COMPACT_ABOVE_BYTES;
  #failure: { readonly error: unknown } | null = null;
  #tail: Promise<unknown> = Promise.resolve();

  /** Use {@link openGate}. */
  constructor(
    options: GateOptions,
    parts: GateParts & { readonly file: DiskFile; readonly marks: HighWaterMarks; readonly barrier: Barrier },
  ) {
    this.#owner = ownerOf(options);
    this.#secret = options.secret;
    this.publicKey = options.secret.publicKey;
    this.#disk = parts.disk;
    this.#log = parts.log ?? (() => {});
    this.#file = parts.file;
    this.#marks = parts.marks;
    this.#barrier = parts.barrier;
  }

  get status(): GateStatus {
    if (!this.#barrier.silent) return { kind: 'ready' };
    const { through } = this.#barrier;
    const until =
      through === null
        ? 'silent through the first epoch that it runs in the validator set, voting from the next on'
        : `silent through epoch ${through}, voting from epoch ${through + 1} on if this node runs when that begins`;
    const reason = `the record of what this key signed is missing: ${until}`;
    return { kind: 'observer', reason, silentThrough: this.#barrier.through };
  }

  /** Whether this key has signed nothing at all, as far as its record goes: a network at its very start. */
  get neverSigned(): boolean {
    return this.#marks.empty && !this.#barrier.silent && this.#barrier.through === null;
  }

  /** Why nothing is signed at present, in words, or null. */
  get silent(): string | null {
    const { status } = this;
    return status.kind === 'observer' ? status.reason : null;
  }

  /**
   * Signs what the marks admit; one append and one sync for the whole call (for each 256 statements of a
   * huge one). A statement that was signed before gets the signature of then. Throws what the disk threw, then and ever after.
   */
  sign(statements: readonly Statement[]): Promise<SignOutcome[]> {
    return this.#exclusive(async () => {
      const outcomes: SignOutcome[] = [];
      for (let at = 0; at < statements.length; at += SIGN_BATCH) {
        outcomes.push(...(await this.#signDurably(statements.slice(at, at + SIGN_BATCH))));
      }
      return outcomes;
    });
  }

  async #signDurably(statements: readonly Statement[]): Promise<SignOutcome[]> {
    const records: GateRecord[] = [];
    const outcomes = statements.map((statement): SignOutcome => {
      const judgement = this.#closedFor(statement) ?? this.#marks.judge(statement);
      switch (judgement.kind) {
        case 'refused':
          return { kind: 'refused', statement, reason: judgement.reason };
        case 'repeat':
          return { kind: 'signed', statement, signature: judgement.signature };
        case 'new': {
          const signature = this.#signatureOf(statement);
          this.#marks.record(statement, signature);
          records.push({ kind: 'signed', statement, signature });
          return { kind: 'signed', statement, signature };
        }
        default:
          return unreachable(judgement);
      }
    });
    if (records.length > 0) await this.#append(records);
    return outcomes;
  }

  /**
   * Refuses everything at or below `view` of `epoch` from now on. It reaches the disk with the next signature: losing it in
   * a crash loses no vote, and the replica raises it again from its own durable floor.
   */
  raiseFloor(epoch: Epoch, view: View): Promise<void> {
    return this.#exclusive(async () => {
      if (!this.#marks.raise(epoch, view)) return;
      this.#unwritten.set(epoch, view);
      for (const old of this.#unwritten.keys()) if (old < this.#marks.lowestEpoch) this.#unwritten.delete(old);
    });
  }

  /**
   * Whether the gate issued this statement. Of what it has forgotten (at or below a floor, older epochs) it says yes, so
   * only live votes can betray a second process. A gate whose record was lost says no to what it signed before.
   */
  issued(statement: Statement): boolean {
    return this.#marks.holds(statement);
  }

  /** What this key signed in an epoch above its floor, and that floor: what a replica that lost its own journal must know. */
  signed(epoch: Epoch): { readonly floor: View; readonly statements: readonly Statement[] } {
    return this.#marks.signed(epoch);
  }

  /**
   * Tells a gate without a record where the network is; one with a record ignores it. The replica calls it whenever it
   * enters an epoch, at start too. `live` means that it followed the network up to this boundary and is not catching up
   * from history: only such a boundary, above an epoch that was entered before it, ends the silence. Durable.
   */
  enterEpoch(epoch: Epoch, options: { readonly live: boolean }): Promise<void> {
    return this.#exclusive(async () => {
      const { silent, through } = this.#barrier;
      if (!silent) return;
      if (options.live && through !== null && epoch > through) {
        await this.#append([{ kind: 'active' }]);
        this.#barrier = { silent: false, through };
        this.#log('info', 'an epoch boundary has passed: this key votes again', { epoch });
      } else if (through === null || epoch > through) {
        await this.#append([{ kind: 'silent', through: epoch }]);
        this.#barrier = { silent: true, through: epoch };
      }
    });
  }

  /**
   * The marks in a canonical, versioned, checksummed form for another home. Export only after the last process that signs
   * with this key has stopped: what is signed later is not in it, and that is how keys get slashed.
   */
  export(): Promise<Uint8Array> {
    return this.#exclusive(async () => encodeExport(this.#owner, this.#barrier, this.#marks));
  }

  /**
   * Takes in an export: the union of both states, the higher floor wins. Ends the silence of a gate without a record when
   * the exporting gate had one. Throws `gate/conflict`, `gate/corrupt` or `gate/foreign-key`, and then changes nothing.
   */
  import(exported: Uint8Array): Promise<void> {
    return this.#exclusive(async () => {
      const other = decodeExport(this.#owner, exported);
      const merged = mergeMarks(this.#marks, other.marks, (statement) => this.#signatureOf(statement));
      const barrier = mergeBarriers(this.#barrier, other.barrier ?? NOT_SILENT);
      await this.#rewrite(barrier, merged);
      this.#log('warn', 'signing gate took in an export', { silent: barrier.silent, lowestEpoch: merged.lowestEpoch });
    });
  }

  /** Syncs and closes the log; `sign` and whatever else is durable throw `gate/locked` from then on. */
  close(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#file.sync();
      await this.#file.close();
      this.#failure = { error: new QuorateError('gate/locked', 'the signing gate is closed') };
    });
  }

  #closedFor(statement: Statement): { readonly kind: 'refused'; readonly reason: string } | null {
    const { silent } = this;
    if (silent !== null) return { kind: 'refused', reason: silent };
    const { through } = this.#barrier;
    if (through === null || statement.epoch > through) return null;
    return { kind: 'refused', reason: `the record of what this key signed up to epoch ${through} is missing` };
  }

  #signatureOf(statement: Statement): Uint8Array {
    return this.#secret.sign(signedBytes(this.#owner.chainId, statement));
  }

  /** Makes records durable, and with them the floors that were raised since the last time: one frame, one sync. */
  async #append(records: readonly GateRecord[]): Promise<void> {
    const floors = [...this.#unwritten].map(([epoch, view]): GateRecord => ({ kind: 'floor', epoch, view }));
    await this.#file.append([frames([...floors, ...records])]);
    await this.#file.sync();
    this.#unwritten.clear();
    if (this.#file.size() > this.#compactAbove) await this.#rewrite(this.#barrier, this.#marks);
  }

  async #rewrite(barrier: Barrier, marks: HighWaterMarks): Promise<void> {
    try {
      const whole = snapshot(this.#owner, barrier, marks);
      const { name } = this.#file;
      await this.#file.close();
      await this.#disk.replaceFile(name, whole);
      this.#file = await this.#disk.openFile(name);
      this.#barrier = barrier;
      this.#marks = marks;
      this.#unwritten.clear();
      this.#compactAbove = Math.max(COMPACT_ABOVE_BYTES, 2 * whole.length);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** One call after another; after a failure none. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      if (this.#failure !== null) throw this.#failure.error;
      try {
        return await work();
      } catch (error) {
        // An import that is refused has touched nothing. Anything else leaves memory and disk in doubt.
        if (!isRefusal(error)) this.#failure = { error };
        throw error;
      }
    };
    const result = this.#tail.then(run, run);
    this.#tail = result.catch(() => {});
    return result;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof QuorateError && error.code.startsWith('gate/');
}
