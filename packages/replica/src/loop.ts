import {
  type Codec,
  decode,
  type Effect,
  type Engine,
  type EngineStatus,
  type Epoch,
  encode,
  type Input,
  type Millis,
  type PeerId,
  QuorateError,
} from '@quorate/kernel';
import type { Counters } from './counters.ts';
import { asFailure } from './failure.ts';
import type { Journal } from './journal.ts';
import type { JournalEntry } from './journal-format.ts';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An input before it is stamped. */
export type Unstamped<M, R> = Without<Input<M, R>, 'now'>;

export interface LoopOptions {
  /** Engine messages that wait for their step, per peer and in all; what comes on top is dropped and counted. */
  readonly maxWaitingPerPeer: number;
  readonly maxWaiting: number;
  /** Their bytes on the wire, per peer and in all: a justification weighs as much as thousands of votes. */
  readonly maxBytesPerPeer: number;
  readonly maxBytes: number;
  /** Inputs in one batch: bounds the work between two durable writes. */
  readonly maxBatch: number;
}

export interface LoopParts<M, R> {
  readonly journal: Journal;
  readonly recordCodec: Codec<R>;
  readonly counters: Counters;
  /** Non-decreasing. */
  readonly now: () => Millis;
  /** Runs one effect of the engine of `epoch`; its batch's records are durable. */
  readonly perform: (epoch: Epoch, effect: Effect<M>) => void;
  /** All effects of a batch have been given to `perform`. */
  readonly flush: () => void;
  /** Whether everything the engine has finalized is durable elsewhere, so that its checkpoint may replace the journal. */
  readonly settled: (status: EngineStatus) => boolean;
  readonly halt: (error: QuorateError) => void;
}

interface Queue<M> {
  readonly messages: { readonly epoch: Epoch; readonly message: M; readonly bytes: number }[];
  bytes: number;
}

/**
 * The only loop: drain inputs → step each → one durable write → run effects. Own inputs (answers, timers) go first and are
 * never dropped; messages of peers wait in bounded queues and are taken in turn from each peer.
 */
export class Loop<M, R> {
  readonly #options: LoopOptions;
  readonly #parts: LoopParts<M, R>;
  #epoch: Epoch = -1;
  #engine: Engine<M, R> | null = null;
  #own: { readonly epoch: Epoch; readonly input: Unstamped<M, R> }[] = [];
  readonly #waiting = new Map<PeerId, Queue<M>>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(options: LoopOptions, parts: LoopParts<M, R>) {
    this.#options = options;
    this.#parts = parts;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The status of the running engine; all zero before the first one. */
  status(): EngineStatus {
    return this.#engine?.status() ?? STARTING;
  }

  /** Steps `engine` from now on, from what the journal holds of its epoch. The engine of the epoch before is let go. */
  run(epoch: Epoch, engine: Engine<M, R>, restored: readonly R[]): void {
    this.#epoch = epoch;
    this.#engine = engine;
    this.own(epoch, { kind: 'start', restored });
  }

  /** Queues an input of our own. Those of epochs that have ended are let go. */
  own(epoch: Epoch, input: Unstamped<M, R>): void {
    if (this.#stopped) return;
    this.#own.push({ epoch, input });
    this.#wake();
  }

  /** Queues an engine message of a peer, of so many bytes on the wire; false when its queue is full. */
  message(epoch: Epoch, from: PeerId, message: M, bytes: number): boolean {
    if (this.#stopped) return false;
    const { maxWaiting, maxWaitingPerPeer, maxBytes, maxBytesPerPeer } = this.#options;
    const queue = this.#waiting.get(from) ?? { messages: [], bytes: 0 };
    const full =
      queue.messages.length >= maxWaitingPerPeer ||
      this.#waitingCount >= maxWaiting ||
      queue.bytes + bytes > maxBytesPerPeer ||
      this.#waitingBytes + bytes > maxBytes;
    if (full) {
      this.#parts.counters.add('dropped.votes-full');
      return false;
    }
    this.#waiting.set(from, queue);
    queue.messages.push({ epoch, message, bytes });
    queue.bytes += bytes;
    this.#waitingCount += 1;
    this.#waitingBytes += bytes;
    this.#wake();
    return true;
  }

  /** Finishes the batch in hand and takes no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#own = [];
    this.#waiting.clear();
    this.#waitingCount = 0;
    this.#waitingBytes = 0;
    await this.#running;
  }

  #wake(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await null; // inputs that arrive in one turn of the event loop share a batch
    try {
      await this.#drain();
    } catch (error) {
      this.#fail(error);
    }
    this.#running = null;
    if (!this.#stopped && (this.#own.length > 0 || this.#waitingCount > 0)) this.#wake();
  }

  async #drain(): Promise<void> {
    const { journal, recordCodec, counters, perform, flush } = this.#parts;
    for (;;) {
      const batch = this.#take();
      if (batch.length === 0) return;
      const epoch = this.#epoch;
      const engine = this.#engine;
      const entries: JournalEntry[] = [];
      const effects: Effect<M>[] = [];
      for (const { epoch: meant, input } of batch) {
        if (engine === null || meant !== epoch) continue;
        const output = engine.step({ ...input, now: this.#parts.now() } as Input<M, R>);
        for (const record of output.persist) entries.push({ epoch, payload: encode(recordCodec, record) });
        for (const effect of output.effects) effects.push(effect);
      }
      counters.add('loop.batches');
      counters.add('loop.inputs', batch.length);
      if (entries.length > 0) {
        const before = this.#parts.now();
        await journal.append(entries);
        counters.add('journal.syncs');
        counters.add('journal.records', entries.length);
        counters.sample('fsync', this.#parts.now() - before);
      }
      if (this.#stopped) return;
      for (const effect of effects) perform(epoch, effect);
      flush();
      if (journal.full) await this.#compact();
      if (this.#stopped) return;
    }
  }

  async #compact(): Promise<void> {
    const { journal, recordCodec, settled, counters } = this.#parts;
    const engine = this.#engine;
    if (engine === null || !settled(engine.status())) return;
    await journal.compact(
      engine.checkpoint().map((record) => ({ epoch: this.#epoch, payload: encode(recordCodec, record) })),
    );
    counters.add('journal.compactions');
  }

  /** Own inputs first, then messages, one peer after the other. */
  #take(): { readonly epoch: Epoch; readonly input: Unstamped<M, R> }[] {
    const batch = this.#own.splice(0, this.#options.maxBatch);
    while (batch.length < this.#options.maxBatch && this.#waitingCount > 0) {
      for (const [from, queue] of this.#waiting) {
        const next = queue.messages.shift();
        if (queue.messages.length === 0) this.#waiting.delete(from);
        if (next === undefined) continue;
        this.#waitingCount -= 1;
        this.#waitingBytes -= next.bytes;
        queue.bytes -= next.bytes;
        batch.push({ epoch: next.epoch, input: { kind: 'message', from, message: next.message } });
        if (batch.length >= this.#options.maxBatch) break;
      }
    }
    return batch;
  }

  #fail(error: unknown): void {
    this.#stopped = true;
    this.#parts.halt(asFailure(error, 'the consensus loop met an error that must not happen'));
  }
}

const STARTING: EngineStatus = {
  epoch: 0,
  view: 0,
  leader: null,
  finalizedHeight: 0,
  finalizedView: 0,
  viewsSinceFinalized: 0,
  nullifiedViews: 0,
  dropped: {},
};

/** The records of one epoch among the entries of a journal. Throws `journal/corrupt` when one does not decode. */
export function recordsOf<R>(codec: Codec<R>, epoch: Epoch, entries: readonly JournalEntry[]): R[] {
  return entries
    .filter((entry) => entry.epoch === epoch)
    .map((entry) => {
      try {
        return decode(codec, entry.payload);
      } catch (error) {
        throw new QuorateError(
          'journal/corrupt',
          'a journal record is intact but means nothing: was it written by other software?',
          {
            cause: error,
          },
        );
      }
    });
}
