import type { Block, BlockRef, Certificate, Digest, Effect, Engine, SignerIndex, TimerKey } from '@quorate/kernel';

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

  constructor(place: number, signer: SignerIndex, honest: boolean, engine: Engine<unknown, unknown>, floor: Block) {
    this.place = place;
    this.signer = signer;
    this.honest = honest;
    this.engine = engine;
    this.floor = floor;
    this.finalDigest = floor.ref.digest;
  }

  /** Forgets what is not durable. */
  lose(): void {
    this.life++;
    this.up = false;
    this.timers.clear();
    this.wants.clear();
    this.writing = null;
    this.waiting = null;
  }
}
