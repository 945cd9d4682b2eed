import type {
  Block,
  BlockRef,
  Certificate,
  Digest,
  Effect,
  Engine,
  Output,
  SignerIndex,
  TimerKey,
  View,
} from '@quorate/kernel';

/** What an engine asked to be written, with the effects that wait for it. */
export interface Write {
  readonly records: unknown[];
  readonly effects: Effect<unknown>[];
}

/** One running validator: an engine, what is durable, and what a crash would lose. */
export class LightNode {
  /** Its place in the run. Twins have different places and one signer. */
  readonly place: number;
  readonly signer: SignerIndex;
  readonly honest: boolean;
  engine: Engine<unknown, unknown>;
  up = true;
  /** Grows with every crash: what was under way in an earlier life does nothing. */
  life = 0;

  // Durable.
  journal: unknown[] = [];
  floor: Block;
  floorCertificate: Certificate | null = null;
  /** Height of the highest final block. */
  height = 0;
  finalDigest: Digest;

  // Lost in a crash.
  /** Timers that are set, with the number under which each waits. */
  readonly timers = new Map<TimerKey, number>();
  readonly wants = new Map<Digest, BlockRef>();
  /** At the disk now, and what follows. */
  writing: Write | null = null;
  waiting: Write | null = null;
  sinceCheckpoint = 0;
  /** Blocks this node began to build: tells its blocks of one view apart. */
  built = 0;
  /** What a breaker of the rules has drawn so far, by view. */
  readonly lies = new Map<View, number>();

  constructor(place: number, signer: SignerIndex, honest: boolean, engine: Engine<unknown, unknown>, floor: Block) {
    this.place = place;
    this.signer = signer;
    this.honest = honest;
    this.engine = engine;
    this.floor = floor;
    this.finalDigest = floor.ref.digest;
  }

  /**
   * Takes what a step gave. `perform`: its records are durable, its effects are due. `write`: they wait for a write that begins now.
   * `wait`: the disk is busy, and everything waits its turn behind it.
   */
  take({ persist, effects }: Output<unknown, unknown>, takesTime: boolean): 'perform' | 'write' | 'wait' {
    if (this.writing !== null) {
      this.waiting ??= { records: [], effects: [] };
      this.waiting.records.push(...persist);
      this.waiting.effects.push(...effects);
      return 'wait';
    }
    if (persist.length > 0 && takesTime) {
      this.writing = { records: [...persist], effects: [...effects] };
      return 'write';
    }
    this.journal.push(...persist);
    return 'perform';
  }

  /** The write under way is durable: the effects that are due, and whether the next write begins. */
  written(): { readonly due: readonly (readonly Effect<unknown>[])[]; readonly again: boolean } {
    const { writing, waiting } = this;
    if (writing === null) return { due: [], again: false };
    this.journal.push(...writing.records);
    this.waiting = null;
    const again = waiting !== null && waiting.records.length > 0;
    this.writing = again ? waiting : null;
    return { due: waiting === null || again ? [writing.effects] : [writing.effects, waiting.effects], again };
  }

  /** Forgets what is not durable; this fraction of the records that were being written has reached the disk. */
  lose(kept: number): void {
    const records = this.writing?.records ?? [];
    this.journal.push(...records.slice(0, Math.floor(kept * (records.length + 1))));
    this.life++;
    this.up = false;
    this.timers.clear();
    this.wants.clear();
    this.writing = null;
    this.waiting = null;
  }

  /** Forgets everything else too: to show that a validator must not. */
  forget(genesis: Block): void {
    this.journal = [];
    this.floor = genesis;
    this.floorCertificate = null;
    this.height = 0;
    this.finalDigest = genesis.ref.digest;
  }
}
